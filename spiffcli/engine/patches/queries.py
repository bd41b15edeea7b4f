"""Speed: what the engine asks of a workflow in every step is answered from the index of unfinished tasks.

After each task the engine walks the whole tree for tasks to update, and in each round for tasks to run, which makes
running quadratic in the number of finished tasks. The answers here are the same, in the same order.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from SpiffWorkflow.bpmn.util.subworkflow import BpmnBaseWorkflow
from SpiffWorkflow.bpmn.util.task import BpmnTaskFilter
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState
from SpiffWorkflow.workflow import Workflow

from spiffcli.engine.patches.live import in_state, unfinished
from spiffcli.engine.patches.nesting import nest
from spiffcli.engine.patches.order import in_order
from spiffcli.engine.patches.overrides import Overrides

SPEED = Overrides()

#: Arguments of the engine's iterator that change the way it walks.
_WALKING = frozenset({"end_at_spec", "max_depth", "depth_first"})


@SPEED.method(BpmnBaseWorkflow)
def is_completed(self: Any) -> bool:
    """Fault: the tree was walked to its first unfinished task, which comes last."""
    if not self.completed:
        self.completed = next(unfinished(self), None) is None
    return bool(self.completed)


@SPEED.method(BpmnBaseWorkflow)
def update_waiting_tasks(self: Any) -> None:
    """Fault: the whole tree was walked after every task."""
    for task in in_order(self, in_state(self, TaskState.WAITING)):
        # An earlier update may have moved it on.
        if task._state == TaskState.WAITING and task.id in self.tasks:
            task.task_spec._update(task)


@SPEED.method(BpmnBaseWorkflow)
def get_tasks(self: Any, first_task: Any = None, **kwargs: Any) -> list[Any]:
    """Fault: the whole tree was walked for the few tasks that are READY or WAITING."""
    wanted = _filter(self, first_task, kwargs)
    if wanted is None:
        return Workflow.get_tasks(self, first_task, **kwargs)
    found = _in_order(self, wanted.state, nested=not kwargs.get("skip_subprocesses", False))
    return [task for task in found if wanted.matches(task)]


@SPEED.method(BpmnBaseWorkflow)
def get_next_task(self: Any, first_task: Any = None, **kwargs: Any) -> Any:
    """Fault: as above."""
    if _filter(self, first_task, kwargs) is None:
        return Workflow.get_next_task(self, first_task, **kwargs)
    return next(iter(self.get_tasks(first_task, **kwargs)), None)


def _filter(workflow: Any, first_task: Any, kwargs: dict[str, Any]) -> Any:
    """What a search for unfinished tasks of the whole workflow filters by; None for any other search."""
    if (first_task is not None and first_task is not workflow.task_tree) or not _WALKING.isdisjoint(kwargs):
        return None
    wanted = kwargs.get("task_filter")
    if wanted is None:
        wanted = BpmnTaskFilter(**{key: value for key, value in kwargs.items() if key != "skip_subprocesses"})
    return None if wanted.state & ~TaskState.NOT_FINISHED_MASK else wanted


def _in_order(workflow: Any, mask: int, *, nested: bool) -> list[Any]:
    """Tasks in these states; those of a sub-process come right after the task that started it."""
    if not nested:
        return in_order(workflow, in_state(workflow, mask))
    # Innermost first, so that each is known when the workflow around it is put in order.
    found: dict[Any, list[Any]] = {}
    inside: dict[Any, dict[Any, Any]] = {}
    subs = _open_inside(workflow)
    for current in (*reversed(subs), workflow):
        callers = {sub.parent_workflow.tasks[sub.parent_task_id]: sub for sub in inside.get(current, ())}
        own = dict.fromkeys(in_state(current, mask))
        tasks: list[Any] = []
        for task in in_order(current, own | dict.fromkeys(callers)):
            if task in own:
                tasks.append(task)
            if task in callers:
                tasks.extend(found[callers[task]])
        found[current] = tasks
        if tasks and current is not workflow:
            inside.setdefault(current.parent_workflow, {})[current] = None
    return found[workflow]


def _open_inside(workflow: Any) -> list[Any]:
    """The open sub-processes anywhere inside a workflow, outer ones first."""
    known = nest(workflow.top_workflow)
    found = [workflow]
    for current in found:
        found.extend(sub for sub in list(known.inside.get(current, ())) if _is_open(known, sub))
    return found[1:]


def _is_open(known: Any, sub: Any) -> bool:
    """Whether a sub-process belongs to the instance and may have something to do; if not, it is forgotten."""
    top = sub.top_workflow
    if top.subprocesses.get(sub.parent_task_id) is sub and sub.parent_task_id in sub.parent_workflow.tasks:
        if not sub.completed or known.inside.get(sub) or next(unfinished(sub), None) is not None:
            return True
    known.discard(sub)
    return False


@SPEED.method(BpmnWorkflow)
def get_active_subprocesses(self: Any) -> list[Any]:
    """Fault: every sub-process there ever was is looked at in every round."""
    known = nest(self)
    return [sub for sub in list(known.open) if _is_open(known, sub) and not sub.completed]


_engine_get_task = BpmnWorkflow.get_task_from_id


@SPEED.method(BpmnWorkflow)
def get_task_from_id(self: Any, task_id: UUID) -> Any:
    """Fault: as above."""
    for workflow in (self, *nest(self).open):
        if task_id in workflow.tasks:
            return workflow.tasks[task_id]
    return _engine_get_task(self, task_id)
