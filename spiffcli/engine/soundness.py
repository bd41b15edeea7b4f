"""Is an instance whole after a move? Every token can end, every join that waits can still be satisfied.

Works on the graph of the spec, so that it also sees what prediction has not reached yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from heapq import heappop, heappush
from itertools import count
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
from spiffcli.engine.tokens import WaitingJoin, live_tasks, reachable, waiting_joins
from spiffcli.engine.views import bpmn_id, is_model_node


def stuck_joins(running: Running) -> list[WaitingJoin]:
    """Parallel joins that would wait for ever."""
    return list(waiting_joins(running.workflow))


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


class LostValue(Struct, frozen=True):
    """A value that an instance holds and the new version has no place for, while something ahead reads an empty one.

    Attributes:
        name: The data object that holds it.
        read: The empty data object.
        reader: Id of the node that reads it.
    """

    name: str
    read: str
    reader: str


def lost_values(running: Running) -> list[LostValue]:
    """Values of data objects that nothing can read any more, where something is read in their place."""
    found = []
    for workflow in _own(running.workflow):
        objects = workflow.data.get("data_objects", {})
        lost = [name for name, value in objects.items() if value is not None and name not in workflow.spec.data_objects]
        if lost and not workflow.completed:
            empty = {name for name in workflow.spec.data_objects if objects.get(name) is None}
            reads = [(read, bpmn_id(spec)) for spec in _work_ahead(running) for read in _reads(spec) if read in empty]
            found += [LostValue(name, *reads[0]) for name in lost if reads]
    return found


def _work_ahead(running: Running) -> Iterator[Any]:
    yield from (task.task_spec for each in _own(running.workflow) for task in live_tasks(each))
    yield from (spec for _, spec in _ahead_everywhere(running))


def _reads(spec: Any) -> Iterator[str]:
    yield from (each.bpmn_id for each in getattr(spec, "data_input_associations", ()))


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


def skipped_nodes(
    before: Running, after: Running, old_graphs: Mapping[str, Graph], mapping: Mapping[str, str]
) -> list[Misplaced]:
    """Nodes that a fresh instance of the new version would have run by now, and that this one will not run.

    What has run is held against what leads to the tokens in the new version, however their past is drawn. What the
    old version left out in the same way is no reason.

    Args:
        old_graphs: Connections of the old version by spec key, under new names.
        mapping: New ids of nodes by old ones.
    """
    known = {mapping.get(bpmn_id(spec), bpmn_id(spec)) for each in _own(before.workflow) for spec in _undone(each)}
    found: dict[tuple[str, str], Misplaced] = {}
    for workflow, graph in _moved(after, old_graphs):
        undone = (spec for spec in _undone(workflow) if bpmn_id(spec) not in known)
        for spec in (*undone, *_unstarted(workflow, graph)):
            item = _misplaced(spec, next((bpmn_id(each) for each in spec.inputs if is_model_node(each)), ""), workflow)
            found.setdefault((item.process, item.node), item)
    return list(found.values())


def unstarted_branches(running: Running, old_graphs: Mapping[str, Graph]) -> frozenset[str]:
    """Ids of the nodes with which new branches begin, at forks that have gone on without them."""
    return frozenset(
        bpmn_id(spec) for workflow, graph in _moved(running, old_graphs) for spec in _unstarted(workflow, graph)
    )


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


def repeated_once(before: Running, after: Running, mapping: Mapping[str, str]) -> list[Misplaced]:
    """Nodes that have run and lie ahead, that a fresh instance of the new version would run only once.

    What was so in the old version already is no reason.
    """
    known = {mapping.get(id, id) for id in _done_once_and_ahead(before)}
    found = _done_once_and_ahead(after)
    return sorted((item for id, item in found.items() if id not in known), key=lambda item: item.node)


def _done_once_and_ahead(running: Running) -> dict[str, Misplaced]:
    """Nodes by id that have run and lie ahead again, and are in no loop."""
    ran = {id for _, id in _ran(running)}
    loops = _Loops(running.workflow)
    found: dict[str, Misplaced] = {}
    for scope, spec in _ahead_everywhere(running):
        id = bpmn_id(spec)
        if id in ran and _is_work(spec) and not loops.holds(scope, spec):
            found.setdefault(id, Misplaced(id, spec.bpmn_name, "", scope))
    return found


class _Loops:
    """Which nodes can run more than once: in a cycle, in a repeated sub-process, in an event sub-process."""

    def __init__(self, top: Any) -> None:
        self._top = top
        self._scopes: dict[str, bool] = {}

    def holds(self, scope: str, spec: Any) -> bool:
        """Whether a node of a process or sub-process can run more than once."""
        return spec.name in reachable([spec]) or self._is_item(spec) or self._is_repeated(scope)

    def _is_item(self, spec: Any) -> bool:
        return isinstance(spec, LoopTask) or any(isinstance(each, LoopTask) for each in spec.inputs)

    def _is_repeated(self, scope: str) -> bool:
        if scope not in self._scopes:
            self._scopes[scope] = False  # against a scope inside of itself
            self._scopes[scope] = any(self._repeats(workflow, scope) for workflow in self._all())
        return self._scopes[scope]

    def _all(self) -> Iterator[Any]:
        """Specs of the instance's own process and of all that is embedded in it."""
        stack, seen = [self._top.spec], set()
        while stack:
            process = stack.pop()
            if process.name in seen:
                continue
            seen.add(process.name)
            yield process
            stack += [_contents(self._top, spec) for spec in process.task_specs.values() if _is_embedded(spec)]

    def _repeats(self, process: Any, scope: str) -> bool:
        for spec in process.task_specs.values():
            if _is_embedded(spec) and spec.spec == scope:
                triggered = not spec.inputs or getattr(spec, "triggered_by_event", False)
                item = any(
                    isinstance(each, LoopTask) and each.task_spec == spec.name for each in process.task_specs.values()
                )
                if triggered or item or self.holds(process.name, spec):
                    return True
        return False


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


