"""Aggregates as JSON and back: dataclasses by their annotations, pydantic models by their own means.

What is stored is plain JSON by field name. A field that a newer class adds needs a default; what an older class wrote
and a newer one does not know is kept.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from spiffcli.errors import DataError
from spiffcli.services.errors import ServiceError

A = TypeVar("A")


class AggregateCodec(Protocol[A]):
    """Turns aggregates of one type into JSON objects and back."""

    def to_json(self, aggregate: A) -> dict[str, Any]:
        """The aggregate as JSON types.

        Raises:
            DataError: A value does not fit the type of its field.
        """
        ...

    def from_json(self, document: Mapping[str, Any]) -> A:
        """The aggregate that such an object stands for.

        Raises:
            DataError: The object does not fit the type.
        """
        ...


def codec_of(cls: type[A]) -> AggregateCodec[A] | None:
    """The codec that fits a type by itself; None where there is none.

    Raises:
        ServiceError: A field has a type that cannot be stored.
    """
    if dataclasses.is_dataclass(cls):
        return DataclassCodec(cls)
    if hasattr(cls, "model_validate") and hasattr(cls, "model_dump"):
        return PydanticCodec(cls)
    return None


class PydanticCodec(Generic[A]):
    """Pydantic models, through their own methods; the library itself is never imported."""

    def __init__(self, cls: type[A]) -> None:
        self._cls: Any = cls

    def to_json(self, aggregate: A) -> dict[str, Any]:
        """See `AggregateCodec`."""
        document: dict[str, Any] = aggregate.model_dump(mode="json")  # type: ignore[attr-defined]
        return document

    def from_json(self, document: Mapping[str, Any]) -> A:
        """See `AggregateCodec`."""
        try:
            aggregate: A = self._cls.model_validate(dict(document))
        except ValueError as error:  # what pydantic raises is one
            first = str(error).splitlines()
            raise DataError(
                f"This makes no {self._cls.__name__}: {'; '.join(line.strip() for line in first)}"
            ) from error
        return aggregate


class DataclassCodec(Generic[A]):
    """Dataclasses, nested ones included, by the annotations of their fields."""

    def __init__(self, cls: type[A]) -> None:
        self._shape = _dataclass_shape(cls, {})

    def to_json(self, aggregate: A) -> dict[str, Any]:
        """See `AggregateCodec`."""
        document: dict[str, Any] = self._shape.to_json(aggregate, type(aggregate).__name__)
        return document

    def from_json(self, document: Mapping[str, Any]) -> A:
        """See `AggregateCodec`."""
        aggregate: A = self._shape.from_json(dict(document), self._shape.name)
        return aggregate


@dataclasses.dataclass(slots=True)
class _Shape:
    """How values of one type are written and read.

    Attributes:
        fits: Whether a value is of the type, for unions.
        reads: Whether a JSON value may stand for one.
    """

    name: str
    fits: Callable[[Any], bool]
    reads: Callable[[Any], bool]
    to_json: Callable[[Any, str], Any]
    from_json: Callable[[Any, str], Any]


def _wrong(path: str, name: str, value: Any) -> DataError:
    kind = type(value).__name__
    shown = repr(value) if len(repr(value)) <= 40 else f"{repr(value)[:37]}..."
    return DataError(f"{path} must be {name}, not {shown} ({kind}).", path=path)


def _shape(hint: Any, known: dict[type, _Shape]) -> _Shape:
    if get_origin(hint) is Annotated:
        return _shape(get_args(hint)[0], known)
    if hint in (Any, object):
        return _Shape("anything", lambda _: True, lambda _: True, _plain_json, lambda raw, _: raw)
    if hint in (None, type(None)):
        return _scalar("None", type(None))
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union([_shape(each, known) for each in arguments])
    if origin is Literal:
        return _literal(arguments)
    if origin is not None:
        return _container(origin, arguments, known, hint)
    if isinstance(hint, type):
        return _class_shape(hint, known)
    raise ServiceError(f"Values of the type {hint!r} cannot be stored.", hint=_OTHER_TYPES)


_OTHER_TYPES = "Use plain types, dataclasses, lists and dictionaries; or give the aggregate a codec or a repository."


def _class_shape(cls: type, known: dict[type, _Shape]) -> _Shape:
    if cls in known:
        return known[cls]
    if cls in _SCALARS:
        return _SCALARS[cls]
    if cls in (list, set, frozenset, tuple, dict):
        return _container(cls, (), known, cls)
    if issubclass(cls, Enum):
        return _enum(cls)
    if dataclasses.is_dataclass(cls):
        return _dataclass_shape(cls, known)
    raise ServiceError(f"Values of the type {cls.__name__} cannot be stored.", hint=_OTHER_TYPES)


def _scalar(name: str, *kinds: type) -> _Shape:
    def check(value: Any, path: str) -> Any:
        if type(value) not in kinds:
            raise _wrong(path, name, value)
        return value

    def fits(value: Any) -> bool:
        return type(value) in kinds

    return _Shape(name, fits, fits, check, check)


def _float() -> _Shape:
    shape = _scalar("a number", float, int)
    check = shape.from_json
    shape.from_json = lambda raw, path: float(check(raw, path))
    return shape


def _text(name: str, cls: type, write: Callable[[Any], str], read: Callable[[str], Any]) -> _Shape:
    """A type that is written as text."""

    def to_json(value: Any, path: str) -> Any:
        if type(value) is not cls:
            raise _wrong(path, name, value)
        return write(value)

    def from_json(raw: Any, path: str) -> Any:
        try:
            return read(raw if type(raw) is str or (cls is Decimal and type(raw) in (int, float)) else None)  # type: ignore[arg-type]
        except (ValueError, TypeError, InvalidOperation, AttributeError) as error:
            raise _wrong(path, name, raw) from error

    def reads(raw: Any) -> bool:
        try:
            from_json(raw, "")
        except DataError:
            return False
        return True

    return _Shape(name, lambda value: type(value) is cls, reads, to_json, from_json)


def _seconds(text: str) -> timedelta:
    days, _, seconds = text.partition("d ")
    return timedelta(days=int(days), seconds=float(seconds))


_SCALARS: Mapping[type, _Shape] = {
    str: _scalar("text", str),
    int: _scalar("a whole number", int),
    bool: _scalar("true or false", bool),
    float: _float(),
    Decimal: _text("a decimal number", Decimal, str, lambda raw: Decimal(str(_given(raw)))),
    date: _text("a date", date, date.isoformat, date.fromisoformat),
    datetime: _text("a time stamp", datetime, datetime.isoformat, datetime.fromisoformat),
    time: _text("a time of day", time, time.isoformat, time.fromisoformat),
    timedelta: _text("a duration", timedelta, lambda v: f"{v.days}d {v.seconds + v.microseconds / 1e6!r}", _seconds),
    UUID: _text("a UUID", UUID, str, lambda raw: UUID(_given(raw))),
    bytes: _text("bytes in hexadecimal", bytes, bytes.hex, bytes.fromhex),
}


def _given(raw: Any) -> Any:
    if raw is None:
        raise ValueError("nothing")
    return raw


def _plain_json(value: Any, path: str) -> Any:
    if value is None or type(value) in (str, int, float, bool):
        return value
    if type(value) in (list, tuple):
        return [_plain_json(item, f"{path}[{i}]") for i, item in enumerate(value)]
    if type(value) is dict and all(type(key) is str for key in value):
        return {key: _plain_json(item, f"{path}.{key}") for key, item in value.items()}
    raise _wrong(path, "plain JSON (annotate the field with its type)", value)


def _enum(cls: type[Enum]) -> _Shape:
    names = [member.name for member in cls]

    def to_json(value: Any, path: str) -> Any:
        if type(value) is not cls:
            raise _wrong(path, f"a {cls.__name__}", value)
        return value.name

    def from_json(raw: Any, path: str) -> Any:
        if not isinstance(raw, str) or raw not in names:
            raise _wrong(path, f"one of {', '.join(names)}", raw)
        return cls[raw]

    return _Shape(
        cls.__name__, lambda v: type(v) is cls, lambda r: isinstance(r, str) and r in names, to_json, from_json
    )


def _literal(values: Sequence[Any]) -> _Shape:
    def check(value: Any, path: str) -> Any:
        if not any(value == each and type(value) is type(each) for each in values):
            raise _wrong(path, f"one of {', '.join(map(repr, values))}", value)
        return value

    return _Shape("a literal", lambda v: v in values, lambda r: r in values, check, check)


def _union(shapes: Sequence[_Shape]) -> _Shape:
    name = " or ".join(each.name for each in shapes)

    def to_json(value: Any, path: str) -> Any:
        for each in shapes:
            if each.fits(value):
                return each.to_json(value, path)
        raise _wrong(path, name, value)

    def from_json(raw: Any, path: str) -> Any:
        able = [each for each in shapes if each.reads(raw)]
        for each in able[:-1]:
            try:
                return each.from_json(raw, path)
            except DataError:
                continue
        if able:
            return able[-1].from_json(raw, path)
        raise _wrong(path, name, raw)

    def fits(value: Any) -> bool:
        return any(each.fits(value) for each in shapes)

    return _Shape(name, fits, lambda raw: any(each.reads(raw) for each in shapes), to_json, from_json)


def _container(origin: Any, arguments: Sequence[Any], known: dict[type, _Shape], hint: Any) -> _Shape:
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return _mapping(arguments or (str, Any), known)
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        return _fixed_tuple([_shape(each, known) for each in arguments])
    kinds: Mapping[Any, type] = {
        list: list,
        set: set,
        frozenset: frozenset,
        tuple: tuple,
        Sequence: list,
        Iterable: list,
    }
    kind = kinds.get(origin)
    if kind is None:
        raise ServiceError(f"Values of the type {hint!r} cannot be stored.", hint=_OTHER_TYPES)
    return _many(kind, _shape(arguments[0] if arguments else Any, known))


def _many(kind: type, item: _Shape) -> _Shape:
    name = f"a {kind.__name__}"

    def to_json(value: Any, path: str) -> Any:
        values: Any = value
        if not isinstance(value, kind):
            raise _wrong(path, name, value)
        written = [item.to_json(each, f"{path}[{i}]") for i, each in enumerate(values)]
        return written if kind in (list, tuple) else sorted(written, key=repr)

    def from_json(raw: Any, path: str) -> Any:
        if not isinstance(raw, list):
            raise _wrong(path, name, raw)
        return kind(item.from_json(each, f"{path}[{i}]") for i, each in enumerate(raw))

    return _Shape(name, lambda v: isinstance(v, kind), lambda r: isinstance(r, list), to_json, from_json)


def _fixed_tuple(items: Sequence[_Shape]) -> _Shape:
    name = f"a tuple of {len(items)}"

    def fits(value: Any) -> bool:
        return isinstance(value, tuple | list) and len(value) == len(items)

    def to_json(value: Any, path: str) -> Any:
        if not isinstance(value, tuple) or not fits(value):
            raise _wrong(path, name, value)
        return [item.to_json(each, f"{path}[{i}]") for i, (item, each) in enumerate(zip(items, value, strict=True))]

    def from_json(raw: Any, path: str) -> Any:
        if not fits(raw):
            raise _wrong(path, name, raw)
        return tuple(item.from_json(r, f"{path}[{i}]") for i, (item, r) in enumerate(zip(items, raw, strict=True)))

    return _Shape(name, fits, fits, to_json, from_json)


def _mapping(arguments: Sequence[Any], known: dict[type, _Shape]) -> _Shape:
    key, item = _shape(arguments[0], known), _shape(arguments[1], known)
    plain = arguments[0] is str

    def to_json(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong(path, "a dict", value)
        if plain:
            return {key.to_json(k, path): item.to_json(v, f"{path}.{k}") for k, v in value.items()}
        return [[key.to_json(k, path), item.to_json(v, f"{path}[{k!r}]")] for k, v in value.items()]

    def from_json(raw: Any, path: str) -> Any:
        if isinstance(raw, dict):
            return {key.from_json(k, path): item.from_json(v, f"{path}.{k}") for k, v in raw.items()}
        if plain or not isinstance(raw, list):
            raise _wrong(path, "a dict", raw)
        return {key.from_json(k, path): item.from_json(v, f"{path}[{k!r}]") for k, v in raw}

    kinds = (dict,) if plain else (dict, list)
    return _Shape("a dict", lambda v: isinstance(v, dict), lambda r: isinstance(r, kinds), to_json, from_json)


def _dataclass_shape(cls: Any, known: dict[type, _Shape]) -> _Shape:
    shape = known[cls] = _Shape(
        cls.__name__, lambda v: isinstance(v, cls), lambda r: isinstance(r, dict), lambda v, p: v, lambda r, p: r
    )
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise ServiceError(f"The annotations of {cls.__name__} cannot be read: {error}.") from error
    fields = {each.name: each for each in dataclasses.fields(cls)}
    shapes = {}
    for name in fields:
        try:
            shapes[name] = _shape(hints[name], known)
        except ServiceError as error:
            raise ServiceError(f"{cls.__name__}.{name}: {error.message}", hint=error.hint) from error

    def to_json(value: Any, path: str) -> Any:
        if not isinstance(value, cls):
            raise _wrong(path, f"a {cls.__name__}", value)
        return {name: each.to_json(getattr(value, name), f"{path}.{name}") for name, each in shapes.items()}

    def from_json(raw: Any, path: str) -> Any:
        if not isinstance(raw, dict):
            raise _wrong(path, f"a {cls.__name__}", raw)
        for name, each in fields.items():
            if name not in raw and each.init and each.default is each.default_factory is dataclasses.MISSING:
                raise DataError(f"{path}.{name} is missing.", path=f"{path}.{name}")
        values = {name: shapes[name].from_json(raw[name], f"{path}.{name}") for name in fields if name in raw}
        made = cls(**{name: value for name, value in values.items() if fields[name].init})
        for name, value in values.items():
            if not fields[name].init:
                object.__setattr__(made, name, value)
        return made

    shape.to_json, shape.from_json = to_json, from_json
    return shape
