"""Running models step by step on the bare engine, with and without the overrides, and writing down what happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lxml import etree
from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.util import BpmnEvent
from SpiffWorkflow.spiff.parser import SpiffBpmnParser
from SpiffWorkflow.spiff.serializer.config import SPIFF_CONFIG
from SpiffWorkflow.spiff.specs.event_definitions import SignalEventDefinition
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine import patches
from spiffcli.engine.clock import ManualClock, use_clock


@contextmanager
def engine(mode: str) -> Iterator[None]:
    """The engine as it is (`plain`), with what makes it right (`fixes`), or fast too (`speed`, or a horizon).

    `mixed` changes between the last two at every stop. The time comes from our clock in any case.
    """
    fixed, fast = patches.trees.FIXES.applied, patches.live.SPEED.applied
    patches.uninstall()
    if mode == "plain":
        patches.timing.FIXES.apply()
    else:
        patches.install(enabled=mode != "fixes")
    if mode.isdigit():
        patches.prediction.set_horizon(int(mode))
    try:
        yield
    finally:
        patches.uninstall()
        if fixed:
            patches.install(enabled=fast)


def parse(xml: bytes, process: str = "process0") -> tuple[Any, dict[str, Any]]:
    """The spec of a process, and those of the processes inside it."""
    parser = SpiffBpmnParser()
    parser.add_bpmn_xml(etree.fromstring(xml), filename="model.bpmn")
    return parser.get_spec(process), parser.get_subprocess_specs(process)


def begin(xml: bytes) -> BpmnWorkflow:
    """A new instance of the main process, which has not run yet."""
    return BpmnWorkflow(*parse(xml))


def reload(workflow: BpmnWorkflow) -> BpmnWorkflow:
    """The instance saved and loaded."""
    serializer = BpmnWorkflowSerializer(BpmnWorkflowSerializer.configure(SPIFF_CONFIG))
    return serializer.deserialize_json(serializer.serialize_json(workflow))


def name_of(task: Any) -> str:
    return str(task.task_spec.name)


def ready(workflow: BpmnWorkflow) -> list[str]:
    """Names of the tasks that wait for a person, in the engine's order."""
    return [name_of(task) for task in workflow.get_tasks(state=TaskState.READY, manual=True)]


def complete(workflow: BpmnWorkflow, *names: str) -> None:
    """Complete the first open task of each name and run on."""
    for name in names:
        open_tasks = workflow.get_tasks(state=TaskState.READY, manual=True)
        task = next((task for task in open_tasks if name_of(task) == name), None)
        assert task is not None, f"{name} is not open, but {ready(workflow)}"
        result = getattr(task.parent.task_spec, "output_item", None)
        if result is not None:
            task.data[result.bpmn_id] = f"done {len(task.parent.children)}"
        task.run()
        workflow.do_engine_steps()


#: What shows where an instance stands: everything but ids, times and what is merely predicted.
Picture = list[tuple[Any, ...]]


def picture(workflow: BpmnWorkflow) -> Picture:
    """Tasks in tree order with their states and data, each sub-process after its task, with its own data."""
    rows: Picture = []
    pending: list[tuple[Any, int]] = [(workflow.task_tree, 0)]
    while pending:
        task, depth = pending.pop()
        if task.parent is None:
            current = task.workflow
            rows.append((depth, current.completed, current.success, sorted(current.data.items(), key=str)))
        if task.has_state(TaskState.PREDICTED_MASK | TaskState.FUTURE):
            continue
        internal = sorted(key for key, value in task.internal_data.items() if _tells(key, value))
        rows.append((depth, name_of(task), task.state, task.data, internal))
        pending += [(child, depth + 1) for child in reversed(task.children)]
        if task.id in workflow.subprocesses:
            pending.append((workflow.subprocesses[task.id].task_tree, depth + 1))
    return rows


def _tells(key: str, value: Any) -> bool:
    # A catching event clears its mark in later passes that are predicted already; where they are not, it is unset.
    return bool(value) or key != "event_fired"


def play(xml: bytes, mode: str, choices: Sequence[int], *, save: bool = False) -> list[Any]:
    """Run an instance, picking what happens next by `choices`, and write down everything that can be seen."""
    clock, seen = ManualClock(1_000_000.0), list[Any]()
    with engine(mode), use_clock(clock):
        workflow = begin(xml)

        def steps() -> None:
            workflow.do_engine_steps(did_complete_task=lambda task: seen.append(("ran", name_of(task))))

        steps()
        for choice in choices:
            actions = list(_actions(workflow))
            if not actions:
                break
            kind, name = actions[choice % len(actions)]
            seen.append((kind, name))
            _act(workflow, clock, kind, name)
            steps()
            seen.append(picture(workflow))
            if save:
                workflow = reload(workflow)
            if mode == "mixed":
                patches.uninstall_speed() if patches.live.SPEED.applied else patches.install_speed()
        seen.append((workflow.is_completed(), picture(workflow)))
    return seen


def _actions(workflow: BpmnWorkflow) -> Iterator[tuple[str, Any]]:
    for task in workflow.get_tasks(state=TaskState.READY, manual=True):
        yield "complete", name_of(task)
    waiting = {(event.event_type, event.name) for event in workflow.waiting_events()}
    if any("Timer" in kind for kind, _ in waiting):
        yield "wait", 1800
        yield "wait", 3600
    signals = {name for kind, name in waiting if "Signal" in kind}
    if workflow.spec.start.trigger_specs:
        signals.add("signal4")
    yield from (("signal", name) for name in sorted(signals))


def _act(workflow: BpmnWorkflow, clock: ManualClock, kind: str, name: Any) -> None:
    if kind == "complete":
        complete(workflow, name)
    elif kind == "signal":
        workflow.catch(BpmnEvent(SignalEventDefinition(name), {}))
    else:
        clock.advance(name)
        workflow.refresh_timers()
