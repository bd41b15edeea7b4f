"""Types that aggregates can be stored with: how messages name them, and how their plain values are written and read."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)
from uuid import UUID

import attrs
from cattrs.cols import is_namedtuple

from spiffcli.errors import DataError
from spiffcli.services.errors import ServiceError

A = TypeVar("A")
Write = Callable[[Any], Any]
Read = Callable[[Any, Any], Any]


MISSING = object()


class ValueMisfit(ValueError):  # noqa: N818 - part of an answer, not an error of the program
    """A value that is not of the type of its field.

    Attributes:
        wanted: What it had to be, in words.
        value: The value.
        path: Where it is, from the value that was being written or read.
    """

    def __init__(self, wanted: str, value: object, path: str = "") -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.value = value
        self.path = path

    def under(self, step: str) -> ValueMisfit:
        """Return the same, seen from one level further out."""
        return ValueMisfit(self.wanted, self.value, step + self.path)

    def at(self, place: str) -> DataError:
        """Return the error of a value below `place`."""
        if self.value is MISSING:
            return DataError(f"{place}{self.path} is missing.", path=place + self.path)
        shown = repr(self.value) if len(repr(self.value)) <= 40 else f"{repr(self.value)[:37]}..."
        path = place + self.path
        return DataError(f"{path} must be {self.wanted}, not {shown} ({type(self.value).__name__}).", path=path)


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
            lines = "; ".join(line.strip() for line in str(error).splitlines())
            raise DataError(f"This makes no {self._cls.__name__}: {lines}") from error
        return aggregate


_OTHER_TYPES = "Use plain types, dataclasses, lists and dictionaries; or give the aggregate a codec or a repository."

#: What the containers that annotations name are when they are read.
KINDS: Mapping[Any, type] = {
    list: list, set: set, frozenset: frozenset, tuple: tuple, Sequence: list, Iterable: list
}  # fmt: skip


def bare_type(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def origin_of(hint: Any) -> Any:
    return get_origin(hint) or hint


def is_pydantic(hint: Any) -> bool:
    return isinstance(hint, type) and hasattr(hint, "model_validate") and hasattr(hint, "model_dump")


def has_fields(hint: Any) -> bool:
    """Tell whether a type is a class that is written by the names of its fields."""
    return isinstance(hint, type) and (
        dataclasses.is_dataclass(hint) or attrs.has(hint) or is_namedtuple(hint) or is_typeddict(hint)
    )


def is_mapping(hint: Any) -> bool:
    origin = origin_of(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping) and not is_typeddict(hint)


def is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def is_fixed(hint: Any) -> bool:
    return get_origin(hint) is tuple and bool(get_args(hint)) and get_args(hint)[-1] is not Ellipsis


def fields_of(cls: type[Any]) -> dict[str, Any]:
    """Return the types of the fields of a class, by name.

    Raises:
        ServiceError: Its annotations name what cannot be found.
    """
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise ServiceError(f"The annotations of {cls.__name__} cannot be read: {error}.") from error
    if dataclasses.is_dataclass(cls):
        return {each.name: bare_type(hints[each.name]) for each in dataclasses.fields(cls)}
    if attrs.has(cls):
        return {each.name: bare_type(hints.get(each.name, Any)) for each in attrs.fields(cls)}
    return {name: bare_type(hint) for name, hint in hints.items()}


def require_storable(hint: Any, known: set[Any]) -> None:
    """Raise ServiceError unless values of a type can be stored and come back as they were."""
    hint = bare_type(hint)
    if hint in known or hint in (Any, object, None, types.NoneType, Ellipsis) or get_origin(hint) is Literal:
        return
    if has_fields(hint):
        known.add(hint)
        for name, each in fields_of(hint).items():
            try:
                require_storable(each, known)
            except ServiceError as error:
                raise ServiceError(f"{hint.__name__}.{name}: {error.message}", hint=error.hint) from error
    elif is_union(hint) or is_mapping(hint) or origin_of(hint) in KINDS:
        for each in get_args(hint):
            require_storable(each, known)
    elif not (hint in SCALARS or is_pydantic(hint) or (isinstance(hint, type) and issubclass(hint, Enum))):
        shown = hint.__name__ if isinstance(hint, type) else repr(hint)
        raise ServiceError(f"Values of the type {shown} cannot be stored.", hint=_OTHER_TYPES)


def type_words(hint: Any) -> str:
    """Return a type as messages name it."""
    if hint in (None, types.NoneType):
        return "None"
    if hint in SCALARS:
        return SCALARS[hint][0]
    if is_fixed(hint):
        return f"a tuple of {len(get_args(hint))}"
    if is_mapping(hint):
        return "a dict"
    if origin_of(hint) in KINDS:
        return f"a {KINDS[origin_of(hint)].__name__}"
    if is_union(hint):
        return " or ".join(type_words(bare_type(each)) for each in get_args(hint))
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(repr, get_args(hint)))}"
    return "anything" if hint in (Any, object) else str(hint.__name__)


# Plain values


def _text(raw: Any) -> str:
    if type(raw) is not str:
        raise ValueError(raw)
    return raw


def _same(value: Any) -> Any:
    return value


def _decimal(raw: Any) -> Decimal:
    if type(raw) not in (str, int, float):
        raise ValueError(raw)
    return Decimal(str(raw))


def _seconds(text: str) -> timedelta:
    days, _, seconds = text.partition("d ")
    return timedelta(days=int(days), seconds=float(seconds))


def _number(raw: Any) -> float:
    if type(raw) not in (int, float):
        raise ValueError(raw)
    return float(raw)


def _exactly(kind: type) -> Callable[[Any], Any]:
    def read(raw: Any) -> Any:
        if type(raw) is not kind:
            raise ValueError(raw)
        return raw

    return read


#: Words, the types that are written, how, and how they are read.
SCALARS: Mapping[Any, tuple[str, tuple[type, ...], Write, Write]] = {
    str: ("text", (str,), _same, _text),
    int: ("a whole number", (int,), _same, _exactly(int)),
    bool: ("true or false", (bool,), _same, _exactly(bool)),
    float: ("a number", (float, int), _same, _number),
    Decimal: ("a decimal number", (Decimal,), str, _decimal),
    date: ("a date", (date,), date.isoformat, lambda raw: date.fromisoformat(_text(raw))),
    datetime: ("a time stamp", (datetime,), datetime.isoformat, lambda raw: datetime.fromisoformat(_text(raw))),
    time: ("a time of day", (time,), time.isoformat, lambda raw: time.fromisoformat(_text(raw))),
    timedelta: (
        "a duration", (timedelta,), lambda v: f"{v.days}d {v.seconds + v.microseconds / 1e6!r}",
        lambda raw: _seconds(_text(raw)),
    ),
    UUID: ("a UUID", (UUID,), str, lambda raw: UUID(_text(raw))),
    bytes: ("bytes in hexadecimal", (bytes,), bytes.hex, lambda raw: bytes.fromhex(_text(raw))),
}  # fmt: skip


def scalar_writer(hint: Any) -> Write:
    words, kinds, write, _ = SCALARS[hint]

    def hook(value: Any) -> Any:
        if type(value) not in kinds:
            raise ValueMisfit(words, value)
        return write(value)

    return hook


def scalar_reader(hint: Any) -> Read:
    words, _, _, read = SCALARS[hint]

    def hook(raw: Any, _: Any) -> Any:
        try:
            return read(raw)
        except (ValueError, TypeError, InvalidOperation) as error:
            raise ValueMisfit(words, raw) from error

    return hook


def plain_json(value: Any, *_: Any) -> Any:
    """Return a value of a field that may hold any JSON."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if type(value) in (list, tuple):
        return [below(plain_json, each, f"[{i}]") for i, each in enumerate(value)]
    if type(value) is dict and all(type(key) is str for key in value):
        return {key: below(plain_json, each, f".{key}") for key, each in value.items()}
    raise ValueMisfit("plain JSON (annotate the field with its type)", value)


def nothing(value: Any, *_: Any) -> None:
    if value is not None:
        raise ValueMisfit("None", value)


def literal(hint: Any) -> Callable[..., Any]:
    values = get_args(hint)

    def hook(value: Any, *_: Any) -> Any:
        if not any(value == each and type(value) is type(each) for each in values):
            raise ValueMisfit(type_words(hint), value)
        return value

    return hook


def below(function: Write, value: Any, step: str) -> Any:
    """Call a hook for what is inside of a value."""
    try:
        return function(value)
    except ValueMisfit as error:
        raise error.under(step) from error
