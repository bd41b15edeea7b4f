"""A small world for engine tests: definitions in memory, a log that scripts write to, a clock to set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from spiffcli.engine import DefinitionSpecs, Engine, EngineConfig, Event, Running
from spiffcli.engine.clock import ManualClock
from spiffcli.engine.patches import install
from spiffcli.engine.retarget import Policies, Retargeted, retarget
from spiffcli.engine.script_engine import make_script_engine
from spiffcli.errors import NotFoundError
from spiffcli.sandbox import ScriptMode
from spiffcli.values import Resource, TaskView, digest


class World:
    """Definitions by id, and instances of them."""

    def __init__(self) -> None:
        install()
        self.log: list[Any] = []
        self.clock = ManualClock(1_800_000_000.0)
        config = EngineConfig.spiff().extended(functions={"log": self.log.append})
        scripts = make_script_engine(ScriptMode.TRUSTED, functions=config.functions)
        self.engine = Engine(config, scripts, self.clock)
        self._definitions: dict[str, DefinitionSpecs] = {}
        self._content: dict[str, bytes] = {}
        self._called: dict[str, str] = {}

    def deploy(self, definition: str, *files: Path, key: str | None = None) -> str:
        """Parse every process of `files`; `definition` names the main one."""
        resources = [_resource(file) for file in files]
        parser = self.engine.parser(resources)
        keys = _process_ids(resources)
        key = key or keys[0]
        for other in keys:
            self._add(definition if other == key else f"{definition}:{other}", parser.process(other))
        return definition

    def _add(self, definition: str, parsed: Any) -> None:
        hashes = {name: digest(content) for name, content in parsed.specs.items()}
        self._content.update({digest(content): content for content in parsed.specs.values()})
        self._definitions[definition] = DefinitionSpecs(parsed.key, hashes)
        self._called[parsed.key] = definition

    def specs(self, definition: str) -> DefinitionSpecs:
        return self._definitions[definition]

    def content(self, hash: str) -> bytes:
        return self._content[hash]

    def resolve(self, caller: str, element: str, key: str) -> str:
        own = f"{caller.partition(':')[0]}:{key}"
        if own in self._definitions:
            return own
        if key not in self._called:
            raise NotFoundError(f"No definition has the key {key}.")
        return self._called[key]

    def decision(self, caller: str, element: str) -> None:
        """Every table is part of its spec here."""

    def start(self, definition: str, data: Mapping[str, Any] | None = None) -> Running:
        """A new instance, advanced to its first stop."""
        running = self.engine.start(definition, self.engine.cache(self), data)
        return self.advance(running)

    def advance(self, running: Running) -> Running:
        for _ in running.advance():
            pass
        return running

    def reload(self, running: Running) -> Running:
        """Save and load."""
        snapshot = running.snapshot()
        self._content.update(snapshot.specs)
        return self.engine.restore(snapshot.state, self.engine.cache(self))

    def complete(self, running: Running, node: str, answers: Mapping[str, Any] | None = None) -> Running:
        """Complete the first open task of a node; logs `U:node`."""
        task = next(task for task in running.human_tasks() if task.id == node)
        self.log.append(f"U:{node}")
        running.complete(task.task, answers)
        return self.advance(running)

    def send(self, running: Running, kind: str, name: str, payload: Any = None) -> Running:
        assert running.send(Event(kind, name, payload))
        return self.advance(running)

    def drive(self, running: Running, answers: Callable[[TaskView], Mapping[str, Any]] = lambda task: {}) -> Running:
        """Complete open tasks, saving and loading in between, until none is open."""
        while open_tasks := running.human_tasks():
            self.complete(running, open_tasks[0].id, answers(open_tasks[0]))
            running = self.reload(running)
        return running

    def migrate(
        self, running: Running, target: str, mapping: Mapping[str, str] | None = None, **policies: Any
    ) -> Retargeted:
        snapshot = running.snapshot()
        self._content.update(snapshot.specs)
        return retarget(self.engine, self, snapshot.state, target, Policies(mapping or {}, **policies))

    def migrated(
        self, running: Running, target: str, mapping: Mapping[str, str] | None = None, **policies: Any
    ) -> Running:
        """The instance after a migration that must succeed."""
        result = self.migrate(running, target, mapping, **policies)
        assert result.snapshot is not None, result.faults
        self._content.update(result.snapshot.specs)
        return self.engine.restore(result.snapshot.state, self.engine.cache(self))


def _resource(file: Path) -> Resource:
    kind = "dmn" if file.suffix == ".dmn" else "bpmn"
    return Resource(file.name, kind, file.read_bytes())


def _process_ids(resources: list[Resource]) -> list[str]:
    from lxml import etree

    ids = []
    for resource in resources:
        if resource.kind == "bpmn":
            root = etree.fromstring(resource.content)
            ids += [p.get("id") for p in root.iter("{http://www.omg.org/spec/BPMN/20100524/MODEL}process")]
    return ids


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def migration_models(root: Path) -> Path:
    return root / "tests" / "models" / "migration"
