"""Flattens any element of a model into facts: a path and a value for everything it says.

Diffs and hashes both read facts, and facts follow from the fields of the classes alone. So what a
reader puts into a field is compared and hashed without anybody having to remember it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

from msgspec import Struct

from spiffcli.model.fields import FieldKind, field_kinds

Scalar: TypeAlias = str | int | float | bool | None


class Fact(Struct, frozen=True):
    """One thing an element says.

    Attributes:
        value: Text, number, truth value, or a tuple of texts.
        line: Line it stands in; 0 where unknown.
        reference: Whether the value is the id of another element.
    """

    value: Any
    line: int = 0
    reference: bool = False


@cache
def fields_of(cls: type[Struct]) -> tuple[FieldKind, ...]:
    """The fields of a class of elements that count in diffs and hashes, the id apart."""
    return tuple(each for each in field_kinds(cls) if each.counts and not each.own)


def facts(element: Any) -> dict[str, Fact]:
    """Everything `element` says except its id, by path (`name`, `service.parameters[url].value` ...).

    What is absent or empty has no fact. Elements of their own (nodes of a process, rows of a table) are
    not included; they have facts themselves.
    """
    found: dict[str, Fact] = {}
    _collect(element, "", element.line, found)
    return found


def _collect(element: Any, prefix: str, line: int, found: dict[str, Fact]) -> None:
    kind: Any = type(element)
    for plan in fields_of(kind):
        value = getattr(element, plan.name)
        if not value and value != "" and (value is not False or plan.default is False):
            continue
        path = f"{prefix}{plan.name}"
        if isinstance(value, Mapping):
            for key, text in value.items():
                found[f"{path}[{key}]"] = Fact(text, line)
        elif isinstance(value, tuple) and isinstance(value[0], Struct):
            for key, item in keyed(value):
                _nested(item, f"{path}[{key}]", found)
        elif isinstance(value, Struct):
            _nested(value, path, found)
        else:
            found[path] = Fact(value, line, plan.reference)


def _nested(item: Any, path: str, found: dict[str, Fact]) -> None:
    before = len(found)
    _collect(item, f"{path}.", item.line, found)
    if len(found) == before:  # it is there and says nothing: that is a fact too
        found[path] = Fact(True, item.line)


def keyed(items: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Parts with what tells them apart; `#2`, `#3` ... is added where that is not unique."""
    seen: dict[str, int] = {}
    for position, item in enumerate(items):
        key = str(getattr(item, "key", position))
        n = seen[key] = seen.get(key, 0) + 1
        yield key if n == 1 else f"{key}#{n}", item
