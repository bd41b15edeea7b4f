"""Who catches an error, an escalation or a cancellation: one place decides.

It is the innermost scope that catches it, there the event that names its code before the one for all codes, and
nobody else. What lies between is over, unless the event that catches an escalation does not interrupt.

The override replaces a method of the engine's, and leaves workflows that are not ours alone.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from SpiffWorkflow.bpmn.specs.control import BoundaryEventSplit
from SpiffWorkflow.bpmn.specs.event_definitions.item_aware_event import (
    ErrorEventDefinition,
    EscalationEventDefinition,
    SignalEventDefinition,
)
from SpiffWorkflow.bpmn.specs.event_definitions.message import MessageEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.simple import CancelEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.timer import CycleTimerEventDefinition, TimerEventDefinition
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import ThrowingEvent
from SpiffWorkflow.bpmn.specs.mixins.events.intermediate_event import BoundaryEvent
from SpiffWorkflow.bpmn.specs.mixins.events.start_event import StartEvent
from SpiffWorkflow.bpmn.util import BpmnEvent
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine import views
from spiffcli.engine.places import around, repeated_by
from spiffcli.engine.workflow import RunnerWorkflow, begins_by_event, cancel_others, interrupts
from spiffcli.errors import InputError

#: What is caught by scopes. Messages and signals are everybody's.
_SCOPED = (ErrorEventDefinition, EscalationEventDefinition, CancelEventDefinition)


#: What others send, any number of times.
_SENT = (MessageEventDefinition, SignalEventDefinition, EscalationEventDefinition)

_DONE = TaskState.COMPLETED | TaskState.CANCELLED


class Catcher(Struct, frozen=True):
    """Who catches.

    Attributes:
        event: The boundary event, while it waits; None for an event sub-process.
        trigger: Name of the event sub-process.
    """

    event: Task | None = None
    trigger: str = ""

    @property
    def ends(self) -> Task | None:
        """The split around the activity that is over with it; None where that is the whole process."""
        return self.event.parent if self.event is not None else None


class Raised(Struct, frozen=True):
    """An event on its way to who catches it, once the step that threw it is over.

    Attributes:
        task: The task that raised it.
        event: None for an error of business code, which has no definition of its own.
    """

    task: Task
    catcher: Catcher
    event: BpmnEvent | None = None


class UncaughtError(InputError):
    """An error that nothing in the model catches."""


def catcher_of(task: Task, kind: type[Any], code: str | None = None) -> Catcher | None:
    """Who catches an event of a kind that a task throws."""
    for node in around(task):
        found = _boundary(node, kind, code) or _event_sub_process(node, kind, code)
        if found is not None:
            return found
    return None


def _boundary(node: Task, kind: type[Any], code: str | None) -> Catcher | None:
    split = node.parent
    if split is None or not isinstance(split.task_spec, BoundaryEventSplit):
        return None
    waiting = [each for each in split.children if _is_armed(each)]
    for wanted in dict.fromkeys((code or None, None)):
        for each in waiting:
            if _catches(each.task_spec.event_definition, kind, wanted):
                return Catcher(each)
    return None


def _is_armed(task: Task) -> bool:
    return isinstance(task.task_spec, BoundaryEvent) and task.state == TaskState.WAITING


def _event_sub_process(node: Task, kind: type[Any], code: str | None) -> Catcher | None:
    """The event sub-process beside a node; what one throws itself is for others."""
    top = node.workflow
    if not isinstance(top, RunnerWorkflow) or repeated_by(node) is not None:
        return None
    triggers: list[str] = top.spec.start.trigger_specs
    if node.task_spec.name in triggers:
        return None
    for wanted in dict.fromkeys((code or None, None)):
        for name in triggers:
            spec = top.use_spec(top.key_of_called(top, top.spec.task_specs[name]))
            if any(_catches(start.event_definition, kind, wanted) for start in spec.bpmn_start_events):
                return Catcher(trigger=name)
    return None


def _catches(definition: Any, kind: type[Any], code: str | None) -> bool:
    return any(
        isinstance(each, kind) and (getattr(each, "code", None) or None) == code
        for each in views.definitions(definition)
    )


def take(top: RunnerWorkflow, raised: Raised) -> None:
    """Let the one who catches an event have it, and end what it ends at once: it would run on otherwise."""
    catcher = raised.catcher.event
    if catcher is None:
        assert raised.event is not None
        top.event_manager.begin(raised.catcher.trigger, raised.event)
    elif catcher.state == TaskState.WAITING:  # else it has caught another meanwhile, or is gone
        spec = catcher.task_spec
        spec.catch(catcher, raised.event or BpmnEvent(spec.event_definition, {}))
        spec._update(catcher)
        for sibling in catcher.parent.children if spec.cancel_activity else ():
            if not isinstance(sibling.task_spec, BoundaryEvent):
                give_up(sibling)


def give_up(task: Task) -> None:
    """Cancel an activity. Fault: the engine takes the instances of one away, and lets what runs inside them go on."""
    for child in list(task.children):
        if repeated_by(child) is task:
            give_up(child)
    task.cancel()


def _on_ready(self: Any, my_task: Task) -> None:
    """Fault: what does not interrupt an activity was caught once, however long the activity went on."""
    _engine_ready(self, my_task)
    if not isinstance(my_task.workflow.top_workflow, RunnerWorkflow):
        return
    if self.cancel_activity:
        _predict_cycle(self, my_task)
    elif all(isinstance(each, _SENT) for each in views.definitions(self.event_definition)):
        split = my_task.parent
        if any(not (task.has_state(_DONE) or isinstance(task.task_spec, BoundaryEvent)) for task in split.children):
            again = split._add_child(self, TaskState.FUTURE)
            self._predict(again, mask=TaskState.NOT_FINISHED_MASK)
            self._update(again)


def _on_start_ready(self: Any, my_task: Task) -> None:
    """Fault: an event sub-process that a timer begins ran beside the process that it interrupts."""
    _engine_start_ready(self, my_task)
    workflow = my_task.workflow
    if isinstance(workflow.top_workflow, RunnerWorkflow) and _ends_around(my_task):
        _predict_cycle(self, my_task)
        cancel_others(workflow.parent_workflow, workflow.parent_task_id)


def _ends_around(task: Task) -> bool:
    """Whether a timer is what begins an event sub-process that interrupts the process around it."""
    workflow = task.workflow
    if workflow.parent_task_id is None or not isinstance(task.task_spec.event_definition, TimerEventDefinition):
        return False
    spec = workflow.top_workflow.task(workflow.parent_task_id).task_spec
    return begins_by_event(spec) and interrupts(spec)


def _predict_cycle(spec: Any, task: Task) -> None:
    """Fault: nothing is predicted behind a repeating timer, which adds what follows itself, once for each time."""
    if isinstance(spec.event_definition, CycleTimerEventDefinition) and not task.children:
        task._sync_children(spec.outputs, TaskState.FUTURE)
        for child in task.children:
            child.task_spec._predict(child, mask=TaskState.NOT_FINISHED_MASK)


def _cycle_has_fired(self: Any, my_task: Task) -> bool:
    """Fault: a repeating timer did not interrupt its activity; one that does has only one time."""
    spec = my_task.task_spec
    if isinstance(my_task.workflow.top_workflow, RunnerWorkflow) and not _engine_fired(self, my_task):
        ends = spec.cancel_activity if isinstance(spec, BoundaryEvent) else _ends_around(my_task)
        if ends and self.cycle_complete(my_task):
            my_task._set_internal_data(event_fired=True)
    return bool(_engine_fired(self, my_task))


_engine_start_ready = StartEvent._on_ready_hook
_engine_ready = BoundaryEvent._on_ready_hook
_engine_fired = CycleTimerEventDefinition.has_fired
_engine_throw = ThrowingEvent._run_hook
_engine_catch = RunnerWorkflow.catch


def _throw(self: Any, my_task: Task) -> Any:
    """Fault: an error does not know who threw it, and reaches everybody who waits for its code."""
    top = my_task.workflow.top_workflow
    if not isinstance(top, RunnerWorkflow):
        return _engine_throw(self, my_task)
    top.throwing = my_task
    try:
        return _engine_throw(self, my_task)
    finally:
        top.throwing = None


def _catch(self: RunnerWorkflow, event: BpmnEvent) -> None:
    """Fault: whoever waits for an error in any scope caught it, again and again; nobody, and it was forgotten."""
    definition, task = event.event_definition, self.throwing
    kind = next((each for each in _SCOPED if isinstance(definition, each)), None)
    if kind is None or task is None:
        _engine_catch(self, event)
        return
    code = getattr(definition, "code", None)
    catcher = catcher_of(task, kind, code)
    if catcher is not None:
        self.raised.append(Raised(task, catcher, event))
    elif kind is EscalationEventDefinition:
        self.bpmn_events.append(event)
    elif kind is ErrorEventDefinition:
        raise UncaughtError(
            f"nothing in the model catches the error '{code or definition.name or ''}' that it throws",
            hint="Put a boundary event for it on what is around it; to end normally, use another kind of end event.",
        )


def install() -> None:
    """Put the overrides in place; once is enough, twice is fine."""
    ThrowingEvent._run_hook = _throw
    RunnerWorkflow.catch = _catch
    BoundaryEvent._on_ready_hook = _on_ready
    StartEvent._on_ready_hook = _on_start_ready
    CycleTimerEventDefinition.has_fired = _cycle_has_fired


install()
