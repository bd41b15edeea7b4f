"""Rewriting the state document: every task gets its new node, or the reason why it cannot."""

from __future__ import annotations

from typing import Any, Literal

from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.registry import dumps, loads
from spiffcli.engine.retarget.crossing import Crossing
from spiffcli.engine.retarget.names import Names, Spec, is_condition, keep_subscription, subscribes_differently
from spiffcli.engine.retarget.parts import Part
from spiffcli.engine.retarget.places import HISTORY, PREDICTED, Scope, is_live, label_of
from spiffcli.engine.retarget.values import Move, Retargeted, Subscribed
from spiffcli.values import digest


class Rewriting(Crossing):
    """Rewrites one document."""

    def run(self) -> Retargeted:
        """Rewrite the document, as far as no fault forbids it."""
        pending = [Part(self.old, self.new, self.document["process"])]
        while pending:  # a part comes after the one that holds its task
            part = pending.pop(0)
            self._parts.append(part)
            self._rewrite(part)
            pending.extend(self._inner(part))
        if not self.result.faults:
            self._join()
            self._rekey()
        return self.result

    def _rewrite(self, part: Part) -> None:
        names = self._names_for(part.key, part.new_key)
        if names is None:
            # Where it runs it cannot be moved; where it has finished it stays as history, on the spec it ran on.
            old = self._old_spec(part.key)
            self._new_specs[part.new_key] = old, {}
            self._scope_gone(part.key, part.scope, old)
            return
        graph = self._graph(part, names)
        for each in self._wrappings(part, names):
            self._put_into(graph, part, names, each)
            self._wrap(part, names, each)
        self._leave(part, names)
        _relink(names, part.scope)
        remove = [id for id, task in part.scope["tasks"].items() if not self._keep(part.scope, id, task, names)]
        for task_id in remove:
            _remove(part.scope, task_id)
        self.changed_paths |= names.changed_paths()
        self.result.old_graphs[part.new_key] = graph

    def _keep(self, scope: Scope, task_id: str, task: dict[str, Any], names: Names) -> bool:
        """Give a task its new node; False where it is to be taken out."""
        name, state = task["spec"], task["state"]
        if task_id in self._begun or task_id in self._left or name not in names.old["task_specs"]:
            return True
        waiting = state == TaskState.WAITING
        if names.interrupts_differently(name):
            self._check_interrupting(scope, task_id, task, names)
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
            self._live_node_gone(scope, task_id, task, names)
        return True

    def _check_interrupting(self, scope: Scope, task_id: str, task: dict[str, Any], names: Names) -> None:
        """An event that has not happened may begin to interrupt, or stop to; one that has would do so in hindsight."""
        tasks = scope["tasks"]
        happened = task["state"] == TaskState.COMPLETED or any(
            not tasks[child]["state"] & PREDICTED for child in task["children"]
        )
        if task["state"] & PREDICTED or not (happened or task["state"] & (TaskState.READY | TaskState.ERROR)):
            return
        beside = (tasks[id] for id in tasks[task["parent"]]["children"])
        if any(is_live(each) and not names.is_boundary_event(each["spec"]) for each in beside):
            node = names.node(task["spec"])
            message = f"'{label_of(node)}' has happened, and in the new version it "
            message += "does not interrupt" if node["cancel_activity"] else "would have interrupted"
            message += " the task that is still open."
            fix = "Complete that task first, then migrate."
            self._fault("boundary-interrupting-changed", task_id, task, node, message, fix)

    def _drop_unstarted(self, task_id: str, node: Spec) -> bool:
        """Take out an event sub-process that still waits to be started; whether it was one."""
        scope = self.document["children"].get(task_id)
        if scope is None or "Start" not in node["inputs"]:
            return False
        nodes = loads(self.source.content(self.document["specs"][scope["spec"]]))["task_specs"]
        live = [task["spec"] for task in scope["tasks"].values() if not task["state"] & (PREDICTED | HISTORY)]
        if not live or any(nodes[name]["typename"] != "StartEvent" for name in live):
            return False
        del self.document["children"][task_id]
        self.result.disarmed.append(node["name"])
        self.result.dropped.update({task_id, *scope["tasks"]})
        return True

    def _move_live(self, task_id: str, task: dict[str, Any], names: Names) -> None:
        name = task["spec"]
        node = names.node(name)
        if not node.get("bpmn_id"):
            return
        self.result.moves.append(Move(task_id, name, names.new(name), TaskState.get_name(task["state"])))
        if names.entered_differently(name) and not _failed_on_the_way_in(task):
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
            told = "expression" if is_condition(before) else "name"
            old, wanted = before.get(told), after.get(told)
            if self.policies.events == "keep":
                keep_subscription(before, after)
                wanted = old
            elif is_condition(before):
                self.other_conditions.add(task_id)
            kind: Literal["condition", "event"] = "condition" if is_condition(before) else "event"
            self.result.subscribed.append(Subscribed(task_id, element, kind, old, wanted))

    def _keep_as_history(self, scope: Scope, task_id: str, task: dict[str, Any], names: Names) -> None:
        name = task["spec"]
        node, target = names.node(name), names.target(name)
        if target is not None and "Gateway" in target["typename"] + node["typename"] and _has_live(scope, task_id):
            self._fault(
                "gateway-type-changed",
                task_id,
                task,
                node,
                f"The gateway '{label_of(node)}' has let tokens go as a {node['typename']}; in the new version another "
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

    def _live_node_gone(self, scope: Scope, task_id: str, task: dict[str, Any], names: Names) -> None:
        name = task["spec"]
        node, target = names.node(name), names.target(name)
        if target is None and self._places.knows(names.new(name)):
            if all(fault.task != task_id for fault in self.result.faults):
                where = self._places.label(names.new(name))
                self._cross_faults(
                    scope, names.old, [task_id], f"the new version has it in {where}, where its token cannot get"
                )
            return
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
        self._fault(rule, task_id, task, node, f"Task '{label_of(node)}' is {state}, and {reason}.", fix)

    def _rekey(self) -> None:
        specs: dict[str, str] = self.document["specs"]
        goes: dict[str, dict[str, None]] = {}
        for part in self._parts:
            goes.setdefault(part.key, {})[part.new_key] = None
        # A child that runs the old definition as a called process stays on it, and so does what runs inside it.
        scoped = {id(part.scope) for part in self._parts}
        staying = {child["spec"] for child in self.document["children"].values() if id(child) not in scoped}
        rekeyed: dict[str, str] = {}
        for key, hash in specs.items():
            if key not in goes or key in staying:
                rekeyed[key] = hash
            for new_key in goes.get(key, ()):
                content = dumps(self._new_specs[new_key][0])
                rekeyed[new_key] = hash = digest(content)
                if hash not in self._hashes.values():
                    self.extra[hash] = content
        for part in self._parts[1:]:
            part.scope["spec"] = part.new_key
        self.document["definition"] = self.new
        self.document["specs"] = rekeyed


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


def _failed_on_the_way_in(task: Spec) -> bool:
    """Whether what is done on the way into a node failed: a retry does it anew, as the new version says."""
    incident = task.get("internal", {}).get("incident") or {}
    return bool(task["state"] == TaskState.ERROR and incident.get("phase") == "reach")
