"""Tokens that come to lie in a sub-process, because the new version draws one around them, or lie in none any more.

That is done only where the sub-process does nothing but hold its nodes: otherwise the result would not be what a new
instance comes to. And it is done only where a mapping says so: boundary events, and the end of the sub-process, come
with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.retarget.names import Names, Spec
from spiffcli.engine.retarget.parts import Part, Parts
from spiffcli.engine.retarget.places import Scope, is_live, label_of, start_event, unfit
from spiffcli.engine.retarget.trees import Wrapping, entry_of, unwrap, wrap, wrappings
from spiffcli.engine.retarget.values import Fault

WAIT = "Complete the task first, then migrate."


class Crossing(Parts):
    """What gets into sub-processes and out of them."""

    def _graph(self, part: Part, names: Names) -> dict[str, tuple[str, ...]]:
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

    def _wrappings(self, part: Part, names: Names) -> list[Wrapping]:
        tasks = part.scope["tasks"].values()
        if not any(is_live(task) and names.target(task["spec"]) is None for task in tasks):
            return []
        return list(wrappings(part.scope, names, self._places, self._place(part.new_key)))

    def _put_into(self, graph: dict[str, tuple[str, ...]], part: Part, names: Names, found: Wrapping) -> None:
        """Let a sub-process that is drawn around nodes stand for them in the connections of the old version."""
        place = self._place(part.new_key)
        for name, outputs in graph.items():
            if any(self._places.around(output, place) == found.holder for output in outputs):
                graph[name] = (*outputs, found.holder)
        tokens = tuple(names.new(part.scope["tasks"][id]["spec"]) for id in found.tokens)
        graph[found.holder] = (*graph.get(found.holder, ()), *tokens)

    def _wrap(self, part: Part, names: Names, found: Wrapping) -> None:
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

    def _leave(self, part: Part, names: Names) -> None:
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
                self._left[id] = Part(child["spec"], part.new_key, child, part, id, names.new(task["spec"]))

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
            self._fault("node-moved-scope", id, task, node, f"Task '{label_of(node)}' is {state}, and {reason}.", WAIT)

    def _join(self) -> None:
        """Put what has left a sub-process where that stood; what is furthest inside first."""
        for part in reversed(self._parts):
            if part.outer is not None:
                del self.document["children"][part.holder]
                unwrap(part.outer.scope, part.holder, part.scope, self.registry)


def _holds_token(scope: Scope, task_id: str) -> bool:
    """Whether a live task stands for a node of the model; the engine's own end of a process waits for the others."""
    task = scope["tasks"][task_id]
    return is_live(task) and not task["spec"].endswith(".EndJoin")
