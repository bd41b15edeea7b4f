"""The engine's tasks as `TaskView`s and its waiting events as `Subscription`s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from SpiffWorkflow.bpmn.specs.event_definitions.item_aware_event import SignalEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.message import MessageEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.multiple import MultipleEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.timer import CycleTimerEventDefinition, TimerEventDefinition
from SpiffWorkflow.bpmn.specs.mixins.bpmn_spec_mixin import BpmnSpecMixin
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.ports import OPEN
from spiffcli.engine.registry import Registry
from spiffcli.engine.workflow import RunnerWorkflow
from spiffcli.values import Subscription, TaskView

#: BPMN element name by class name of the engine's task spec, for classes whose name differs.
_TYPES = {
    "NoneTask": "task",
    "SubWorkflowTask": "subProcess",
    "TransactionSubprocess": "transaction",
    "EventSubprocess": "subProcess",
    "AdHocSubprocess": "adHocSubProcess",
    "EventBasedGateway": "eventBasedGateway",
}


def view(task: Task) -> TaskView:
    """Everything about a task that a reader or a form needs."""
    spec = task.task_spec
    workflow = task.workflow
    properties = extension_properties(spec)
    return TaskView(
        task=str(task.id),
        id=bpmn_id(spec),
        name=spec.bpmn_name if is_model_node(spec) else None,
        type=element_type(task),
        state=TaskState.get_name(task.state),
        lane=spec.lane,
        form=properties.get("formJsonSchemaFilename"),
        ui_form=properties.get("formUiSchemaFilename"),
        instructions=_extensions(spec).get("instructionsForEndUser"),
        data=task.data,
        process=workflow.spec.name,
        parent=str(workflow.parent_task_id) if workflow.parent_task_id else None,
        depth=workflow.depth,
        changed=task.last_state_change,
        manual=spec.manual,
        loop=_progress(task),
        definition=workflow.definition,
        open=bool(task.state == TaskState.STARTED and task.internal_data.get(OPEN)),
    )


def is_model_node(spec: Any) -> bool:
    """Whether a spec stands for an element of the model, and is not a helper of the engine."""
    return isinstance(spec, BpmnSpecMixin) and spec.bpmn_id is not None


def bpmn_id(spec: Any) -> str:
    """Id of the model element, or the engine's name of a helper."""
    name: str = spec.bpmn_id or spec.name
    return name


def element_type(task: Task) -> str:
    """BPMN element name of a task's node; of the node inside, for loops and multi-instances."""
    spec = task.task_spec
    if isinstance(spec, LoopTask):
        spec = task.workflow.spec.task_specs[spec.task_spec]
    if not is_model_node(spec):
        return "internal"
    name = type(spec).__name__
    return _TYPES.get(name, name[0].lower() + name[1:])


def _extensions(spec: Any) -> dict[str, Any]:
    return getattr(spec, "extensions", None) or {}


def extension_properties(spec: Any) -> dict[str, str]:
    """The `properties` extension of a node."""
    return _extensions(spec).get("properties") or {}


def _progress(task: Task) -> str | None:
    spec = task.task_spec
    if isinstance(spec, LoopTask):
        merged = len(task.internal_data.get("merged", []))
        total = _total(task)
        return f"{merged} of {total}" if total is not None else f"{merged} done"
    parent = task.parent
    if parent is not None and task.triggered and isinstance(parent.task_spec, LoopTask):
        siblings = [t for t in parent.children if t.task_spec is spec]
        if task not in siblings:  # its own step took it away
            return None
        total = _total(parent)
        number = siblings.index(task) + 1
        return f"{number} of {total}" if total is not None else f"{number}"
    return None


def _total(task: Task) -> int | None:
    internal = task.internal_data
    if "cardinality" in internal:
        return int(internal["cardinality"])
    instances = sum(1 for child in task.children if child.task_spec.name == task.task_spec.task_spec)
    if "remaining" in internal:
        return instances + len(internal["remaining"])
    if hasattr(task.task_spec, "maximum"):
        return task.task_spec.maximum
    return instances


def tasks(workflow: RunnerWorkflow) -> Iterator[Task]:
    """Every task of an instance, parents before children, sub-processes after the task that started them."""
    stack = [workflow.task_tree]
    while stack:
        task = stack.pop()
        yield task
        following = list(task.children)
        child = workflow.subprocesses.get(task.id)
        if child is not None:
            following.insert(0, child.task_tree)
        stack.extend(reversed(following))


def subscriptions(workflow: RunnerWorkflow, registry: Registry) -> list[Subscription]:
    """The events that armed tasks wait for, and those that would start an event sub-process."""
    found: list[Subscription] = []
    for task in workflow.event_manager.tasks.values():
        if task.state != TaskState.WAITING:
            continue
        for definition in definitions(task.task_spec.event_definition):
            found.extend(_subscription(task, definition, registry))
    if not workflow.completed:
        found.extend(_triggers(workflow))
    return found


def definitions(definition: Any) -> list[Any]:
    """The single event definitions of one that may hold several."""
    if isinstance(definition, MultipleEventDefinition):
        return list(definition.event_definitions)
    return [definition]


def _subscription(task: Task, definition: Any, registry: Registry) -> Iterator[Subscription]:
    element = bpmn_id(task.task_spec)
    if isinstance(definition, MessageEventDefinition):
        yield Subscription(
            "message",
            definition.name or "",
            str(task.id),
            element,
            flat_correlations(task.workflow.correlations, registry),
        )
    elif isinstance(definition, SignalEventDefinition):
        yield Subscription("signal", definition.name or "", str(task.id), element)
    elif isinstance(definition, TimerEventDefinition):
        yield Subscription("timer", "", str(task.id), element, due=deadline(task, definition))


def flat_correlations(correlations: Mapping[str, Mapping[str, Any]], registry: Registry) -> dict[str, Any]:
    """Correlation values by property, as JSON types, so that they can be stored and compared."""
    return {prop: registry.encode(value, prop) for values in correlations.values() for prop, value in values.items()}


def deadline(task: Task, definition: Any) -> float | None:
    """When a waiting timer is due, in seconds since the epoch."""
    value = task.internal_data.get("event_value")
    if isinstance(value, dict):
        if value.get("cycles") == 0 or not isinstance(definition, CycleTimerEventDefinition):
            return None
        value = value["next"]
    if not isinstance(value, str):
        return None
    moment = TimerEventDefinition.parse_time_or_duration(value)
    return moment.timestamp() if isinstance(moment, datetime) else None


def _triggers(workflow: RunnerWorkflow) -> Iterator[Subscription]:
    for name in workflow.spec.start.trigger_specs:
        task_spec = workflow.spec.task_specs[name]
        spec = workflow.use_spec(workflow.key_of_called(workflow, task_spec))
        for start in spec.bpmn_start_events:
            for definition in definitions(start.event_definition):
                for kind, cls in (("message", MessageEventDefinition), ("signal", SignalEventDefinition)):
                    if isinstance(definition, cls):
                        yield Subscription(kind, definition.name or "", "", start.name)  # type: ignore[arg-type]
