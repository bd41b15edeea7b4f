"""Flattens any element of a model into facts: a path and a value for everything it says.

Diffs and hashes both read facts, and facts follow from the fields of the dataclasses alone. So what a
reader puts into a field is compared and hashed without anybody having to remember it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeAlias

from spiffcli.records import record

Scalar: TypeAlias = str | int | float | bool | None

_APART = frozenset({"part", "identity"})


@record
class Fact:
    """One thing an element says.

    Attributes:
        value: Text, number, truth value, or a tuple of texts.
        line: Line it stands in; 0 where unknown.
        reference: Whether the value is the id of another element.
    """

    value: Any
    line: int = 0
    reference: bool = False


@record
class FieldPlan:
    """A field that counts.

    Attributes:
        reference: Whether it holds the id of another element.
        nested: Whether something inside it can.
        default: Value where nothing is said.
    """

    name: str
    reference: bool
    nested: bool
    default: Any


@cache
def fields_of(kind: Any) -> tuple[FieldPlan, ...]:
    """The fields of a class of elements that count in diffs and hashes, the id apart."""
    return tuple(
        FieldPlan(field.name, "reference" in field.metadata, "nested" in field.metadata, field.default)
        for field in fields(kind)
        if field.compare and field.name != "id" and not field.metadata.keys() & _APART
    )


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
        elif isinstance(value, tuple) and is_dataclass(value[0]):
            for key, item in keyed(value):
                _nested(item, f"{path}[{key}]", found)
        elif is_dataclass(value):
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