def _undone(workflow: Any) -> Iterator[Any]:
    """Nodes that lead to the tokens of a process or sub-process, and have not been done for them."""
    tokens = [task for task in live_tasks(workflow) if is_model_node(task.task_spec) and task.task_spec.inputs]
    done = _Done(workflow) if tokens else None
    ahead = {name for task in tokens for name in _from_token(task.task_spec)}
    for task in tokens:
        assert done is not None
        spec = task.task_spec
        later = reachable([spec])
        others = [other.task_spec for other in tokens if other.task_spec is not spec]
        way = _Way(spec, lambda node, later=later, spec=spec: done.holds(node, spec, later))  # type: ignore[misc]
        for each in way.undone():
            back = reachable([each])
            if not any(each.name in _from_token(other) for other in others if other.name not in back):
                yield each
        yield from (each for each in way.undone_beside() if each.name not in ahead)


def _from_token(spec: Any) -> set[str]:
    return reachable([spec], include_start=True)


class _Way:
    """The way from a start to a node on which the fewest nodes are undone; at a join, all of its branches.

    Knuth's generalisation of Dijkstra's algorithm: a node costs what it is itself and the cheapest of its inputs, a
    parallel join all of them.
    """

    def __init__(self, end: Any, is_done: Callable[[Any], bool]) -> None:
        self._end = end
        self._is_done = is_done
        self._ahead = _leading_to(end)
        self._own = {name: int(self._counts(spec)) for name, spec in self._ahead.items()}
        self._chosen = self._cheapest()

    def _counts(self, spec: Any) -> bool:
        return spec is not self._end and _is_work(spec) and not self._is_done(spec)

    def _cheapest(self) -> dict[str, tuple[Any, ...]]:
        """The inputs over which each node is come to."""
        costs: dict[str, int] = {}
        chosen: dict[str, tuple[Any, ...]] = {}
        missing: dict[str, set[str]] = {}
        order = count()  # of two nodes that cost the same, the one that was found first
        starts = (spec for spec in self._ahead.values() if not spec.inputs)
        heap: list[tuple[int, int, str, tuple[Any, ...]]] = [
            (self._own[each.name], next(order), each.name, ()) for each in starts
        ]
        while heap:
            cost, _, name, inputs = heappop(heap)
            if name in costs:
                continue
            costs[name], chosen[name] = cost, inputs
            for following in self._ahead[name].outputs:
                if following.name not in self._ahead or following.name in costs:
                    continue
                if not isinstance(following, ParallelGatewayMixin) or len(following.inputs) < 2:
                    heappush(
                        heap, (cost + self._own[following.name], next(order), following.name, (self._ahead[name],))
                    )
                    continue
                waits = missing.setdefault(following.name, _branches_into(following, self._ahead))
                waits.discard(name)
                if not waits:
                    arrived = tuple(each for each in following.inputs if each.name in costs)
                    total = sum(costs[each.name] for each in arrived)
                    heappush(heap, (total + self._own[following.name], next(order), following.name, arrived))
        return chosen

    def _nodes(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        stack = list(self._chosen.get(self._end.name, ()))
        while stack:
            spec = stack.pop()
            if spec.name not in found and spec is not self._end:
                found[spec.name] = spec
                stack.extend(self._chosen[spec.name])
        return dict(reversed(found.items()))

    def undone(self) -> list[Any]:
        """Nodes of the way that have not been done."""
        return [spec for name, spec in self._nodes().items() if self._own[name]]

    def undone_beside(self) -> Iterator[Any]:
        """Nodes with which branches begin that leave the way at a fork and do not come back to it, not done either."""
        nodes = self._nodes()
        for fork in nodes.values():
            # What the engine puts before an activity with boundary events is no fork: those begin by their events.
            forks = is_model_node(fork) and not isinstance(fork, MultiChoice | EventBasedGatewayMixin)
            for output in fork.outputs if forks and len(fork.outputs) > 1 else ():
                if output is not self._end and output.name not in nodes:
                    yield from (each for each in _first_work(output) if self._counts(each))


def _first_work(start: Any) -> Iterator[Any]:
    """The nodes that do something with which a branch begins."""
    stack, seen = [start], set()
    while stack:
        spec = stack.pop()
        if spec.name in seen:
            continue
        seen.add(spec.name)
        if _is_work(spec):
            yield spec
        elif not (isinstance(spec, ParallelGatewayMixin | InclusiveGatewayMixin) and len(spec.inputs) > 1):
            stack.extend(spec.outputs)


def _leading_to(end: Any) -> dict[str, Any]:
    found = {end.name: end}
    stack = [end]
    while stack:
        for before in stack.pop().inputs:
            if before.name not in found:
                found[before.name] = before
                stack.append(before)
    return found


def _branches_into(join: Any, ahead: Mapping[str, Any]) -> set[str]:
    """Names of the inputs of a join that can be reached without passing it: others lead back to it."""
    starts = [spec for spec in ahead.values() if not spec.inputs]
    before = reachable(starts, without=join.name, include_start=True)
    return {each.name for each in join.inputs if each.name in before}


def _is_work(spec: Any) -> bool:
    """Whether it makes a difference that a node has not run; gateways only choose the way, and ends end it."""
    plain_end = isinstance(spec, EndEvent) and isinstance(spec.event_definition, NoneEventDefinition)
    return _does_work(spec) and not plain_end and not type(spec).__name__.endswith("Gateway")


def _unstarted(workflow: Any, graph: Graph) -> Iterator[Any]:
    """Nodes with which branches begin at a fork that has gone on without them."""
    ahead = reachable(task.task_spec for task in live_tasks(workflow))
    for task in _reached(workflow):
        spec = task.task_spec
        forks = len(spec.outputs) > 1 and not isinstance(spec, MultiChoice | EventBasedGatewayMixin)
        if task.state != TaskState.COMPLETED or not forks:
            continue
        children = _connected_children(task)
        for output in spec.outputs:
            is_new = output.name not in graph.get(spec.name, ()) and output.name not in ahead
            if is_new and output not in children and not _path_of_any(output, children):
                if _does_work(output) or not children:
                    yield output


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


class _Done:
    """What has been done for a token of a process or sub-process.

    Of a loop that the token is in, an earlier turn does not count for this one. What was done in another process or
    sub-process counts, too: one that is drawn around nodes has been done when they have.
    """

    def __init__(self, workflow: Any) -> None:
        self._top = workflow.top_workflow
        others = [each for each in _own(self._top) if each is workflow or each.spec.name != workflow.spec.name]
        tasks = [task for each in others for task in _reached(each)]
        self._reached = Counter(task.task_spec.name for task in tasks)
        self._done = Counter(task.task_spec.name for task in tasks if task.state == TaskState.COMPLETED)

    def holds(self, spec: Any, token: Any, later: Collection[str]) -> bool:
        """Whether a node that leads to a token has been done for it.

        Args:
            later: Names of the nodes that the token can come to: a node among them is in a loop with it.
        """
        times = self._reached[token.name] if spec.name in later else 1
        if self._done[spec.name] >= times:
            return True
        if not _is_embedded(spec) or _enters_or_leaves(spec):
            return False
        inside = [node for node in _contents(self._top, spec).task_specs.values() if _is_work(node)]
        return all(isinstance(node, EndEvent) or self.holds(node, token, later) for node in inside)


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
