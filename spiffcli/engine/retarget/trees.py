"""Parts of a task tree that become a sub-process of their own, or the other way round.

A sub-process runs in a tree of its own. What lies inside of it from now on is taken out of the tree around it and put
behind the start event of a new one, whose task stands where it was; the other way round, what runs in a sub-process is
put where its task stood. Ids, data, states and the order of tasks stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from msgspec import Struct
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.registry import Registry
from spiffcli.engine.retarget.names import Names, Spec
from spiffcli.engine.retarget.places import PREDICTED, Places, Scope, Task, is_live, start_event
from spiffcli.engine.state import put_data

# Into a sub-process


class Wrapping(Struct, frozen=True):
    """Tasks that the new version has in a sub-process.

    Attributes:
        holder: Node of that sub-process.
        first: Id of the task behind whose parent it begins; None where tokens came to it on several ways.
        tokens: Ids of the tasks that hold tokens.
        outside: Ids of tasks among them that do not lie in it.
    """

    holder: str
    first: str | None
    tokens: tuple[str, ...]
    outside: tuple[str, ...]


def wrappings(scope: Scope, names: Names, places: Places, place: str) -> Iterator[Wrapping]:
    """The sub-processes that tokens of a scope lie in from now on.

    Args:
        place: Name of the spec that the scope runs from now on.
    """
    tasks = scope["tasks"]
    found: dict[str, list[str]] = {}
    for id, task in tasks.items():
        if is_live(task) and names.target(task["spec"]) is None:
            holder = places.around(names.new(task["spec"]), place)
            if holder is not None:
                found.setdefault(holder, []).append(id)
    for holder, tokens in found.items():
        inside = _Inside(names, places, place, holder)
        firsts = {_first(tasks, id, inside) for id in tokens}
        first = firsts.pop() if len(firsts) == 1 else None
        subtree = [] if first is None else list(_subtree(tasks, first))
        live = [id for id in subtree if is_live(tasks[id])]
        outside = [id for id in subtree if not inside.may_hold(tasks[id], tasks)]
        yield Wrapping(holder, first, tuple(live or tokens), tuple(outside))


class _Inside(Struct, frozen=True):
    names: Names
    places: Places
    place: str
    holder: str

    def holds(self, task: Task) -> bool:
        """Whether the node of a task lies in the sub-process."""
        return self.places.around(self.names.new(task["spec"]), self.place) == self.holder

    def is_gone(self, task: Task) -> bool:
        """Whether the new version has no such node anywhere."""
        return task["spec"] != "Start" and not self.places.knows(self.names.new(task["spec"]))

    def may_hold(self, task: Task, tasks: Mapping[str, Task]) -> bool:
        """Whether a task can go on in the sub-process."""
        if task["state"] & PREDICTED or self.holds(task):
            return True
        kind = self.names.node(task["spec"])["typename"]
        if kind == "_EndJoin":
            return self.holds(tasks[task["parent"]])
        return self.is_gone(task) and (not is_live(task) or kind == "BoundaryEvent")


def _first(tasks: Mapping[str, Task], id: str, inside: _Inside) -> str:
    """The first task on the way to a token since the sub-process was entered, as the new version has it."""
    first, task = id, tasks[id]
    while task["parent"] is not None:
        parent = tasks[task["parent"]]
        if inside.holds(parent):
            first = task["parent"]
        elif not inside.is_gone(parent):
            break
        task = parent
    return first


def _subtree(tasks: Mapping[str, Task], id: str) -> Iterator[str]:
    stack = [id]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(tasks[current]["children"])


def wrap(scope: Scope, first: str, holder: str, spec: Spec, registry: Registry) -> tuple[str, Scope]:
    """Take a part of a scope out of it and make a sub-process of that, which stands there instead.

    Args:
        first: Id of the task that the part begins with.
        holder: Node of the sub-process.
        spec: What it runs.

    Returns:
        The id of its task, and the scope it runs in.
    """
    tasks = scope["tasks"]
    start = start_event(spec)
    parent_id, changed = tasks[first]["parent"], tasks[first]["changed"]
    data = data_of(tasks, parent_id, registry)
    moved = set(_subtree(tasks, first))
    own, root, begun = str(uuid4()), str(uuid4()), str(uuid4())
    siblings = tasks[parent_id]["children"]
    siblings[siblings.index(first)] = own
    inner: dict[str, Task] = {root: _made("Start", TaskState.COMPLETED, None, [first], changed)}
    put_data(inner[root], {}, data, registry)
    entry = root
    if tasks[first]["spec"] != start:
        inner[root]["children"] = [begun]
        inner[begun] = _made(start, TaskState.COMPLETED, root, [first], changed, internal={"event_fired": True})
        entry = begun
    inner.update((id, task) for id, task in tasks.items() if id in moved)
    inner[first]["parent"] = entry
    made = _made(holder, TaskState.STARTED, parent_id, [], changed)
    scope["tasks"] = dict(_replaced(tasks, first, {own: made}, moved))
    last = scope["last"]
    if last in moved:
        scope["last"] = parent_id
    within = {"success": True, "completed": False, "data": {}, "correlations": {}}
    return own, {"root": root, "last": last if last in moved else entry, **within, "tasks": inner}


def _made(spec: str | None, state: int, parent: str | None, children: list[str], changed: float, **more: Any) -> Task:
    return {"spec": spec, "state": state, "parent": parent, "children": children, "changed": changed, **more}


def _replaced(tasks: Mapping[str, Task], at: str, by: Mapping[str, Task], gone: set[str]) -> Iterator[tuple[str, Task]]:
    """Tasks with others in one's place: data are restored in order, parents first."""
    for id, task in tasks.items():
        if id == at:
            yield from by.items()
        elif id not in gone:
            yield id, task


