"""Beginning an instance at one of its start events: with a message or signal that arrived, or a date that came.

The engine arms all start events of a process and goes on with whichever fires first; one without a condition fires at
once. Whoever knows which event it was wants that one and no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from msgspec import Struct
from SpiffWorkflow.bpmn.specs.event_definitions.timer import TimerEventDefinition
from SpiffWorkflow.bpmn.specs.mixins.events.start_event import StartEvent
from SpiffWorkflow.bpmn.util import BpmnEvent
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine import events, views
from spiffcli.engine.events import Event
from spiffcli.engine.workflow import RunnerWorkflow


class StartTimer(Struct, frozen=True):
    """When a timer starts an instance.

    Attributes:
        element: Id of the start event.
        due: The first time, in seconds since the epoch.
        cycles: How often altogether; None without end, 1 for timers that do not repeat.
        period: Seconds from one time to the next; 0 for timers that do not repeat.
    """

    element: str
    due: float
    cycles: int | None
    period: float


def reach_start_events(workflow: RunnerWorkflow) -> Iterator[Task]:
    """The engine's own tasks before the start events, to be run one after the other."""
    while True:
        ready = [task for task in _ready(workflow) if not isinstance(task.task_spec, StartEvent)]
        if not ready or _start_tasks(workflow):
            return
        yield ready[0]


def begin_with(workflow: RunnerWorkflow, event: Event) -> bool:
    """Let a start event have `event`; False where none waits for it. The others are given up.

    Raises:
        InputError: The payload of a message lacks what it is correlated by.
    """
    for task in _start_tasks(workflow):
        for definition in views.definitions(task.task_spec.event_definition):
            if events.fits(definition, event):
                found = events.correlations(definition, event, workflow.script_engine)
                task.task_spec.catch(task, BpmnEvent(definition, event.payload or {}, dict(found)))
                _go_on_from(workflow, task)
                return True
    return False


def begin_at(workflow: RunnerWorkflow, element: str) -> bool:
    """Go on from a start event as if its timer had fired; False where there is none. The others are given up."""
    for task in _start_tasks(workflow):
        if views.bpmn_id(task.task_spec) == element:
            task.internal_data.pop("event_value", None)
            task._set_internal_data(event_fired=True)
            _predict_after(task)
            _go_on_from(workflow, task)
            return True
    return False


def start_timers(workflow: RunnerWorkflow) -> list[StartTimer]:
    """The timers at start events, as they are armed now."""
    found = []
    for task in _start_tasks(workflow):
        value = task.internal_data.get("event_value")
        if isinstance(task.task_spec.event_definition, TimerEventDefinition) and value:
            found.append(_start_timer(views.bpmn_id(task.task_spec), value))
    return found


def _start_timer(element: str, value: Any) -> StartTimer:
    if isinstance(value, dict):
        cycles = None if value["cycles"] < 0 else value["cycles"]
        return StartTimer(element, _seconds(value["next"]), cycles, value["duration"])
    return StartTimer(element, _seconds(value), 1, 0.0)


def _seconds(moment: str) -> float:
    parsed = TimerEventDefinition.parse_time_or_duration(moment)
    assert isinstance(parsed, datetime)  # armed timers hold dates
    return parsed.timestamp()


def _predict_after(task: Task) -> None:
    """Fault: nothing is predicted behind a repeating timer, which adds its children itself, one for each time."""
    if not task.children:
        task._sync_children(task.task_spec.outputs, TaskState.FUTURE)
        for child in task.children:
            child.task_spec._predict(child, mask=TaskState.NOT_FINISHED_MASK)


def _go_on_from(workflow: RunnerWorkflow, task: Task) -> None:
    for other in _start_tasks(workflow):
        if other is not task:
            other.cancel()
    task.task_spec._update(task)


def _ready(workflow: RunnerWorkflow) -> list[Task]:
    return list(workflow.get_tasks(state=TaskState.READY, skip_subprocesses=True))


def _start_tasks(workflow: RunnerWorkflow) -> list[Task]:
    """Tasks of the start events of the process itself, none of which has been run."""
    armed = TaskState.WAITING | TaskState.READY
    return [
        task
        for task in workflow.get_tasks(state=armed, skip_subprocesses=True)
        if isinstance(task.task_spec, StartEvent)
    ]
