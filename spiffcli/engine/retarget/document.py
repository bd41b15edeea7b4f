"""Rewriting the state document: every task gets its new node, or the reason why it cannot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.registry import Registry, dumps, loads
from spiffcli.engine.retarget.crossing import (
    HISTORY,
    PREDICTED,
    Places,
    Scope,
    Wrapping,
    entry_of,
    is_live,
    label_of,
    start_event,
    unfit,
    unwrap,
    wrap,
    wrappings,
)
from spiffcli.engine.retarget.names import Names, Spec, is_condition, keep_subscription, subscribes_differently
from spiffcli.engine.retarget.values import Fault, Move, Policies, Retargeted, Subscribed
from spiffcli.engine.workflow import SpecSource
from spiffcli.values import digest

_WAIT = "Complete the task first, then migrate."


@dataclass(frozen=True, slots=True)
class _Part:
    """One process or sub-process of the document, and the spec its tasks go to.

    Attributes:
        key, new_key: Keys of its old and its new spec.
        outer: What it is put into, where the new version does not have that sub-process around its tokens.
        holder: Id of its task there.
        node: New name of the node of that task.
    """

    key: str
    new_key: str
    scope: Scope = field(repr=False)
    outer: _Part | None = None
    holder: str = ""
    node: str = ""


class Rewriting:
    """Rewrites one document.

    Attributes:
        document: The state document; rewritten in place.
        extra: Specs that no definition has, by hash: those with nodes for history only.
        changed_paths: New names of nodes behind which the path differs.
        cut: Ids of tasks behind which predicted tasks were taken out.
        other_timers: Ids of tasks whose timer the new version sets to another time.
        other_conditions: Ids of tasks that wait for another condition from now on.
    """

    def __init__(
        self, source: SpecSource, registry: Registry, document: dict[str, Any], target: str, policies: Policies
    ) -> None:
        self.source = source
        self.registry = registry
        self.document = document
        self.policies = policies
        self.old = document["definition"]
        self.new = target
        self.result = Retargeted()
        self.extra: dict[str, bytes] = {}
        self.changed_paths: set[str] = set()
        self.cut: set[str] = set()
        self.other_timers: set[str] = set()
        self.other_conditions: set[str] = set()
        specs = source.specs(target)
        self._main, self._hashes = specs.main, specs.hashes
        self._old_specs: dict[str, Spec] = {}
        self._new_specs: dict[str, tuple[Spec, Mapping[str, Spec]]] = {}
        self._names: dict[tuple[str, str], Names] = {}
        self._parts: list[_Part] = []
        self._begun: dict[str, tuple[str, str]] = {}
        self._left: dict[str, _Part] = {}

    def run(self) -> Retargeted:
        """Rewrite the document, as far as no fault forbids it."""
        pending = [_Part(self.old, self.new, self.document["process"])]
        while pending:  # a part comes after the one that holds its task
            part = pending.pop(0)
            self._parts.append(part)
            self._rewrite(part)
            pending.extend(self._inner(part))
        if not self.result.faults:
            self._join()
            self._rekey()
        return self.result

    def _inner(self, part: _Part) -> Iterator[_Part]:
        """The embedded sub-processes that run in a part."""
        for task_id in part.scope["tasks"]:
            child = self.document["children"].get(task_id)
            if task_id in self._left:
                yield self._left[task_id]
            elif task_id in self._begun:
                yield _Part(*self._begun[task_id], child)
            elif child is not None and self._is_embedded(child):
                yield _Part(child["spec"], self._new_key(child["spec"]), child)

    def _is_embedded(self, child: Scope) -> bool:
        key: str = child["spec"]
        return key.startswith(f"{self.old}#")

    def _new_key(self, key: str) -> str:
        name = key.partition("#")[2]
        return f"{self.new}#{self.policies.mapping.get(name, name)}" if name else self.new

    def _place(self, new_key: str) -> str:
        """Name of a spec in the new version."""
        return new_key.partition("#")[2] or self._main

    @cached_property
    def _places(self) -> Places:
        specs = {name: loads(self.source.content(hash)) for name, hash in self._hashes.items()}
        return Places(specs, self._main)

    def _old_spec(self, key: str) -> Spec:
        if key not in self._old_specs:
            self._old_specs[key] = loads(self.source.content(self.document["specs"][key]))
        return self._old_specs[key]

    def _names_for(self, key: str, new_key: str) -> Names | None:
        """Translates from one spec to another; None where the new version lacks that."""
        if (key, new_key) not in self._names:
            hash = self._hashes.get(self._place(new_key))
            if hash is None:
                return None
            if new_key not in self._new_specs:
                spec = loads(self.source.content(hash))
                self._new_specs[new_key] = spec, dict(spec["task_specs"])
            spec, nodes = self._new_specs[new_key]
            self._names[key, new_key] = Names(self._old_spec(key), spec, self.policies.mapping, nodes)
        return self._names[key, new_key]

    def _rewrite(self, part: _Part) -> None:
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

    def _graph(self, part: _Part, names: Names) -> dict[str, tuple[str, ...]]:
        """Connections of the old version, as the scope that a part gets into or is would have them."""
        graph = names.old_graph()
        known = self.result.old_graphs.get(part.new_key, {})
        if part.outer is not None:
            end, behind = f"{names.spec['name']}.EndJoin", known.get(part.node, ())
            graph = {
                name: tuple(each for output in outputs for each in (behind if output == end else (output,)))
                for name, outputs in graph.items()
                if name != end
            }
        return {**graph, **known}

    # Into sub-processes, and out of them

    def _wrappings(self, part: _Part, names: Names) -> list[Wrapping]:
        tasks = part.scope["tasks"].values()
        if not any(is_live(task) and names.target(task["spec"]) is None for task in tasks):
            return []
        return list(wrappings(part.scope, names, self._places, self._place(part.new_key)))

    def _put_into(self, graph: dict[str, tuple[str, ...]], part: _Part, names: Names, found: Wrapping) -> None:
        """Let a sub-process that is drawn around nodes stand for them in the connections of the old version."""
        place = self._place(part.new_key)
        for name, outputs in graph.items():
            if any(self._places.around(output, place) == found.holder for output in outputs):
                graph[name] = (*outputs, found.holder)
        tokens = tuple(names.new(part.scope["tasks"][id]["spec"]) for id in found.tokens)
        graph[found.holder] = (*graph.get(found.holder, ()), *tokens)

    def _wrap(self, part: _Part, names: Names, found: Wrapping) -> None:
        """Begin a sub-process with the tokens that lie in it from now on."""
        place = self._place(part.new_key)
        holder = self._places.specs[place]["task_specs"][found.holder]
        name = self._places.spec_in(found.holder, place)
        spec = self._places.specs[name]
        label = f"the sub-process '{label_of(holder)}'"
        reason = unfit(holder, spec)
        if reason is not None:
            self._cross_faults(
                part.scope, names.old, found.tokens, f"the new version has it in {label}, which {reason}"
            )
        elif found.first is None:
            reason = f"the new version has it in {label}, which would begin more than once"
            self._cross_faults(part.scope, names.old, found.tokens, reason)
        elif found.outside:
            reason = f"the new version does not have it in {label}, which the token that leads to it gets into"
            self._cross_faults(part.scope, names.old, found.outside, reason)
        else:
            self._cross(part.scope, names, found.tokens)
            self.result.wrapped[found.holder] = start_event(spec) or ""
            id, inner = wrap(part.scope, found.first, found.holder, spec, self.registry)
            new_key = f"{self.new}#{name}"
            self.document["children"][id] = {"spec": new_key, **inner}
            self._begun[id] = part.key, new_key
            self.cut.add(id)
            if holder.get("prescript"):
                self.result.entries_changed.append((id, found.holder))

    def _leave(self, part: _Part, names: Names) -> None:
        """Find the sub-processes whose tokens lie outside of them from now on."""
        for id, task in part.scope["tasks"].items():
            child = self.document["children"].get(id)
            if child is None or id in self._begun or not is_live(task) or not self._is_embedded(child):
                continue
            tokens = [each for each in child["tasks"] if _holds_token(child, each)]
            leaving = [self._is_in(child, token, part.new_key) for token in tokens]
            if any(leaving) and (all(leaving) or names.target(task["spec"]) is None):
                reason = self._why_not_left(names.node(task["spec"]), child, part.new_key)
                inner = self._names_for(child["spec"], part.new_key)
                assert inner is not None
                if reason is not None:
                    self._cross_faults(child, inner.old, tokens, reason)
                else:
                    self._cross(child, inner, tokens)
                self.result.dropped.update((id, child["root"]))
                self.result.unwrapped.append(task["spec"])
                self._left[id] = _Part(child["spec"], part.new_key, child, part, id, names.new(task["spec"]))

    def _is_in(self, scope: Scope, task_id: str, new_key: str) -> bool:
        """Whether a token of a sub-process, or all in what runs there, lies directly in a scope of the new version."""
        names = self._names_for(scope["spec"], new_key)
        if names is not None and names.target(scope["tasks"][task_id]["spec"]) is not None:
            return True
        child = self.document["children"].get(task_id)
        if child is None or not self._is_embedded(child):
            return False
        return all(self._is_in(child, id, new_key) for id in child["tasks"] if _holds_token(child, id))

    def _why_not_left(self, holder: Spec, child: Scope, new_key: str) -> str | None:
        label = f"the sub-process '{label_of(holder)}'"
        reason = unfit(holder, self._old_spec(child["spec"]))
        if reason is not None:
            return f"the new version has it outside of {label}, which {reason}"
        entry = entry_of(child)
        if entry is None:
            return f"more than one path began in {label}, which the new version does not have around it"
        if any(is_live(task) and not _holds_token(child, id) for id, task in child["tasks"].items()):
            return f"another token has come to the end of {label}, which the new version does not have around them"
        if holder["name"] in self.result.wrapped:
            return f"the new version has {label} elsewhere around it"
        names = self._names_for(child["spec"], new_key)
        if names is not None and names.target(child["tasks"][entry]["spec"]) is not None:
            return f"the new version has the start of {label} outside of it, where something else would begin"
        return None

    def _cross(self, scope: Scope, names: Names, tokens: Iterable[str]) -> None:
        """Note which tasks get into a sub-process or out of it, and ask for those of which nobody has said so."""
        for id in tokens:
            task = scope["tasks"][id]
            node = names.node(task["spec"])
            element, new = node.get("bpmn_id"), names.new(task["spec"])
            self.result.crossed.add(id)
            # A boundary event goes where its task goes; what runs in a sub-process that moves as a whole goes with it.
            if element and node["typename"] != "BoundaryEvent" and self._places.knows(new):
                if element not in self.policies.mapping:
                    self._ask(id, task, node, self._places.label(new))

    def _ask(self, task_id: str, task: dict[str, Any], node: Spec, where: str) -> None:
        element, state = node["bpmn_id"], TaskState.get_name(task["state"])
        reason = f"Task '{label_of(node)}' is {state}, and the new version has it in {where}."
        fix = f"Say that it goes there with --map {element}={element}, or complete the task first."
        asked = Fault("node-moved-scope", task_id, element, node.get("bpmn_name"), state, reason, fix)
        self.result.asked.append((asked, where))

    def _cross_faults(self, scope: Scope, spec: Spec, tasks: Iterable[str], reason: str) -> None:
        for id in tasks:
            task = scope["tasks"][id]
            node, state = spec["task_specs"][task["spec"]], TaskState.get_name(task["state"])
            self._fault("node-moved-scope", id, task, node, f"Task '{label_of(node)}' is {state}, and {reason}.", _WAIT)

    def _join(self) -> None:
        """Put what has left a sub-process where that stood; what is furthest inside first."""
        for part in reversed(self._parts):
            if part.outer is not None:
                del self.document["children"][part.holder]
                unwrap(part.outer.scope, part.holder, part.scope, self.registry)

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
        hosts = (tasks[id] for id in tasks[task["parent"]]["children"])
        if any(is_live(host) and names.node(host["spec"])["typename"] != "BoundaryEvent" for host in hosts):
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

    def _fault(self, rule: str, task_id: str, task: dict[str, Any], node: Spec, message: str, fix: str) -> None:
        element = node.get("bpmn_id") or node["name"]
        state = TaskState.get_name(task["state"])
        self.result.faults.append(Fault(rule, task_id, element, node.get("bpmn_name"), state, message, fix))

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


def _holds_token(scope: Scope, task_id: str) -> bool:
    """Whether a live task stands for a node of the model; the engine's own end of a process waits for the others."""
    task = scope["tasks"][task_id]
    return is_live(task) and not task["spec"].endswith(".EndJoin")


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
