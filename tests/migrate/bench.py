"""A runner with a store in memory, two or more versions of a process `p`, and instances that are moved between them.

Scripts call `log(x)`; `U:x` in the log stands for a person who completed `x`. Every step is a command of its own: the
instance is loaded, moved and saved each time, so that whatever a migration leaves behind has to survive that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from spiffcli.config import load_settings
from spiffcli.engine import EngineConfig
from spiffcli.engine.clock import ManualClock
from spiffcli.engine.retarget import Policies
from spiffcli.migrate.values import MigrationResult, Plan
from spiffcli.runner import Runner
from spiffcli.store import open_store
from spiffcli.values import Instance, Subscription, TaskView

from .build import definitions

NOW = 1_800_000_000.0


class Bench:
    """Versions of the process `p`, and instances of them."""

    def __init__(self, folder: Path, url: str = "memory:") -> None:
        self.folder = folder
        self.store = open_store(url)
        self.clock = ManualClock(NOW)
        self.log: list[Any] = []

    def close(self) -> None:
        self.store.close()

    def runner(self) -> Runner:
        """A new runner, as a new command has it: nothing is kept from the one before."""
        engine = EngineConfig.spiff().extended(
            functions={"log": self.log.append}, service=lambda name, parameters, data: 1
        )
        settings = load_settings({"store": self.store.url, "user": "ada"}, environ={}, cwd=self.folder)
        return Runner(settings, store=self.store, engine=engine, clock=self.clock, wait=0.05)

    # Versions

    def add(self, *parts: str, key: str = "p", **options: Any) -> None:
        """Deploy the next version."""
        path = self.folder / "models.bpmn"
        path.write_text(definitions(*parts))
        self.runner().add([path], process=key, **options)

    def versions(self, *models: str | Iterable[str]) -> None:
        """Deploy several versions, each a text or several."""
        for model in models:
            self.add(*([model] if isinstance(model, str) else model))

    # Instances

    def start(self, data: Mapping[str, Any] | None = None, ref: str = "p@1") -> str:
        """Start an instance and run it to its first stop; its id."""
        self.clock.advance(1)
        with self.runner().start(ref, data) as session:
            session.advance()
        return session.instance.id

    def complete(self, id: str, node: str, answers: Mapping[str, Any] | None = None) -> None:
        """Complete the first open task of a node."""
        with self.runner().session(id, "complete") as session:
            view = next(view for view in session.running.human_tasks() if view.id == node)
            self.log.append(f"U:{node}")
            session.complete(view.task, answers or {})
            session.advance()

    def draft(self, id: str, node: str, **values: Any) -> None:
        """Put values into an open task and leave it open."""
        with self.runner().session(id, "draft") as session:
            next(iter(session.running.workflow.get_tasks(spec_name=node))).data.update(values)
            session.save()

    def send(self, id: str, name: str, payload: Any = None, kind: str | None = None) -> None:
        """Send a message or signal that the instance must take."""
        assert self.runner().send(kind, name, payload, instance=id)

    def wait(self, seconds: float) -> None:
        """Let time pass, and timers fire."""
        self.clock.advance(seconds)
        self.runner().tick()

    def drive(self, id: str, answers: Callable[[TaskView], Mapping[str, Any]] = lambda task: {}) -> str:
        """Complete open tasks, then let timers fire, until nothing is left that a person or time could do."""
        for _ in range(100):
            row = self.row(id)
            if row.state != "running":
                break
            tasks = self.runner().look(id).open_tasks
            if tasks:
                self.complete(id, tasks[0].id, answers(tasks[0]))
            elif row.due is not None:
                self.wait(max(row.due - self.clock.now(), 0) + 1)
            else:
                break
        return self.row(id).state

    def retry(self, id: str) -> None:
        with self.runner().session(id, "retry") as session:
            session.retry({})
            session.advance()

    def row(self, id: str) -> Instance:
        return self.runner().catalog.instance(id)

    def open(self, id: str) -> list[str]:
        """Nodes of the tasks that wait for a person."""
        return [view.id for view in self.runner().look(id).open_tasks]

    def waits(self, id: str) -> list[Subscription]:
        return sorted(self.row(id).subscriptions, key=lambda each: (each.kind, each.name, each.due or 0))

    def waits_for(self, id: str) -> list[str]:
        """Names of messages and signals, and `timer`."""
        return [each.name or each.kind for each in self.waits(id)]

    def data(self, id: str) -> Mapping[str, Any]:
        return self.runner().look(id).data

    def tasks(self, id: str, node: str) -> list[TaskView]:
        return [view for view in self.runner().look(id).tasks if view.id == node]

    # Moving

    def plan(
        self,
        id: str,
        to: str = "p@2",
        *,
        allow: Iterable[str] = (),
        force: bool = False,
        map: Mapping[str, str] | None = None,
        **policies: Any,
    ) -> Plan:
        runner = self.runner()
        target = runner.target(to, policies=Policies(mapping=map or {}, **policies), allow=allow, force=force)
        (plan,) = runner.diff_workflow(target, [id])
        return plan

    def migrate(
        self,
        id: str,
        to: str = "p@2",
        *,
        allow: Iterable[str] = (),
        force: bool = False,
        map: Mapping[str, str] | None = None,
        **policies: Any,
    ) -> MigrationResult:
        """Move an instance, whatever comes of it."""
        runner = self.runner()
        target = runner.target(to, policies=Policies(mapping=map or {}, **policies), allow=allow, force=force)
        return runner.migrate(target, id)

    def moved(self, id: str, to: str = "p@2", **options: Any) -> Plan:
        """Move an instance that must move; the plan that was applied."""
        result = self.migrate(id, to, **options)
        assert result.outcome == "migrated", result.reason
        assert result.plan is not None
        return result.plan

    def refused(self, id: str, to: str = "p@2", **options: Any) -> set[tuple[str, str]]:
        """Rule and element of everything that forbids a move, and that it says what to do; nothing may change."""
        before = self.row(id)
        result = self.migrate(id, to, **options)
        assert result.outcome == "refused", result
        assert result.plan is not None
        assert self.row(id) == before
        assert all(blocker.reason and blocker.fix for blocker in result.plan.blockers)
        return {(blocker.rule, blocker.element) for blocker in result.plan.blockers}

    def proposals(self, id: str, to: str = "p@2") -> dict[str, str]:
        """The mappings that are asked for."""
        plan = self.plan(id, to)
        assert plan.verdict == "needs-mapping", (plan.verdict, plan.blockers)
        return {proposal.old: proposal.new for proposal in plan.proposals}

    def forced(self, id: str, to: str = "p@2") -> str:
        """Move by force what can be forced: the state it ends in, or `refused`. It can always be loaded and driven."""
        before = {view.task for view in self.runner().look(id).tasks if view.state in ("READY", "STARTED", "ERROR")}
        result = self.migrate(id, to, force=True)
        look = self.runner().look(id)
        assert before <= {view.task for view in look.tasks}
        return result.outcome if result.outcome == "refused" else self.drive(id)
