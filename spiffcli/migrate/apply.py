"""Applying a plan, and taking it back. Each is one transaction: the instance is old or new, never between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from spiffcli.engine.retarget import Overlay
from spiffcli.errors import ConflictError, NotFoundError, StateError
from spiffcli.instances.dispatcher import dispatcher_of
from spiffcli.instances.session import Session
from spiffcli.instances.spec_source import specs_of
from spiffcli.migrate.plan import make_plan
from spiffcli.migrate.target import Target
from spiffcli.migrate.values import MigrationOutcome, MigrationResult, Plan, blocker_json, policies_json
from spiffcli.values import Definition, HistoryEntry, Instance, digest
from spiffcli.workspace import Workspace

if TYPE_CHECKING:
    from spiffcli.engine import SpecSource

#: What the history tells of a plan as lists of ids.
_LISTED = ("skipped", "armed", "disarmed", "wrapped", "unwrapped", "started", "reset")


def plan_one(workspace: Workspace, instance: Instance, target: Target) -> Plan:
    """What moving the instance would do, as it is in the store now.

    Raises:
        StateError: It has ended, or runs another process.
    """
    instance, state = workspace.catalog.load(instance.id)
    require_movable(instance, target.definition)
    old = specs_of(workspace).definition(instance.definition)
    return make_plan(workspace.engine, specs_of(workspace), target.request(instance, state, old))


def migrate_one(
    workspace: Workspace, instance: Instance, target: Target, *, expected: str | None = None
) -> MigrationResult:
    """Move one instance.

    Args:
        expected: Hash of a plan made earlier: it is applied exactly, or refused because the instance moved on.

    Raises:
        StateError: It has ended, or runs another process; or the target is suspended.
        BusyError: Another command holds it.
        ConflictError: It moved on since `expected` was made.
    """
    with dispatcher_of(workspace).open(instance.id, f"migrate to {target.definition.label}") as session:
        plan = plan_one(workspace, session.instance, target)
        if expected is not None and plan.hash != expected:
            raise ConflictError(
                f"Instance {instance.id} is not as it was when the plan was made "
                f"(it is at revision {session.instance.revision} now).",
                hint="Make a new plan with --dry-run --save-plan.",
            )
        result = planned(plan)
        if result.outcome != "planned":
            return result
        require_open_target(target.definition)
        moved = _apply(workspace, session, plan, target.definition)
        return _result(plan, "migrated", moved.revision)


def planned(plan: Plan) -> MigrationResult:
    """What would become of the instance, had the plan been applied now."""
    if plan.source == plan.target:
        told = replace(plan, blockers=(), overridden=(), proposals=(), subscriptions=(), reset=())
        return _result(told, "unchanged", plan.revision, "It runs on this version already; nothing was done.")
    if not plan.applicable:
        fixes = dict.fromkeys(blocker.fix for blocker in plan.blockers)
        reason = " ".join(dict.fromkeys(blocker.reason for blocker in plan.blockers))
        return _result(plan, "refused", plan.revision, reason, " ".join(fixes) or None)
    return _result(plan, "planned", plan.revision)


def _result(
    plan: Plan, outcome: MigrationOutcome, revision: int, reason: str | None = None, fix: str | None = None
) -> MigrationResult:
    return MigrationResult(plan.instance, plan.from_label, plan.to_label, outcome, revision, reason, fix, plan)


def require_open_target(target: Definition) -> None:
    """Raise StateError unless instances may be moved to this definition.

    Raises:
        StateError: It is suspended.
    """
    if target.suspended:
        raise StateError(
            f"{target.label} is suspended, so no instance is moved to it.",
            hint=f"Activate it first: runner activate {target.label}",
            definition=target.id,
        )


def require_movable(instance: Instance, target: Definition) -> None:
    """Raise StateError unless the instance could be moved to this definition.

    Raises:
        StateError: It has ended, or runs another process.
    """
    if instance.state in ("completed", "cancelled"):
        raise StateError(
            f"Instance {instance.id} is {instance.state} since {instance.ended}; finished work is not migrated.",
            instance=instance.id,
            state=instance.state,
        )
    if instance.key != target.key:
        raise StateError(
            f"Instance {instance.id} runs '{instance.key}', not '{target.key}'; "
            "instances move between versions of one process.",
            hint=f"Name a version of {instance.key}: runner list_specs {instance.key}",
            instance=instance.id,
        )


def _apply(workspace: Workspace, session: Session, plan: Plan, target: Definition) -> Instance:
    _, preimage = workspace.catalog.load(session.instance.id)
    running = workspace.engine.restore(plan.state, specs_of(workspace).cache.over(plan_specs(workspace, plan)))
    session.move_to(running, target)
    session.note("migrated", **noted(plan, digest(preimage)))
    session.save(keep=(preimage, *plan.specs))
    return session.instance


def noted(plan: Plan, preimage: str) -> dict[str, Any]:
    """What the history says of a move.

    Args:
        preimage: Hash of the state before it.
    """
    policies = policies_json(plan.policies)
    return {
        "from": plan.from_label,
        "to": plan.to_label,
        "source": plan.source,
        "target": plan.target,
        "plan": plan.hash,
        "moves": [list(move) for move in plan.moves],
        **{name: list(getattr(plan, name)) for name in _LISTED},
        "overridden": [blocker_json(blocker) for blocker in plan.overridden],
        "rebound": [each.to_json() for each in plan.rebound],
        "policies": {name: value for name, value in policies.items() if value and value != "keep"},
        "preimage": preimage,
        "revision": plan.revision + 1,
    }


def plan_specs(workspace: Workspace, plan: Plan) -> SpecSource:
    """The catalog's specs, and those a plan brings with it."""
    return Overlay(specs_of(workspace), {digest(content): content for content in plan.specs})


def rollback(workspace: Workspace, instance: Instance) -> MigrationResult:
    """Take the last migration of an instance back: a new revision with the state before it.

    Raises:
        StateError: It was never migrated, or has moved on since.
        BusyError: Another command holds it.
    """
    with dispatcher_of(workspace).open(instance.id, "rollback") as session:
        entry = _last_migration(workspace, session.instance)
        details = entry.details
        if session.instance.ended is not None:
            raise StateError(
                f"Instance {instance.id} is {session.instance.state} since {session.instance.ended}; "
                "going back would lose what was done since.",
                instance=instance.id,
                state=session.instance.state,
            )
        if details["revision"] != session.instance.revision:
            raise StateError(
                f"Instance {instance.id} has moved on since it was migrated to {details['to']} at {entry.at}; "
                "going back would lose what was done since.",
                hint=f"Migrate it to {details['from']} instead: runner migrate -s {details['from']} -w {instance.id}",
            )
        try:
            old = workspace.catalog.definition(details["source"])
        except NotFoundError as error:
            raise StateError(f"{details['from']} was deleted, so the instance cannot go back to it.") from error
        running = workspace.engine.restore(workspace.catalog.blob(details["preimage"]), specs_of(workspace).cache)
        label = session.instance_label
        session.move_to(running, old)
        session.note("rolled-back", **{"from": details["to"], "to": details["from"]})
        session.save()
        return MigrationResult(instance.id, label, old.label, "rolled-back", session.instance.revision)


def _last_migration(workspace: Workspace, instance: Instance) -> HistoryEntry:
    moves = [e for e in workspace.catalog.history(instance.id) if e.what in ("migrated", "rolled-back")]
    if not moves or moves[-1].what != "migrated":
        what = "was never migrated" if not moves else "was rolled back already"
        raise StateError(f"Instance {instance.id} {what}; there is nothing to take back.", instance=instance.id)
    return moves[-1]
