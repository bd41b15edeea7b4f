"""A runner with a store in memory, a clock to set, a service that can be told what to do, and a folder for models."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spiffcli.config import load_settings
from spiffcli.engine import EngineConfig
from spiffcli.engine.clock import ManualClock
from spiffcli.runner import Runner
from spiffcli.store import open_store
from spiffcli.values import HistoryEntry, Instance, TaskView

from .models import write


class Bench:
    """Commands on instances, each as a command of its own would run: opened, moved, closed.

    Attributes:
        service: What service tasks do, by operator.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = open_store("memory:")
        self.clock = ManualClock(1_800_000_000.0)
        self.service: dict[str, Callable[..., Any]] = {}
        self.log: list[Any] = []

    def close(self) -> None:
        self.store.close()

    def runner(self, **options: Any) -> Runner:
        """A new runner, as a new command has it: nothing is kept from the one before."""
        engine = EngineConfig.spiff().extended(functions={"log": self.log.append}, service=self._call)
        settings = load_settings({"store": "memory:", "user": "ada"}, environ={"RUNNER_TRUST": "all"}, cwd=self.folder)
        return Runner(settings, store=self.store, engine=engine, clock=self.clock, wait=0.05, **options)

    def _call(self, name: str, parameters: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
        return self.service[name](data)

    def add(self, name: str, *parts: str, key: str | None = None, **options: Any) -> None:
        """Deploy a file of these parts."""
        self.runner().add([write(self.folder, name, *parts)], process=key or name, **options)

    def form(self, name: str, **properties: Any) -> None:
        """A form beside the models, all of whose fields are required."""
        schema = {"type": "object", "properties": properties, "required": list(properties)}
        (self.folder / name).write_text(json.dumps(schema))

    def start(self, ref: str, data: Mapping[str, Any] | None = None, **options: Any) -> str:
        """Start an instance and run it to its first stop; its id."""
        self.clock.advance(1)  # instances are listed by age
        with self.runner(**options).start(ref, data) as session:
            session.advance()
        return session.instance.id

    def run(self, id: str) -> None:
        with self.runner().session(id, "run") as session:
            session.advance()

    def complete(self, id: str, task: str, answers: Mapping[str, Any] | None = None) -> None:
        """Complete the first open task of a node."""
        with self.runner().session(id, "complete") as session:
            view = next(view for view in session.running.human_tasks() if view.id == task)
            session.complete(view.task, answers or {})
            session.advance()

    def retry(self, id: str, data: Mapping[str, Any] | None = None, **options: Any) -> None:
        with self.runner(**options).session(id, "retry") as session:
            session.retry(data or {})
            session.advance()

    def row(self, id: str) -> Instance:
        return self.runner().catalog.instance(id)

    def last(self) -> Instance:
        """The instance that was started last."""
        return self.runner().catalog.instances()[-1]

    def open_tasks(self, id: str) -> list[str]:
        return [view.id for view in self.runner().look(id).open_tasks]

    def task(self, id: str, node: str) -> TaskView:
        """The only task of a node."""
        (found,) = [view for view in self.runner().look(id).tasks if view.id == node]
        return found

    def data(self, id: str) -> Mapping[str, Any]:
        return self.runner().look(id).data

    def history(self, id: str) -> list[HistoryEntry]:
        return list(self.runner().history(id))

    def happened(self, id: str) -> list[str]:
        return [entry.what for entry in self.history(id)]

    def problems(self) -> list[str]:
        """What the check of the store finds."""
        from spiffcli.catalog.integrity import check

        return [problem.what for problem in check(self.store)]
