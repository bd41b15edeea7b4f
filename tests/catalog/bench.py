"""A catalog with a clock that can be set, and the few verbs that most tests need."""

from __future__ import annotations

import uuid
from typing import Any

from spiffcli.catalog import Catalog
from spiffcli.catalog.integrity import check
from spiffcli.deployments.request import Deploy, DeploymentPlan
from spiffcli.store import DocumentStore
from spiffcli.values import Deployment, HistoryEntry, Instance, Resource


class Bench:
    """One catalog; `plan` is the plan of the last `add`."""

    plan: DeploymentPlan

    def __init__(self, store: DocumentStore, **options: Any) -> None:
        self.time = 1_800_000_000.0
        self.store = store
        self.catalog = Catalog(store, clock=lambda: self.time, **options)

    def add(self, *resources: Resource, **request: Any) -> Deployment:
        """Plan and deploy; every process gets one spec that holds its own hash."""
        self.time += 1
        self.plan = self.catalog.plan_deployment(Deploy(resources, **request))
        return self.catalog.deploy(self.plan, specs_of)

    def versions(self, key: str) -> list[int]:
        """Versions of a process that exist."""
        return [each.version for each in self.catalog.definitions(key, ("process",))]

    def start(self, ref: str, natural_id: str | None = None, **row: Any) -> Instance:
        """A new instance of what `ref` names, as running would store it."""
        self.time += 1
        definition = self.catalog.startable(ref)
        now = self.catalog.now()
        instance = Instance(
            id=str(uuid.uuid4()),
            tenant=self.catalog.tenant,
            definition=definition.id,
            key=definition.key,
            version=definition.version,
            **{"state": "running", "created": now, "updated": now, "natural_id": natural_id, **row},
        )
        return self.catalog.create(instance, b"state", [HistoryEntry(now, "started", "ann")])

    def notes(self, rule: str) -> list[str]:
        """What the last plan said under this rule."""
        return [note.text for note in self.plan.notes if note.rule == rule]

    def assert_sound(self) -> None:
        """Fail if anything refers to something that is not there."""
        assert [problem.what for problem in check(self.store)] == []


def specs_of(plan: DeploymentPlan) -> dict[Any, dict[str, bytes]]:
    """A spec for every new process, in place of the engine's."""
    return {
        each.name: {each.candidate.key: each.hash.encode()} for each in plan.new if each.candidate.kind == "process"
    }
