"""Flattens any element of a model into facts: a path and a value for everything it says.

Diffs and hashes both read facts, and facts follow from the fields of the dataclasses alone. So what a
reader puts into a field is compared and hashed without anybody having to remember it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

_HEADER = frozenset({"id", "key"})


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class _Plan:
    name: str
    reference: bool


@cache
def _plan(kind: Any) -> tuple[_Plan, ...]:
    return tuple(
        _Plan(field.name, bool(field.metadata.get("reference")))
        for field in fields(kind)
        if field.compare and field.name not in _HEADER and not field.metadata.get("part")
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
    for plan in _plan(kind):
        value = getattr(element, plan.name)
        if value is None or value is False or value == () or value == {}:
            continue
        path = f"{prefix}{plan.name}"
        if isinstance(value, Mapping):
            for key, text in value.items():
                found[f"{path}[{key}]"] = Fact(text, line)
        elif isinstance(value, tuple) and is_dataclass(value[0]):
            for key, item in _keyed(value):
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


def _keyed(items: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    seen: dict[str, int] = {}
    for position, item in enumerate(items):
        key = str(getattr(item, "key", position))
        n = seen[key] = seen.get(key, 0) + 1
        yield key if n == 1 else f"{key}#{n}", item


def texts(element: Any, rename: Callable[[str], str] | None = None) -> Iterator[tuple[str, str]]:
    """Path and value of every fact as text, sorted; references renamed by `rename` where given."""
    for path, fact in sorted(facts(element).items()):
        value = fact.value
        if fact.reference and rename is not None:
            value = rename(value)
        yield path, repr(value)
