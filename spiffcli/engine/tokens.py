"""Where the tokens of an instance are, what they can still come to, and whether any can move.

Works on the graph of the spec, so that it also sees what prediction has not reached yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct
from SpiffWorkflow.bpmn.specs.mixins import InclusiveGatewayMixin, ParallelGatewayMixin
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.patches.flows import flows
from spiffcli.engine.views import bpmn_id, is_model_node

_LIVE = TaskState.READY | TaskState.WAITING | TaskState.STARTED | TaskState.ERROR


class WaitingJoin(Struct, frozen=True):
    """A join that a token will reach and that can never go on.

    Attributes:
        missing: Ids of the nodes whose flow into the join no token can take any more.
        task: A live task whose token would be stuck there.
    """

    join: str
    name: str | None
    missing: tuple[str, ...]
    task: str


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


def waiting_joins(top: Any) -> Iterator[WaitingJoin]:
    """Joins anywhere in an instance that would wait for ever."""
    for workflow in top.all_workflows():
        if not workflow.completed:
            yield from _waiting_in(workflow)


def stuck(top: Any) -> str | None:
    """Why nothing that may still happen moves an instance on; None while something can."""
    if top.completed or top.spec.start.trigger_specs:
        return None
    leaves = [task for workflow in top.all_workflows() if not workflow.completed for task in _leaves(workflow)]
    if not leaves or not all(_waits_at_join(task) for task in leaves):
        return None
    for join in waiting_joins(top):
        missing = " and ".join(f"'{name}'" for name in join.missing)
        return f"The join '{join.name or join.join}' waits for ever: no token can come from {missing} any more."
    return None


def _leaves(workflow: Any) -> Iterator[Task]:
    """Live tasks that hold no others."""
    subprocesses = workflow.top_workflow.subprocesses
    for task in workflow.tasks.values():
        holds = task.id in subprocesses or isinstance(task.task_spec, LoopTask)
        if task.has_state(_LIVE) and is_model_node(task.task_spec) and not (task.state == TaskState.STARTED and holds):
            yield task


def _waits_at_join(task: Task) -> bool:
    spec = task.task_spec
    return task.state == TaskState.WAITING and isinstance(spec, ParallelGatewayMixin | InclusiveGatewayMixin)


def _waiting_in(workflow: Any) -> Iterator[WaitingJoin]:
    tokens = [task for task in live_tasks(workflow) if not isinstance(task.task_spec, ParallelGatewayMixin)]
    yield from _arrived_from_nowhere(workflow)
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
        optional = _not_waited_for(workflow, join)
        missing = [
            i
            for i in join.inputs
            if i.name not in arrived
            and i.name not in optional
            and not any(i.name in before[str(t.id)] for t in arriving)
        ]
        if missing:
            holder = waiting[0] if waiting else arriving[0]
            yield WaitingJoin(
                join.bpmn_id or join.name,
                join.bpmn_name if is_model_node(join) else None,
                tuple(spec.bpmn_id or spec.name for spec in missing),
                str(holder.id),
            )


def _not_waited_for(workflow: Any, join: Any) -> set[str]:
    """Inputs that a join goes on without: ways back that begin behind it and, once it has gone on, all others."""
    known = flows(workflow.spec)
    names = {spec.name for spec in join.inputs}
    back = {name for name in names if known.only_after(join, name)}
    if not any(task.task_spec is join and task.state == TaskState.COMPLETED for task in workflow.tasks.values()):
        return back
    return back | {name for name in names if not known.leads_to(join, name)}


def _arrived_from_nowhere(workflow: Any) -> Iterator[WaitingJoin]:
    """Joins that wait on behalf of a token whose flow into them is gone, so that it does not count any more."""
    for task in workflow.tasks.values():
        spec = task.task_spec
        if task.state == TaskState.WAITING and isinstance(spec, ParallelGatewayMixin | InclusiveGatewayMixin):
            if task.parent.task_spec not in spec.inputs:
                yield WaitingJoin(spec.bpmn_id, spec.bpmn_name, (bpmn_id(task.parent.task_spec),), str(task.id))


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
