"""Correctness: walks over task trees that neither stop nor fail at a depth.

The engine's iterator hides what lies deeper than 1,000 tasks, and most of its other walks call themselves once per
level. A loop or chain of thousands of tasks is a tree of that depth.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from SpiffWorkflow.bpmn.util.task import BpmnTaskIterator
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.specs.base import TaskSpec
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskIterator, TaskState
from SpiffWorkflow.workflow import Workflow

from spiffcli.engine.patches.overrides import Overrides

FIXES = Overrides()

# Fault: `max_depth=1000` by default, silently. A loop of two tasks ended at its 500th pass with no data, and
# `is_completed()` said yes while a task was READY. A caller that asks for a depth still gets it.
FIXES.set(TaskIterator.__init__, "__defaults__", (None, sys.maxsize, True, None))
FIXES.set(BpmnTaskIterator.__init__, "__defaults__", (None, sys.maxsize, True, False, None))


def ancestors(task: Any) -> Iterator[Any]:
    """The parent of a task, its parent and so on up to the root of its workflow."""
    tasks = task.workflow.tasks
    parent = tasks.get(task._parent)
    while parent is not None:
        yield parent
        parent = tasks.get(parent._parent)


@FIXES.method(Task)
def is_descendant_of(self: Any, task: Any) -> bool:
    """Fault: one call per level."""
    return any(ancestor is task for ancestor in ancestors(self))


@FIXES.method(Task)
def find_ancestor(self: Any, spec_name: str) -> Any:
    """Fault: one call per level."""
    return next((ancestor for ancestor in ancestors(self) if ancestor.task_spec.name == spec_name), None)


@FIXES.method(Task)
def cancel(self: Any) -> None:
    """Fault: one call per level. Children go in the same order as in the engine, each with its descendants."""
    pending = [iter([self])]
    while pending:
        task = next(pending[-1], None)
        if task is None:
            pending.pop()
        elif task._state & TaskState.FINISHED_MASK:
            pending.append(iter(task.children))
        else:
            task._set_state(TaskState.CANCELLED)
            task._drop_children()
            task.task_spec._on_cancel(task)


@FIXES.method(Task)
def _drop_children(self: Any, force: bool = False) -> None:
    """Fault: one call per level of finished tasks. The order of removal is the engine's: deepest first."""
    pending: list[tuple[Iterator[Any], list[UUID]]] = [(iter(self.children), [])]
    while pending:
        children, dropped = pending[-1]
        for child in children:
            if force or child._state & TaskState.NOT_FINISHED_MASK:
                dropped.append(child.id)
            else:
                pending.append((iter(child.children), []))
                break
        else:
            pending.pop()
            for task_id in dropped:
                self.workflow._remove_task(task_id)


@FIXES.method(Workflow)
def _remove_task(self: Any, task_id: UUID) -> None:
    """Fault: one call per level; besides, what is removed still waited for events, and the sub-processes it had
    started went on without it until the engine stumbled over them.

    Descendants are removed, and reported as removed, before their parents.
    """
    task = self.tasks[task_id]
    pending = [(task, iter(tuple(task._children)))]
    while pending:
        task, children = pending[-1]
        child_id = next(children, None)
        if child_id is not None:
            child = self.tasks[child_id]
            pending.append((child, iter(tuple(child._children))))
            continue
        pending.pop()
        task.parent._children.remove(task.id)
        self.tasks.pop(task.id)
        _forget(task)
        self._task_removed_notify(task)


def _forget(removed: Any) -> None:
    """Drop the subscriptions of a removed task, and its sub-process with all there is in it."""
    top: Any = getattr(removed.workflow, "top_workflow", None)
    pending = [] if top is None else [removed]
    while pending:
        task = pending.pop()
        top.event_manager.remove_task(task)
        sub = top.subprocesses.pop(task.id, None)
        if sub is not None:
            pending.extend(sub.tasks.values())


_engine_delete_subprocess = BpmnWorkflow.delete_subprocess


@FIXES.method(BpmnWorkflow)
def delete_subprocess(self: Any, my_task: Any) -> list[Any]:
    """Fault: events in the deleted sub-process were still waited for, and could be caught by nobody."""
    deleted: list[Any] = _engine_delete_subprocess(self, my_task)
    for task in deleted:
        self.event_manager.remove_task(task)
    return deleted


def _spec_ancestors(self: Any) -> list[Any]:
    """Fault: one call per level of the model, and a list searched for every node."""
    found: dict[str, Any] = {}
    pending = [iter(self.inputs)]
    while pending:
        spec = next(pending[-1], None)
        if spec is None:
            pending.pop()
        elif spec.name not in found:
            found[spec.name] = spec
            pending.append(iter(spec.inputs))
    return list(found.values())


FIXES.set(TaskSpec, "ancestors", _spec_ancestors)
