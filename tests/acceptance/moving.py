"""Instances of the migration models, started, driven and moved on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .commands import ROOT, Cli, Result

MODELS = ROOT / "tests" / "models" / "migration"

#: Scripts call `log(x)`; what they log stands in a file beside the module, outside every instance.
_ENGINE = """\
from pathlib import Path

from spiffcli.engine import EngineConfig


def log(what):
    with Path(__file__).with_name("log.txt").open("a") as file:
        file.write(f"{what}\\n")


engine = EngineConfig.spiff().extended(name="logging", functions={"log": log})
"""

Answers = Callable[[dict[str, Any]], Mapping[str, Any]]


class Moving:
    """Both versions of a case as `proc@1` and `proc@2`, and one instance at a time.

    Attributes:
        instance: Id of the instance that was started last.
    """

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self.instance = ""
        cli.write("logging_engine.py", _ENGINE)
        cli.write("runner.toml", 'engine = "logging_engine"\nscripts = "trusted"\n')

    def add(self, file: Path, *options: str, key: str = "proc") -> str:
        """Add a version; its label."""
        added = self.cli.document("add", "-p", key, "-b", file, *options)
        return next(f"{spec['key']}@{spec['version']}" for spec in added["specs"] if spec["key"] == key)

    def start(self, case: str, *options: str) -> Moving:
        """Add both versions (the first again where there is no second) and start an instance on the first."""
        second = MODELS / f"{case}.v2.bpmn"
        self.add(MODELS / f"{case}.v1.bpmn")
        self.begin("proc@1", *options)
        self.add(second if second.exists() else MODELS / f"{case}.v1.bpmn", "--force-new")
        return self

    def begin(self, spec: str, *options: str) -> str:
        self.instance = self.cli.document("run", "-s", spec, "-a", *options)["instance"]
        return self.instance

    # Looking

    def log(self) -> list[str]:
        """What scripts and people did, in order."""
        file = self.cli.folder / "log.txt"
        return file.read_text().split() if file.exists() else []

    def row(self) -> dict[str, Any]:
        """The instance as it is listed."""
        rows = self.cli.document("list_instances")["instances"]
        found: dict[str, Any] = next(row for row in rows if row["id"] == self.instance)
        return found

    def open(self) -> list[dict[str, Any]]:
        """Tasks that a person can complete."""
        tasks: list[dict[str, Any]] = self.cli.document("tasks", "-w", self.instance)["tasks"]
        return [task for task in tasks if task["state"] == "READY"]

    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cli.document("show", "-w", self.instance)["data"]
        return found

    # Going on

    def complete(self, node: str, answers: Mapping[str, Any] | None = None) -> Result:
        """Complete the first open task of a node; logs `U:node`."""
        task = next(task for task in self.open() if task["id"] == node)
        return self._complete(task, answers or {})

    def _complete(self, task: dict[str, Any], answers: Mapping[str, Any]) -> Result:
        with (self.cli.folder / "log.txt").open("a") as file:
            file.write(f"U:{task['id']}\n")
        words = ("complete", "-w", self.instance, "-t", task["task"], "--data", json.dumps(dict(answers)))
        return self.cli.ok(*words)

    def drive(self, answers: Answers = lambda task: {}) -> str:
        """Complete open tasks until there is none; the state in which the instance is left."""
        while open_tasks := self.open():
            self._complete(open_tasks[0], answers(open_tasks[0]))
        self.cli.check()
        state: str = self.row()["state"]
        return state

    # Moving

    def impact(self, *options: str, to: str = "proc@2") -> dict[str, Any]:
        """What `diff_workflow` says of the instance."""
        words = ("diff_workflow", "-s", to, "-w", self.instance, *options)
        found: dict[str, Any] = self.cli.document(*words)["instances"][0]
        return found

    def migrate(self, *options: str, to: str = "proc@2", code: int = 0) -> dict[str, Any]:
        """The result of moving the instance. Before, the verdict must have said the same."""
        verdict = self.impact(*(word for word in options if word not in ("-f", "--force")), to=to)["verdict"]
        words = ("migrate", "-s", to, "-w", self.instance, *options)
        result: dict[str, Any] = self.cli.document(*words, code=code)["results"][0]
        moved = result["outcome"] in ("migrated", "unchanged")
        assert moved == (code == 0)
        assert moved == (verdict in ("migratable", "unchanged")) or "-f" in options or "--force" in options
        self.cli.check()
        assert self.row()["version"] == int(to.partition("@")[2]) or not moved
        return result

    def refused(self, *options: str) -> dict[str, Any]:
        """The result of a migration that must be refused, after which the instance is as it was."""
        before = self.row(), self.open(), self.data()
        result = self.migrate(*options, code=1)
        assert result["outcome"] == "refused"
        assert (self.row(), self.open(), self.data()) == before
        assert all(blocker["reason"] and blocker["fix"] for blocker in result["blockers"])
        return result
