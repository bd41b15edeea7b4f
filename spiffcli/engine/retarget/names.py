"""Old nodes and what they are in the new spec of one process or sub-process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: A serialized spec of the engine.
Spec = dict[str, Any]

#: Suffixes of the helper nodes the engine puts around a model node.
HELPERS = (".BoundaryEventSplit", ".BoundaryEventJoin", " [child]", ".EndJoin")

#: What happens when a node is entered, and is not repeated for tasks that have been entered.
_ENTRY = ("prescript", "data_input_associations", "io_specification")

#: What of an event definition decides which event it catches.
_SUBSCRIPTION = ("name", "correlation_properties")

#: The same of one that waits for a condition to hold.
_CONDITION = ("expression",)


class Names:
    """Translates the nodes of `old` into those of `spec`, which it may extend by nodes for history.

    One serves all scopes that run the same spec, so that what is history for one is no node for the others.

    Args:
        nodes: The nodes that the new version has, without those for history.
    """

    def __init__(self, old: Spec, new: Spec, mapping: Mapping[str, str], nodes: Mapping[str, Spec]) -> None:
        self.old = old
        self.spec = new
        self._nodes = nodes
        self._mapping = {**mapping, old["name"]: new["name"]} if old["name"] != new["name"] else dict(mapping)

    def new(self, name: str) -> str:
        """The name of the node in the new version, if it has it."""
        if name in self._mapping and name in self.old["task_specs"]:
            return self._mapping[name]
        for suffix in HELPERS:
            base = name.removesuffix(suffix)
            if base != name and base in self._mapping:
                return self._mapping[base] + suffix
        return name

    def node(self, name: str) -> Spec:
        """The old node."""
        found: Spec = self.old["task_specs"][name]
        return found

    def target(self, name: str) -> Spec | None:
        """The node of the new version, or None."""
        return self._nodes.get(self.new(name))

    def fits(self, name: str) -> bool:
        """Whether the new version has the node, of the same kind."""
        target = self.target(name)
        return target is not None and target["typename"] == self.node(name)["typename"]

    def waits_differently(self, name: str) -> bool:
        """Whether a node that fits waits for another kind of event (a date instead of a duration ...)."""
        before = self.node(name).get("event_definition") or {}
        after = (self.target(name) or {}).get("event_definition") or {}
        return before.get("typename") != after.get("typename")

    def is_boundary_event(self, name: str) -> bool:
        """Whether an old node is a boundary event."""
        return bool(self.old["task_specs"].get(name, {}).get("typename") == "BoundaryEvent")

    def interrupts_differently(self, name: str) -> bool:
        """Whether a boundary event interrupts in one version only."""
        before, after = self.old["task_specs"].get(name, {}), self.target(name) or {}
        both = before.get("typename") == after.get("typename") == "BoundaryEvent"
        return both and before["cancel_activity"] != after["cancel_activity"]

    def entered_differently(self, name: str) -> bool:
        """Whether the new version does something on the way into a node that the old one did not."""
        before, after = self.node(name), self.target(name) or {}
        return any(before.get(key) != after.get(key) for key in _ENTRY)

    def definitions(self, name: str) -> Iterator[tuple[Spec, Spec]]:
        """Old and new event definitions of a node that fits, pair by pair.

        The branches of an event gateway are paired by the node they lead to.
        """
        old, new = self.node(name), self.target(name) or {}
        before, after = old.get("event_definition") or {}, new.get("event_definition") or {}
        if "event_definitions" not in before:
            if before and after:
                yield before, after
            return
        places = {output: place for place, output in enumerate(new.get("outputs", ()))}
        for output, definition in zip(old["outputs"], before["event_definitions"], strict=False):
            place = places.get(self.new(output))
            if place is not None and place < len(after.get("event_definitions", ())):
                yield definition, after["event_definitions"][place]

    def keep_as_history(self, name: str) -> bool:
        """Give the new spec an unconnected node for finished tasks; False where its name is taken there."""
        if self.target(name) is not None:
            return False
        self.spec["task_specs"][self.new(name)] = {**self.node(name), "inputs": [], "outputs": []}
        return True

    def old_graph(self) -> dict[str, tuple[str, ...]]:
        """Outputs by node in the old version, under their new names."""
        return {self.new(name): tuple(map(self.new, node["outputs"])) for name, node in self.old["task_specs"].items()}

    def changed_paths(self) -> set[str]:
        """New names of nodes whose outgoing connections or kind differ, and of nodes that are new."""
        before = {self.new(name): node for name, node in self.old["task_specs"].items()}
        return {
            name
            for name, node in self._nodes.items()
            if name not in before
            or before[name]["typename"] != node["typename"]
            or [self.new(output) for output in before[name]["outputs"]] != node["outputs"]
        }


def is_condition(definition: Spec) -> bool:
    """Whether an event definition waits for a condition to hold."""
    return bool(definition.get("typename") == "ConditionalEventDefinition")


def _decisive(definition: Spec) -> tuple[str, ...]:
    return _CONDITION if is_condition(definition) else _SUBSCRIPTION


def keep_subscription(before: Spec, after: Spec) -> None:
    """Let `after` wait for what `before` waits for."""
    after.update({key: before[key] for key in _decisive(before) if key in before})


def subscribes_differently(before: Spec, after: Spec) -> bool:
    """Whether two event definitions of one kind catch different events."""
    return any(before.get(key) != after.get(key) for key in _decisive(before))
