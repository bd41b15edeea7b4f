"""Speed: multi-instance tasks that look at one instance where the engine looks at all of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import MultiInstanceTask, ParallelMultiInstanceTask
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.patches.overrides import Overrides

SPEED = Overrides()


@SPEED.method(ParallelMultiInstanceTask)
def children_complete(self: Any, my_task: Any) -> bool:
    """Fault: all instances were looked at whenever one of them completed.

    The search goes on where it last found an open instance, from the last child to the first; before saying yes it
    looks at all of them again, since an instance may have been reset meanwhile.
    """
    fields, total = vars(my_task), len(my_task._children)
    known_total, position = fields.get("_open_instance", (-1, 0))
    if known_total == total:
        position = _last_open(self, my_task, position)
    if known_total != total or position < 0:
        position = _last_open(self, my_task, total - 1)
    fields["_open_instance"] = (total, position)
    return position < 0


def _last_open(spec: Any, my_task: Any, position: int) -> int:
    """Position of the last open instance up to `position` among the children; negative where there is none."""
    tasks, children = my_task.workflow.tasks, my_task._children
    while position >= 0:
        child = tasks[children[position]]
        if child._state != TaskState.COMPLETED and child.task_spec.name == spec.task_spec:
            break
        position -= 1
    return position


@SPEED.method(MultiInstanceTask)
def check_completion_condition(self: Any, my_task: Any) -> Any:
    """Fault: all instances were searched for the one that completed last."""
    merged = my_task.internal_data.get("merged", [])
    if self.condition is None or not merged:
        return None
    last = my_task.workflow.tasks[UUID(merged[-1])]
    return my_task.workflow.script_engine.evaluate(last, self.condition)
