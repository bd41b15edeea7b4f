"""Why an instance cannot be moved as it is: what the move itself found, and what the check of its result finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from spiffcli.diff.changes import Change, Diff
from spiffcli.diff.rules import rule
from spiffcli.engine.retarget import Policies, Retargeted
from spiffcli.engine.soundness import (
    dead_ends,
    lost_values,
    repeated_elsewhere,
    repeated_nodes,
    repeated_once,
    skipped_nodes,
    stuck_joins,
)
from spiffcli.engine.specdiff import spec_differences, spec_nodes
from spiffcli.migrate.coverage import renamed_nodes, unexplained
from spiffcli.migrate.values import Blocker, MigrationRequest
from spiffcli.services.faults import Fault
from spiffcli.values import TaskView

if TYPE_CHECKING:
    from spiffcli.engine import Running, SpecSource
    from spiffcli.engine.script_engine import ScriptFailure

LIVE = frozenset({"READY", "WAITING", "STARTED", "ERROR"})
FINISHED = frozenset({"COMPLETED", "CANCELLED"})


def _of_task(rule: str, view: TaskView, reason: str, fix: str) -> Blocker:
    return Blocker(rule, view.task, view.id, view.name, view.state, reason, fix)


def _of_node(rule: str, element: str, name: str | None, reason: str, fix: str, *, waivable: bool = False) -> Blocker:
    return Blocker(rule, "", element, name, "", reason, fix, waivable)


def mapping_faults(source: SpecSource, request: MigrationRequest) -> Iterator[Blocker]:
    """Mappings that name what is not there, or make one node of two."""
    if not request.mapping:
        return
    old_ids, new_ids = spec_nodes(source, request.old.id), spec_nodes(source, request.new.id)
    for old, new in request.mapping.items():
        if old not in old_ids:
            yield _map_fault(old, f"--map {old}={new}: {request.old.label} has no node '{old}'.")
        if new not in new_ids:
            yield _map_fault(new, f"--map {old}={new}: {request.new.label} has no node '{new}'.")
        elif new != old and new in old_ids and new not in request.mapping:
            yield _map_fault(new, f"--map {old}={new}: '{new}' keeps its own tasks; two nodes cannot become one.")
    targets = list(request.mapping.values())
    for new in {target for target in targets if targets.count(target) > 1}:
        sources = ", ".join(old for old, target in request.mapping.items() if target == new)
        yield _map_fault(new, f"{sources} are all mapped to '{new}'; two nodes cannot become one.")


def _map_fault(element: str, reason: str) -> Blocker:
    return _of_node("mapping-invalid", element, None, reason, "Mend the --map option.")


def fault_blockers(found: Retargeted) -> Iterator[Blocker]:
    """What the move itself found."""
    for fault in (*found.faults, *(fault for fault, _ in found.asked)):
        yield Blocker(fault.rule, fault.task, fault.element, fault.name, fault.state, fault.message, fault.fix)


def refusals(request: MigrationRequest, before: Running, found: Retargeted) -> Iterator[Blocker]:
    """Changes to nodes a token is on that it could not survive."""
    live = by_element((view for view in moving(request, before) if view.task not in found.dropped), LIVE)
    not_entered = {each.task for each in before.incidents() if each.phase == "reach"}
    for change in own_changes(request.diff):
        if rule(change.rule).class_ != "refuse" and change.rule not in _REFUSED_IN_PROGRESS:
            continue
        if change.before.id in request.mapping and change.kind == "renamed":
            continue
        for view in live.get(change.before.id, ()):
            if view.task in not_entered and change.kind == "changed":
                continue
            if (view.task in found.crossed and change.rule in _CROSSED) or view.type in _GOVERNED.get(change.rule, ()):
                continue
            yield _of_task(
                change.rule,
                view,
                f"Task '{view.name or view.id}' is {view.state}, and {_difference(change)}.",
                "Complete the task first, then migrate.",
            )


#: Changes that are harmless for what is done or still to come, but not for what is in progress: the engine holds
#: a part of the old form (items, subscriptions, running children) in the instance.
_REFUSED_IN_PROGRESS = frozenset(
    {
        "multi-instance-data-changed",
        "error-code-changed",
        "boundary-interrupting-changed",
        "call-target-changed",
    }
)


#: Types of nodes by the rule that the move itself looks after.
_GOVERNED = {"boundary-interrupting-changed": ("boundaryEvent",)}

#: What the models say of nodes that get into a sub-process or out of it. Where tasks went with them, it is no reason.
_CROSSED = frozenset({"node-moved-scope"})


def _difference(change: Change) -> str:
    if change.kind == "removed":
        return "the new version does not have it"
    what = change.path or change.rule.removesuffix("-changed").replace("-", " ")
    if change.old is None and change.new is None:
        return f"its {what} changed"
    return f"its {what} changed from {_short(change.old)} to {_short(change.new)}"


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def unsound(before: Running, after: Running, found: Retargeted, policies: Policies) -> Iterator[Blocker]:
    """What is wrong with the instance after the move."""
    for join in stuck_joins(after):
        missing = " and ".join(f"'{name}'" for name in join.missing)
        yield Blocker(
            "join-never-satisfied",
            join.task,
            join.join,
            join.name,
            "WAITING",
            f"The join '{join.name or join.join}' would wait for ever: no token can come from {missing} any more.",
            "Let the instance pass the join first, or start the missing branch with --allow "
            f"join-never-satisfied:{join.join}.",
            waivable=not policies.start,
        )
    for task in dead_ends(after):
        view = after.task(task)
        yield _of_task(
            "no-way-to-an-end",
            view,
            f"From '{view.name or view.id}' no path leads to an end in the new version.",
            "Connect the node in the new version.",
        )
    for node in skipped_nodes(before, after, found.old_graphs, policies.mapping):
        yield _of_node(
            "node-added-before-token",
            node.node,
            node.name,
            f"'{node.name or node.node}' stands behind the tokens of this instance, after '{node.after}': "
            "it will not run.",
            f"Accept that with --allow node-added-before-token:{node.node}, or let the instance finish.",
            waivable=True,
        )
    elsewhere = repeated_elsewhere(before, after, policies.mapping)
    once = repeated_once(before, after, policies.mapping)
    for node in (*repeated_nodes(after, found.old_graphs), *elsewhere, *once):
        yield _of_node(
            "node-repeated",
            node.node,
            node.name,
            f"'{node.name or node.node}' has run, and lies ahead again in the new version: it will run twice.",
            f"Accept that with --allow node-repeated:{node.node}, or let the instance finish.",
            waivable=True,
        )
    for task, element in found.entries_changed:
        view = after.task(task)
        yield Blocker(
            "entry-not-repeated",
            task,
            element,
            view.name,
            view.state,
            f"'{view.name or element}' is {view.state}: what the new version does on the way into it (pre-script, data "
            "inputs) will not be done for this task.",
            f"Accept that with --allow entry-not-repeated:{element}, or complete the task first.",
            waivable=True,
        )
    for value in lost_values(after):
        yield _of_node(
            "data-object-lost",
            value.name,
            None,
            f"The data object '{value.name}' holds a value that the new version has no place for, and '{value.reader}' "
            f"reads '{value.read}', which would be empty.",
            f"Keep the id '{value.name}', or accept that with --allow data-object-lost:{value.name}.",
            waivable=True,
        )
    yield from _lost(before, after, found)


def _lost(before: Running, after: Running, found: Retargeted) -> Iterator[Blocker]:
    """Live tasks that are gone, and finished ones that changed: faults of ours, never of the model."""
    now = {view.task: view for view in after.tasks()}
    for view in before.tasks():
        moved = now.get(view.task)
        if view.task in found.dropped:
            continue
        if view.task in found.happened and moved is not None:
            continue
        if view.state in LIVE and view.id not in found.reset and _is_lost(view, moved):
            yield _broken(view, "its task would be lost")
        elif view.state in FINISHED and (moved is None or dict(moved.data) != dict(view.data)):
            yield _broken(view, "its finished work would change")


def _is_lost(view: TaskView, moved: TaskView | None) -> bool:
    return moved is None or moved.state != view.state


def _broken(view: TaskView, what: str) -> Blocker:
    return _of_task(
        "check-failed",
        view,
        f"Moving '{view.name or view.id}' failed its own check: {what}.",
        "Let the instance finish on its version, and report this.",
    )


def rearmed(request: MigrationRequest, found: Retargeted) -> Iterator[Blocker]:
    """Boundary events that were renamed: without a mapping they begin again, with a new deadline or a new count."""
    for change in request.diff.all_changes:
        old, new = change.before.id, change.element.id
        if change.kind == "renamed" and new in found.armed and old not in request.mapping:
            yield _of_node(
                change.rule,
                old,
                change.before.name,
                f"The event '{old}' is called '{new}' in the new version; as another event it would begin again.",
                f"Map it with --map {old}={new}, or let it begin again with --allow {change.rule}:{old}.",
                waivable=True,
            )


def unexplained_changes(source: SpecSource, request: MigrationRequest) -> Iterator[Blocker]:
    """Differences of the engine's specs that no change of the models explains: the same for every instance."""
    changes = request.diff.all_changes
    differences = spec_differences(source, request.old.id, request.new.id, renamed_nodes(changes))
    found: dict[str, list[str]] = {}
    for difference in unexplained(differences, changes):
        found.setdefault(difference.element or request.new.key, []).append(difference.key)
    for element, keys in found.items():
        yield _of_node(
            "unexplained-engine-change",
            element,
            None,
            f"The engine sees a difference at '{element}' ({', '.join(sorted(keys))}) that the comparison of "
            "the models does not explain.",
            "Do not migrate before this is understood; please report it with both models.",
        )


