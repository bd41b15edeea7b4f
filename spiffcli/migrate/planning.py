"""Making a plan: the code that moves an instance, run on a copy, and its result checked.

A plan that fails its own check is blocked. Severities never decide; only the check, and the few rules of class
`refuse`, do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from spiffcli.catalog.rebinding import Rebound
from spiffcli.diff.changes import Change, Diff
from spiffcli.diff.rules import rule
from spiffcli.engine.retarget import Policies, Retargeted, retarget
from spiffcli.engine.soundness import dead_ends, nodes_ahead, repeated_nodes, skipped_nodes, stuck_joins
from spiffcli.engine.specdiff import spec_differences, spec_nodes
from spiffcli.migrate.explaining import renamed_nodes, unexplained
from spiffcli.migrate.plans import Blocker, Mapping, Plan, TaskImpact, Verdict, Waivers
from spiffcli.values import Definition, Instance, TaskView, digest

if TYPE_CHECKING:
    from spiffcli.engine import Engine, Running, SpecSource
    from spiffcli.engine.scripting import ScriptFailure
    from spiffcli.engine.workflow import SpecCache

_LIVE = frozenset({"READY", "WAITING", "STARTED", "ERROR"})
_FINISHED = frozenset({"COMPLETED", "CANCELLED"})


@dataclass(frozen=True, slots=True)
class Request:
    """One instance, and where it is to go.

    Attributes:
        state: Its stored state.
        old, new: Definitions.
        diff: What changed between their models.
        policies: How to move it: mappings, timers, events, data ...
        cache: Specs that have been restored already.
        escaped: What `unexplained_changes` says of the two versions, where that is known.
        rebound: References that mean something else in the new version.
    """

    instance: Instance
    state: bytes = field(repr=False)
    old: Definition
    new: Definition
    diff: Diff = field(repr=False)
    policies: Policies = field(default_factory=Policies)
    waivers: Waivers = field(default_factory=Waivers)
    cache: SpecCache | None = field(default=None, repr=False)
    escaped: tuple[Blocker, ...] | None = None
    rebound: tuple[Rebound, ...] = ()

    @property
    def mapping(self) -> Map[str, str]:
        """New node id by old one, as the user says."""
        return self.policies.mapping


def make_plan(engine: Engine, source: SpecSource, request: Request) -> Plan:
    """What moving the instance would do. Pure: nothing is stored."""
    before = engine.restore(request.state, _cache(engine, source, request))
    invalid = list(_mapping_faults(source, request))
    found, checks, ahead = _tried(engine, source, request, before) if not invalid else (Retargeted(), [], frozenset())
    blockers = [*invalid, *_fault_blockers(found), *_refusals(request, before, found), *checks]
    blockers += _rearmed(request, found)
    blockers += unexplained_changes(source, request) if request.escaped is None else request.escaped
    blockers = _distinct(blockers)
    waived = [blocker for blocker in blockers if request.waivers.cover(blocker)]
    remaining = [blocker for blocker in blockers if blocker not in waived]
    proposals = tuple(_proposals(request, before, remaining))
    new_nodes = {} if found.snapshot is None else dict(_new_nodes(request.diff))
    ahead = _with_contents(ahead, new_nodes)
    reached = {*ahead, *found.armed, *found.started}
    can = found.snapshot is not None and not remaining
    return Plan(
        instance=request.instance.id,
        revision=request.instance.revision,
        source=request.old.id,
        target=request.new.id,
        from_label=request.old.label,
        to_label=request.new.label,
        verdict=_verdict(request, before, remaining, proposals),
        tasks=tuple(_impacts(request, before)),
        blockers=tuple(remaining),
        overridden=tuple(waived),
        proposals=proposals,
        policies=request.policies,
        moves=tuple((move.task, move.old, move.new) for move in found.moves),
        skipped=tuple(node for node in new_nodes if node not in reached),
        pending=tuple(node for node in new_nodes if node in ahead),
        armed=tuple(found.armed),
        disarmed=tuple(found.disarmed),
        history=tuple(dict.fromkeys(found.kept_as_history)),
        subscriptions=tuple(found.subscribed),
        started=tuple(found.started),
        reset=tuple(found.reset),
        rebound=tuple(_still_followed(request, before, ahead)),
        basis=digest(request.state),
        state=found.snapshot.state if found.snapshot and can else b"",
        specs=tuple(found.snapshot.specs.values()) if found.snapshot and can else (),
    )


def _cache(engine: Engine, source: SpecSource, request: Request) -> SpecCache:
    return request.cache or engine.cache(source)


def _tried(
    engine: Engine, source: SpecSource, request: Request, before: Running
) -> tuple[Retargeted, list[Blocker], frozenset[str]]:
    """As of `_moved`, with the branches started that the waivers ask for."""
    found, checks, ahead = _moved(engine, source, request, before, request.policies)
    branches = _branches_to_start(request.waivers, checks)
    if not branches:
        return found, checks, ahead
    started = replace(request.policies, start=request.policies.start | branches)
    return _moved(engine, source, request, before, started)


def _moved(
    engine: Engine, source: SpecSource, request: Request, before: Running, policies: Policies
) -> tuple[Retargeted, list[Blocker], frozenset[str]]:
    """The instance after the move, what its check finds, and the nodes ahead of it."""
    from spiffcli.engine.scripting import ScriptFailure

    try:
        found = retarget(engine, source, request.state, request.new.id, policies, _cache(engine, source, request))
    except ScriptFailure as failure:
        return Retargeted(), [_script_blocker(failure, policies)], frozenset()
    if found.snapshot is None:
        return found, [], frozenset()
    after = engine.restore(found.snapshot.state, _cache(engine, source, request).over(_with(source, found)))
    return found, list(_checks(before, after, found, policies)), nodes_ahead(after)


def _script_blocker(failure: ScriptFailure, policies: Policies) -> Blocker:
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


def _branches_to_start(waivers: Waivers, checks: list[Blocker]) -> frozenset[str]:
    """New branches at passed gateways that are started because the user allows it, so that their join can go on."""
    joins = [blocker for blocker in checks if blocker.rule == "join-never-satisfied"]
    if not joins or not all(waivers.cover(join) for join in joins):
        return frozenset()
    return frozenset(blocker.element for blocker in checks if blocker.rule == "node-added-before-token")


def _verdict(request: Request, before: Running, blockers: list[Blocker], proposals: tuple[Mapping, ...]) -> Verdict:
    if not blockers:
        return "migratable" if request.diff.all_changes or request.rebound else "unchanged"
    mappable = {proposal.old for proposal in proposals}
    # With the sub-process they are in, these have a place again.
    inside = {view.task for view in before.tasks() if view.process in mappable}
    helped = (b.element in mappable or (b.rule == "subprocess-removed" and b.task in inside) for b in blockers)
    return "needs-mapping" if all(helped) else "blocked"


def _with(source: SpecSource, found: Retargeted) -> SpecSource:
    from spiffcli.engine.retarget import Overlay

    return Overlay(source, found.snapshot.specs if found.snapshot else {})


def _mapping_faults(source: SpecSource, request: Request) -> Iterator[Blocker]:
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
    return Blocker("mapping-invalid", "", element, None, "", reason, "Mend the --map option.")


def _fault_blockers(found: Retargeted) -> Iterator[Blocker]:
    for fault in found.faults:
        yield Blocker(fault.rule, fault.task, fault.element, fault.name, fault.state, fault.message, fault.fix)


def _refusals(request: Request, before: Running, found: Retargeted) -> Iterator[Blocker]:
    """Changes to nodes a token is on that it could not survive."""
    live = _by_element((view for view in before.tasks() if view.task not in found.dropped), _LIVE)
    for change in request.diff.all_changes:
        if rule(change.rule).class_ != "refuse" and change.rule not in _REFUSED_IN_PROGRESS:
            continue
        if change.before.id in request.mapping and change.kind == "renamed":
            continue
        for view in live.get(change.before.id, ()):
            yield Blocker(
                change.rule,
                view.task,
                view.id,
                view.name,
                view.state,
                f"Task '{view.name or view.id}' is {view.state}, and {_difference(change)}.",
                "Complete the task first, then migrate.",
            )


#: Changes that are harmless for what is done or still to come, but not for what is in progress: the engine holds
#: a part of the old form (items, subscriptions, running children) in the instance.
_REFUSED_IN_PROGRESS = frozenset(
    {
        "multi-instance-data-changed",
        "error-code-changed",
        "event-condition-changed",
        "boundary-interrupting-changed",
        "call-target-changed",
    }
)


def _difference(change: Change) -> str:
    what = change.path or change.rule.removesuffix("-changed").replace("-", " ")
    if change.old is None and change.new is None:
        return f"its {what} changed"
    return f"its {what} changed from {_short(change.old)} to {_short(change.new)}"


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _checks(before: Running, after: Running, found: Retargeted, policies: Policies) -> Iterator[Blocker]:
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
        yield Blocker(
            "no-way-to-an-end",
            task,
            view.id,
            view.name,
            view.state,
            f"From '{view.name or view.id}' no path leads to an end in the new version.",
            "Connect the node in the new version.",
        )
    for node in skipped_nodes(after, found.old_graphs):
        yield Blocker(
            "node-added-before-token",
            "",
            node.node,
            node.name,
            "",
            f"'{node.name or node.node}' stands behind the tokens of this instance, after '{node.after}': "
            "it will not run.",
            f"Accept that with --allow node-added-before-token:{node.node}, or let the instance finish.",
            waivable=True,
        )
    for node in repeated_nodes(after, found.old_graphs):
        yield Blocker(
            "node-repeated",
            "",
            node.node,
            node.name,
            "",
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
    yield from _lost(before, after, found)


def _lost(before: Running, after: Running, found: Retargeted) -> Iterator[Blocker]:
    """Live tasks that are gone, and finished ones that changed: faults of ours, never of the model."""
    now = {view.task: view for view in after.tasks()}
    for view in before.tasks():
        moved = now.get(view.task)
        if view.task in found.dropped:
            continue
        if view.state in _LIVE and view.id not in found.reset and _is_lost(view, moved):
            yield _broken(view, "its task would be lost")
        elif view.state in _FINISHED and (moved is None or dict(moved.data) != dict(view.data)):
            yield _broken(view, "its finished work would change")


def _is_lost(view: TaskView, moved: TaskView | None) -> bool:
    return moved is None or moved.state != view.state


def _broken(view: TaskView, what: str) -> Blocker:
    return Blocker(
        "check-failed",
        view.task,
        view.id,
        view.name,
        view.state,
        f"Moving '{view.name or view.id}' failed its own check: {what}.",
        "Let the instance finish on its version, and report this.",
    )


def _rearmed(request: Request, found: Retargeted) -> Iterator[Blocker]:
    """Boundary events that were renamed: without a mapping they begin again, with a new deadline or a new count."""
    for change in request.diff.all_changes:
        old, new = change.before.id, change.element.id
        if change.kind == "renamed" and new in found.armed and old not in request.mapping:
            yield Blocker(
                change.rule,
                "",
                old,
                change.before.name,
                "",
                f"The event '{old}' is called '{new}' in the new version; as another event it would begin again.",
                f"Map it with --map {old}={new}, or let it begin again with --allow {change.rule}:{old}.",
                waivable=True,
            )


def unexplained_changes(source: SpecSource, request: Request) -> Iterator[Blocker]:
    """Differences of the engine's specs that no change of the models explains: the same for every instance."""
    changes = request.diff.all_changes
    differences = spec_differences(source, request.old.id, request.new.id, renamed_nodes(changes))
    found: dict[str, list[str]] = {}
    for difference in unexplained(differences, changes):
        found.setdefault(difference.element or request.new.key, []).append(difference.key)
    for element, keys in found.items():
        yield Blocker(
            "unexplained-engine-change",
            "",
            element,
            None,
            "",
            f"The engine sees a difference at '{element}' ({', '.join(sorted(keys))}) that the comparison of "
            "the models does not explain.",
            "Do not migrate before this is understood; please report it with both models.",
        )


