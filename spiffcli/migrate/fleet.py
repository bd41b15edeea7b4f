"""What moving many instances would mean, with at most one of them loaded for each situation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from spiffcli.catalog.instances import Standing
from spiffcli.errors import NotFoundError, StateError
from spiffcli.migrate.check import Prover
from spiffcli.migrate.target import Target
from spiffcli.migrate.values import VERDICTS, Plan, Verdict
from spiffcli.values import Definition, Instance
from spiffcli.workspace import Workspace


class Group(Struct, frozen=True):
    """Instances of which the same holds.

    Attributes:
        plan: That of the one instance that was looked at; ids of tasks in it are that instance's.
        instance: That instance.
        members: All of them, that one included.
    """

    plan: Plan
    instance: Instance
    members: tuple[Standing, ...]

    @property
    def verdict(self) -> Verdict:
        """What holds of all of them."""
        return self.plan.verdict

    @property
    def waiting_at(self) -> tuple[str, ...]:
        """Ids of the nodes they all wait at."""
        return self.members[0].waiting_at


class Fleet(Struct, frozen=True):
    """What moving many instances would mean.

    Attributes:
        target: The version they would go to.
        groups: In the order in which their first instances were started.
        order: Ids of all of them, in the order in which they were named.
        gone: Ids of instances that ended or were deleted while they were looked at.
        loaded: How many instances were loaded for it.
    """

    target: Definition
    groups: tuple[Group, ...]
    order: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    loaded: int = 0

    @property
    def totals(self) -> Mapping[Verdict, int]:
        """How many instances have each verdict."""
        counts: Counter[Verdict] = Counter()
        for group in self.groups:
            counts[group.verdict] += len(group.members)
        return {verdict: counts[verdict] for verdict in VERDICTS}


def judge(workspace: Workspace, target: Target, standings: Iterable[Standing], prover: Prover | None = None) -> Fleet:
    """What moving these instances would mean. Nothing is stored.

    Raises:
        StateError: One has ended, or runs another process.
    """
    prover = prover or Prover(workspace, target)
    judging = _Judging(workspace, prover)
    standings = list(standings)
    for members in _alike(standings):
        judging.together(members)
    order = tuple(each.id for each in standings)
    return Fleet(prover.target.definition, tuple(judging.groups), order, tuple(judging.gone), judging.loaded)


def judge_each(workspace: Workspace, target: Target, refs: Iterable[str]) -> Fleet:
    """As `judge`, each instance by itself, in the order in which they are named.

    Raises:
        NotFoundError: There is no such instance.
        StateError: One has ended, or runs another process.
    """
    prover, catalog = Prover(workspace, target), workspace.catalog
    groups = []
    for ref in refs:
        instance, state = catalog.load(catalog.instance(ref).id)
        groups.append(Group(prover.told(instance, state), instance, (Standing.of(instance),)))
    return Fleet(target.definition, tuple(groups), loaded=len(groups))


def _alike(standings: Iterable[Standing]) -> list[list[Standing]]:
    found: dict[tuple[str, str], list[Standing]] = {}
    for each in standings:
        # Rows from before situations were stored stand for themselves.
        found.setdefault((each.definition, each.situation or each.id), []).append(each)
    return list(found.values())


class _Judging:
    def __init__(self, workspace: Workspace, prover: Prover) -> None:
        self._workspace = workspace
        self._prover = prover
        self.groups: list[Group] = []
        self.gone: list[str] = []
        self.loaded = 0

    def together(self, members: list[Standing]) -> None:
        """Judge instances that stand alike: by the first of them that still does, or each by itself."""
        for place, each in enumerate(members):
            found = self._look(each)
            if found is None:
                self.gone.append(each.id)
                continue
            instance, plan, alike = found
            if alike and plan.revision == each.revision:
                self.groups.append(Group(plan, instance, tuple(members[place:])))
                return
            self.groups.append(Group(plan, instance, (each,)))

    def _look(self, each: Standing) -> tuple[Instance, Plan, bool] | None:
        """One instance, its plan, and whether that holds for all that stand there; None if it is gone meanwhile."""
        try:
            instance, state = self._workspace.catalog.load(each.id)
        except NotFoundError:
            return None
        self.loaded += 1
        try:
            proof = self._prover.judge(instance, state) if instance.situation else None
            plan = proof.plan if proof is not None else self._prover.plan(instance, state)
        except StateError:
            if instance.revision == each.revision:
                raise
            return None  # it ended meanwhile
        return instance, plan, proof is not None
