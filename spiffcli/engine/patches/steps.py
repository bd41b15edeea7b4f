"""Correctness: a step runs only what is still there to be run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.patches.overrides import Overrides

FIXES = Overrides()

_Callback: TypeAlias = Callable[[Any], object] | None


@FIXES.method(BpmnWorkflow)
def _do_engine_steps(self: Any, will_complete_task: _Callback = None, did_complete_task: _Callback = None) -> bool:
    """Fault: tasks that an earlier task of the same round had cancelled or removed were run all the same, and what
    followed them hung in no tree.
    """
    active = self.get_active_subprocesses()
    for sub in sorted(active, key=lambda sub: sub.depth, reverse=True):
        while _run_ready(sub, will_complete_task, did_complete_task):
            pass
        if self.subprocesses.get(sub.parent_task_id) is sub:
            caller = self.get_task_from_id(sub.parent_task_id)
            caller.task_spec._update(caller)
    moved = _run_ready(self, will_complete_task, did_complete_task)
    return moved or len(self.get_active_subprocesses()) > len(active)


def _run_ready(workflow: Any, will_complete: _Callback, did_complete: _Callback) -> bool:
    """Run the tasks that are READY now and need no person; whether there were any."""
    moved = False
    for task in workflow.get_tasks(state=TaskState.READY):
        if task.task_spec.manual or task._state != TaskState.READY or task.id not in task.workflow.tasks:
            continue
        if will_complete is not None:
            will_complete(task)
        task.run()
        moved = True
        if did_complete is not None:
            did_complete(task)
    return moved
