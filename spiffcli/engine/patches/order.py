"""The order of tasks in the tree, found without walking the tree.

Whoever is first in the tree, parents before children and siblings in their order, is run and updated first. To
compare two tasks we look for the place where the ways to them part. With a pointer to the parent and one further up
at each task (as in Myers' skew-binary lists) that takes a number of steps logarithmic in the depth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cmp_to_key
from typing import Any

from SpiffWorkflow.task import Task

from spiffcli.engine.patches.overrides import Note, Overrides

SPEED = Overrides()

#: Comparing costs about as much as looking at this many tasks while walking.
_WALK_RATIO = 8


class _Parent:
    """`Task._parent`, which forgets what was known of the tree when a task gets another parent."""

    def __set__(self, task: Any, value: Any) -> None:
        fields = vars(task)
        known = fields.get("_parent", value)
        fields["_parent"] = value
        if known != value and "workflow" in fields:
            task.workflow._tree = (SPEED.epoch, object())


SPEED.set(Task, "_parent", _Parent())


class _Place(Note):
    """Where a task is: its depth, its parent, and an ancestor further up."""

    __slots__ = ("depth", "jump", "parent", "task", "tree")

    def __init__(self, task: Any, parent: _Place | None, tree: Any) -> None:
        self.task = task
        self.tree = tree
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.parent: _Place = self if parent is None else parent
        self.jump: _Place = self.parent
        if parent is not None and parent.depth - parent.jump.depth == parent.jump.depth - parent.jump.jump.depth:
            self.jump = parent.jump.jump


def _place(task: Any, tree: Any) -> _Place:
    tasks, unknown = task.workflow.tasks, []
    current: Any = task
    place: _Place | None = None
    while current is not None:
        place = vars(current).get("_place")
        if place is not None and place.tree is tree:
            break
        place = None
        unknown.append(current)
        current = tasks.get(current._parent)
    for current in reversed(unknown):
        place = current._place = _Place(current, place, tree)
    assert place is not None
    return place


def _tree(workflow: Any) -> Any:
    """What stands for the tree of a workflow in its present shape; places in another shape are not to be trusted."""
    tree = vars(workflow).get("_tree")
    if tree is None or tree[0] is not SPEED.epoch:
        tree = workflow._tree = (SPEED.epoch, object())
    return tree


@SPEED.method(Task)
def is_descendant_of(self: Any, task: Any) -> bool:
    """Fault: all ancestors up to the root were looked at."""
    if self is task or self.workflow is not task.workflow:
        return False
    tree = _tree(self.workflow)
    lower, upper = _place(self, tree), _place(task, tree)
    return _up_to(lower, upper.depth) is upper


def in_order(workflow: Any, tasks: Iterable[Any]) -> list[Any]:
    """Tasks of one workflow in the order of its tree."""
    found = list(tasks)
    if len(found) < 2:
        return found
    if len(workflow.tasks) < len(found) * len(found).bit_length() * _WALK_RATIO:
        wanted = set(found)
        return [task for task in _walk(workflow) if task in wanted]
    tree = _tree(workflow)
    siblings: dict[Any, dict[Any, int]] = {}
    places = [_place(task, tree) for task in found]
    places.sort(key=cmp_to_key(lambda one, other: _compare(one, other, siblings)))
    return [place.task for place in places]


def _walk(workflow: Any) -> Iterator[Any]:
    tasks = workflow.tasks
    pending = [workflow.task_tree]
    while pending:
        task = pending.pop()
        yield task
        pending.extend(tasks[child] for child in reversed(task._children) if child in tasks)


def _compare(one: _Place, other: _Place, siblings: dict[Any, dict[Any, int]]) -> int:
    """Negative where `one` comes first."""
    deeper = one.depth - other.depth
    one, other = _up_to(one, other.depth), _up_to(other, one.depth)
    if one is other:
        return deeper
    while one.parent is not other.parent:
        if not one.depth:
            return 0  # one of them is in no tree
        if one.jump is not other.jump:
            one, other = one.jump, other.jump
        else:
            one, other = one.parent, other.parent
    parent = one.parent.task
    if parent not in siblings:
        siblings[parent] = {child: position for position, child in enumerate(parent._children)}
    positions = siblings[parent]
    return positions[one.task.id] - positions[other.task.id]


def _up_to(place: _Place, depth: int) -> _Place:
    while place.depth > depth:
        place = place.jump if place.jump.depth >= depth else place.parent
    return place
