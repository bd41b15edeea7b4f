"""Tasks, calls and repetitions of processes that business code serves.

These replace methods of the engine's classes, and leave processes that are not served alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from SpiffWorkflow.bpmn.specs.event_definitions.conditional import ConditionalEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.item_aware_event import ErrorEventDefinition
from SpiffWorkflow.bpmn.specs.mixins import ManualTaskMixin, SendTaskMixin, ServiceTaskMixin, UserTaskMixin
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.bpmn.specs.mixins.events.start_event import StartEvent
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import (
    MultiInstanceTask,
    ParallelMultiInstanceTask,
    SequentialMultiInstanceTask,
)
from SpiffWorkflow.dmn.specs.business_rule_task_mixin import BusinessRuleTaskMixin
from SpiffWorkflow.specs.base import TaskSpec
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.deep_merge import DeepMerge
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine import views
from spiffcli.engine.catching import Raised, UncaughtError, catcher_of
from spiffcli.engine.places import around, is_served, place_of
from spiffcli.engine.ports import CASE, OPEN, BusinessError, Outcome, Unit
from spiffcli.errors import InputError


def is_open(task: Task) -> bool:
    """Whether a task waits for somebody who was given its id."""
    return bool(task.state == TaskState.STARTED and task.internal_data.get(OPEN))


def is_alive(task: Task) -> bool:
    """Whether a task, and everything it runs under, is still there and not over."""
    return all(each.id in each.workflow.tasks and not each.has_state(TaskState.FINISHED_MASK) for each in around(task))


_engine_run = TaskSpec._run


def _run(self: Any, my_task: Task) -> Any:
    """Let a method do the task, where one is to."""
    if not _is_ours(self, my_task):
        return _engine_run(self, my_task)
    top = my_task.workflow.top_workflow
    given, top.given = top.given, None
    if isinstance(self, _BRINGING):
        given = _brought(self, my_task)
        if _needs_nothing(self, my_task, given):
            return True
    outcome = top.unit.perform(place_of(my_task), given=given)
    if outcome.error is not None:
        raise_error(my_task, outcome)
        return None
    outcome.keep()
    if outcome.open:
        my_task.internal_data[OPEN] = True
        top.opened[my_task.id] = place_of(my_task)
        return None
    return _engine_run(self, my_task) if isinstance(self, SendTaskMixin) else True


def _is_ours(spec: Any, task: Task) -> bool:
    if not isinstance(spec, _TASKS) or not is_served(task):
        return False
    unit: Unit = task.workflow.top_workflow.unit
    if isinstance(spec, _BRINGING) or spec.manual:
        return True
    return unit.is_wired(task.workflow.definition, views.bpmn_id(spec))


_TASKS = (ServiceTaskMixin, SendTaskMixin, UserTaskMixin, ManualTaskMixin, BusinessRuleTaskMixin, CatchingEvent)

#: What brings values with it: decisions, and messages and signals.
_BRINGING = (BusinessRuleTaskMixin, CatchingEvent)


def _needs_nothing(spec: Any, task: Task, given: Mapping[str, Any]) -> bool:
    """Whether an event is done. What starts a whole process was told when its aggregate was made."""
    top = task.workflow.top_workflow
    if isinstance(spec, StartEvent) and task.workflow is top:
        return True
    return not given and not top.unit.is_wired(task.workflow.definition, views.bpmn_id(spec))


def _brought(spec: Any, task: Task) -> Mapping[str, Any]:
    """What a decision or event brings, without leaving it in the data of the task."""
    before, task.data = task.data, dict(task.data)
    try:
        _engine_run(spec, task)
        return {name: value for name, value in task.data.items() if before.get(name, task) is not value}
    finally:
        task.data = before


# Errors


def raise_error(task: Task, outcome: Outcome) -> None:
    """Keep what a method did, and take the error path of its task alone once the step is over.

    Raises:
        UncaughtError: The model has none. Nothing is kept.
    """
    assert outcome.error is not None
    catcher = catcher_of(task, ErrorEventDefinition, outcome.error.code)
    if catcher is None:
        raise _uncaught(task, outcome.error)
    outcome.keep()
    task.internal_data.pop(OPEN, None)
    task.workflow.top_workflow.opened.pop(task.id, None)
    task.workflow.top_workflow.raised.append(Raised(task, catcher))


def _uncaught(task: Task, error: BusinessError) -> UncaughtError:
    said = f" ({error.name})" if error.name else ""
    return UncaughtError(
        f"its method raised the error '{error.code}'{said}, which nothing in the model catches",
        hint=f"Put a boundary event for the error code '{error.code}' on it, or on what is around it.",
    )


# Called processes


def begin_call(task: Task, subprocess: Any) -> bool:
    """Give a called process the aggregate of its own that a method makes, if it is to have one.

    Returns:
        False where the call takes its error path instead.
    """
    if not is_served(task):
        return True
    if _is_given_up(task):
        return False
    outcome = task.workflow.top_workflow.unit.called(place_of(task), subprocess.definition)
    if outcome is None:
        return True
    if outcome.error is not None:
        raise_error(task, outcome)
        return False
    outcome.keep()
    subprocess.data[CASE] = outcome.made.to_json()
    return True


def _is_given_up(task: Task) -> bool:
    """Whether an error path that is still to be taken ends what a task belongs to: an instance before it failed."""
    ended = [each.catcher.ends for each in task.workflow.top_workflow.raised]
    return any(split is None or node.parent is split for node in around(task) for split in ended)


# Repetitions

_engine_create_children = ParallelMultiInstanceTask.create_children
_engine_sequence = SequentialMultiInstanceTask._update_hook
_engine_is_complete = SequentialMultiInstanceTask.children_complete
_engine_next = SequentialMultiInstanceTask.add_next_child
_engine_create_child = MultiInstanceTask.create_child
_engine_merge = MultiInstanceTask.merge_child


def _note_elements(spec: Any, task: Task) -> int:
    """Note once how many elements there are, and where they stand; returns how many."""
    if spec.data_input is not None:
        keys = list(task.workflow.top_workflow.unit.keys(place_of(task), spec.data_input.bpmn_id))
        if keys != list(range(len(keys))):
            task.internal_data["keys"] = keys
        total = len(keys)
    else:
        total = _cardinality(spec, task)
    task.internal_data["total"] = total
    return total


def _cardinality(spec: Any, task: Task) -> int:
    value = task.workflow.script_engine.evaluate(task, spec.cardinality)
    if type(value) is not int or value < 0:
        raise InputError(
            f"the number of its instances, {spec.cardinality.strip()}, is {value!r}: a whole number from 0 on is needed"
        )
    return value


def _create_children(self: Any, my_task: Task) -> None:
    """Fault: a collection is looked up in the data of the task only, and its elements are copied there."""
    if not is_served(my_task):
        _engine_create_children(self, my_task)
        return
    for index in range(_note_elements(self, my_task)):
        self.create_child(my_task, index, index)


def _begin_sequence(self: Any, my_task: Task) -> Any:
    """Fault: as in parallel; and an element that is None ends the loop without a word."""
    if not is_served(my_task):
        return _engine_sequence(self, my_task)
    super(SequentialMultiInstanceTask, self)._update_hook(my_task)
    total = _note_elements(self, my_task)
    my_task.internal_data.update(merged=[], current=0, cardinality=total)
    if total == 0:
        return True
    self.add_next_child(my_task)
    my_task._set_state(TaskState.STARTED)
    return None


def _children_complete(self: Any, my_task: Task) -> Any:
    if "total" not in my_task.internal_data:
        return _engine_is_complete(self, my_task)
    return my_task.internal_data["current"] >= my_task.internal_data["total"]


def _add_next_child(self: Any, my_task: Task) -> None:
    if "total" not in my_task.internal_data:
        _engine_next(self, my_task)
        return
    index = my_task.internal_data["current"]
    my_task.internal_data["current"] = index + 1
    self.create_child(my_task, index, index)


def _create_child(self: Any, my_task: Task, item: Any, key_or_index: Any = None) -> None:
    if "total" not in my_task.internal_data:
        _engine_create_child(self, my_task, item, key_or_index)
        return
    spec = my_task.workflow.spec.task_specs[self.task_spec]
    if not spec.completed_event.is_connected(self.merge_child):
        spec.completed_event.connect(self.merge_child)
    child = my_task._add_child(spec, TaskState.WAITING)
    child.triggered = True
    child.internal_data["key_or_index"] = key_or_index
    spec._update(child)


def _merge_child(self: Any, workflow: Any, child: Task) -> None:
    my_task = child.parent
    if "total" not in my_task.internal_data:
        _engine_merge(self, workflow, child)
        return
    DeepMerge.merge(my_task.data, child.data)
    my_task.internal_data["merged"].append(str(child.id))


def refresh_conditions(workflow: Any) -> None:
    """Fault: conditional events are looked at once, when they are reached. An aggregate changes later, too."""
    for task in list(workflow.event_manager.tasks.values()):
        conditional = any(
            isinstance(each, ConditionalEventDefinition) for each in views.definitions(task.task_spec.event_definition)
        )
        if conditional and task.state == TaskState.WAITING and is_served(task):
            task.task_spec._update(task)


def install() -> None:
    """Put the overrides in place; once is enough, twice is fine."""
    TaskSpec._run = _run
    ParallelMultiInstanceTask.create_children = _create_children
    SequentialMultiInstanceTask._update_hook = _begin_sequence
    SequentialMultiInstanceTask.children_complete = _children_complete
    SequentialMultiInstanceTask.add_next_child = _add_next_child
    MultiInstanceTask.create_child = _create_child
    MultiInstanceTask.merge_child = _merge_child


install()
