"""Rewriting the state document: every task gets its new node, or the reason why it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.registry import dumps, loads
from spiffcli.engine.retarget.names import Names, Spec, keep_subscription, subscribes_differently
from spiffcli.engine.retarget.values import Fault, Move, Policies, Retargeted, Subscribed
from spiffcli.engine.workflow import SpecSource
from spiffcli.values import digest

PREDICTED = TaskState.PREDICTED_MASK | TaskState.FUTURE
HISTORY = TaskState.COMPLETED | TaskState.CANCELLED

#: One process or sub-process of the document.
Scope = dict[str, Any]


class Rewriting:
    """Rewrites one document.

    Attributes:
        document: The state document; rewritten in place.
        extra: Specs that no definition has, by hash: those with nodes for history only.
        changed_paths: New names of nodes behind which the path differs.
        cut: Ids of tasks behind which predicted tasks were taken out.
        other_timers: Ids of tasks whose timer the new version sets to another time.
    """

    def __init__(self, source: SpecSource, document: dict[str, Any], target: str, policies: Policies) -> None:
        self.source = source
        self.document = document
        self.policies = policies
        self.old = document["definition"]
        self.new = target
        self.result = Retargeted()
        self.extra: dict[str, bytes] = {}
        self.changed_paths: set[str] = set()
        self.cut: set[str] = set()
        self.other_timers: set[str] = set()
        specs = source.specs(target)
        self._main, self._hashes = specs.main, specs.hashes
        self._old_specs: dict[str, Spec] = {}
        self._new_specs: dict[str, Spec] = {}
        self._names: dict[str, Names] = {}
        self._gone: set[str] = set()
        self._dropped: list[Scope] = []

    def run(self) -> Retargeted:
        """Rewrite the document, as far as no fault forbids it."""
        scopes = []
        for key, scope in list(self._scopes()):  # a scope comes after the one that holds its task
            if scope not in self._dropped:
                scopes.append((key, scope))
                self._rewrite(key, scope)
        if not self.result.faults:
            self._rekey(scopes)
        return self.result

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
        return f"{self.new}#{self.policies.mapping.get(name, name)}" if name else self.new

    def _specs(self, key: str) -> tuple[Spec, Spec]:
        """Old and new spec of a scope; the old one twice where the new version lacks it."""
        if key not in self._old_specs:
            old = self._old_specs[key] = loads(self.source.content(self.document["specs"][key]))
            name = self._new_key(key).partition("#")[2] or self._main
            hash = self._hashes.get(name)
            if hash is None:
                self._gone.add(key)
            self._new_specs[key] = old if hash is None else loads(self.source.content(hash))
        return self._old_specs[key], self._new_specs[key]

    def _rewrite(self, key: str, scope: Scope) -> None:
        old, new = self._specs(key)
        if key in self._gone:
            # Where it runs it cannot be moved; where it has finished it stays as history, on the spec it ran on.
            self._scope_gone(key, scope, old)
            return
        names = self._names.get(key)
        if names is None:
            names = self._names[key] = Names(old, new, self.policies.mapping)
        _relink(names, scope)
        remove = [id for id, task in scope["tasks"].items() if not self._keep(scope, id, task, names)]
        for task_id in remove:
            _remove(scope, task_id)
        self.changed_paths |= names.changed_paths()
        self.result.old_graphs[self._new_key(key)] = names.old_graph()

    def _keep(self, scope: Scope, task_id: str, task: dict[str, Any], names: Names) -> bool:
        """Give a task its new node; False where it is to be taken out."""
        name, state = task["spec"], task["state"]
        waiting = state == TaskState.WAITING
        if names.fits(name) and not (waiting and names.waits_differently(name)):
            if not state & (PREDICTED | HISTORY):
                self._move_live(task_id, task, names)
            task["spec"] = names.new(name)
        elif state & PREDICTED:
            self.cut.add(task["parent"])
            return False
        elif state & HISTORY:
            self._keep_as_history(scope, task_id, task, names)
        elif waiting and names.node(name)["typename"] == "BoundaryEvent" and names.target(name) is None:
            self.result.disarmed.append(name)
            self.result.dropped.add(task_id)
            return False
        elif names.target(name) is None and self._drop_unstarted(task_id, names.node(name)):
            return False
        else:
            self._live_node_gone(task_id, task, names)
        return True

    def _drop_unstarted(self, task_id: str, node: Spec) -> bool:
        """Take out an event sub-process that still waits to be started; whether it was one."""
        scope = self.document["children"].get(task_id)
        if scope is None or "Start" not in node["inputs"]:
            return False
        nodes = loads(self.source.content(self.document["specs"][scope["spec"]]))["task_specs"]
        live = [task["spec"] for task in scope["tasks"].values() if not task["state"] & (PREDICTED | HISTORY)]
        if not live or any(nodes[name]["typename"] != "StartEvent" for name in live):
            return False
        self._dropped.append(self.document["children"].pop(task_id))
        self.result.disarmed.append(node["name"])
        self.result.dropped.update({task_id, *scope["tasks"]})
        return True

    def _move_live(self, task_id: str, task: dict[str, Any], names: Names) -> None:
        name = task["spec"]
        node = names.node(name)
        if not node.get("bpmn_id"):
            return
        self.result.moves.append(Move(task_id, name, names.new(name), TaskState.get_name(task["state"])))
        if names.entered_differently(name):
            self.result.entries_changed.append((task_id, node["bpmn_id"]))
        if task["state"] == TaskState.WAITING:
            self._subscribe(task_id, node["bpmn_id"], name, names)

    def _subscribe(self, task_id: str, element: str, name: str, names: Names) -> None:
        for before, after in names.definitions(name):
            if before.get("typename") != after.get("typename"):
                continue
            if before.get("expression") != after.get("expression") and "EventBased" not in names.node(name)["typename"]:
                self.other_timers.add(task_id)
            if not subscribes_differently(before, after):
                continue
            wanted = after.get("name")
            if self.policies.events == "keep":
                keep_subscription(before, after)
                wanted = before.get("name")
            self.result.subscribed.append(Subscribed(task_id, element, "event", before.get("name"), wanted))

    def _keep_as_history(self, scope: Scope, task_id: str, task: dict[str, Any], names: Names) -> None:
        name = task["spec"]
        node, target = names.node(name), names.target(name)
        if target is not None and "Gateway" in target["typename"] + node["typename"] and _has_live(scope, task_id):
            self._fault(
                "gateway-type-changed",
                task_id,
                task,
                node,
                f"The gateway '{_label(node)}' has let tokens go as a {node['typename']}; in the new version another "
                "kind of node stands there.",
                "Let those tokens finish first, then migrate.",
            )
        if names.keep_as_history(name) and node.get("bpmn_id"):
            self.result.kept_as_history.append(name)
        task["spec"] = names.new(name)

    def _scope_gone(self, key: str, scope: Scope, old: Spec) -> None:
        name = key.partition("#")[2]
        for task_id, task in scope["tasks"].items():
            if not task["state"] & (PREDICTED | HISTORY):
                self._fault(
                    "subprocess-removed",
                    task_id,
                    task,
                    old["task_specs"][task["spec"]],
                    f"The sub-process '{name}' runs, and the new version does not have it.",
                    f"Finish the sub-process first, or name what replaces it with --map {name}=NEW.",
                )

    def _live_node_gone(self, task_id: str, task: dict[str, Any], names: Names) -> None:
        name = task["spec"]
        node, target = names.node(name), names.target(name)
        if target is None:
            rule, reason = "node-removed", "the new version does not have it"
            fix = f"Complete the task first, or name its successor with --map {name}=NEW."
        elif names.fits(name):
            rule, reason = "event-definition-type-changed", "the new version waits for another kind of event there"
            fix = "Let the event happen first, then migrate."
        else:
            rule = "node-type-changed"
            reason = f"the new version has a {target['typename']} in its place, not a {node['typename']}"
            fix = "Complete the task first; a task never changes into one of another kind."
        state = TaskState.get_name(task["state"])
        self._fault(rule, task_id, task, node, f"Task '{_label(node)}' is {state}, and {reason}.", fix)

    def _fault(self, rule: str, task_id: str, task: dict[str, Any], node: Spec, message: str, fix: str) -> None:
        element = node.get("bpmn_id") or node["name"]
        state = TaskState.get_name(task["state"])
        self.result.faults.append(Fault(rule, task_id, element, node.get("bpmn_name"), state, message, fix))

    def _rekey(self, scopes: list[tuple[str, Scope]]) -> None:
        specs: dict[str, str] = self.document["specs"]
        moved = {key for key, _ in scopes}
        # A child that runs the old definition as a called process stays on it, and so does what runs inside it.
        scoped = {id(scope) for _, scope in scopes}
        staying = {child["spec"] for child in self.document["children"].values() if id(child) not in scoped}
        rekeyed: dict[str, str] = {}
        for key, hash in specs.items():
            if key not in moved or key in staying:
                rekeyed[key] = hash
            if key not in moved:
                continue
            content = dumps(self._new_specs[key])
            rekeyed[self._new_key(key)] = hash = digest(content)
            if hash not in self._hashes.values():
                self.extra[hash] = content
        for key, scope in scopes[1:]:
            scope["spec"] = self._new_key(key)
        self.document["definition"] = self.new
        self.document["specs"] = rekeyed


def _label(node: Spec) -> str:
    label: str = node.get("bpmn_name") or node.get("bpmn_id") or node["name"]
    return label


def _has_live(scope: Scope, task_id: str) -> bool:
    """Whether a token is somewhere behind a task."""
    pending = list(scope["tasks"][task_id]["children"])
    while pending:
        task = scope["tasks"].get(pending.pop())
        if task is not None:
            if not task["state"] & (PREDICTED | HISTORY):
                return True
            pending.extend(task["children"])
    return False


def _remove(scope: Scope, task_id: str) -> None:
    tasks = scope["tasks"]
    task = tasks.get(task_id)
    if task is None:  # went with a task before it
        return
    parent = tasks.get(task["parent"])
    if parent is not None:
        parent["children"].remove(task_id)
    pending = [task_id]
    while pending:
        pending.extend(tasks.pop(pending.pop())["children"])


def _relink(names: Names, scope: Scope) -> None:
    """Connect event sub-processes and participants that run, as the engine did in the instance's own spec."""
    nodes = names.spec["task_specs"]
    start, end = nodes["Start"], nodes[f"{names.spec['name']}.EndJoin"]
    for task in scope["tasks"].values():
        name = names.new(task["spec"])
        if task.get("triggered") and name in start.get("trigger_specs", []) and name not in start["outputs"]:
            start["outputs"].append(name)
            nodes[name]["inputs"].append("Start")
            nodes[name]["outputs"].append(end["name"])
            end["inputs"].append(name)
