"""What it costs to judge and to move many instances, against the engine's own comparison and migration.

The engine works in memory, on one instance after the other; its figure is taken from a sample. Ours ends with every
instance durable in its store. What is judged are orders of the tutorial, what is moved are small instances of a chain.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

from msgspec.structs import replace

from benchmarks.story import Line, Story, spread, timed

INSTANCES = 10_000
TINYDB_INSTANCES = 2_000
SAMPLE = 400
JOBS = 2

_HEAD = '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="urn:benchmark">'


def stories() -> list[Story]:
    """The stories of this module."""
    return [Story("impact", impact), Story("migrate", migrate)]


def model(*names: str) -> str:
    """A process of ten tasks and more in a row."""
    path = ["start", *names, "end"]
    tasks = "".join(f'<{"userTask" if name[0] == "u" else "manualTask"} id="{name}" name="{name}"/>' for name in names)
    flows = "".join(
        f'<sequenceFlow id="{one}_{two}" sourceRef="{one}" targetRef="{two}"/>' for one, two in itertools.pairwise(path)
    )
    process = (
        f'<process id="p" isExecutable="true"><startEvent id="start"/>{tasks}<endEvent id="end"/>{flows}</process>'
    )
    return f"{_HEAD}{process}</definitions>"


@dataclass(frozen=True)
class Models:
    """Two versions of a process, and how far its instances are.

    Attributes:
        old, new: Files.
        decisions: Files both need.
        done: Human tasks that are completed in every instance, each with this answer.
    """

    process: str
    old: Path
    new: Path
    decisions: tuple[Path, ...]
    done: int
    answer: Mapping[str, object]


def _written(name: str, text: str) -> Path:
    path = Path(_FOLDER.name) / name
    path.write_text(text)
    return path


_FOLDER = tempfile.TemporaryDirectory()
_TUTORIAL = Path(__file__).parents[1] / "bpmn" / "tutorial"

_ORDER = _TUTORIAL / "gateway_types.bpmn"

#: Orders that wait for what is ordered; the sum is computed by another script from now on.
ORDERS = Models(
    "order_product",
    _ORDER,
    _written("order.bpmn", _ORDER.read_text().replace("+ shipping_cost, 2)", "+ shipping_cost + 1, 2)")),
    (_TUTORIAL / "product_prices.dmn", _TUTORIAL / "shipping_costs.dmn"),
    0,
    {},
)

#: A chain of ten tasks at its third.
CHAINS = Models(
    "p",
    _written("old.bpmn", model(*(f"u{n}" for n in range(8)))),
    _written("new.bpmn", model(*(f"u{n}" for n in range(7)), "added", "u7")),
    (),
    2,
    {"done": True},
)


def impact() -> Iterator[Line]:
    """Judging a fleet against loading each instance and asking the engine what differs."""
    with tempfile.TemporaryDirectory() as folder:
        engine = _Engine(ORDERS)
        theirs = [engine.each(engine.compare) for _ in range(3)]
        for store in (f"sqlite:{folder}/impact.db", f"tinydb:{folder}/impact"):
            _fill(store, Path(folder), INSTANCES, ORDERS)
            ours = min(timed(partial(_judge, store, Path(folder), INSTANCES)) for _ in range(3)) / INSTANCES
            yield _line(f"impact of {INSTANCES:,} instances on {store.partition(':')[0]} / engine", ours, theirs, 1)


def migrate() -> Iterator[Line]:
    """Moving a fleet durably against the engine's loop in memory."""
    with tempfile.TemporaryDirectory() as folder:
        engine = _Engine(CHAINS)
        theirs = [engine.each(engine.migrate) for _ in range(3)]
        for store, count, limit in (
            (f"sqlite:{folder}/bulk.db", INSTANCES, 20),
            (f"tinydb:{folder}/bulk", TINYDB_INSTANCES, None),
        ):
            _fill(store, Path(folder), count, CHAINS)
            ours = timed(partial(_migrate, store, Path(folder), count)) / count
            yield _line(f"moving {count:,} instances on {store.partition(':')[0]} / engine", ours, theirs, limit)


def _line(what: str, ours: float, theirs: list[float], limit: float | None) -> Line:
    reference = min(theirs)
    detail = f"{ours * 1e6:.0f} us / {reference * 1e6:.0f} us each"
    return Line(what, ours / reference * 100, limit, spread(theirs), detail, "%")


