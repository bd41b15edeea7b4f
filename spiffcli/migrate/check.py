"""One plan for all instances that stand in the same situation, wherever that is proved to be right.

What a move does and what forbids it follows from the situation, unless the move looks at data: then every instance
has its own plan. Tests hold these plans against those made one by one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.catalog.clock import iso
from spiffcli.catalog.instances import Situation
from spiffcli.engine.registry import loads
from spiffcli.engine.retarget.patch import Patch, Patched, numbered
from spiffcli.instances.session import row_of
from spiffcli.instances.spec_source import specs_of
from spiffcli.migrate.apply import plan_specs, require_movable
from spiffcli.migrate.blockers import unexplained_changes
from spiffcli.migrate.plan import make_plan
from spiffcli.migrate.target import Target
from spiffcli.migrate.values import Blocker, Plan, TaskImpact
from spiffcli.values import Instance, Subscription, digest
from spiffcli.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from spiffcli.engine.retarget.values import Subscribed

#: What tells the events apart that one instance waits for: task, kind, name, and the place among those.
_Source: TypeAlias = tuple[str, str, str, int]

_Told = TypeVar("_Told", TaskImpact, Blocker)

#: Rules whose blockers come from data of the instance.
_OF_DATA = frozenset({"event-not-armed", "script-failed", "reset-not-possible"})


def looks_at_data(plan: Plan) -> bool:
    """Whether a plan rests on data of its instance, so that it says nothing about others in the same situation."""
    policies = plan.policies
    asked = policies.data or policies.script is not None or policies.reset or policies.start
    restarted = policies.timers == "restart" and plan.subscriptions
    failed = any(blocker.rule in _OF_DATA for blocker in (*plan.blockers, *plan.overridden))
    looked = any(each.kind == "condition" for each in plan.subscriptions)
    return bool(asked or restarted or failed or looked or plan.armed or plan.started or plan.reset)


class Proof(Struct, frozen=True):
    """A plan that was made with one instance, and what it takes to carry it out for others like it.

    Attributes:
        plan: As it was made, with the ids of that instance.
        numbers: Ids of its tasks, in the order of the tree.
        patch: What the plan does to a state; None where each instance needs a plan of its own to be moved.
        after: The row of that instance afterwards.
        situation: Where it stands then.
        busy: Whether something in it can run at once.
        sources: For each event it waits for then, which one before it goes on from.
    """

    plan: Plan
    numbers: tuple[str, ...]
    patch: Patch | None = None
    after: Instance | None = None
    situation: Situation | None = None
    busy: bool = False
    sources: tuple[_Source | None, ...] = ()


class Ready(Struct, frozen=True):
    """An instance ready to be moved, or the reason why not.

    Attributes:
        plan: Its own.
        row, state: What to store; None where the plan cannot be applied.
        situation: Where it stands then.
        specs: What the state needs that no definition has.
        busy: Whether something in it can run at once.
    """

    plan: Plan
    row: Instance | None = None
    state: bytes = b""
    situation: Situation | None = None
    specs: tuple[bytes, ...] = ()
    busy: bool = False


class Prover:
    """Makes plans for many instances with one target, as few as can be.

    Attributes:
        made: How many plans were made.
    """

    def __init__(self, workspace: Workspace, target: Target) -> None:
        self.workspace = workspace
        self.specs = specs_of(workspace)
        self.target = target
        self.made = 0
        self._escaped: dict[str, tuple[Blocker, ...]] = {}
        self._proofs: dict[tuple[str, str], Proof] = {}

    def judge(self, instance: Instance, state: bytes) -> Proof | None:
        """The plan for all that stand where this instance stands; None where each needs its own."""
        key = (instance.definition, instance.situation)
        proof = self._proofs.get(key)
        if proof is None:
            proof = self._proofs[key] = self._proof(instance, state)
        return None if looks_at_data(proof.plan) else proof

    def known(self, definition: str, situation: str) -> Proof | None:
        """The proof for a situation, if there is one already."""
        return self._proofs.get((definition, situation))

    def plan(self, instance: Instance, state: bytes) -> Plan:
        """The plan of one instance, made for it alone.

        Raises:
            StateError: It has ended, or runs another process.
        """
        require_movable(instance, self.target.definition)
        old = self.specs.definition(instance.definition)
        request = replace(self.target.request(instance, state, old), cache=self.specs.cache)
        if old.id not in self._escaped:
            self._escaped[old.id] = tuple(unexplained_changes(self.specs, request))
        self.made += 1
        return make_plan(self.workspace.engine, self.specs, replace(request, escaped=self._escaped[old.id]))

    def told(self, instance: Instance, state: bytes) -> Plan:
        """The plan of one instance, taken from its situation where that is right; as `plan` would make it.

        Raises:
            StateError: It has ended, or runs another process.
        """
        require_movable(instance, self.target.definition)
        proof = self.judge(instance, state) if instance.situation else None
        if proof is None:
            return self.plan(instance, state)
        if proof.plan.instance == instance.id:
            return proof.plan
        return _plan_of(instance, state, proof, tuple(numbered(loads(state))))

    def ready(self, instance: Instance, state: bytes) -> Ready:
        """What becomes of one instance, its plan taken from its situation where that is right.

        Raises:
            StateError: It has ended, or runs another process.
        """
        if instance.definition == self.target.definition.id:
            label = self.target.definition.label
            ids = (instance.id, instance.revision, instance.definition, instance.definition)
            return Ready(Plan(*ids, label, label, "unchanged", basis=digest(state)))
        require_movable(instance, self.target.definition)
        proof = self.judge(instance, state) if instance.situation else None
        if proof is None or proof.plan.instance == instance.id:
            plan = self.plan(instance, state) if proof is None else proof.plan
            return self._moved(instance, plan)
        if not proof.plan.applicable:
            return Ready(_plan_of(instance, state, proof, tuple(numbered(loads(state)))))
        return self._patched(instance, state, proof) or self._moved(instance, self.plan(instance, state))

    def _proof(self, instance: Instance, state: bytes) -> Proof:
        plan = self.plan(instance, state)
        numbers = tuple(numbered(loads(state)))
        if not plan.applicable or looks_at_data(plan):
            return Proof(plan, numbers)
        ready = self._moved(instance, plan)
        sources = None if ready.row is None else _sources(instance, ready.row)
        patch = None if sources is None else Patch.between(state, plan.state)
        return Proof(plan, numbers, patch, ready.row, ready.situation, ready.busy, sources or ())

    def _moved(self, instance: Instance, plan: Plan) -> Ready:
        """An instance moved by its own plan, with the row that the engine says it has."""
        if not plan.applicable or plan.source == plan.target:
            return Ready(plan)
        target = self.target.definition
        running = self.workspace.engine.restore(plan.state, self.specs.cache.over(plan_specs(self.workspace, plan)))
        source = target.source.without_files()
        moved = replace(instance, definition=target.id, key=target.key, version=target.version, source=source)
        row, situation = row_of(moved, running, iso(self.workspace.now()))
        busy = any(view.state == "READY" and not view.manual for view in running.tasks())
        return Ready(plan, row, plan.state, situation, plan.specs, busy)

    def _patched(self, instance: Instance, state: bytes, proof: Proof) -> Ready | None:
        """An instance moved by the patch of its situation; None where it does not fit."""
        patched = proof.patch.apply(state) if proof.patch is not None else None
        if patched is None or len(patched.numbers) != len(proof.numbers):
            return None
        row = _row(instance, proof, patched, iso(self.workspace.now()))
        if row is None:
            return None
        plan = _plan_of(instance, state, proof, patched.numbers)
        return Ready(plan, row, patched.state, proof.situation, proof.plan.specs)


def _plan_of(instance: Instance, state: bytes, proof: Proof, numbers: Sequence[str]) -> Plan:
    """A plan with the ids of another instance in the same situation."""
    plan = proof.plan
    names = dict(zip(proof.numbers, numbers, strict=True))
    return replace(
        plan,
        instance=instance.id,
        revision=instance.revision,
        basis=digest(state),
        tasks=_renamed(plan.tasks, names),
        blockers=_renamed(plan.blockers, names),
        overridden=_renamed(plan.overridden, names),
        moves=tuple((names[task], old, new) for task, old, new in plan.moves),
        subscriptions=tuple(_with_own_deadlines(plan.subscriptions, names, instance)),
        state=b"",
        specs=(),
        shared=plan.applicable,
    )


def _with_own_deadlines(
    told: Sequence[Subscribed], names: Mapping[str, str], instance: Instance
) -> Iterator[Subscribed]:
    """What is told of armed events, with the ids and the kept deadlines of another instance."""
    dues = {each.task: each.due for each in instance.subscriptions if each.kind == "timer"}
    for each in told:
        own = replace(each, task=names[each.task])
        if own.kind == "timer":
            own = replace(own, before=dues.get(own.task), after=dues.get(own.task))
        yield own


def _renamed(told: tuple[_Told, ...], names: Mapping[str, str]) -> tuple[_Told, ...]:
    return tuple(replace(each, task=names.get(each.task, each.task)) for each in told)


def _row(instance: Instance, proof: Proof, patched: Patched, now: str) -> Instance | None:
    """The row of an instance after a move, from that of another in the same situation; None if they do not fit."""
    after = proof.after
    assert after is not None
    names = dict(zip(proof.numbers, patched.numbers, strict=True))
    own = dict(_keyed(instance.subscriptions))
    subscriptions = []
    for each, source in zip(after.subscriptions, proof.sources, strict=True):
        mine = own.get((names[source[0]], source[1], source[2], source[3])) if source is not None else each
        if mine is None:
            return None
        task = names.get(each.task, each.task)
        subscriptions.append(replace(each, task=task, due=mine.due, correlation=mine.correlation))
    return replace(
        instance,
        definition=after.definition,
        key=after.key,
        version=after.version,
        source=after.source,
        state=after.state,
        updated=now,
        active=tuple(replace(each, task=names[each.task]) for each in after.active),
        subscriptions=tuple(subscriptions),
        due=_due(after, proof.busy or patched.pending, subscriptions),
        situation=after.situation,
        calls=instance.calls if set(instance.calls) == set(after.calls) else after.calls,
    )


def _due(after: Instance, busy: bool, subscriptions: Sequence[Subscription]) -> float | None:
    if busy and after.state == "running":
        return 0.0
    return min((each.due for each in subscriptions if each.due is not None), default=None)


def _keyed(subscriptions: Sequence[Subscription]) -> Iterator[tuple[_Source, Subscription]]:
    """Subscriptions by what tells them apart: task, kind, name, and the place among those."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for each in subscriptions:
        key = (each.task, each.kind, each.name)
        yield (*key, counts[key]), each
        counts[key] += 1


def _sources(before: Instance, after: Instance) -> tuple[_Source | None, ...] | None:
    """Which subscription before the move each one after it goes on from; None where that is not clear.

    What starts an event sub-process belongs to no task, and goes on from nothing.
    """
    known = [key for key, _ in _keyed(before.subscriptions)]
    found: list[_Source | None] = []
    for key, each in _keyed(after.subscriptions):
        if not each.task:
            found.append(None)
        elif key in known:
            found.append(key)
        else:
            alike = [other for other in known if other[:2] == key[:2]]
            if len(alike) != 1 or sum(other.task == each.task for other in after.subscriptions) != 1:
                return None
            found.append(alike[0])
    return tuple(found)
