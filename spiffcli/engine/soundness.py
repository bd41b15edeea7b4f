"""Is an instance whole after a move? Every token can end, every join that waits can still be satisfied.

Works on the graph of the spec, so that it also sees what prediction has not reached yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from SpiffWorkflow.bpmn.specs.event_definitions import NoneEventDefinition
from SpiffWorkflow.bpmn.specs.mixins import (
    CallActivityMixin,
    EventBasedGatewayMixin,
    InclusiveGatewayMixin,
    ParallelGatewayMixin,
)
from SpiffWorkflow.bpmn.specs.mixins.events.end_event import EndEvent
from SpiffWorkflow.bpmn.specs.mixins.events.start_event import StartEvent
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask
from SpiffWorkflow.bpmn.specs.mixins.subworkflow_task import SubWorkflowTask
from SpiffWorkflow.specs.MultiChoice import MultiChoice
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.adapter import Running
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
            str(task.id)
            for task in live_tasks(workflow)
            # The join the engine puts behind boundary events ends by itself; the token goes on from the activity.
            if is_model_node(task.task_spec) and not ends & reachable([task.task_spec])
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


Graph = Mapping[str, tuple[str, ...]]


class Misplaced(Struct, frozen=True):
    """A node of the new version on the wrong side of the tokens.

    Attributes:
        node: Id of the node.
        after: Id of the node before it, which has run.
        process: Process or sub-process it belongs to.
    """

    node: str
    name: str | None
    after: str
    process: str


def nodes_ahead(running: Running) -> frozenset[str]:
    """Ids of the nodes that tokens may still come to, in what runs now."""
    return frozenset(
        bpmn_id(workflow.spec.task_specs[name])
        for workflow in running.workflow.all_workflows()
        if not workflow.completed
        for name in reachable(task.task_spec for task in live_tasks(workflow))
    )


def skipped_nodes(running: Running, old_graphs: Mapping[str, Graph]) -> list[Misplaced]:
    """Nodes that the new version has where the instance has already been, so that they will not run.

    Args:
        old_graphs: Connections of the old version by spec key, under new names.
    """
    found: dict[tuple[str, str], Misplaced] = {}
    for workflow, graph in _moved(running, old_graphs):
        for item in (*_skipped_on_paths(workflow), *_skipped_branches(workflow, graph)):
            found.setdefault((item.process, item.node), item)
    return list(found.values())


def repeated_nodes(running: Running, old_graphs: Mapping[str, Graph]) -> list[Misplaced]:
    """Nodes that have run or hold a token, and that the tokens would come to again only in the new version."""
    found = []
    for workflow, graph in _moved(running, old_graphs):
        tokens = {task.task_spec for task in live_tasks(workflow)}
        done = {task.task_spec for task in workflow.tasks.values() if task.state == TaskState.COMPLETED}
        ahead = reachable(tokens)
        before = _ahead_in(graph, [spec.name for spec in tokens])
        found += [
            _misplaced(spec, "", workflow)
            for spec in done | tokens
            if spec.name in ahead and spec.name not in before and _does_work(spec)
        ]
    return sorted(found, key=lambda item: item.node)


def repeated_elsewhere(before: Running, after: Running, mapping: Mapping[str, str]) -> list[Misplaced]:
    """Nodes that have run in one process or sub-process, and lie ahead in another only after the move.

    A node of a called process counts where the call, or the node, is gone: it has been put in its place.
    """
    then = {mapping.get(bpmn_id(spec), bpmn_id(spec)) for _, spec in _ahead_everywhere(before)}
    ran: dict[str, set[str]] = {}
    for scope, id in _ran(after):
        ran.setdefault(mapping.get(id, id), set()).add(scope)
    found: dict[str, Misplaced] = {}
    for scope, spec in _ahead_everywhere(after):
        id = bpmn_id(spec)
        if _does_work(spec) and id not in then and ran.get(id, set()) - {scope}:
            found.setdefault(id, Misplaced(id, spec.bpmn_name, "", scope))
    return sorted(found.values(), key=lambda item: item.node)


def _ran(running: Running) -> Iterator[tuple[str, str]]:
    """Scope and id of nodes that have run."""
    top = running.workflow
    for workflow in top.all_workflows():
        caller = top.task(workflow.parent_task_id) if workflow.definition != top.definition else None
        if caller is not None and caller.task_spec.inputs:
            continue
        for task in workflow.tasks.values():
            if task.state == TaskState.COMPLETED and is_model_node(task.task_spec):
                yield workflow.spec.name, bpmn_id(task.task_spec)


def _ahead_everywhere(running: Running) -> Iterator[tuple[str, Any]]:
    """Scope and node of what tokens may still come to, with what lies in sub-processes there."""
    top = running.workflow
    seen: set[str] = set()
    for workflow in _own(top):
        if workflow.completed:
            continue
        names = reachable(task.task_spec for task in live_tasks(workflow))
        stack = [(workflow.spec, workflow.spec.task_specs[name]) for name in names]
        while stack:
            process, spec = stack.pop()
            spec = process.task_specs[spec.task_spec] if isinstance(spec, LoopTask) else spec
            yield process.name, spec
            if _is_embedded(spec) and spec.spec not in seen:
                seen.add(spec.spec)
                inner = _contents(top, spec)
                stack.extend((inner, node) for node in inner.task_specs.values())


def _moved(running: Running, old_graphs: Mapping[str, Graph]) -> Iterator[tuple[Any, Graph]]:
    for workflow in running.workflow.all_workflows():
        key = getattr(workflow, "spec_key", workflow.definition)
        if key in old_graphs:
            yield workflow, old_graphs[key]


def _ahead_in(graph: Graph, names: list[str]) -> set[str]:
    seen: set[str] = set()
    stack = list(names)
    while stack:
        for following in graph.get(stack.pop(), ()):
            if following not in seen:
                seen.add(following)
                stack.append(following)
    return seen


def _does_work(spec: Any) -> bool:
    """Whether passing over a node makes a difference: not with simple starts, and gateways that only join paths."""
    if isinstance(spec, StartEvent) and isinstance(spec.event_definition, NoneEventDefinition):
        return False
    return is_model_node(spec) and (not type(spec).__name__.endswith("Gateway") or len(spec.outputs) > 1)


def _misplaced(spec: Any, after: str, workflow: Any) -> Misplaced:
    return Misplaced(bpmn_id(spec), spec.bpmn_name, after, workflow.spec.name)


def _skipped_on_paths(workflow: Any) -> Iterator[Misplaced]:
    """Nodes between two that the token passed one after the other."""
    done = None
    for task in _reached(workflow):
        before = _connected_ancestor(task)
        if before is None or task.triggered or task.task_spec in before.task_spec.outputs:
            continue
        done = done or _Done(workflow.top_workflow)
        for spec in _path_of_undone(before.task_spec, task.task_spec, done.for_each(task.task_spec)):
            if _does_work(spec):
                yield _misplaced(spec, bpmn_id(before.task_spec), workflow)


def _skipped_branches(workflow: Any, graph: Graph) -> Iterator[Misplaced]:
    """Branches that begin at a node which has gone on without them."""
    for task in _reached(workflow):
        spec = task.task_spec
        if task.state != TaskState.COMPLETED or isinstance(spec, MultiChoice | EventBasedGatewayMixin):
            continue
        children = _connected_children(task)
        for output in spec.outputs:
            is_new = output.name not in graph.get(spec.name, ())
            if is_new and output not in children and not _path_of_any(output, children):
                if _does_work(output) or not children:
                    yield _misplaced(output, bpmn_id(spec), workflow)


def _connected_children(task: Task) -> set[Any]:
    """Nodes that followed a task, passing over history whose node is gone."""
    found = set()
    stack = list(task.children)
    while stack:
        child = stack.pop()
        if child.task_spec.inputs:
            found.add(child.task_spec)
        else:
            stack.extend(child.children)
    return found


def _path_of_any(start: Any, ends: set[Any]) -> bool:
    return any(end.name in reachable([start]) for end in ends) and len(ends) == 1


def _reached(workflow: Any) -> Iterator[Task]:
    predicted = TaskState.PREDICTED_MASK | TaskState.FUTURE
    return (task for task in workflow.tasks.values() if not task.has_state(predicted))


def _connected_ancestor(task: Task) -> Task | None:
    """The nearest task before this one whose node is still connected; history without a node is passed over."""
    if not task.task_spec.inputs:
        return None
    parent = task.parent
    while parent is not None and not parent.task_spec.outputs:
        parent = parent.parent
    return parent


class _Done:
    """What has been done as often as another node was reached: an earlier pass of a loop does not count for this one.

    Sub-processes count like the rest of the process; one that is drawn around nodes has been done when they have.
    """

    def __init__(self, top: Any) -> None:
        self._top = top
        tasks = [task for workflow in _own(top) for task in _reached(workflow)]
        self._reached = Counter(task.task_spec.name for task in tasks)
        self._done = Counter(task.task_spec.name for task in tasks if task.state == TaskState.COMPLETED)

    def for_each(self, spec: Any) -> Callable[[Any], bool]:
        """Tells of a node whether it has been done for each time that `spec` was reached."""
        times = self._reached[spec.name]
        return lambda node: self._holds(node, times)

    def _holds(self, spec: Any, times: int) -> bool:
        if self._done[spec.name] >= times:
            return True
        if not _is_embedded(spec) or _enters_or_leaves(spec):
            return False
        inside = [node for node in _contents(self._top, spec).task_specs.values() if _does_work(node)]
        return all(isinstance(node, EndEvent) or self._holds(node, times) for node in inside)


def _own(top: Any) -> Iterator[Any]:
    """An instance's process and its sub-processes, without what is called."""
    return (workflow for workflow in top.all_workflows() if workflow.definition == top.definition)


def _is_embedded(spec: Any) -> bool:
    return isinstance(spec, SubWorkflowTask) and not isinstance(spec, CallActivityMixin)


def _enters_or_leaves(spec: Any) -> bool:
    """Whether something is done on the way into a sub-process, or out of it."""
    names = ("prescript", "postscript", "io_specification", "data_input_associations", "data_output_associations")
    return any(getattr(spec, name, None) for name in names)


def _contents(top: Any, spec: Any) -> Any:
    """What an embedded sub-process of the instance's own definition runs."""
    return top.use_spec(f"{top.definition}#{spec.spec}")


def _path_of_undone(start: Any, end: Any, is_done: Callable[[Any], bool]) -> list[Any]:
    """Nodes of a path from `start` to `end` over nodes that have not run; empty if there is none."""
    stack: list[tuple[Any, list[Any]]] = [(start, [])]
    visited: set[str] = set()
    while stack:
        spec, path = stack.pop()
        for following in spec.outputs:
            if following is end:
                return path
            if following.name not in visited and not is_done(following):
                visited.add(following.name)
                stack.append((following, [*path, following]))
    return []