def _fill(store: str, folder: Path, count: int, models: Models) -> None:
    """A store with two versions, and instances of the first."""
    from spiffcli.runner import Runner

    with Runner.open(cwd=folder, store=store) as runner:
        for file in (models.old, models.new):
            runner.add([file, *models.decisions], process=models.process)
        with runner.start(f"{models.process}@1", {"order": {"id": 1, "items": ["mug", "bowl"]}}) as session:
            session.advance()
            for _ in range(models.done):
                session.complete(session.running.human_tasks()[0].task, dict(models.answer))
                session.advance()
        first, state = runner.catalog.load(session.instance.id)
        for begin in range(1, count, 1000):
            with runner.catalog.transaction() as catalog:
                for _ in range(min(1000, count - begin)):
                    catalog.create(replace(first, id=str(uuid4()), revision=0), state)


def _judge(store: str, folder: Path, count: int) -> None:
    from spiffcli.catalog import Filter
    from spiffcli.migrate.fleet import judge
    from spiffcli.runner import Runner

    with Runner.open(cwd=folder, store=store) as runner:
        target = runner.target("order_product@2")
        standings = runner.catalog.standings(Filter("order_product", states=("running", "error")))
        assert judge(runner.workspace, target, standings).totals["migratable"] == count


def _migrate(store: str, folder: Path, count: int) -> None:
    from spiffcli.migrate.batch import MigrationJob, migrate_with_processes
    from spiffcli.runner import Runner

    with Runner.open(cwd=folder, store=store) as runner:
        ids = [each.id for each in runner.catalog.standings()]
        job = MigrationJob.of(runner.workspace, runner.target("p@2"))
        moved = sum(result.outcome == "migrated" for result in migrate_with_processes(job, ids, JOBS))
        assert moved == count


class _Engine:
    """The engine's own way: load, compare, migrate, save, each instance by itself."""

    def __init__(self, models: Models) -> None:
        from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
        from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
        from SpiffWorkflow.spiff.serializer.config import SPIFF_CONFIG
        from SpiffWorkflow.util.task import TaskState

        from spiffcli.engine.patches import install

        install(enabled=False)
        registry = BpmnWorkflowSerializer.configure(SPIFF_CONFIG)
        self._registry = registry
        self._serializer = BpmnWorkflowSerializer(registry)
        old, self._new = (self._parsed(file, models) for file in (models.old, models.new))
        workflow = BpmnWorkflow(old)
        workflow.task_tree.data.update({"order": {"id": 1, "items": ["mug", "bowl"]}})
        workflow.do_engine_steps()
        for _ in range(models.done):
            workflow.get_next_task(state=TaskState.READY, manual=True).run()
            workflow.do_engine_steps()
        self._state = json.dumps(self._serializer.to_dict(workflow))
        install(enabled=True)

    @staticmethod
    def _parsed(file: Path, models: Models) -> object:
        from SpiffWorkflow.spiff.parser import SpiffBpmnParser

        parser = SpiffBpmnParser()
        parser.add_dmn_files(list(map(str, models.decisions)))
        parser.add_bpmn_file(str(file))
        return parser.get_spec(models.process)

    def each(self, action: Callable[[], None]) -> float:
        """Seconds for one instance."""
        from spiffcli.engine.patches import install

        install(enabled=False)
        try:
            action()
            return timed(lambda: [action() for _ in range(SAMPLE)]) / SAMPLE
        finally:
            install(enabled=True)

    def compare(self) -> None:
        """Load an instance and ask what differs."""
        from SpiffWorkflow.bpmn.util.diff import diff_workflow

        diff_workflow(self._registry, self._serializer.from_dict(json.loads(self._state)), self._new, {})

    def migrate(self) -> None:
        """Load an instance, ask what differs, move it and save it, all in memory."""
        from SpiffWorkflow.bpmn.util.diff import diff_workflow, migrate_workflow

        workflow = self._serializer.from_dict(json.loads(self._state))
        difference, _ = diff_workflow(self._registry, workflow, self._new, {})
        migrate_workflow(difference, workflow, self._new)
        json.dumps(self._serializer.to_dict(workflow))
