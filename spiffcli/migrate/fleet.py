"""What moving many instances would mean, with at most one of them loaded for each situation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from spiffcli.catalog.instances import Standing
from spiffcli.errors import NotFoundError, StateError
from spiffcli.migrate.apply import Target
from spiffcli.migrate.check import Prover
from spiffcli.migrate.values import VERDICTS, Plan, Verdict
from spiffcli.workspace import Workspace


class Group(Struct, frozen=True):
    """Instances of which the same holds.

    Attributes:
        plan: That of the one instance that was looked at; ids of tasks in it are that instance's.
        members: All of them, that one included.
    """

    plan: Plan
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
        groups: In the order in which their first instances were started.
        gone: Ids of instances that ended or were deleted while they were looked at.
        loaded: How many instances were loaded for it.
    """

    groups: tuple[Group, ...]
    gone: tuple[str, ...] = ()
    loaded: int = 0

    @property
    def totals(self) -> Mapping[Verdict, int]:
        """How many instances have each verdict."""
        counts: Counter[Verdict] = Counter()
        for group in self.groups:
            counts[group.verdict] += len(group.members)
        return {verdict: counts[verdict] for verdict in VERDICTS}

    @property
    def by_task(self) -> Mapping[tuple[tuple[str, ...], Verdict], int]:
        """How many instances wait at the same nodes and have the same verdict."""
        counts: Counter[tuple[tuple[str, ...], Verdict]] = Counter()
        for group in self.groups:
            counts[group.waiting_at, group.verdict] += len(group.members)
        return counts


def judge(workspace: Workspace, target: Target, standings: Iterable[Standing], prover: Prover | None = None) -> Fleet:
    """What moving these instances would mean. Nothing is stored.

    Raises:
        StateError: One has ended, or runs another process.
    """
    prover = prover or Prover(workspace, target)
    judging = _Judging(workspace, prover)
    for members in _alike(standings):
        judging.together(members)
    return Fleet(tuple(judging.groups), tuple(judging.gone), judging.loaded)


def _alike(standings: Iterable[Standing]) -> list[list[Standing]]:
    found: dict[tuple[str, str], list[Standing]] = {}
    for each in standings:
        # Rows from before situations were stored stand for themselves.
        found.setdefault((each.definition, each.situation or each.id), []).append(each)
    return list(found.values())


class _Judging:
    def __init__(self, workspace: Workspace, prover: Prover) -> None:
        self.workspace = workspace
        self.prover = prover
        self.groups: list[Group] = []
        self.gone: list[str] = []
        self.loaded = 0

    def together(self, members: list[Standing]) -> None:
        """Judge instances that stand alike: by the first of them that still does, or each by itself."""
        for place, each in enumerate(members):
            plan, alike = self._look(each)
            if plan is None:
                continue
            if alike and self._is_unmoved(plan, each):
                self.groups.append(Group(plan, tuple(members[place:])))
                return
            self.groups.append(Group(plan, (each,)))

    def _is_unmoved(self, plan: Plan, each: Standing) -> bool:
        return plan.revision == each.revision

    def _look(self, each: Standing) -> tuple[Plan | None, bool]:
        """The plan of one instance, and whether it holds for all that stand there."""
        try:
            instance, state = self.workspace.catalog.load(each.id)
        except NotFoundError:
            self.gone.append(each.id)
            return None, False
        self.loaded += 1
        try:
            proof = self.prover.judge(instance, state) if instance.situation else None
            plan = proof.plan if proof is not None else self.prover.plan(instance, state)
        except StateError:
            if instance.revision == each.revision:
                raise
            self.gone.append(each.id)  # it ended meanwhile
            return None, False
        return plan, proof is not None
