"""Predicting the tasks that lie ahead: without recursion, and with a horizon.

The engine predicts every task that is certain to come, down every path, when an instance starts: k parallel blocks in
a row are 2^k predicted tasks (measured: 14 blocks made 50 MB of state), and a chain is as many calls deep as it is
long. Here prediction stops at a horizon, and whenever a task is reached its horizon is filled up again. Tasks that
are only possible (`MAYBE`, `LIKELY`) are predicted two levels deep, as in the engine.

Whoever decides by predicted tasks must look past the horizon; `joins` does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from SpiffWorkflow.specs.base import TaskSpec
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.patches.overrides import Overrides

FIXES = Overrides()

#: Levels predicted below a task that is reached. Measured: tests of the engine that look at predicted tasks hold
#: at 8 and more, fail at 6; 12 parallel blocks in a row start with some 60 tasks instead of 32,765.
HORIZON = 12

#: What the engine needs to run a task: its successors, and theirs where they are boundary events.
_NEEDED = 2

_horizon = sys.maxsize


def set_horizon(levels: int | None) -> None:
    """Predict at most this many levels from now on; None predicts all that is certain, as the engine does.

    What the engine decides does not depend on it. It needs two levels; fewer are raised to two.
    """
    global _horizon  # a switch for the whole program, like the overrides themselves
    _horizon = sys.maxsize if levels is None else max(levels, _NEEDED)


@FIXES.method(TaskSpec)
def _predict(
    self: Any, my_task: Any, seen: Any = None, looked_ahead: int = 0, mask: int = TaskState.PREDICTED_MASK
) -> None:
    """Fault: one call per level, without end in a cycle of flows that has no gateway to choose the way out."""
    _grow(my_task, mask, looked_ahead, _horizon)


@FIXES.method(TaskSpec)
def _on_complete(self: Any, my_task: Any) -> None:
    """Fault: a task beyond the horizon would have no successors, and its token would vanish."""
    self._on_complete_hook(my_task)
    for child in my_task.children:
        if not child._state & TaskState.FINISHED_MASK:
            reach(child)
            child.task_spec._update(child)
    my_task.workflow._task_completed_notify(my_task)


def reach(task: Any) -> None:
    """Fill up the horizon of a task that is about to be updated for the first time."""
    # The engine does not predict below tasks that it adds at run time (`triggered`), nor may we.
    if task._state != TaskState.FUTURE or task.triggered:
        return
    # Without a horizon there is nothing to fill up, unless the instance was saved with one.
    depth_to_check = _NEEDED if _horizon == sys.maxsize else _horizon
    pending = [(task, 0)]
    while pending:
        ahead, depth = pending.pop()
        if not ahead._children:
            _grow(ahead, TaskState.NOT_FINISHED_MASK, 0, _horizon - depth)
        elif depth < depth_to_check - 1:
            for child in ahead.children:
                if is_certain(child):
                    pending.append((child, depth + 1))
                elif is_unexplored(child):
                    child.task_spec._predict_hook(child)


def is_certain(task: Any) -> bool:
    """Whether a task is predicted as certain to come, and not added at run time."""
    return bool(task._state == TaskState.FUTURE and not task.triggered)


def is_unexplored(task: Any) -> bool:
    """Whether what follows a possible task has not been predicted, though what it follows is certain to come."""
    return bool(task._state & TaskState.PREDICTED_MASK and not task._children and not task.triggered)


def _grow(root: Any, mask: int, looked_ahead: int, levels: int) -> None:
    """Predict below `root`, depth first, as the engine does, but at most `levels` deep."""
    # Specs of the certain tasks between `root` and the current one: coming back to one of them is a cycle
    # that nothing chooses to leave.
    path: set[Any] = set()
    pending: list[tuple[Iterator[Any], int, Any]] = [(iter([root]), looked_ahead, None)]
    while pending:
        tasks, ahead, parent_spec = pending[-1]
        task = next(tasks, None)
        if task is None:
            pending.pop()
            path.discard(parent_spec)
            continue
        spec, certain = task.task_spec, task._state & TaskState.DEFINITE_MASK
        if len(pending) > levels or (certain and spec in path):
            continue
        if task._state & mask:
            spec._predict_hook(task)
        if certain or ahead + 1 < spec.lookahead:
            children = (child for child in task.children if child._state & mask)
            pending.append((children, ahead + 1, spec if certain else None))
            if certain:
                path.add(spec)


class _Switch(Overrides):
    """The horizon, switched like a group of overrides."""

    def apply(self) -> None:
        set_horizon(HORIZON)

    def revert(self) -> None:
        set_horizon(None)


SPEED = _Switch()
