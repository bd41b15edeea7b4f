"""Kinds of fields that the values of a model are made of.

What the fields of an element say counts in comparisons and hashes, unless their kind says otherwise.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar, get_type_hints

from msgspec import Struct

_T = TypeVar("_T")

_APART, _REFERENCE, _NESTED, _PART, _IDENTITY = "apart", "reference", "nested", "part", "identity"

#: Something that follows from the rest, or says where a value stands: it does not count.
Derived: TypeAlias = Annotated[_T, _APART]

#: A line of a file, counted from 1; 0 where it is unknown.
Line: TypeAlias = Annotated[int, _APART]

#: The id of another element, or None.
Reference: TypeAlias = Annotated[str | None, _REFERENCE]

#: The id of another element.
ReferenceTo: TypeAlias = Annotated[str, _REFERENCE]

#: Values with references in them.
Nested: TypeAlias = Annotated[_T, _NESTED]

#: Elements of their own by id, compared one by one.
Part: TypeAlias = Annotated[_T, _PART]

#: What takes the place of an id.
Identity: TypeAlias = Annotated[str, _IDENTITY]


class FieldKind(Struct, frozen=True):
    """A field of a class of elements.

    Attributes:
        default: Value where nothing is said.
        counts: Whether what it says counts in comparisons.
        own: Whether it is an id, or holds elements of their own.
        reference: Whether it holds the id of another element.
        nested: Whether something inside it can.
    """

    name: str
    default: Any
    counts: bool
    own: bool
    reference: bool
    nested: bool


@cache
def field_kinds(cls: type[Struct]) -> tuple[FieldKind, ...]:
    """Return the fields of a class of elements, in their order."""
    hints = get_type_hints(cls, include_extras=True)
    defaults = (*(...,) * (len(cls.__struct_fields__) - len(cls.__struct_defaults__)), *cls.__struct_defaults__)
    return tuple(
        _kind(name, default, frozenset(getattr(hints[name], "__metadata__", ())))
        for name, default in zip(cls.__struct_fields__, defaults, strict=True)
    )


def _kind(name: str, default: Any, marks: frozenset[str]) -> FieldKind:
    return FieldKind(
        name,
        default,
        counts=_APART not in marks,
        own=name == "id" or bool(marks & {_PART, _IDENTITY}),
        reference=_REFERENCE in marks,
        nested=_NESTED in marks,
    )


class Element(Struct, frozen=True, eq=False):
    """A value of a model; two are equal where all that counts is."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, each.name) == getattr(other, each.name) for each in _counted(type(self)))

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, each.name) for each in _counted(type(self))))


@cache
def _counted(cls: type[Struct]) -> tuple[FieldKind, ...]:
    return tuple(each for each in field_kinds(cls) if each.counts)
