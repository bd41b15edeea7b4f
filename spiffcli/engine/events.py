"""Messages and signals on their way into an instance and out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from SpiffWorkflow.bpmn.specs.event_definitions.item_aware_event import (
    ErrorEventDefinition,
    EscalationEventDefinition,
    SignalEventDefinition,
)
from SpiffWorkflow.bpmn.specs.event_definitions.message import MessageEventDefinition
from SpiffWorkflow.bpmn.util import BpmnEvent
from SpiffWorkflow.task import Task

from spiffcli.engine import views
from spiffcli.engine.workflow import RunnerWorkflow
from spiffcli.errors import InputError

_KINDS: tuple[tuple[str, Any], ...] = (
    ("message", MessageEventDefinition),
    ("signal", SignalEventDefinition),
    ("error", ErrorEventDefinition),
    ("escalation", EscalationEventDefinition),
)


@dataclass(frozen=True, slots=True)
class Event:
    """A message or signal on its way.

    Attributes:
        kind: `message` or `signal`; `error` or `escalation` where an instance threw one and nothing in it caught it.
        correlations: For messages: values by correlation key and property.
        raw: For events the engine threw: its own form of it.
    """

    kind: str
    name: str
    payload: Any = None
    correlations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    raw: Any = field(default=None, repr=False, compare=False)


def find_definition(workflow: RunnerWorkflow, event: Event, task_id: str | None = None) -> Any:
    """The engine's definition of what an instance waits for under the name of `event`; None if nothing does.

    The engine compares definitions by class, and each dialect has its own classes; one taken from the instance
    itself always fits.
    """
    for task in workflow.event_manager.tasks.values():
        if task_id is None or str(task.id) == task_id:
            for definition in views.definitions(task.task_spec.event_definition):
                if fits(definition, event):
                    return definition
    return _trigger(workflow, event) if task_id is None else None


def _trigger(workflow: RunnerWorkflow, event: Event) -> Any:
    for trigger in workflow.spec.start.trigger_specs:
        spec = workflow.use_spec(workflow.key_of_called(workflow, workflow.spec.task_specs[trigger]))
        for start in spec.bpmn_start_events:
            for definition in views.definitions(start.event_definition):
                if fits(definition, event):
                    return definition
    return None


def fits(definition: Any, event: Event) -> bool:
    """Whether an event definition of the engine waits for `event`, its correlation apart."""
    return isinstance(definition, dict(_KINDS)[event.kind]) and definition.name == event.name


def correlations(definition: Any, event: Event, script_engine: Any) -> Mapping[str, Mapping[str, Any]]:
    """What a message is correlated by: what it carries, else what the model says to take from its payload.

    Raises:
        InputError: The payload lacks it.
    """
    if event.correlations or not isinstance(definition, MessageEventDefinition):
        return event.correlations
    try:
        values: dict[str, dict[str, Any]] = definition.calculate_correlations(
            script_engine, definition.correlation_properties, event.payload or {}
        )
    except Exception as error:
        needed = ", ".join(prop.retrieval_expression for prop in definition.correlation_properties)
        raise InputError(
            f"The payload does not say whom the message '{event.name}' is for: it is correlated by {needed}.",
            hint=f"Send it with --payload; what went wrong: {_reason(error)}.",
        ) from error
    return values


def _reason(error: Exception) -> str:
    return str(error.args[0] if error.args else error).rstrip(".")


def catch(workflow: RunnerWorkflow, definition: Any, event: Event, task_id: str | None) -> int:
    """Let an instance have an event whose definition it knows; how many of its tasks it reached."""
    arrived = BpmnEvent(definition, event.payload or {}, dict(event.correlations))
    one = event.kind == "message" and _trigger(workflow, event) is None
    if not one:
        reached: int = workflow.event_manager.catch(arrived, internal=False)
        return reached
    task = _first(workflow, arrived, task_id)
    if task is None:
        return 0
    task.task_spec.catch(task, arrived)
    task.task_spec._update(task)
    return 1


def _first(workflow: RunnerWorkflow, event: BpmnEvent, task_id: str | None) -> Task | None:
    # A message is used up by whoever takes it. The engine's own order is that of arming, which saving forgets.
    fitting = [
        task
        for task in workflow.event_manager.tasks.values()
        if (task_id is None or str(task.id) == task_id) and task.task_spec.catches(task, event)
    ]
    if len(fitting) < 2:
        return next(iter(fitting), None)
    return next(task for task in views.tasks(workflow) if task in fitting)


def thrown(workflow: RunnerWorkflow) -> list[Event]:
    """Events that left an instance since the last call."""
    events = []
    for raw in workflow.get_events():
        for definition in views.definitions(raw.event_definition):
            for kind, cls in _KINDS:
                if isinstance(definition, cls):
                    name = definition.name or getattr(definition, "code", None) or ""
                    events.append(Event(kind, name, raw.payload, raw.correlations or {}, raw))
    return events
