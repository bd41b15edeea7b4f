"""What a migration of one instance would do: a value that is printed, saved, gated on, and applied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from msgspec import Struct, field
from msgspec.structs import asdict

from spiffcli.deployments.rebinding import Rebound
from spiffcli.diff.changes import Diff
from spiffcli.engine.retarget.values import Policies, Subscribed
from spiffcli.values import Definition, Instance

if TYPE_CHECKING:
    from spiffcli.engine.workflow import SpecCache

Timers = Literal["keep", "restart"]
Events = Literal["keep", "update"]
Verdict = Literal["unchanged", "migratable", "needs-mapping", "blocked"]

VERDICTS: tuple[Verdict, ...] = ("unchanged", "migratable", "needs-mapping", "blocked")


class Blocker(Struct, frozen=True):
    """Why an instance cannot be moved as it is.

    Attributes:
        rule: Id of the rule that says so.
        task: Id of the task inside the instance, or the empty string.
        element: BPMN id of the node concerned.
        state: State of the task, or the empty string.
        fix: The way out.
        waivable: Whether `--allow` or `--force` may override it.
    """

    rule: str
    task: str
    element: str
    name: str | None
    state: str
    reason: str
    fix: str
    waivable: bool = False


class Proposal(Struct, frozen=True):
    """A proposed `--map OLD=NEW`, and why. Never applied by itself."""

    old: str
    new: str
    why: str


class TaskImpact(Struct, frozen=True):
    """What a change means for one task of the instance.

    Attributes:
        task: Id of the task inside the instance.
        element: BPMN id of its node.
        consequence: In words.
    """

    task: str
    element: str
    name: str | None
    state: str
    rule: str
    severity: str
    consequence: str


#: Rules that may be allowed: after a move against them the instance is whole, but has left something out, or does it
#: again. Two are those of boundary events and event sub-processes that were renamed, and begin again; the last one is
#: about business code that can still be brought.
ALLOWABLE = (
    "node-added-before-token",
    "node-repeated",
    "entry-not-repeated",
    "data-object-lost",
    "join-never-satisfied",
    "node-id-changed",
    "subprocess-id-changed",
    "service-missing",
)


class Waivers(Struct, frozen=True):
    """What the user allows: rules, rules at single elements, or everything that may be waived.

    Attributes:
        allowed: `RULE` or `RULE:ELEMENT`, as given.
        everything: Whether `--force` was given.
    """

    allowed: frozenset[str] = frozenset()
    everything: bool = False

    @classmethod
    def of(cls, allow: Iterable[str] = (), *, force: bool = False) -> Waivers:
        """Waivers from options."""
        return cls(frozenset(allow), force)

    def cover(self, blocker: Blocker) -> bool:
        """Whether a blocker is waived."""
        if not blocker.waivable:
            return False
        return self.everything or blocker.rule in self.allowed or f"{blocker.rule}:{blocker.element}" in self.allowed


class Plan(Struct, frozen=True):
    """What a migration of one instance would do.

    Attributes:
        instance: Its id.
        revision: Its revision when the plan was made.
        source, target: Definition ids before and after.
        from_label, to_label: The same as `key@version`.
        tasks: Tasks whose node changed, and what that means.
        blockers: Why not; empty for a plan that can be applied.
        overridden: Blockers that were waived.
        proposals: Mappings that would help.
        policies: How it is moved: mappings, timers, events, data ...
        moves: Live tasks as (task, old node, new node).
        skipped: Ids of new nodes that the tokens cannot come to any more.
        pending: Ids of new nodes that lie ahead of the tokens.
        armed, disarmed: Ids of boundary events put on and taken off live tasks.
        wrapped, unwrapped: Ids of sub-processes that began around live tasks, and that were taken away around them.
        history: Ids of finished nodes the new version lacks.
        subscriptions: Armed events whose definition changed, before and after.
        started: Ids of branches that are started.
        reset: Ids of nodes whose tasks are entered again.
        rebound: References that mean something else from then on, of nodes the instance is at or may come to.
        entered: References that mean something else, of calls under way: what they have entered goes on as it is.
        basis: Hash of the state the plan was made from.
        state: The new state; empty where blockers forbid it, and where the plan is shared.
        shared: Whether it can be applied, and was taken from that of another instance in the same situation.
        specs: Specs the new state needs that no definition has.
    """

    instance: str
    revision: int
    source: str
    target: str
    from_label: str
    to_label: str
    verdict: Verdict
    tasks: tuple[TaskImpact, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    overridden: tuple[Blocker, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    policies: Policies = field(default_factory=Policies)
    moves: tuple[tuple[str, str, str], ...] = ()
    skipped: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    armed: tuple[str, ...] = ()
    disarmed: tuple[str, ...] = ()
    wrapped: tuple[str, ...] = ()
    unwrapped: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    subscriptions: tuple[Subscribed, ...] = ()
    started: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()
    rebound: tuple[Rebound, ...] = ()
    entered: tuple[Rebound, ...] = ()
    basis: str = ""
    state: bytes = b""
    specs: tuple[bytes, ...] = ()
    shared: bool = False

    @property
    def applicable(self) -> bool:
        """Whether it can be applied."""
        return not self.blockers and (self.shared or bool(self.state))

    @property
    def hash(self) -> str:
        """What it would do, as 16 hex digits.

        New tasks get random ids and new timers the time of the moment, so the hash is of all that decides what
        happens: the state it starts from, the versions, and what the user asked for.
        """
        content = [
            self.instance,
            self.revision,
            self.source,
            self.target,
            self.basis,
            policies_json(self.policies),
            sorted(blocker.rule + ":" + blocker.element for blocker in self.overridden),
        ]
        # Not with a library that has no integers beyond 64 bits.
        return hashlib.sha256(_canonical(content).encode()).hexdigest()[:16]


MigrationOutcome = Literal["migrated", "refused", "unchanged", "failed", "planned", "rolled-back"]


class MigrationResult(Struct, frozen=True):
    """What became of one instance.

    Attributes:
        reason: Why not, for `refused`, `unchanged` and `failed`.
        fix: The way out, where there is a reason and a way.
        plan: What was applied, or would be; None where none could be made.
    """

    instance: str
    from_label: str
    to_label: str
    outcome: MigrationOutcome
    revision: int
    reason: str | None = None
    fix: str | None = None
    plan: Plan | None = None


class MigrationRequest(Struct, frozen=True):
    """One instance, and where it is to go.

    Attributes:
        state: Its stored state.
        old, new: Definitions.
        diff: What changed between their models.
        policies: How to move it: mappings, timers, events, data ...
        cache: Specs that have been restored already.
        escaped: What `unexplained_changes` finds of the two versions, where that is known.
        rebound: References that mean something else in the new version.
        unserved: Tasks of the new version that no service covers.
    """

    instance: Instance
    state: bytes
    old: Definition
    new: Definition
    diff: Diff
    policies: Policies = field(default_factory=Policies)
    waivers: Waivers = field(default_factory=Waivers)
    cache: SpecCache | None = None
    escaped: tuple[Blocker, ...] | None = None
    rebound: tuple[Rebound, ...] = ()
    unserved: tuple[Blocker, ...] = ()

    @property
    def mapping(self) -> Mapping[str, str]:
        """New node id by old one, as the user says."""
        return self.policies.mapping


_canonical = json.JSONEncoder(sort_keys=True).encode


def policies_json(policies: Policies) -> dict[str, Any]:
    """How instances are moved, as JSON values."""
    return {
        "mapping": dict(sorted(policies.mapping.items())),
        "timers": policies.timers,
        "events": policies.events,
        "start": sorted(policies.start),
        "reset": sorted(policies.reset),
        "data": json.loads(json.dumps(dict(policies.data), sort_keys=True, default=repr)) if policies.data else {},
        "script": policies.script,
    }


def policies_from(found: Any) -> Policies:
    """What `policies_json` gave.

    Raises:
        KeyError, TypeError, ValueError: It is something else.
    """
    policies = Policies(
        mapping={str(old): str(new) for old, new in found["mapping"].items()},
        timers=found["timers"],
        events=found["events"],
        start=frozenset(map(str, found["start"])),
        reset=frozenset(map(str, found["reset"])),
        data=dict(found["data"]),
        script=found["script"],
    )
    if policies.timers not in get_args(Timers) or policies.events not in get_args(Events):
        raise ValueError("no such policy")
    return policies


def blocker_json(blocker: Blocker) -> dict[str, Any]:
    """A blocker as histories keep it."""
    return {**asdict(blocker), "task": blocker.task or None, "state": blocker.state or None}
