"""An index of what is unfinished in a workflow, so that nobody has to walk what is finished.

The index of a workflow is made when it is first asked for and kept up by hooks on its tasks. It holds unfinished
tasks by state, and the tasks of joins by the pass of the loop they belong to. Without the speed overrides there is
no index, and the same questions are answered by looking at every task.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from SpiffWorkflow.bpmn.specs.mixins.unstructured_join import UnstructuredJoin
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState
from SpiffWorkflow.workflow import Workflow

from spiffcli.engine.patches import nesting
from spiffcli.engine.patches.overrides import Note, Overrides
from spiffcli.engine.patches.trees import ancestors

#: A set of tasks in the order in which they were added. Tasks are hashed by identity; their ids hash slowly.
_Tasks: TypeAlias = dict[Any, None]

#: Unfinished states, those first that tell most.
_UNFINISHED = (
    TaskState.READY,
    TaskState.STARTED,
    TaskState.WAITING,
    TaskState.FUTURE,
    TaskState.LIKELY,
    TaskState.MAYBE,
)


SPEED = Overrides()


class _Arrivals:
    """The tasks of one join: those on their way, and those that have come, by pass."""

    __slots__ = ("ahead", "passes")

    def __init__(self) -> None:
        self.ahead: _Tasks = {}
        self.passes: dict[Any, _Tasks] = {}

    def of_pass(self, key: Any) -> list[Any]:
        for task in list(self.ahead):
            if _has_come(task):
                del self.ahead[task]
                self.passes.setdefault(pass_of(task), {})[task] = None
        return list(self.passes.get(key, ()))

    def discard(self, task: Any) -> None:
        if task in self.ahead:
            del self.ahead[task]
        else:
            self.passes.get(pass_of(task), {}).pop(task, None)


class _Index(Note):
    """What is unfinished in one workflow."""

    __slots__ = ("epoch", "joins", "states")

    def __init__(self, workflow: Any) -> None:
        self.epoch = SPEED.epoch
        self.states: dict[int, _Tasks] = {state: {} for state in _UNFINISHED}
        self.joins: dict[str, _Arrivals] = {}
        for task in workflow.tasks.values():
            self.add(task)

    def add(self, task: Any) -> None:
        if task._state in self.states:
            self.states[task._state][task] = None
        if isinstance(task.task_spec, UnstructuredJoin):
            self.joins.setdefault(task.task_spec.name, _Arrivals()).ahead[task] = None

    def discard(self, task: Any) -> None:
        self.states.get(task._state, {}).pop(task, None)
        if isinstance(task.task_spec, UnstructuredJoin) and task.task_spec.name in self.joins:
            self.joins[task.task_spec.name].discard(task)


def _index(workflow: Any) -> _Index:
    index = vars(workflow).get("_live_index")
    if index is None or index.epoch is not SPEED.epoch:
        index = workflow._live_index = _Index(workflow)
    return index


def _kept_up(workflow: Any) -> _Index | None:
    """The index of a workflow if it has one to keep up; one that is made later starts from the tasks themselves."""
    index = vars(workflow).get("_live_index")
    return index if index is not None and index.epoch is SPEED.epoch else None


class _State:
    """`Task._state`, which tells the index. It has no getter, so reading is as fast as any attribute."""

    def __set__(self, task: Any, value: int) -> None:
        fields = vars(task)
        old = fields.get("_state")
        fields["_state"] = value
        index = _kept_up(task.workflow)
        if old is None or old == value or index is None:
            return
        index.states.get(old, {}).pop(task, None)
        if value in index.states:
            index.states[value][task] = None
            nesting.reopen(task.workflow)


SPEED.set(Task, "_state", _State())

_engine_init = Task.__init__
_engine_removed = Workflow._task_removed_notify


def _init(self: Any, workflow: Any, *args: Any, **kwargs: Any) -> None:
    _engine_init(self, workflow, *args, **kwargs)
    index = _kept_up(workflow)
    if index is not None:
        index.add(self)


def _task_removed_notify(self: Any, task: Any) -> None:
    index = _kept_up(self)
    if index is not None:
        index.discard(task)
    _engine_removed(self, task)


SPEED.set(Task, "__init__", _init)
SPEED.set(Workflow, "_task_removed_notify", _task_removed_notify)


def in_state(workflow: Any, mask: int) -> Iterator[Any]:
    """The unfinished tasks of a workflow whose state is in `mask`, in no order. It may change meanwhile."""
    if not SPEED.applied:
        yield from (task for task in list(workflow.tasks.values()) if task._state & mask & _ANY)
        return
    index = _index(workflow)
    for state in _UNFINISHED:
        if state & mask:
            for task in list(index.states[state]):
                # Somebody may have taken the task out of the workflow, or moved it on, by other ways than ours.
                if workflow.tasks.get(task.id) is task and task._state == state:
                    yield task


_ANY = TaskState.NOT_FINISHED_MASK


def unfinished(workflow: Any) -> Iterator[Any]:
    """The unfinished tasks of a workflow, predicted ones included, in no order."""
    return in_state(workflow, _ANY)


def joining(spec: Any, my_task: Any) -> list[Any]:
    """The tasks of a join that have come, or been cancelled, in the same pass as `my_task`."""
    tasks, key = my_task.workflow.tasks, pass_of(my_task)
    if SPEED.applied:
        arrivals = _index(my_task.workflow).joins.get(spec.name)
        found = arrivals.of_pass(key) if arrivals is not None else []
    else:
        found = [t for t in tasks.values() if t.task_spec is spec and _has_come(t) and pass_of(t) == key]
    return [task for task in found if task.task_spec is spec and tasks.get(task.id) is task]


def _has_come(task: Any) -> bool:
    parent = task.parent
    return bool(task._state & TaskState.FINISHED_MASK or parent is None or parent._state & TaskState.FINISHED_MASK)


def pass_of(task: Any) -> Any:
    """Which firing of its join a task came after: the id of the nearest ancestor of the same spec, or None."""
    fields = vars(task)
    if "_pass" not in fields:
        spec = task.task_spec
        fields["_pass"] = next((ancestor.id for ancestor in ancestors(task) if ancestor.task_spec is spec), None)
    return fields["_pass"]