def script_blocker(failure: ScriptFailure, policies: Policies) -> Blocker:
    """Why a script or expression that runs during the move stops it."""
    place = "" if failure.line is None else f" in its line {failure.line}"
    own = policies.script is not None and failure.source == policies.script
    what = "The script given with --data" if own else f"The script or expression '{failure.source.strip()}'"
    task = getattr(failure.task, "task_spec", None)
    return Blocker(
        "script-failed",
        str(failure.task.id) if failure.task is not None else "",
        getattr(task, "bpmn_id", None) or "",
        getattr(task, "bpmn_name", None),
        "",
        f"{what} failed{place}: {failure.kind}: {failure.detail}.",
        failure.hint or "Mend it, and try again; nothing was changed.",
    )


def service_blocker(fault: Fault) -> Blocker:
    """Why no instance should be moved to a version: a task of it that no service covers."""
    return _of_node(
        "service-missing",
        fault.element or fault.process,
        None,
        f"{fault.place} has no service: {fault.message}.",
        fault.fix,
        waivable=True,
    )


def moving(request: MigrationRequest, before: Running) -> Iterator[TaskView]:
    """The tasks that go to the new version: all but those of called processes, which keep what was entered."""
    return (view for view in before.tasks() if view.definition == request.old.id)


def own_changes(diff: Diff) -> Iterator[Change]:
    """The changes that tasks which go to the new version can meet: none of called processes."""
    yield from diff.changes
    for dependency in diff.dependencies.values():
        if dependency.diff is not None and dependency.kind != "process":
            yield from dependency.diff.changes


def by_element(views: Iterable[TaskView], states: frozenset[str]) -> dict[str, list[TaskView]]:
    """Tasks in some states by the id of their node."""
    found: dict[str, list[TaskView]] = {}
    for view in views:
        if view.state in states:
            found.setdefault(view.id, []).append(view)
    return found
