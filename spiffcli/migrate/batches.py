"""Impact and migration of several instances: what it would do, and one result for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spiffcli.errors import RunnerError, StateError
from spiffcli.migrate.apply import Result, Target, migrate_one, rollback
from spiffcli.migrate.batch import failed
from spiffcli.migrate.check import Prover
from spiffcli.migrate.values import VERDICTS
from spiffcli.workspace import Workspace

if TYPE_CHECKING:
    from spiffcli.catalog.instances import Standing
    from spiffcli.migrate.fleet import Fleet
    from spiffcli.migrate.values import Plan, Verdict
    from spiffcli.values import Instance


def impact_document(workspace: Workspace, target: Target, chosen: Sequence[Standing]) -> dict[str, Any]:
    """A `runner/impact/1` document that tells of each instance by itself.

    Raises:
        StateError: An instance has ended, or runs another process.
    """
    plans = plans_of(workspace, target, [each.id for each in chosen])
    rows = [workspace.catalog.instance(plan.instance) for plan in plans]
    totals = Counter(plan.verdict for plan in plans)
    return _impact(target, [_told(plan, row) for plan, row in zip(plans, rows, strict=True)], totals)


def plans_of(workspace: Workspace, target: Target, refs: Iterable[str]) -> list[Plan]:
    """What moving instances would do: verdict and reasons. Nothing is stored.

    Raises:
        NotFoundError: There is no such instance.
        StateError: One has ended, or runs another process.
    """
    prover = Prover(workspace, target)
    catalog = workspace.catalog
    return [prover.told(*catalog.load(catalog.instance(ref).id)) for ref in refs]


def fleet_document(workspace: Workspace, target: Target, chosen: Sequence[Standing]) -> dict[str, Any]:
    """A `runner/impact/1` document that tells once of all instances that stand alike.

    Raises:
        StateError: An instance has ended, or runs another process.
    """
    from spiffcli.migrate.fleet import judge

    fleet = judge(workspace, target, chosen)
    places = {each.id: place for place, each in enumerate(chosen)}
    members = sorted(_members(fleet, target), key=lambda each: places[each["id"]])
    groups = [_told(group.plan, workspace.catalog.instance(group.plan.instance)) for group in fleet.groups]
    return {**_impact(target, members, fleet.totals), "groups": groups}


def _members(fleet: Fleet, target: Target) -> Iterator[dict[str, Any]]:
    for number, group in enumerate(fleet.groups):
        for each in group.members:
            yield {
                "id": each.id,
                "from": each.label,
                "to": target.definition.label,
                "revision": each.revision,
                "verdict": group.verdict,
                "state": each.state,
                "group": number,
            }


def _impact(target: Target, instances: list[dict[str, Any]], totals: Mapping[Verdict, int]) -> dict[str, Any]:
    return {
        "schema": "runner/impact/1",
        "spec": target.definition.label,
        "instances": instances,
        "totals": {verdict: totals.get(verdict, 0) for verdict in VERDICTS},
    }


def _told(plan: Plan, row: Instance) -> dict[str, Any]:
    waiting = [{"task": task.task, "id": task.id, "name": task.name, "state": task.state} for task in row.active]
    return {**plan.to_json(), "natural_id": row.natural_id, "state": row.state, "waits_at": waiting}


def moved(workspace: Workspace, target: Target, chosen: Sequence[Standing], jobs: int = 1) -> Iterator[Result]:
    """Move instances, in chunks that are durable at once; one that cannot be moved stops no other.

    Args:
        jobs: Processes that share the work.

    Raises:
        StateError: The target is suspended, or one of the processes died.
    """
    from spiffcli.migrate.batch import migrate_many

    ids = [each.id for each in chosen]
    if jobs > 1 and len(ids) > 1:
        yield from _moved_by_processes(workspace, target, ids, jobs)
    elif len(ids) > 1:
        yield from migrate_many(workspace, target, ids)
    else:
        yield from _one_by_one(workspace, target, chosen, {})


def _moved_by_processes(workspace: Workspace, target: Target, ids: Sequence[str], jobs: int) -> Iterator[Result]:
    from concurrent.futures.process import BrokenProcessPool

    from spiffcli.migrate.batch import Order, migrate_with_processes
    from spiffcli.migrate.worker import open_order

    workspace.store.close()  # the processes may begin as copies of this one; it opens again when it is needed
    allow = tuple(sorted(target.waivers.allowed))
    order = Order(workspace.settings, target.definition.id, target.policies, allow, target.waivers.everything)
    try:
        yield from migrate_with_processes(order, ids, jobs, open_order)
    except BrokenProcessPool as broken:
        raise StateError(
            "One of the processes died before it told what it did. Every instance is either moved or as it was.",
            hint="Say the same again: those that were moved are left out.",
        ) from broken


def moved_as_planned(
    workspace: Workspace, target: Target, chosen: Sequence[Standing], hashes: Mapping[str, str]
) -> Iterator[Result]:
    """Move instances exactly as was planned, or refuse those that moved on since.

    Args:
        hashes: Of the plans, by id of the instance.
    """
    yield from _one_by_one(workspace, target, chosen, hashes)


def _one_by_one(
    workspace: Workspace, target: Target, chosen: Sequence[Standing], hashes: Mapping[str, str]
) -> Iterator[Result]:
    for each in chosen:
        try:
            instance = workspace.catalog.instance(each.id)
            yield migrate_one(workspace, instance, target, expected=hashes.get(each.id))
        except RunnerError as error:
            yield failed(each.id, each.label, target.definition.label, each.revision, error)


def taken_back(workspace: Workspace, chosen: Sequence[Standing]) -> Iterator[Result]:
    """Take the last migration of each instance back."""
    for each in chosen:
        try:
            yield rollback(workspace, workspace.catalog.instance(each.id))
        except RunnerError as error:
            yield failed(each.id, each.label, each.label, each.revision, error)


def migration_document(label: str, results: Sequence[Result], *, dry_run: bool = False) -> dict[str, Any]:
    """A `runner/migration/1` document.

    Args:
        label: Where the instances go, as `key@version`.
    """
    return {
        "schema": "runner/migration/1",
        "spec": label,
        "dry_run": dry_run,
        "results": [result.to_json() for result in results],
        "totals": dict(Counter(result.outcome for result in results)),
    }
