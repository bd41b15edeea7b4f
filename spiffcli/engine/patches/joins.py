"""Correctness: when a parallel or inclusive gateway has everything it waits for.

The engine looks at tasks anywhere in the tree, predicted ones among them, and so mixes up the passes of a loop: a
second pass found the arrivals of the first and went on before its own had come. Here

- a gateway counts the *arrivals of its own pass*: those that came after the same earlier firing of this gateway, or
  after none;
- what may still arrive is read from the model and the tokens on it, never from predicted tasks, so that it does not
  depend on how far ahead tasks are predicted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SpiffWorkflow.bpmn.specs.control import BoundaryEventJoin, _EndJoin
from SpiffWorkflow.bpmn.specs.mixins.events.intermediate_event import BoundaryEvent
from SpiffWorkflow.bpmn.specs.mixins.events.start_event import StartEvent
from SpiffWorkflow.bpmn.specs.mixins.inclusive_gateway import InclusiveGateway
from SpiffWorkflow.bpmn.specs.mixins.parallel_gateway import ParallelGateway
from SpiffWorkflow.bpmn.specs.mixins.unstructured_join import UnstructuredJoin
from SpiffWorkflow.util.deep_merge import DeepMerge
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.patches import live
from spiffcli.engine.patches.flows import Approach, flows
from spiffcli.engine.patches.overrides import Overrides
from spiffcli.engine.workflow import RunnerWorkflow, begins_by_event

FIXES = Overrides()

_PREDICTED = TaskState.PREDICTED_MASK | TaskState.FUTURE
_LIVE = TaskState.READY | TaskState.WAITING | TaskState.STARTED | TaskState.ERROR


@FIXES.method(ParallelGateway)
def _check_threshold_unstructured(self: Any, my_task: Any) -> bool:
    """Fault: arrivals of earlier passes of a loop, and of a process that calls itself, were counted.

    An input that only a token can take that has passed this gateway already (the way back of a loop) is not waited
    for. The engine decides that by predicted tasks, and drops inputs that other tokens can take too. Nor is, once the
    gateway has gone on, an input that it does not lead to itself, when no token is left that can.
    """
    missing = set(self._inputs) - _arrived(self, my_task)
    known = flows(self._wf_spec)
    missing = {name for name in missing if not known.only_after(self, name)}
    if not missing or live.pass_of(my_task) is None or any(known.leads_to(self, name) for name in missing):
        return not missing
    possible = known.approach(self).possible
    names = {_stand(self, token) for token in tokens(my_task.workflow)}
    return all(names.isdisjoint(possible[name]) for name in missing)


def _stand(gateway: Any, token: Any) -> str | None:
    """The node at which a token stands; None where it has come to the gateway."""
    if token.task_spec is not gateway:
        name: str = token.task_spec.name
        return name
    # The task before it failed, and may be tried again.
    return token.parent.task_spec.name if token.parent._state == TaskState.ERROR else None


def _inclusive_check(self: Any, my_task: Any) -> bool:
    """Fault: as above; besides, tokens in a call activity, sub-process or loop (STARTED) did not count, and of the
    ways that lead to an input only the first was searched.

    The gateway waits for a token that is certain to reach an input without arrival, and for one that can reach such
    an input but none of the others.
    """
    arrived = _arrived(self, my_task)
    missing = set(self._inputs) - arrived
    if not missing:
        return True
    approach = flows(self._wf_spec).approach(self)
    return not any(_holds_up(self, token, missing, arrived, approach) for token in tokens(my_task.workflow))


def _holds_up(gateway: Any, token: Any, missing: set[str], arrived: set[str], approach: Approach) -> bool:
    name = token.task_spec.name
    if token.task_spec is gateway:
        # Arrived; unless the task before it failed, and may be tried again.
        return token.parent._state != TaskState.COMPLETED and token.parent.task_spec.name in missing
    if any(name in approach.certain[entry] for entry in missing):
        return True
    if not any(name in approach.possible[entry] for entry in missing):
        return False
    return not any(name in approach.possible[entry] for entry in arrived)


FIXES.set(InclusiveGateway, "_check_threshold_unstructured", _inclusive_check)


def _end_check(self: Any, my_task: Any) -> bool:
    """Fault: a process did not end before the timers of its event sub-processes. And slow: the whole tree was walked
    to see whether anything is left to do.
    """
    return all(
        task is my_task or _is_below(task, self) or _has_not_begun(task) or _has_not_begun(task.parent)
        for task in live.unfinished(my_task.workflow)
    )


_engine_end = _EndJoin._run_hook


def _end(self: Any, my_task: Any) -> Any:
    """Give up the event sub-processes that have not begun."""
    for task in [each for each in live.unfinished(my_task.workflow) if _has_not_begun(each)]:
        task.cancel()
    return _engine_end(self, my_task)


def _has_not_begun(task: Any) -> bool:
    """Whether a task is an event sub-process that waits for the event that begins it."""
    if task is None or task._state != TaskState.STARTED or not begins_by_event(task.task_spec):
        return False
    top = task.workflow.top_workflow
    sub = top.subprocesses.get(task.id) if isinstance(top, RunnerWorkflow) else None
    events = [each for each in sub.tasks.values() if isinstance(each.task_spec, StartEvent)] if sub is not None else []
    return bool(events) and not any(each.state != TaskState.WAITING or _has_gone_on(each) for each in events)


def _has_gone_on(event: Any) -> bool:
    """Whether a repeating timer has set something off."""
    return any(not child.has_state(_PREDICTED) for child in event.children)


FIXES.set(_EndJoin, "_run_hook", _end)


FIXES.set(_EndJoin, "_check_threshold_unstructured", _end_check)


def _is_below(task: Any, spec: Any) -> bool:
    return task.parent is not None and task.parent.task_spec is spec


@FIXES.method(UnstructuredJoin)
def _update_hook(self: Any, my_task: Any) -> bool:
    """Fault: arrivals of other passes were cancelled too, and all tasks were searched for them."""
    may_fire = bool(self._check_threshold_unstructured(my_task))
    for task in live.joining(self, my_task):
        # Only the last arrival waits on.
        if task is not my_task and task._state == TaskState.WAITING:
            task.cancel()
    if may_fire:
        my_task._inherit_data()
    else:
        my_task._set_state(TaskState.WAITING)
    return may_fire


@FIXES.method(UnstructuredJoin)
def _run_hook(self: Any, my_task: Any) -> bool:
    """Fault: the data of all earlier passes of a loop were merged again, so that deleted values came back."""
    others = (task for task in live.joining(self, my_task) if task._state & TaskState.FINISHED_MASK)
    for task in sorted(others, key=lambda task: task.last_state_change):
        DeepMerge.merge(my_task.data, task.parent.data)
        if task._state == TaskState.COMPLETED:
            # A branch was reset after the gateway had fired: what followed then is replaced by what follows now.
            task._drop_children(force=True)
    my_task._inherit_data()
    return True


_engine_boundary_check = BoundaryEventJoin._check_threshold_structured


def _boundary_check(self: Any, my_task: Any) -> tuple[bool, list[Any]]:
    """Fault: what a cycle timer has set off hangs below the timer, which waits for its next time; when the activity
    ended, the timer was cancelled, and the open tasks that it had set off went with it. And an event that could not
    be armed stayed, to be armed when the activity was done.
    """
    finished, cancel = _engine_boundary_check(self, my_task)
    if finished:
        end_failed_events(my_task.find_ancestor(self.split_task))
    set_off = [task for task in cancel if task.state == TaskState.WAITING and any(_set_off(self, task))]
    for task in set_off:
        task.workflow.top_workflow.event_manager.remove_task(task)
        task._set_state(TaskState.COMPLETED)
        for child in [each for each in task.children if each.has_state(_PREDICTED)]:
            task.workflow._remove_task(child.id)
    return finished, [task for task in cancel if task not in set_off]


def end_failed_events(split: Any) -> None:
    """Give up the boundary events that could not be armed, once the activity they belong to is done."""
    if not any(task.state == TaskState.COMPLETED and not _is_event(task) for task in split.children):
        return
    for task in split.children:
        if _is_event(task) and task.state == TaskState.ERROR:
            task.internal_data.pop("incident", None)
            task._drop_children(force=True)
            task._set_state(TaskState.CANCELLED)


def _is_event(task: Any) -> bool:
    return isinstance(task.task_spec, BoundaryEvent)


def _set_off(join: Any, event: Any) -> Iterator[Any]:
    """The open tasks that a boundary event has set off, however far they have got."""
    stack = [child for child in event.children if child.task_spec is not join]
    while stack:
        task = stack.pop()
        if task.has_state(_LIVE):
            yield task
        stack.extend(task.children)


FIXES.set(BoundaryEventJoin, "_check_threshold_structured", _boundary_check)


def _arrived(spec: Any, my_task: Any) -> set[str]:
    """Names of the inputs through which tokens of this pass have come."""
    return {
        task.parent.task_spec.name for task in live.joining(spec, my_task) if task.parent.state == TaskState.COMPLETED
    }


def tokens(workflow: Any) -> Iterator[Any]:
    """Where the control of a workflow is: its unfinished tasks whose parent is done (or that have none)."""
    for task in live.unfinished(workflow):
        parent = task.parent
        if parent is None or parent._state & TaskState.FINISHED_MASK:
            yield task
