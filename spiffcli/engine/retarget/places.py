"""Where the nodes of a version lie: in the process, or in which sub-process, and whether tokens can get into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.retarget.names import HELPERS, Spec

PREDICTED = TaskState.PREDICTED_MASK | TaskState.FUTURE
HISTORY = TaskState.COMPLETED | TaskState.CANCELLED

#: One process or sub-process of a state document.
Scope = dict[str, Any]
Task = dict[str, Any]

#: How the engine calls the node of a sub-process that is nothing more.
_PLAIN = "SubWorkflowTask"
_KINDS = {
    "TransactionSubprocess": "a transaction",
    "AdHocSubprocess": "an ad-hoc sub-process",
}

#: What of a node changes the data that get into a sub-process, or out of it.
_DATA = ("io_specification", "data_input_associations", "data_output_associations")


class Places:
    """In which sub-process of a definition its nodes lie.

    Args:
        specs: The specs of the definition by name: the process under `main`, and its sub-processes.
    """

    def __init__(self, specs: Mapping[str, Spec], main: str) -> None:
        self.specs = specs
        self._scopes: dict[str, str] = {}
        self._holders: dict[str, tuple[str, str]] = {}
        for scope, spec in specs.items():
            for name, node in spec["task_specs"].items():
                if name not in ("Start", "End") and node["typename"] != "_EndJoin":
                    self._scopes[name] = scope
                if node.get("spec") in specs and node["spec"] != main and node["typename"] != "CallActivity":
                    self._holders[node["spec"]] = (scope, name)

    def knows(self, name: str) -> bool:
        """Whether the definition has a node, anywhere."""
        return name in self._scopes or _base(name) in self._scopes

    def around(self, name: str, scope: str) -> str | None:
        """The sub-process in `scope` that holds a node, itself or further inside; None if none does."""
        place = self._scopes.get(name) or self._scopes.get(_base(name))
        while place is not None and place in self._holders:
            outer, holder = self._holders[place]
            if outer == scope:
                return holder
            place = outer
        return None

    def label(self, name: str) -> str:
        """Where a node lies, in words."""
        place = self._scopes.get(name) or self._scopes[_base(name)]
        if place not in self._holders:
            return "the process itself"
        scope, holder = self._holders[place]
        return f"the sub-process '{label_of(self.specs[scope]['task_specs'][holder])}'"

    def spec_in(self, holder: str, scope: str) -> str:
        """Name of the spec that the sub-process `holder` of `scope` runs."""
        name: str = self.specs[scope]["task_specs"][holder]["spec"]
        return name


def _base(name: str) -> str:
    for suffix in HELPERS:
        name = name.removesuffix(suffix)
    return name


def label_of(node: Spec) -> str:
    """Name of a node for people."""
    label: str = node.get("bpmn_name") or node.get("bpmn_id") or node["name"]
    return label


def is_live(task: Task) -> bool:
    """Whether a task holds a token."""
    return not task["state"] & (PREDICTED | HISTORY)


def unfit(holder: Spec, spec: Spec) -> str | None:
    """Why no token gets into a sub-process, or out of it, other than by its start and end; None if it can.

    Args:
        holder: Its node.
        spec: What it runs.
    """
    kind = holder["typename"]
    if holder["name"].endswith(" [child]"):
        return "is repeated"
    if kind == "EventSubprocess" or not holder["inputs"] or "Start" in holder["inputs"]:
        return "is an event sub-process"
    if kind != _PLAIN:
        return f"is {_KINDS.get(kind, 'of another kind')}"
    if any(holder.get(key) for key in _DATA) or spec["io_specification"]:
        return "says which data get in and out"
    if spec["data_objects"]:
        return "has data objects of its own"
    if _correlates(spec):
        return "waits for messages that are correlated inside of it"
    if start_event(spec) is None:
        return "does not simply begin at one start event"
    return None


def _correlates(spec: Spec) -> bool:
    definitions = [node.get("event_definition") or {} for node in spec["task_specs"].values()]
    definitions += [inner for each in definitions for inner in each.get("event_definitions", ())]
    return any(each.get("correlation_properties") for each in definitions)


def start_event(spec: Spec) -> str | None:
    """The one start event of a sub-process that begins without any event; its event sub-processes begin with it."""
    nodes = spec["task_specs"]
    begins = [name for name in nodes["Start"]["outputs"] if nodes[name]["typename"] != _PLAIN]
    node = nodes[begins[0]] if len(begins) == 1 else {}
    plain = (node.get("event_definition") or {}).get("typename") == "NoneEventDefinition"
    return begins[0] if plain and node["typename"] == "StartEvent" else None
