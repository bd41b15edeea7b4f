"""Aggregates as JSON and back: classes by the annotations of their fields, pydantic models by their own means.

What is stored is plain JSON by field name. A field that a newer class adds needs a default; what an older class wrote
and a newer one does not know is kept.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import (
    Any,
    Generic,
    Literal,
    Protocol,
    TypeVar,
    get_args,
    get_origin,
    is_typeddict,
)

import attrs
from cattrs import AttributeValidationNote, ClassValidationError, Converter
from cattrs.cols import is_namedtuple, namedtuple_dict_structure_factory
from cattrs.gen import make_dict_structure_fn
from cattrs.gen.typeddicts import make_dict_structure_fn as make_typeddict_structure_fn

from spiffcli.services.storable import (
    KINDS,
    MISSING,
    SCALARS,
    PydanticCodec,
    Read,
    ValueMisfit,
    Write,
    bare_type,
    below,
    fields_of,
    has_fields,
    is_fixed,
    is_mapping,
    is_pydantic,
    is_union,
    literal,
    nothing,
    origin_of,
    plain_json,
    require_storable,
    scalar_reader,
    scalar_writer,
    type_words,
)

A = TypeVar("A")


class AggregateCodec(Protocol[A]):
    """Turns aggregates of one type into JSON objects and back."""

    def to_json(self, aggregate: A) -> dict[str, Any]:
        """Return the aggregate as JSON types.

        Raises:
            DataError: A value does not fit the type of its field.
        """
        ...

    def from_json(self, document: Mapping[str, Any]) -> A:
        """Return the aggregate that such an object stands for.

        Raises:
            DataError: The object does not fit the type.
        """
        ...


def codec_of(cls: type[A]) -> AggregateCodec[A] | None:
    """Return the codec that fits a type by itself; None where there is none.

    Raises:
        ServiceError: A field has a type that cannot be stored.
    """
    structured: bool = dataclasses.is_dataclass(cls) or attrs.has(cls)
    if structured:
        return StructuredCodec(cls)
    return PydanticCodec(cls) if is_pydantic(cls) else None


class StructuredCodec(Generic[A]):
    """Dataclasses and classes of attrs, nested ones included, by the annotations of their fields."""

    def __init__(self, cls: type[A]) -> None:
        require_storable(cls, set())
        self._cls = cls
        self._converter = _converter()

    def to_json(self, aggregate: A) -> dict[str, Any]:
        """See `AggregateCodec`."""
        try:
            document: dict[str, Any] = self._converter.unstructure(aggregate, unstructure_as=self._cls)
        except ValueMisfit as error:
            raise error.at(type(aggregate).__name__) from error
        return document

    def from_json(self, document: Mapping[str, Any]) -> A:
        """See `AggregateCodec`."""
        try:
            return self._converter.structure(dict(document), self._cls)
        except ValueMisfit as error:
            raise error.at(self._cls.__name__) from error


def _first_fault(error: ClassValidationError) -> ValueMisfit:
    """Return the first thing that is wrong with the fields of a class; raise what the class itself raises."""
    first = error.exceptions[0]
    names = [note.name for note in getattr(first, "__notes__", ()) if isinstance(note, AttributeValidationNote)]
    if names and isinstance(first, ValueMisfit):
        return first.under(f".{names[0]}")
    if names and isinstance(first, KeyError):
        return ValueMisfit("", MISSING, f".{names[0]}")
    raise first


def set_field(aggregate: Any, name: str, value: Any) -> None:
    """Set a field, also of a class that is frozen."""
    if dataclasses.is_dataclass(aggregate) or attrs.has(type(aggregate)):
        object.__setattr__(aggregate, name, value)
    else:
        setattr(aggregate, name, value)


# What the converter is told


def _converter() -> Converter:
    made = Converter()

    def hooks(fits: Callable[[Any], bool], write: Callable[[Any], Write], read: Callable[[Any], Any]) -> None:
        made.register_unstructure_hook_factory(fits, write)
        made.register_structure_hook_factory(fits, read)

    def reader(hint: Any) -> Write:
        bare = bare_type(hint)
        return lambda raw: made.get_structure_hook(bare)(raw, bare)

    def writer(hint: Any) -> Write:
        bare = bare_type(hint)
        return lambda value: made.get_unstructure_hook(bare)(value)

    hooks(lambda t: t in (Any, object), lambda _: plain_json, lambda _: plain_json)
    hooks(lambda t: t in (None, types.NoneType), lambda _: nothing, lambda _: nothing)
    hooks(lambda t: get_origin(t) is Literal, literal, literal)
    hooks(lambda t: isinstance(t, type) and issubclass(t, Enum), _enum_writer, _enum_reader)
    hooks(lambda t: origin_of(t) in KINDS, lambda t: _many_writer(t, writer), lambda t: _many_reader(t, reader))
    hooks(is_fixed, lambda t: _fixed(t, writer, tuple, list), lambda t: _fixed(t, reader, list, tuple))
    hooks(is_mapping, lambda t: _mapping_writer(t, writer), lambda t: _mapping_reader(t, reader))
    hooks(is_union, lambda t: _union_writer(t, writer, reader), lambda t: _union_reader(t, reader))
    hooks(has_fields, lambda t: _fields_writer(t, writer), lambda t: _fields_reader(t, made, reader))
    hooks(is_pydantic, _pydantic_writer, _pydantic_reader)
    hooks(lambda t: isinstance(t, type) and t in SCALARS, scalar_writer, scalar_reader)
    for kind in SCALARS:
        made.register_unstructure_hook(kind, scalar_writer(kind))
        made.register_structure_hook(kind, scalar_reader(kind))
    return made


Of = Callable[[Any], Write]


def _enum_writer(cls: type[Enum]) -> Write:
    def hook(value: Any) -> Any:
        if type(value) is not cls:
            raise ValueMisfit(f"a {cls.__name__}", value)
        return value.name

    return hook


def _enum_reader(cls: type[Enum]) -> Read:
    names = [member.name for member in cls]

    def hook(raw: Any, _: Any) -> Any:
        if not isinstance(raw, str) or raw not in names:
            raise ValueMisfit(f"one of {', '.join(names)}", raw)
        return cls[raw]

    return hook


def _item(hint: Any) -> Any:
    return next(iter(get_args(hint)), Any)


def _many_writer(hint: Any, writer: Of) -> Write:
    kind, write = KINDS[origin_of(hint)], writer(_item(hint))

    def hook(value: Any) -> Any:
        if not isinstance(value, kind):
            raise ValueMisfit(f"a {kind.__name__}", value)
        values: Iterable[Any] = value  # type: ignore[assignment]
        written = [below(write, each, f"[{i}]") for i, each in enumerate(values)]
        return written if kind in (list, tuple) else sorted(written, key=repr)

    return hook


def _many_reader(hint: Any, reader: Of) -> Read:
    kind, read = KINDS[origin_of(hint)], reader(_item(hint))

    def hook(raw: Any, _: Any) -> Any:
        if not isinstance(raw, list):
            raise ValueMisfit(f"a {kind.__name__}", raw)
        return kind(below(read, each, f"[{i}]") for i, each in enumerate(raw))

    return hook


def _fixed(hint: Any, of: Of, given: type, made: type) -> Any:
    """Return a hook for tuples of a fixed length; both ways, lists are taken where keys of dictionaries were lists."""
    items = [of(each) for each in get_args(hint)]

    kinds: Any = list | tuple if made is tuple else given

    def hook(value: Any, *_: Any) -> Any:
        if not isinstance(value, kinds) or len(value) != len(items):
            raise ValueMisfit(type_words(hint), value)
        return made(below(item, each, f"[{i}]") for i, (item, each) in enumerate(zip(items, value, strict=True)))

    return hook


def _mapping_hints(hint: Any) -> tuple[Any, Any]:
    key, item = get_args(hint) or (str, Any)
    return bare_type(key), item


def _mapping_writer(hint: Any, writer: Of) -> Write:
    key_hint, item_hint = _mapping_hints(hint)
    key, item = writer(key_hint), writer(item_hint)

    def hook(value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueMisfit("a dict", value)
        if key_hint is str:
            return {key(k): below(item, v, f".{k}") for k, v in value.items()}
        return [[key(k), below(item, v, f"[{k!r}]")] for k, v in value.items()]

    return hook


def _mapping_reader(hint: Any, reader: Of) -> Read:
    key_hint, item_hint = _mapping_hints(hint)
    key, item = reader(key_hint), reader(item_hint)

    def hook(raw: Any, _: Any) -> Any:
        if isinstance(raw, dict):
            return {key(k): below(item, v, f".{k}") for k, v in raw.items()}
        if key_hint is str or not isinstance(raw, list):
            raise ValueMisfit("a dict", raw)
        return {key(k): below(item, v, f"[{k!r}]") for k, v in raw}

    return hook


def _first_that_fits(hint: Any, hooks: Sequence[Write], value: Any) -> Any:
    inner: ValueMisfit | None = None
    for hook in hooks:
        try:
            return hook(value)
        except ValueMisfit as error:
            inner = error if error.path else inner
    raise inner or ValueMisfit(type_words(hint), value)


def _union_writer(hint: Any, writer: Of, reader: Of) -> Write:
    writers, readers = ([of(each) for each in get_args(hint)] for of in (writer, reader))

    def hook(value: Any) -> Any:
        written = _first_that_fits(hint, writers, value)
        again = _first_that_fits(hint, readers, written)
        if type(again) is not type(value) and again != value:  # 3 in a field `float | None` comes back as 3.0
            raise ValueMisfit(f"{type_words(hint)} that can be told apart when it is read", value)
        return written

    return hook


def _union_reader(hint: Any, reader: Of) -> Read:
    readers = [reader(each) for each in get_args(hint)]
    return lambda raw, _: _first_that_fits(hint, readers, raw)


def _fields_writer(cls: Any, writer: Of) -> Write:
    writers = {name: writer(hint) for name, hint in fields_of(cls).items()}
    typed = is_typeddict(cls)

    def hook(value: Any) -> Any:
        if not isinstance(value, dict if typed else cls):
            raise ValueMisfit(f"a {cls.__name__}", value)
        values = value if typed else {name: getattr(value, name) for name in writers}
        return {name: below(write, values[name], f".{name}") for name, write in writers.items() if name in values}

    return hook


def _fields_reader(cls: Any, made: Converter, reader: Of) -> Read:
    later = {each.name for each in _declared(cls) if not each.init}
    readers = {name: reader(hint) for name, hint in fields_of(cls).items() if name in later}
    if is_typeddict(cls):
        structure: Read = make_typeddict_structure_fn(cls, made)
    elif is_namedtuple(cls):
        structure = namedtuple_dict_structure_factory(cls, made)
    else:
        structure = make_dict_structure_fn(cls, made)

    def hook(raw: Any, _: Any) -> Any:
        if not isinstance(raw, dict):
            raise ValueMisfit(f"a {cls.__name__}", raw)
        try:
            aggregate = structure(raw, cls)
        except ClassValidationError as error:
            raise _first_fault(error) from error
        for name, read in readers.items():
            if name in raw:
                set_field(aggregate, name, below(read, raw[name], f".{name}"))
        return aggregate

    return hook


def _declared(cls: Any) -> Sequence[Any]:
    if dataclasses.is_dataclass(cls):
        return dataclasses.fields(cls)
    return attrs.fields(cls) if attrs.has(cls) else ()


def _pydantic_writer(cls: Any) -> Write:
    return PydanticCodec(cls).to_json


def _pydantic_reader(cls: Any) -> Read:
    codec = PydanticCodec[Any](cls)
    return lambda raw, _: codec.from_json(raw)