def _distinct(blockers: Iterable[Blocker]) -> list[Blocker]:
    found: dict[tuple[str, str, str], Blocker] = {}
    for blocker in blockers:
        found.setdefault((blocker.rule, blocker.task, blocker.element), blocker)
    return list(found.values())


#: Rules whose blockers a mapping can lift.
_MAPPABLE = frozenset({"node-removed", "subprocess-removed", "node-id-changed"})


def _proposals(request: Request, before: Running, blockers: list[Blocker]) -> Iterator[Mapping]:
    blocked = {blocker.element for blocker in blockers if blocker.rule in _MAPPABLE}
    parents = {view.process for view in before.tasks() if view.id in blocked}
    for change in request.diff.all_changes:
        if change.kind == "renamed" and change.before.id in blocked | parents:
            old, new = change.before.id, change.element.id
            if old not in request.mapping:
                yield Mapping(old, new, f"same kind, neighbours and content ({change.rule})")


def _impacts(request: Request, before: Running) -> Iterator[TaskImpact]:
    tasks = _by_element(before.tasks(), _LIVE | _FINISHED)
    for change in request.diff.all_changes:
        if change.kind == "layout":
            continue
        for view in tasks.get(change.before.id, ()):
            where = "active" if view.state in _LIVE else "completed"
            known = rule(change.rule)
            yield TaskImpact(
                view.task,
                view.id,
                view.name,
                view.state,
                change.rule,
                known.severity_for(where),
                known.consequence(where),
            )


