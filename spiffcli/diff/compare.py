"""The entry point: compares two models, or one definition of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from spiffcli.diff import classify
from spiffcli.diff.align import Translation, align_processes
from spiffcli.diff.changes import Change, Dependency, Diff, ordered
from spiffcli.diff.collector import Collector, Sides, layout_changes
from spiffcli.diff.definitions import (
    compare_collaborations,
    compare_decisions,
    compare_forms,
    compare_roots,
    whole_collaboration,
    whole_decision,
    whole_form,
)
from spiffcli.diff.processes import compare_processes, whole_process
from spiffcli.errors import NotFoundError
from spiffcli.model import Collaboration, Decision, Form, Model, Process

if TYPE_CHECKING:
    from spiffcli.diff.pairing import Pairing

Definition: TypeAlias = Process | Collaboration | Decision | Form


def compare(
    old: Model,
    new: Model,
    *,
    old_process: str | None = None,
    new_process: str | None = None,
    dependencies: bool = False,
    old_label: str = "old",
    new_label: str = "new",
) -> Diff:
    """Everything that differs between two models.

    Args:
        old_process, new_process: Keys of the process, collaboration, decision or form to compare. With only
            one, both sides have that key. Without any, everything is compared, matched by key.
        dependencies: Whether to compare what the processes call, too.
        old_label, new_label: What is compared, in the user's words.

    Raises:
        NotFoundError: A side does not hold the key.
    """
    old_key, new_key = old_process or new_process, new_process or old_process
    if old_key is None or new_key is None:
        changes, started = list(_compare_all(old, new)), (tuple(old.processes), tuple(new.processes))
    else:
        before, after = _definition(old, old_key, old_label), _definition(new, new_key, new_label)
        changes, started = _compare_one(before, after), ((old_key,), (new_key,))
    found: dict[str, Dependency] = {}
    if dependencies:
        from spiffcli.diff.dependencies import compare_dependencies

        found = compare_dependencies(old, new, started, _labelled(old_label, new_label), whole=old_key is None)
    return Diff(old_label, new_label, ordered(changes), found)


def _labelled(old_label: str, new_label: str) -> Any:
    def compare_definitions(old: Definition, new: Definition) -> Diff:
        return Diff(old_label, new_label, ordered(_compare_one(old, new)))

    return compare_definitions


def _definition(model: Model, key: str, label: str) -> Definition:
    for kind in (model.processes, model.collaborations, model.decisions, model.forms):
        if key in kind:
            found: Definition = kind[key]
            return found
    held = [*model.processes, *model.collaborations, *model.decisions, *model.forms]
    raise NotFoundError(
        f"There is no process, decision or form {key} in {label}.",
        hint=f"It holds {', '.join(held)}." if held else "It holds none at all.",
        candidates=held,
    )


def _compare_one(old: Definition, new: Definition) -> list[Change]:
    if isinstance(old, Process) and isinstance(new, Process):
        found = align_processes(old, new)
        return compare_processes(old, new, found, {old.id: new.id})
    if isinstance(old, Collaboration) and isinstance(new, Collaboration):
        return compare_collaborations(old, new, {})
    if isinstance(old, Decision) and isinstance(new, Decision):
        return compare_decisions(old, new)
    if isinstance(old, Form) and isinstance(new, Form):
        return compare_forms(old, new)
    return [*_whole(old, added=False), *_whole(new, added=True)]


def _whole(thing: Definition, *, added: bool) -> list[Change]:
    if isinstance(thing, Process):
        return whole_process(thing, added=added)
    if isinstance(thing, Collaboration):
        return whole_collaboration(thing, added=added)
    if isinstance(thing, Decision):
        return whole_decision(thing, added=added)
    return whole_form(thing, added=added)


def _compare_all(old: Model, new: Model) -> Iterator[Change]:
    from spiffcli.diff.pairing import pair_models

    found = pair_models(old, new)
    moved = {move.old.id for move in found.moves}
    changes: list[Change] = []
    for before, after, alignment in found.processes:
        changes += compare_processes(before, after, alignment, found.elements)
    for process in found.left(old, 0):
        changes += whole_process(process, added=False)
    for process in found.left(new, 1):
        changes += whole_process(process, added=True)
    yield from (change for change in changes if not _is_half_of_move(change, moved))
    yield from _moves(found)
    yield from _compare_collaborations(old, new, found)
    yield from _compare_others(old, new)


def _is_half_of_move(change: Change, moved: set[str]) -> bool:
    """Whether the change says at one of the two processes that a node came or went that really moved."""
    kind: str = change.kind
    return (
        kind in ("added", "removed")
        and change.element.id in moved
        and change.rule == classify.node_rule(change.element, kind)
    )


def _moves(found: Pairing) -> Iterator[Change]:
    to_new = Translation(found.elements)
    for move in found.moves:
        before, after = move.old_process, move.new_process
        collector = Collector(Sides(before.id, after.id, before.file, after.file, to_new))
        collector.note("node-moved-scope", "moved", move.old, move.new, "process", (before.id, after.id))
        collector.pair(move.old, move.new, classify.name_node_change)
        layout_changes(collector, iter([(move.old, move.new)]), before.layout, after.layout)
        yield from collector.changes


def _compare_collaborations(old: Model, new: Model, found: Pairing) -> Iterator[Change]:
    for before, after in found.collaborations:
        yield from compare_collaborations(before, after, found.elements)
    paired = {before.id for before, _ in found.collaborations}, {after.id for _, after in found.collaborations}
    for side, model in enumerate((old, new)):
        for collaboration in model.collaborations.values():
            if collaboration.id not in paired[side]:
                yield from whole_collaboration(collaboration, added=bool(side))


def _only(some: Mapping[str, Any], others: Mapping[str, Any]) -> list[Any]:
    return [thing for key, thing in some.items() if key not in others]


def _compare_others(old: Model, new: Model) -> Iterator[Change]:
    for id, decision in old.decisions.items():
        if id in new.decisions:
            yield from compare_decisions(decision, new.decisions[id])
    for key, form in old.forms.items():
        if key in new.forms:
            yield from compare_forms(form, new.forms[key])
    kinds: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = (
        (old.decisions, new.decisions),
        (old.forms, new.forms),
    )
    for before, after in kinds:
        for thing in _only(before, after):
            yield from _whole(thing, added=False)
        for thing in _only(after, before):
            yield from _whole(thing, added=True)
    yield from compare_roots(old.roots, new.roots)
