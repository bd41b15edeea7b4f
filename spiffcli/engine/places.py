"""Where in an instance a task is: the aggregate of its process, and the iterations around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask, MultiInstanceTask
from SpiffWorkflow.task import Task

from spiffcli.engine.ports import CASE, CaseKey, Level, Place
from spiffcli.engine.workflow import RunnerWorkflow


def is_served(task: Task) -> bool:
    """Whether business code serves the process of a task, and the instance has an aggregate for it.

    An instance that began before its process was served has none; it goes on with its own data.
    """
    top = task.workflow.top_workflow
    if not isinstance(top, RunnerWorkflow) or top.unit is None:
        return False
    return top.unit.serves(task.workflow.definition) and case_of(task.workflow) is not None


def place_of(task: Task) -> Place:
    """Where a task is."""
    spec = task.task_spec
    levels = tuple(reversed(list(_levels(task))))
    element = spec.bpmn_id or spec.name
    return Place(task.workflow.definition, element, str(task.id), case_of(task.workflow), levels)


def case_of(workflow: Any) -> CaseKey | None:
    """The aggregate a process works on: its own, else its caller's."""
    while workflow is not None:
        noted = workflow.data.get(CASE)
        if noted is not None:
            return CaseKey.from_json(noted)
        workflow = workflow.parent_workflow
    return None


def around(task: Task) -> Iterator[Task]:
    """The task, then what it is an iteration of, the sub-process or call it runs under, and so on to the top."""
    node: Task | None = task
    while node is not None:
        yield node
        node = repeated_by(node) or _caller(node.workflow)


def repeated_by(task: Task) -> Task | None:
    """The loop or multi-instance that a task is one pass of."""
    parent = task.parent
    if parent is None or not isinstance(parent.task_spec, LoopTask):
        return None
    return parent if parent.task_spec.task_spec == task.task_spec.name else None


def _caller(workflow: Any) -> Task | None:
    if workflow.parent_task_id is None:
        return None
    caller: Task | None = workflow.top_workflow.task(workflow.parent_task_id)
    return caller


def _levels(task: Task) -> Iterator[Level]:
    for node in around(task):
        loop = repeated_by(node)
        if loop is not None and isinstance(loop.task_spec, MultiInstanceTask):
            yield _level(node, loop)


def _level(task: Task, loop: Task) -> Level:
    spec, noted = loop.task_spec, loop.internal_data
    index = task.internal_data.get("key_or_index", task.internal_data.get("item", 0))
    keys = noted.get("keys")
    return Level(
        spec.bpmn_id or spec.name,
        index,
        noted.get("total", 0),
        spec.data_input.bpmn_id if spec.data_input is not None else None,
        keys[index] if keys is not None else index,
        spec.input_item.bpmn_id if spec.input_item is not None else None,
        case_of(loop.workflow),
        loop.workflow.definition,
    )
