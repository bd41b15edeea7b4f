"""How two versions of one element differ: a path, the value before and the value now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from spiffcli.model.facts import facts, fields_of, keyed

#: Parts that are replaced rather than changed when another kind of thing stands there.
_WHOLE = frozenset({"events"})


class Difference(Struct, frozen=True):
    """One difference between two versions of an element.

    Attributes:
        path: Where in the element.
        old, new: The values; None where there is none. Where a whole part came or went, or was replaced
            by another kind: all it says, by path within the part.
        old_line, new_line: Lines of the values; 0 where unknown.
    """

    path: str
    old: Any
    new: Any
    old_line: int = 0
    new_line: int = 0


def values_of(element: Any) -> dict[str, Any]:
    """Everything an element or part says, by path, as JSON values."""
    return {path: _plain(fact.value) for path, fact in facts(element).items()}


def differences(old: Any, new: Any, to_new: Callable[[str | None], str | None]) -> Iterator[Difference]:
    """Differences between two versions of an element, its id apart.

    Args:
        to_new: What an id of the old model is called in the new one; references are compared by it.
    """
    yield from _compare(old, new, "", to_new)


def _compare(old: Any, new: Any, prefix: str, to_new: Callable[[str | None], str | None]) -> Iterator[Difference]:
    kind: Any = type(old)
    for plan in fields_of(kind):
        before, after = getattr(old, plan.name), getattr(new, plan.name)
        if plan.reference:
            if to_new(before) != after:
                yield Difference(f"{prefix}{plan.name}", before, after, old.line, new.line)
        elif before != after:
            yield from _field(f"{prefix}{plan.name}", before, after, old.line, new.line, to_new)
        elif plan.nested and before:
            # Equal as written, but a reference inside can mean something else now.
            yield from _field(f"{prefix}{plan.name}", before, after, old.line, new.line, to_new)


def _field(
    path: str, old: Any, new: Any, old_line: int, new_line: int, to_new: Callable[[str | None], str | None]
) -> Iterator[Difference]:
    if isinstance(old, Mapping):
        for key in (*old, *(key for key in new if key not in old)):
            if old.get(key) != new.get(key):
                yield Difference(f"{path}[{key}]", old.get(key), new.get(key), old_line, new_line)
    elif _holds_parts(old) or _holds_parts(new):
        yield from _parts(path, dict(keyed(old)), dict(keyed(new)), (old_line, new_line), to_new)
    elif isinstance(old, Struct) or isinstance(new, Struct):
        yield from _part(path, old, new, (old_line, new_line), to_new)
    else:
        yield Difference(path, _plain(old), _plain(new), old_line, new_line)


def _holds_parts(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], Struct)


def _parts(
    path: str,
    old: dict[str, Any],
    new: dict[str, Any],
    lines: tuple[int, int],
    to_new: Callable[[str | None], str | None],
) -> Iterator[Difference]:
    if path in _WHOLE and sorted(old) != sorted(new):
        yield Difference(path, _all_of(old), _all_of(new), _first_line(old, lines[0]), _first_line(new, lines[1]))
        return
    for key in (*old, *(key for key in new if key not in old)):
        yield from _part(f"{path}[{key}]", old.get(key), new.get(key), lines, to_new)


def _part(
    path: str, old: Any, new: Any, lines: tuple[int, int], to_new: Callable[[str | None], str | None]
) -> Iterator[Difference]:
    if old is not None and new is not None:
        yield from _compare(old, new, f"{path}.", to_new)
    elif old is not None:
        yield Difference(path, values_of(old), None, old.line, lines[1])
    else:
        yield Difference(path, None, values_of(new), lines[0], new.line)


def _all_of(parts: dict[str, Any]) -> dict[str, Any] | None:
    found = {f"[{key}].{path}": value for key, part in parts.items() for path, value in values_of(part).items()}
    return found or None


def _first_line(parts: dict[str, Any], otherwise: int) -> int:
    return next((part.line for part in parts.values()), otherwise)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
