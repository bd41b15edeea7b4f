"""Moving an instance to another version of its definition, by rewriting its state document.

The engine's own migration resets every waiting task. This one keeps task ids, data, deadlines, multi-instance
items and running children, and touches only what the new version makes different:

1. the tasks of the state document get the names of their new nodes; finished tasks whose node is gone stay as
   history, on a node without connections that only this instance has; predicted tasks whose node is gone, and
   boundary events that are gone, are taken out;
2. where the path ahead of a token differs, what was predicted is predicted again;
3. boundary events that are new on a live task are armed, new data objects are initialised.

The same code runs for a plan and for its application. Where nothing differs, nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.adapter import Engine, Running
from spiffcli.engine.registry import dumps, loads
from spiffcli.engine.state import Snapshot
from spiffcli.engine.views import is_model_node
from spiffcli.engine.workflow import DefinitionSpecs, SpecCache, SpecSource, copy_data
from spiffcli.values import digest

_PREDICTED = TaskState.PREDICTED_MASK | TaskState.FUTURE
_HISTORY = TaskState.COMPLETED | TaskState.CANCELLED

#: Suffixes of the helper nodes the engine puts around a model node.
_HELPERS = (".BoundaryEventSplit", ".BoundaryEventJoin", " [child]", ".EndJoin")

#: What happens when a node is entered, and is not repeated for tasks that have been entered.
_ENTRY = ("prescript", "data_input_associations", "io_specification")

Spec = dict[str, Any]
Scope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a task cannot be moved.

    Attributes:
        rule: Id of the rule that says so.
        task: Id of the task inside the instance; empty where the fault concerns no single task.
        element: BPMN id of its node (or of the join that would wait).
        other: Second element concerned (a join's missing branch ...), or None.
    """

    rule: str
    task: str
    element: str
    name: str | None
    state: str
    message: str
    fix: str
    waivable: bool = False
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A live task and the node it stands on before and after."""

    task: str
    old: str
    new: str
    state: str


@dataclass(slots=True)
class Retargeted:
    """What became of an instance.

    Attributes:
        snapshot: The new state and the specs it needs that no definition has; None where faults forbid it.
        faults: Why it cannot be moved; empty when it can.
        moves: Live tasks, with their old and new node.
        disarmed: Ids of boundary events taken off live tasks.
        armed: Ids of boundary events put on live tasks.
        kept_as_history: Ids of finished tasks' nodes that the new version lacks.
        entries_changed: Live tasks, as (task, element), that were entered another way than the new version would
            (pre-script, data inputs).
        repredicted: Ids of nodes whose path ahead was predicted again.
        data_objects: Data objects initialised to None.
        old_graphs: Connections of the old version by spec key: outputs by node, both as the new version names them.
    """

    snapshot: Snapshot | None = None
    faults: list[Fault] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    disarmed: list[str] = field(default_factory=list)
    armed: list[str] = field(default_factory=list)
    kept_as_history: list[str] = field(default_factory=list)
    entries_changed: list[tuple[str, str]] = field(default_factory=list)
    repredicted: list[str] = field(default_factory=list)
    data_objects: list[str] = field(default_factory=list)
    old_graphs: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)


def retarget(
    engine: Engine, source: SpecSource, content: bytes, target: str, mapping: Mapping[str, str] | None = None
) -> Retargeted:
    """Move the instance with the state `content` to the definition `target`.

    Args:
        source: Where specs come from.
        mapping: New node (or sub-process) id by old one, for nodes that were renamed.
    """
    return _Retargeting(engine, source, content, target, dict(mapping or {})).run()


class _Retargeting:
    def __init__(
        self, engine: Engine, source: SpecSource, content: bytes, target: str, mapping: dict[str, str]
    ) -> None:
        self.engine = engine
        self.source = source
        self.document = loads(content)
        self.old = self.document["definition"]
        self.new = target
        self.mapping = mapping
        self.result = Retargeted()
        self.extra: dict[str, bytes] = {}
        self.old_specs: dict[str, Spec] = {}
        self.new_specs: dict[str, Spec] = {}
        target_specs = source.specs(target)
        self.new_main, self.new_hashes = target_specs.main, target_specs.hashes
        self.changed_paths: set[str] = set()
        self.cut: set[str] = set()

    def run(self) -> Retargeted:
        scopes = list(self._scopes())
        for key, scope in scopes:
            self._rename(key, scope)
        if self.result.faults:
            return self.result
        self._rekey(scopes)
        overlay = Overlay(self.source, self.extra)
        running = self.engine.restore(dumps(self.document), SpecCache(self.engine.registry, overlay))
        self._settle(running)
        snapshot = running.snapshot()
        self.result.snapshot = Snapshot(snapshot.state, {**self._extra_in_use(snapshot), **snapshot.specs})
        return self.result

    def _extra_in_use(self, snapshot: Snapshot) -> dict[str, bytes]:
        used = set(loads(snapshot.state)["specs"].values())
        return {hash: content for hash, content in self.extra.items() if hash in used}

    # The document

    def _scopes(self) -> Iterator[tuple[str, Scope]]:
        """The top process and the embedded sub-processes that run in it, each with its spec key."""
        yield self.old, self.document["process"]
        children = self.document["children"]
        pending = [self.document["process"]]
        while pending:
            scope = pending.pop(0)
            for task_id in scope["tasks"]:
                child = children.get(task_id)
                if child is not None and child["spec"].startswith(f"{self.old}#"):
                    yield child["spec"], child
                    pending.append(child)

    def _new_key(self, key: str) -> str:
        name = key.partition("#")[2]
        return f"{self.new}#{self.mapping.get(name, name)}" if name else self.new

    def _spec_pair(self, key: str) -> tuple[Spec, Spec | None]:
        if key not in self.old_specs:
            self.old_specs[key] = loads(self.source.content(self.document["specs"][key]))
            name = self._new_key(key).partition("#")[2] or self.new_main
            hash = self.new_hashes.get(name)
            if hash is not None:
                self.new_specs[key] = loads(self.source.content(hash))
        return self.old_specs[key], self.new_specs.get(key)

    def _rename(self, key: str, scope: Scope) -> None:
        old, new = self._spec_pair(key)
        if new is None:
            # Faults where it runs; where it has finished it stays as history, on the spec it ran on.
            self._scope_gone(key, scope, old)
            self.new_specs[key] = old
            return
        _relink(new, scope)
        names = _Names(old, new, self.mapping)
        remove: list[str] = []
        for task_id, task in scope["tasks"].items():
            name = task["spec"]
            if names.fits(name) and not (task["state"] == TaskState.WAITING and names.waits_differently(name)):
                task["spec"] = names.new(name)
                self._note_move(task_id, task, name, old)
                if not task["state"] & (_PREDICTED | _HISTORY) and names.entered_differently(name):
                    self.result.entries_changed.append((task_id, old["task_specs"][name].get("bpmn_id") or name))
            elif task["state"] & _PREDICTED:
                remove.append(task_id)
                self.cut.add(task["parent"])
            elif task["state"] & _HISTORY:
                self._keep_as_history(scope, task_id, task, name, names)
            elif old["task_specs"][name]["typename"] == "BoundaryEvent" and task["state"] == TaskState.WAITING:
                remove.append(task_id)
                self.result.disarmed.append(name)
            else:
                self._live_node_gone(task_id, task, name, names)
        for task_id in remove:
            _remove(scope, task_id, self.document["children"])
        self.changed_paths |= names.changed_paths()
        self.result.old_graphs[self._new_key(key)] = names.old_graph()

    def _note_move(self, task_id: str, task: dict[str, Any], old_name: str, old: Spec) -> None:
        live = not task["state"] & (_PREDICTED | _HISTORY)
        if live and old["task_specs"][old_name].get("bpmn_id"):
            self.result.moves.append(Move(task_id, old_name, task["spec"], TaskState.get_name(task["state"])))

    def _keep_as_history(self, scope: Scope, task_id: str, task: dict[str, Any], name: str, names: _Names) -> None:
        target = names.target(name)
        if target is not None and "Gateway" in target["typename"] + names.old["task_specs"][name]["typename"]:
            self._check_gateway(scope, task_id, name, names)
        if names.keep_as_history(name) and names.old["task_specs"][name].get("bpmn_id"):
            self.result.kept_as_history.append(name)
        task["spec"] = names.new(name)

    def _check_gateway(self, scope: Scope, task_id: str, name: str, names: _Names) -> None:
        """A gateway that let tokens go one way cannot become one that would have let others go."""
        live = next((t for t in _descendants(scope, task_id) if not t["state"] & (_PREDICTED | _HISTORY)), None)
        if live is None:
            return
        node = names.old["task_specs"][name]
        self.result.faults.append(
            Fault(
                "gateway-type-changed",
                task_id,
                node.get("bpmn_id") or name,
                node.get("bpmn_name"),
                "COMPLETED",
                f"The gateway '{node.get('bpmn_name') or name}' has let tokens go as a {node['typename']}; in the new "
                "version another kind of node stands there.",
                "Let those tokens finish first, then migrate.",
            )
        )

    def _scope_gone(self, key: str, scope: Scope, old: Spec) -> None:
        name = key.partition("#")[2]
        for task_id, task in scope["tasks"].items():
            if task["state"] & (_PREDICTED | _HISTORY):
                continue
            node = old["task_specs"][task["spec"]]
            self.result.faults.append(
                Fault(
                    "subprocess-removed",
                    task_id,
                    node.get("bpmn_id") or task["spec"],
                    node.get("bpmn_name"),
                    TaskState.get_name(task["state"]),
                    f"The sub-process '{name}' runs, and the new version does not have it.",
                    f"Finish the sub-process first, or name what replaces it with --map {name}=NEW.",
                )
            )

    def _live_node_gone(self, task_id: str, task: dict[str, Any], name: str, names: _Names) -> None:
        node = names.old["task_specs"][name]
        state = TaskState.get_name(task["state"])
        label = f"'{node.get('bpmn_name') or name}'"
        target = names.target(name)
        if target is not None and names.fits(name):
            rule, reason = "event-definition-type-changed", "the new version waits for another kind of event there"
            fix = "Let the event happen first, then migrate."
        elif target is None:
            rule, reason = "node-removed", "the new version does not have it"
            fix = f"Complete the task first, or name its successor with --map {name}=NEW."
        else:
            rule = "node-type-changed"
            reason = f"the new version has a {target['typename']} in its place, not a {node['typename']}"
            fix = "Complete the task first; a task never changes into one of another kind."
        self.result.faults.append(
            Fault(
                rule,
                task_id,
                node.get("bpmn_id") or name,
                node.get("bpmn_name"),
                state,
                f"Task {label} is {state}, and {reason}.",
                fix,
            )
        )

    def _rekey(self, scopes: list[tuple[str, Scope]]) -> None:
        specs: dict[str, str] = self.document["specs"]
        moved = {key for key, _ in scopes}
        rekeyed: dict[str, str] = {}
        for key, hash in specs.items():
            if key not in moved:
                rekeyed[key] = hash
                continue
            content = dumps(self.new_specs[key])
            rekeyed[self._new_key(key)] = hash = digest(content)
            if hash not in self.new_hashes.values():
                self.extra[hash] = content
        # A child that runs the old definition as a called process stays on it.
        if any(child["spec"] == self.old for child in self.document["children"].values()):
            rekeyed[self.old] = specs[self.old]
        for key, scope in scopes[1:]:
            scope["spec"] = self._new_key(key)
        self.document["definition"] = self.new
        self.document["specs"] = rekeyed

    # The workflow

    def _settle(self, running: Running) -> None:
        with self.engine.time():
            for workflow in running.workflow.all_workflows():
                if workflow.definition == self.new:
                    self._init_data_objects(workflow)
                    for task in list(workflow.tasks.values()):
                        if task.id in workflow.tasks and not task.has_state(_PREDICTED | _HISTORY):
                            self._settle_task(task)
        for failure in running.workflow.failures:
            self.result.faults.append(
                Fault(
                    "event-not-armed",
                    str(failure.task.id),
                    failure.task.task_spec.name,
                    failure.task.task_spec.bpmn_name,
                    "WAITING",
                    f"The new event '{failure.task.task_spec.name}' cannot be armed: {failure.error}",
                    "Mend its expression in the new version.",
                )
            )

    def _init_data_objects(self, workflow: Any) -> None:
        for name in workflow.spec.data_objects:
            objects = workflow.data.setdefault("data_objects", {})
            if name not in objects:
                objects[name] = None
                self.result.data_objects.append(name)

    def _settle_task(self, task: Task) -> None:
        ahead = [task, *_predicted(task)]
        if any(each.task_spec.name in self.changed_paths or str(each.id) in self.cut for each in ahead):
            self._predict_again(task)
        self._arm_boundaries(task)

    def _predict_again(self, task: Task) -> None:
        workflow = task.workflow
        for child in [c for c in task.children if c.has_state(_PREDICTED)]:
            workflow._remove_task(child.id)
        task.task_spec._predict(task, mask=TaskState.NOT_FINISHED_MASK)
        self.result.repredicted.append(task.task_spec.name)

    def _arm_boundaries(self, task: Task) -> None:
        workflow = task.workflow
        split = workflow.spec.task_specs.get(f"{task.task_spec.name}.BoundaryEventSplit")
        if split is None or not is_model_node(task.task_spec):
            return
        parent = task.parent
        if parent.task_spec is not split:
            parent = _insert_split(task, split)
        present = {child.task_spec.name for child in parent.children}
        for event in split.outputs:
            if event.name not in present:
                child = parent._add_child(event, TaskState.WAITING)
                child.data = copy_data(parent.data)
                event._predict(child, mask=TaskState.NOT_FINISHED_MASK)
                event._update(child)
                self.result.armed.append(event.name)


def _insert_split(task: Task, split: Any) -> Task:
    """Put the node that holds boundary events between a live task and its parent, as if it had been there."""
    workflow, old_parent = task.workflow, task.parent
    holder = Task(workflow, split, old_parent, state=TaskState.COMPLETED)
    old_parent._children.remove(holder.id)
    old_parent._children[old_parent._children.index(task.id)] = holder.id
    holder._children = [task.id]
    holder.data = copy_data(old_parent.data)
    task._parent = holder.id
    # Stored data are deltas against the parent, restored in order: the parent has to come first.
    _move_after(workflow.tasks, holder.id, old_parent.id)
    return holder


def _move_after(tasks: dict[Any, Any], moved: Any, anchor: Any) -> None:
    items = [(key, value) for key, value in tasks.items() if key != moved]
    value = tasks[moved]
    tasks.clear()
    for key, item in items:
        tasks[key] = item
        if key == anchor:
            tasks[moved] = value


def _predicted(task: Task) -> Iterator[Task]:
    stack = [child for child in task.children if child.has_state(_PREDICTED)]
    while stack:
        child = stack.pop()
        yield child
        stack.extend(child.children)


def _remove(scope: Scope, task_id: str, children: dict[str, Any]) -> None:
    tasks = scope["tasks"]
    task = tasks.get(task_id)
    if task is None:
        return
    parent = tasks.get(task["parent"])
    if parent is not None:
        parent["children"].remove(task_id)
    pending = [task_id]
    while pending:
        current = tasks.pop(pending.pop())
        pending.extend(current["children"])
    for child_id in list(children):
        if child_id == task_id:
            del children[child_id]


def _descendants(scope: Scope, task_id: str) -> Iterator[dict[str, Any]]:
    pending = list(scope["tasks"][task_id]["children"])
    while pending:
        task = scope["tasks"].get(pending.pop())
        if task is not None:
            yield task
            pending.extend(task["children"])


def _relink(new: Spec, scope: Scope) -> None:
    """Connect event sub-processes and participants that run, as the engine did in the instance's own spec."""
    start = new["task_specs"]["Start"]
    end = new["task_specs"][f"{new['name']}.EndJoin"]
    for task in scope["tasks"].values():
        name = task["spec"]
        if task.get("triggered") and name in start.get("trigger_specs", []) and name not in start["outputs"]:
            node = new["task_specs"][name]
            start["outputs"].append(name)
            node["inputs"].append("Start")
            node["outputs"].append(end["name"])
            end["inputs"].append(name)