def data_of(tasks: Mapping[str, Task], id: str | None, registry: Registry) -> dict[Any, Any]:
    """The data of a task, with those it has of the tasks before it."""
    chain: list[Task] = []
    while id is not None:
        chain.append(tasks[id])
        id = None if "empty" in tasks[id] else tasks[id]["parent"]
    data: dict[Any, Any] = {}
    for task in reversed(chain):
        data.update(registry.decode(task.get("set", {})))
        for key in registry.decode(task.get("unset", [])):
            data.pop(key, None)
    return data


# Out of a sub-process


def entry_of(inner: Scope) -> str | None:
    """The task of the start event that a sub-process began at; None where more than that began with it."""
    tasks = inner["tasks"]
    begun = [id for id in tasks[inner["root"]]["children"] if not tasks[id]["state"] & PREDICTED]
    return begun[0] if len(begun) == 1 and tasks[begun[0]]["state"] == TaskState.COMPLETED else None


def unwrap(scope: Scope, holder: str, inner: Scope, registry: Registry) -> None:
    """Put what runs in a sub-process where its task stands, behind the start event that it began at.

    Args:
        holder: Id of the task of the sub-process.
        inner: The scope it runs in.
    """
    tasks, root = scope["tasks"], inner["root"]
    entry = entry_of(inner)
    assert entry is not None
    parent_id = tasks[holder]["parent"]
    data = data_of(inner["tasks"], entry, registry)
    gone = set(_subtree(tasks, holder))
    siblings = tasks[parent_id]["children"]
    siblings[siblings.index(holder)] = entry
    moved = {id: task for id, task in inner["tasks"].items() if id not in _predicted_of(inner, root, entry)}
    moved[entry]["parent"] = parent_id
    for key in ("set", "unset", "empty"):
        moved[entry].pop(key, None)
    put_data(moved[entry], data_of(tasks, parent_id, registry), data, registry)
    scope["tasks"] = dict(_replaced(tasks, holder, moved, gone))
    if inner["last"] in moved:
        scope["last"] = inner["last"]


def _predicted_of(inner: Scope, root: str, entry: str) -> set[str]:
    """The root of a sub-process, and what lies behind it but not behind its start event."""
    tasks = inner["tasks"]
    others = (id for id in tasks[root]["children"] if id != entry)
    return {root}.union(*(_subtree(tasks, id) for id in others))