def _still_followed(request: Request, before: Running, ahead: frozenset[str]) -> Iterator[Rebound]:
    """References that mean something else, of elements the instance is at or may come to.

    What a call has started goes on as it is; only a call that is entered again follows the new version.
    """
    live = {
        view.id for view in before.tasks() if view.state in _LIVE - {"STARTED"} or (view.loop and view.state in _LIVE)
    }
    live |= {request.mapping.get(id, id) for id in live}
    yield from (each for each in request.rebound if each.element in ahead | live)


def _new_nodes(diff: Diff) -> Iterator[tuple[str, str | None]]:
    """Ids of nodes that are new in the process, each with the sub-process it lies in."""
    for change in diff.changes:
        if change.kind == "added" and change.rule in ("node-added", "subprocess-added", "boundary-added"):
            yield change.element.id, change.new.get("scope") if isinstance(change.new, dict) else None


def _with_contents(ahead: frozenset[str], nodes: Map[str, str | None]) -> frozenset[str]:
    """The nodes ahead, and what is new in sub-processes among them."""
    found = set(ahead)
    pending = True
    while pending:
        inner = {node for node, scope in nodes.items() if scope in found and node not in found}
        found |= inner
        pending = bool(inner)
    return frozenset(found)


def _by_element(views: Iterable[TaskView], states: frozenset[str]) -> dict[str, list[TaskView]]:
    found: dict[str, list[TaskView]] = {}
    for view in views:
        if view.state in states:
            found.setdefault(view.id, []).append(view)
    return found