class _Names:
    """Old node names and what they are in the new spec of one scope."""

    def __init__(self, old: Spec, new: Spec, mapping: Mapping[str, str]) -> None:
        self.old = old
        self.spec = new
        self._mapping = {**mapping, old["name"]: new["name"]} if old["name"] != new["name"] else dict(mapping)

    def new(self, name: str) -> str:
        """The name of the node in the new version, if it has it."""
        if name in self._mapping and name in self.old["task_specs"]:
            return self._mapping[name]
        for suffix in _HELPERS:
            base = name.removesuffix(suffix)
            if base != name and base in self._mapping:
                return self._mapping[base] + suffix
        return name

    def target(self, name: str) -> Spec | None:
        """The node of the new version, or None."""
        found: Spec | None = self.spec["task_specs"].get(self.new(name))
        return found

    def fits(self, name: str) -> bool:
        """Whether the new version has the node, of the same kind."""
        target = self.target(name)
        return target is not None and target["typename"] == self.old["task_specs"][name]["typename"]

    def waits_differently(self, name: str) -> bool:
        """Whether a node that fits waits for another kind of event (a date instead of a duration ...)."""
        before = self.old["task_specs"][name].get("event_definition") or {}
        after = (self.target(name) or {}).get("event_definition") or {}
        return before.get("typename") != after.get("typename")

    def entered_differently(self, name: str) -> bool:
        """Whether the new version does something on the way into a node that the old one did not."""
        before, after = self.old["task_specs"][name], self.target(name) or {}
        return any(before.get(key) != after.get(key) for key in _ENTRY)

    def keep_as_history(self, name: str) -> bool:
        """Give the new spec an unconnected node for finished tasks; False where its name is taken there."""
        if self.target(name) is not None:
            return False
        node = {**self.old["task_specs"][name], "inputs": [], "outputs": []}
        self.spec["task_specs"][self.new(name)] = node
        return True

    def old_graph(self) -> dict[str, tuple[str, ...]]:
        """Outputs by node in the old version, under their new names."""
        return {self.new(name): tuple(map(self.new, node["outputs"])) for name, node in self.old["task_specs"].items()}

    def changed_paths(self) -> set[str]:
        """New names of nodes whose outgoing connections or kind differ, and of nodes that are new."""
        before = {self.new(name): node for name, node in self.old["task_specs"].items()}
        return {
            name
            for name, node in self.spec["task_specs"].items()
            if name not in before
            or before[name]["typename"] != node["typename"]
            or [self.new(output) for output in before[name]["outputs"]] != node["outputs"]
        }


class Overlay:
    """A spec source that also knows specs which are not stored yet."""

    def __init__(self, source: SpecSource, extra: Mapping[str, bytes]) -> None:
        self._source = source
        self._extra = extra

    def specs(self, definition: str) -> DefinitionSpecs:
        return self._source.specs(definition)

    def content(self, hash: str) -> bytes:
        found = self._extra.get(hash)
        return found if found is not None else self._source.content(hash)

    def resolve(self, caller: str, element: str, key: str) -> str:
        return self._source.resolve(caller, element, key)
