"""What a move did to one state document, done to others whose instances stand in the same situation.

A move that looked at no data changes nodes, connections and predicted tasks, and those follow from the situation.
So the difference that it made to one document can be made to another, task by task in the order of the tree, without
the engine. Where the difference holds anything else, there is no patch, and each instance is moved by itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.registry import TAG, dumps, loads

_PREDICTED = TaskState.PREDICTED_MASK | TaskState.FUTURE

#: Hexadecimal digits of a random UUID.
_DIGITS = 32

#: What of a task a patch may change. Anything else has to stay as it is in each instance.
_CHANGED = ("spec", "state", "parent", "children", "triggered")

Document = dict[str, Any]
_Task = dict[str, Any]


class Patched(Struct, frozen=True):
    """A document after the move.

    Attributes:
        state: Its bytes.
        numbers: Ids of its tasks before the move, in the order of the tree.
        pending: Whether events wait for delivery.
    """

    state: bytes
    numbers: tuple[str, ...]
    pending: bool


class _Scope(Struct, frozen=True):
    """One process or sub-process after the move.

    Attributes:
        key: Number of the task that holds it, or None for the top process.
        spec: Key of its spec, or None for the top process.
        changed: Changed fields of tasks that stay, by number; ids in them are numbers.
        gone: Numbers of the tasks that are taken out.
        new: Tasks that are added behind the others, with their numbers; ids in them are numbers too.
        data_objects: Data objects that are added.
    """

    key: int | None
    spec: str | None
    changed: dict[int, _Task]
    gone: frozenset[int]
    new: tuple[tuple[int, _Task], ...]
    data_objects: tuple[str, ...]


class Patch:
    """A move as a difference between two documents of one instance."""

    def __init__(self, head: Document, scopes: list[_Scope], count: int) -> None:
        self._head = head
        self._scopes = scopes
        self._count = count
        self._added = sum(len(scope.new) for scope in scopes)

    @classmethod
    def between(cls, before: bytes, after: bytes) -> Patch | None:
        """The patch that makes `after` of `before`, or None where it would be more than a patch can be."""
        old, new = loads(before), loads(after)
        ids = tuple(numbered(old))
        try:
            return cls(*_compared(old, new, ids), len(ids))
        except _NotAPatchError:
            return None

    def apply(self, state: bytes) -> Patched | None:
        """The document after the move, or None if it is not one that the patch fits."""
        document = loads(state)
        ids = tuple(numbered(document))
        if len(ids) != self._count:
            return None
        name = [*ids, *_new_ids(self._added)]
        children = document["children"]
        kept: dict[str, Document] = {}
        for scope in self._scopes:
            own = document["process"] if scope.key is None else children[ids[scope.key]]
            if scope.data_objects and TAG in own["data"]:
                return None
            _patch_scope(own, scope, name)
            if scope.key is not None:
                kept[ids[scope.key]] = own
        ordered = {id: kept[id] for id in children if id in kept}
        state = dumps({**document, **self._head, "children": ordered})
        return Patched(state, ids, bool(document["events"]))


def numbered(document: Document) -> list[str]:
    """Ids of all tasks in the order of the tree: the same place in documents of the same situation."""
    scopes = document["children"]
    found: list[str] = []
    _number(document["process"], scopes, found)
    return found


def _number(scope: Document, scopes: Document, found: list[str]) -> None:
    tasks = scope["tasks"]
    stack = [scope["root"]]
    while stack:
        id = stack.pop()
        found.append(id)
        if id in scopes:
            _number(scopes[id], scopes, found)
        children = tasks[id]["children"]
        stack += children if len(children) < 2 else reversed(children)


class _NotAPatchError(Exception):
    """The difference holds something that belongs to one instance alone."""


def _new_ids(count: int) -> Iterator[str]:
    """UUIDs of version 4 as text; the library's class takes four times as long."""
    random = os.urandom(_DIGITS // 2 * count).hex()
    for start in range(0, len(random), _DIGITS):
        digits = random[start : start + _DIGITS]
        variant = "89ab"[int(digits[16], 16) & 3]
        yield f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _compared(old: Document, new: Document, ids: tuple[str, ...]) -> tuple[Document, list[_Scope]]:
    places = {id: number for number, id in enumerate(ids)}
    added = (id for id in numbered(new) if id not in places)
    places.update({id: number for number, id in enumerate(added, len(ids))})
    number = places.__getitem__
    _require({**old, **new, "children": 0, "process": 0} == {**new, "children": 0, "process": 0})
    _require(old["events"] == new["events"])
    scopes = [_compared_scope(None, None, old["process"], new["process"], number)]
    _require([id for id in old["children"] if id in new["children"]] == list(new["children"]))
    for id, scope in new["children"].items():
        scopes.append(_compared_scope(places[id], scope["spec"], old["children"][id], scope, number))
    head = {key: new[key] for key in ("format", "definition", "specs")}
    return head, scopes


def _require(holds: bool) -> None:
    if not holds:
        raise _NotAPatchError


def _compared_scope(
    key: int | None, spec: str | None, old: Document, new: Document, number: Callable[[str], int]
) -> _Scope:
    before, after = old["tasks"], new["tasks"]
    stays = [id for id in before if id in after]
    _require(list(after)[: len(stays)] == stays)
    for name in old.keys() | new.keys():
        _require(name in ("tasks", "data", "spec") or old.get(name) == new.get(name))
    changed = {}
    for id in stays:
        difference = _compared_task(before[id], after[id], number)
        if difference:
            changed[number(id)] = difference
    return _Scope(
        key,
        spec,
        changed,
        frozenset(number(id) for id in before if id not in after),
        tuple((number(id), _new_task(id, after, number)) for id in after if id not in before),
        _added_data_objects(old["data"], new["data"]),
    )


def _compared_task(old: _Task, new: _Task, number: Callable[[str], int]) -> _Task:
    for name in old.keys() | new.keys():
        _require(name in _CHANGED or ((name in old) == (name in new) and old.get(name) == new.get(name)))
    _require(("triggered" in old) == ("triggered" in new))
    return {name: _numbers(name, new[name], number) for name in _CHANGED if name in new and old[name] != new[name]}


def _new_task(id: str, tasks: dict[str, _Task], number: Callable[[str], int]) -> _Task:
    task = tasks[id]
    _require(not task.keys() & {"set", "unset", "internal"})
    predicted = bool(task["state"] & _PREDICTED)
    _require(("empty" in task) == (predicted and _has_data(tasks, task["parent"])))
    return {name: _numbers(name, value, number) for name, value in task.items() if name != "empty"}


def _numbers(name: str, value: Any, number: Callable[[str], int]) -> Any:
    if name == "parent":
        return None if value is None else number(value)
    return [number(each) for each in value] if name == "children" else value


def _added_data_objects(old: Any, new: Any) -> tuple[str, ...]:
    if old == new:
        return ()
    _require(isinstance(old, dict) and isinstance(new, dict))
    before, after = old.get("data_objects", {}), new.get("data_objects", {})
    _require({**old, "data_objects": 0} == {**new, "data_objects": 0})
    added = tuple(name for name in after if name not in before)
    _require(after == {**before, **dict.fromkeys(added)} and list(after) == [*before, *added])
    return added


def _patch_scope(scope: Document, patch: _Scope, ids: Sequence[str]) -> None:
    tasks = scope["tasks"]
    for number in patch.gone:
        del tasks[ids[number]]
    for number, fields in patch.changed.items():
        _put(tasks[ids[number]], fields, ids)
    for number, task in patch.new:
        added = tasks[ids[number]] = _put({}, task, ids)
        # What is predicted holds no data; that is written down where it would inherit some.
        if added["state"] & _PREDICTED and _has_data(tasks, added["parent"]):
            added["empty"] = True
    if patch.data_objects:
        scope["data"].setdefault("data_objects", {}).update(dict.fromkeys(patch.data_objects))
    if patch.spec is not None:
        scope["spec"] = patch.spec


def _put(task: _Task, fields: _Task, ids: Sequence[str]) -> _Task:
    """Give a task these fields, with ids for the numbers in them."""
    task.update(fields)
    parent, children = fields.get("parent"), fields.get("children")
    if parent is not None:
        task["parent"] = ids[parent]
    if children is not None:
        task["children"] = [ids[number] for number in children]
    return task


def _has_data(tasks: dict[str, _Task], id: str | None) -> bool:
    """Whether a task holds data, its own or inherited ones."""
    while id is not None:
        task = tasks[id]
        if "set" in task or "unset" in task:
            return True
        if "empty" in task:
            return False
        id = task["parent"]
    return False
