"""Is an instance whole after a move? Every token can end, every join that waits can still be satisfied.

Works on the graph of the spec, so that it also sees what prediction has not reached yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from SpiffWorkflow.bpmn.specs.mixins import ParallelGatewayMixin
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.adapter import Running
from spiffcli.engine.views import is_model_node

_LIVE = TaskState.READY | TaskState.WAITING | TaskState.STARTED | TaskState.ERROR


@dataclass(frozen=True, slots=True)
class WaitingJoin:
    """A join that a token will reach and that can never go on.

    Attributes:
        missing: Ids of the nodes whose flow into the join no token can take any more.
        task: A live task whose token would be stuck there.
    """

    join: str
    name: str | None
    missing: tuple[str, ...]
    task: str


def stuck_joins(running: Running) -> list[WaitingJoin]:
    """Parallel joins that would wait for ever."""
    return [
        found
        for workflow in running.workflow.all_workflows()
        if not workflow.completed
        for found in _stuck_in(workflow)
    ]


def dead_ends(running: Running) -> list[str]:
    """Ids of live tasks from which no path leads to an end."""
    stuck: list[str] = []
    for workflow in running.workflow.all_workflows():
        if workflow.completed:
            continue
        ends = {workflow.spec.end.name, "End"}
        stuck.extend(
            str(task.id) for task in live_tasks(workflow) if not ends & reachable([task.task_spec], include_start=True)
        )
    return stuck


def live_tasks(workflow: Any) -> Iterator[Task]:
    """Tasks that hold a token. The items of a loop or multi-instance share the token of the task around them."""
    return (
        task
        for task in workflow.tasks.values()
        if task.has_state(_LIVE) and not (task.triggered and isinstance(task.parent.task_spec, LoopTask))
    )


def reachable(specs: Iterable[Any], *, without: str | None = None, include_start: bool = False) -> set[str]:
    """Names of the nodes that paths from `specs` lead to, not through the node `without`."""
    stack = list(specs)
    seen = {spec.name for spec in stack} if include_start else set()
    visited: set[str] = set()
    while stack:
        spec = stack.pop()
        if spec.name in visited:
            continue
        visited.add(spec.name)
        for following in spec.outputs:
            if following.name != without:
                seen.add(following.name)
                stack.append(following)
    return seen


def _stuck_in(workflow: Any) -> Iterator[WaitingJoin]:
    tokens = [task for task in live_tasks(workflow) if not isinstance(task.task_spec, ParallelGatewayMixin)]
    for join in workflow.spec.task_specs.values():
        if not isinstance(join, ParallelGatewayMixin) or len(join.inputs) < 2:
            continue
        # A token stands before an input if it can take the flow without passing the join itself.
        before = {str(task.id): reachable([task.task_spec], without=join.name, include_start=True) for task in tokens}
        arriving = [task for task in tokens if any(i.name in before[str(task.id)] for i in join.inputs)]
        waiting = [
            task for task in workflow.tasks.values() if task.task_spec is join and task.state == TaskState.WAITING
        ]
        if not arriving and not waiting:
            continue
        arrived = _arrived(workflow, join)
        missing = [
            i for i in join.inputs if i.name not in arrived and not any(i.name in before[str(t.id)] for t in arriving)
        ]
        if missing:
            holder = waiting[0] if waiting else arriving[0]
            yield WaitingJoin(
                join.bpmn_id or join.name,
                join.bpmn_name if is_model_node(join) else None,
                tuple(spec.bpmn_id or spec.name for spec in missing),
                str(holder.id),
            )


def _arrived(workflow: Any, join: Any) -> set[str]:
    """Inputs whose token has arrived at the join since it last went on."""
    occurrences = [task for task in workflow.tasks.values() if task.task_spec is join]
    passed = [task for task in occurrences if task.state == TaskState.COMPLETED]
    arrived = set()
    for task in occurrences:
        if task.has_state(TaskState.WAITING | TaskState.CANCELLED | TaskState.FUTURE | TaskState.PREDICTED_MASK):
            parent = task.parent
            if parent is not None and parent.state == TaskState.COMPLETED and not _consumed(task, passed):
                arrived.add(parent.task_spec.name)
    return arrived


def _consumed(task: Task, passed: list[Task]) -> bool:
    return any(done.last_state_change >= task.last_state_change and not _is_ancestor(done, task) for done in passed)


def _is_ancestor(ancestor: Task, task: Task) -> bool:
    parent = task.parent
    while parent is not None:
        if parent.id == ancestor.id:
            return True
        parent = parent.parent
    return False
