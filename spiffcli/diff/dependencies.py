"""What two versions of a process call, and how that differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Literal

from spiffcli.diff.changes import Dependency, Diff
from spiffcli.model import Model, form_key

_Name = tuple[Literal["process", "decision", "form"], str]


def compare_dependencies(
    old: Model,
    new: Model,
    started: tuple[tuple[str, ...], tuple[str, ...]],
    compare: Callable[[Any, Any], Diff],
    *,
    whole: bool,
) -> dict[str, Dependency]:
    """Everything that is called, directly or by something called, on either side.

    Args:
        started: Keys compared already, of the old and of the new model.
        compare: Compares two definitions of one kind.
        whole: Whether the models were compared whole, so that changes inside are listed already and a
            dependency only tells its status.
    """
    before, after = (_by_name(_called(model, keys)) for model, keys in zip((old, new), started, strict=True))
    found: dict[str, Dependency] = {}
    for name in sorted({*before, *after}):
        if not whole and name[0] == "process" and (name[1],) in started:
            continue
        found[":".join(name)] = _dependency(name, before.get(name), after.get(name), old, new, compare, whole)
    return found


def _by_name(called: set[_Name]) -> dict[_Name, str]:
    """Their keys by the names they are told by: of a form the file name, where nothing else that is called has it."""
    files = Counter(form_key(key) for kind, key in called if kind == "form")
    return {(kind, form_key(key) if kind == "form" and files[form_key(key)] == 1 else key): key for kind, key in called}


def _called(model: Model, keys: tuple[str, ...]) -> set[_Name]:
    found: set[_Name] = set()
    pending = list(keys)
    while pending:
        for name in _references(model, pending.pop()):
            if name not in found:
                found.add(name)
                if name[0] == "process" or name[0] == "decision":
                    pending.append(name[1])
    return found


def _references(model: Model, key: str) -> Iterator[_Name]:
    if key in model.processes:
        yield from ((reference.kind, reference.key) for reference in model.processes[key].references)
    elif key in model.collaborations:
        pools = model.collaborations[key].participants.values()
        yield from (("process", pool.process) for pool in pools if pool.process)
    elif key in model.decisions:
        required = model.decisions[key].requires
        yield from (("decision", id) for id in required if id in model.decisions)


def _dependency(
    name: _Name,
    before: str | None,
    after: str | None,
    old: Model,
    new: Model,
    compare: Callable[[Any, Any], Diff],
    whole: bool,
) -> Dependency:
    kind, key = name
    if before is None:
        return Dependency(kind, key, "added")
    if after is None:
        return Dependency(kind, key, "removed")
    was, now = _definition(old, kind, before), _definition(new, kind, after)
    if was is None or now is None:
        return Dependency(kind, key, "missing")
    diff = compare(was, now)
    return Dependency(kind, key, "changed" if diff.changes else "unchanged", None if whole else diff)


def _definition(model: Model, kind: str, key: str) -> Any:
    if kind == "process":
        return model.processes.get(key)
    return model.decisions.get(key) if kind == "decision" else model.forms.get(key)
