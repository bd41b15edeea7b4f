"""Making a plan: the code that moves an instance, run on a copy, and its result checked.

A plan that fails its own check is blocked. Severities never decide; only the check, and the few rules of class
`refuse`, do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from spiffcli.deployments.rebinding import Rebound
from spiffcli.diff.changes import Diff
from spiffcli.diff.rules import rule
from spiffcli.engine.retarget import Overlay, Policies, Retargeted, retarget
from spiffcli.engine.script_engine import ScriptFailure
from spiffcli.engine.soundness import nodes_ahead, unstarted_branches
from spiffcli.migrate.blockers import (
    FINISHED,
    LIVE,
    by_element,
    fault_blockers,
    mapping_faults,
    moving,
    own_changes,
    rearmed,
    refusals,
    script_blocker,
    unexplained_changes,
    unsound,
)
from spiffcli.migrate.values import Blocker, MigrationRequest, Plan, Proposal, TaskImpact, Verdict, Waivers
from spiffcli.values import digest

if TYPE_CHECKING:
    from spiffcli.engine import Engine, Running, SpecSource
    from spiffcli.engine.workflow import SpecCache


def make_plan(engine: Engine, source: SpecSource, request: MigrationRequest) -> Plan:
    """What moving the instance would do. Pure: nothing is stored."""
    before = engine.restore(request.state, _cache(engine, source, request))
    invalid = list(mapping_faults(source, request))
    found, checks, ahead = _tried(engine, source, request, before) if not invalid else (Retargeted(), [], frozenset())
    blockers = [*invalid, *fault_blockers(found), *refusals(request, before, found), *checks]
    blockers += rearmed(request, found)
    blockers += request.unserved
    blockers += unexplained_changes(source, request) if request.escaped is None else request.escaped
    blockers = _distinct(blockers)
    waived = [blocker for blocker in blockers if request.waivers.cover(blocker)]
    remaining = [blocker for blocker in blockers if blocker not in waived]
    proposals = tuple(dict.fromkeys(_proposals(request, before, found, remaining)))
    new_nodes = {} if found.snapshot is None else dict(_new_nodes(request.diff))
    ahead = _with_contents(ahead, new_nodes)
    reached = {*ahead, *found.armed, *found.started, *_stood_on(found)}
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
        wrapped=tuple(found.wrapped),
        unwrapped=tuple(found.unwrapped),
        history=tuple(dict.fromkeys(found.kept_as_history)),
        subscriptions=tuple(found.subscribed),
        started=tuple(found.started),
        reset=tuple(found.reset),
        rebound=tuple(_still_followed(request, before, ahead)),
        entered=tuple(_under_way(request, before)),
        basis=digest(request.state),
        state=found.snapshot.state if found.snapshot and can else b"",
        specs=tuple(found.snapshot.specs.values()) if found.snapshot and can else (),
    )


def _stood_on(found: Retargeted) -> Iterator[str]:
    """New nodes that the tokens stand on, or have come over with the move."""
    yield from (move.new for move in found.moves)
    for holder, start in found.wrapped.items():
        yield from (holder, start)


def _cache(engine: Engine, source: SpecSource, request: MigrationRequest) -> SpecCache:
    return request.cache or engine.cache(source)


def _tried(
    engine: Engine, source: SpecSource, request: MigrationRequest, before: Running
) -> tuple[Retargeted, list[Blocker], frozenset[str]]:
    """As of `_moved`, with the branches started that the waivers ask for."""
    found, checks, ahead, unstarted = _moved(engine, source, request, before, request.policies)
    branches = unstarted if _all_joins_waived(request.waivers, checks) else frozenset()
    if not branches:
        return found, _without_vain_hopes(checks, unstarted), ahead
    started = replace(request.policies, start=request.policies.start | branches)
    found, after, ahead, _ = _moved(engine, source, request, before, started)
    # What was allowed is told, though it holds no longer; a join that still waits in vain comes first and counts.
    return found, [*after, *(check for check in checks if check.rule == "join-never-satisfied")], ahead


def _moved(
    engine: Engine, source: SpecSource, request: MigrationRequest, before: Running, policies: Policies
) -> tuple[Retargeted, list[Blocker], frozenset[str], frozenset[str]]:
    """The instance after the move, what its check finds, the nodes ahead of it, and branches that did not begin."""
    try:
        found = retarget(engine, source, request.state, request.new.id, policies, _cache(engine, source, request))
    except ScriptFailure as failure:
        return Retargeted(), [script_blocker(failure, policies)], frozenset(), frozenset()
    if found.snapshot is None:
        return found, [], frozenset(), frozenset()
    after = engine.restore(found.snapshot.state, _cache(engine, source, request).over(_with(source, found)))
    checks = list(unsound(before, after, found, policies))
    return found, checks, nodes_ahead(after), unstarted_branches(after, found.old_graphs)


def _all_joins_waived(waivers: Waivers, checks: list[Blocker]) -> bool:
    """Whether the user allows that branches are started, so that each join that waits in vain can go on."""
    joins = [blocker for blocker in checks if blocker.rule == "join-never-satisfied"]
    return bool(joins) and all(waivers.cover(join) for join in joins)


def _without_vain_hopes(checks: list[Blocker], unstarted: frozenset[str]) -> list[Blocker]:
    """Joins that miss a branch can be waived only where there is a new node to start that branch with."""
    if unstarted:
        return checks
    return [
        replace(blocker, fix="Let the instance pass the join first.", waivable=False)
        if blocker.rule == "join-never-satisfied"
        else blocker
        for blocker in checks
    ]


def _verdict(
    request: MigrationRequest, before: Running, blockers: list[Blocker], proposals: tuple[Proposal, ...]
) -> Verdict:
    if not blockers:
        return "migratable" if request.diff.all_changes or request.rebound else "unchanged"
    mappable = {proposal.old for proposal in proposals}
    # With the sub-process they are in, these have a place again.
    inside = {view.task for view in before.tasks() if view.process in mappable}
    helped = (b.element in mappable or (b.rule == "subprocess-removed" and b.task in inside) for b in blockers)
    return "needs-mapping" if all(helped) else "blocked"


def _with(source: SpecSource, found: Retargeted) -> SpecSource:
    return Overlay(source, found.snapshot.specs if found.snapshot else {})


def _distinct(blockers: Iterable[Blocker]) -> list[Blocker]:
    found: dict[tuple[str, str, str], Blocker] = {}
    for blocker in blockers:
        found.setdefault((blocker.rule, blocker.task, blocker.element), blocker)
    return list(found.values())


#: Rules whose blockers a mapping can lift.
_MAPPABLE = frozenset({"node-removed", "subprocess-removed", "node-id-changed"})


def _proposals(
    request: MigrationRequest, before: Running, found: Retargeted, blockers: list[Blocker]
) -> Iterator[Proposal]:
    for fault, where in found.asked:
        yield Proposal(fault.element, fault.element, f"it lies in {where} from now on ({fault.rule})")
    blocked = {blocker.element for blocker in blockers if blocker.rule in _MAPPABLE}
    parents = {view.process for view in before.tasks() if view.id in blocked}
    for change in request.diff.all_changes:
        if change.kind == "renamed" and change.before.id in blocked | parents:
            old, new = change.before.id, change.element.id
            if old not in request.mapping:
                yield Proposal(old, new, f"same kind, neighbours and content ({change.rule})")


def _impacts(request: MigrationRequest, before: Running) -> Iterator[TaskImpact]:
    tasks = by_element(moving(request, before), LIVE | FINISHED)
    for change in own_changes(request.diff):
        if change.kind == "layout":
            continue
        for view in tasks.get(change.before.id, ()):
            where = "active" if view.state in LIVE else "completed"
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


def _under_way(request: MigrationRequest, before: Running) -> Iterator[Rebound]:
    """References that mean something else, of calls that have been entered."""
    entered = {view.id for view in moving(request, before) if view.state == "STARTED"}
    entered |= {request.mapping.get(id, id) for id in entered}
    yield from (each for each in request.rebound if each.kind == "process" and each.element in entered)


def _still_followed(request: MigrationRequest, before: Running, ahead: frozenset[str]) -> Iterator[Rebound]:
    """References that mean something else, of elements the instance is at or may come to.

    What a call has started goes on as it is; only a call that is entered again follows the new version.
    """
    live = {
        view.id for view in before.tasks() if view.state in LIVE - {"STARTED"} or (view.loop and view.state in LIVE)
    }
    live |= {request.mapping.get(id, id) for id in live}
    yield from (each for each in request.rebound if each.element in ahead | live)


def _new_nodes(diff: Diff) -> Iterator[tuple[str, str | None]]:
    """Ids of nodes that are new in the process, each with the sub-process it lies in."""
    for change in diff.changes:
        if change.kind == "added" and change.rule in ("node-added", "subprocess-added", "boundary-added"):
            yield change.element.id, change.new.get("scope") if isinstance(change.new, dict) else None


def _with_contents(ahead: frozenset[str], nodes: Mapping[str, str | None]) -> frozenset[str]:
    """The nodes ahead, and what is new in sub-processes among them."""
    found = set(ahead)
    pending = True
    while pending:
        inner = {node for node, scope in nodes.items() if scope in found and node not in found}
        found |= inner
        pending = bool(inner)
    return frozenset(found)
