"""Nothing the engine sees may escape us: each difference of its specs is explained by a change of the models.

A change explains what it is about: its own element; for a flow, the connections of the nodes at its ends; for what
nodes share (messages, lanes, decisions, data ...), the nodes that refer to it, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from spiffcli.diff.changes import Change
from spiffcli.engine.specdiff import Difference

#: Elements outside the nodes that the engine copies into the nodes that refer to them, by what of the node.
_EVENT_KEYS = frozenset({"event_definition", "event_definitions"})
_DATA_KEYS = frozenset(
    {"data_input_associations", "data_output_associations", "io_specification", "data_objects", "data_input",
     "data_output", "input_item", "output_item"}
)  # fmt: skip
_DECISION_KEYS = frozenset({"decision_table", "dmn_engine", "extensions"})
_SHARED: Mapping[str, frozenset[str]] = {
    "message": _EVENT_KEYS,
    "signal": _EVENT_KEYS,
    "error": _EVENT_KEYS,
    "escalation": _EVENT_KEYS,
    "correlationProperty": _EVENT_KEYS,
    "correlationKey": _EVENT_KEYS | {"correlation_keys"},
    "correlationSubscription": _EVENT_KEYS | {"correlation_keys"},
    "itemDefinition": _EVENT_KEYS | _DATA_KEYS,
    "lane": frozenset({"lane"}),
    "laneSet": frozenset({"lane"}),
    "dataObject": _DATA_KEYS,
    "dataObjectReference": _DATA_KEYS,
    "dataStore": _DATA_KEYS,
    "dataStoreReference": _DATA_KEYS,
    "dataInput": _DATA_KEYS,
    "dataOutput": _DATA_KEYS,
    "dataInputAssociation": _DATA_KEYS,
    "dataOutputAssociation": _DATA_KEYS,
    "decision": _DECISION_KEYS,
    "input": _DECISION_KEYS,
    "output": _DECISION_KEYS,
    "rule": _DECISION_KEYS,
}

#: Parts of a decision: nodes refer to the decision, not to them.
_DECISION_PARTS = frozenset({"decision", "input", "output", "rule"})

#: Nodes whose lane is that of what lies inside of them, too.
_SUB_PROCESSES = frozenset({"subProcess", "transaction", "adHocSubProcess"})

#: Elements that stand for the process as a whole.
_WHOLE = frozenset({"process", "participant", "collaboration"})


def renamed_nodes(changes: Iterable[Change]) -> dict[str, str]:
    """New id by old one, of the nodes that were renamed."""
    return {
        change.before.id: change.element.id
        for change in changes
        if change.kind == "renamed" and change.path in ("id", "") and change.element.type != "sequenceFlow"
    }


def unexplained(differences: Iterable[Difference], changes: Iterable[Change]) -> Iterator[Difference]:
    """The differences that no change explains."""
    known = _Known(changes)
    return (difference for difference in differences if not known.explains(difference))


class _Known:
    """Changes by what they can explain."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self._elements: set[str] = set()
        self._ends: set[str] = set()
        self._conditions: set[str] = set()
        self._kinds: dict[str, set[str]] = {"added": set(), "removed": set(), "moved": set()}
        self._whole = False
        self._lanes_inside = False
        self._shared: list[tuple[frozenset[str], frozenset[str]]] = []
        for change in changes:
            self._note(change)

    def _note(self, change: Change) -> None:
        kind = change.element.type
        ids = {change.element.id, change.before.id}
        if change.kind in self._kinds:
            self._kinds[change.kind].add(change.element.id)
        if kind in _SUB_PROCESSES and (change.kind in self._kinds or change.path == "lane"):
            self._lanes_inside = True
        if kind == "sequenceFlow":
            texts = {*_texts(change.old), *_texts(change.new)}
            (self._conditions if "condition" in change.path else self._ends).update(texts)
        elif kind in _SHARED:
            self._shared.append((_SHARED[kind], frozenset(_names(change))))
        elif kind in _WHOLE:
            self._whole = True
        else:
            self._elements |= ids
            self._ends |= {str(change.old), str(change.new)} if "attached" in change.path else set()

    def explains(self, found: Difference) -> bool:
        """Whether some change does."""
        if found.key == "present":
            return found.element in self._kinds["added" if found.after else "removed"] | self._kinds["moved"]
        if found.element in self._elements:
            return True
        if found.key == "lane" and self._lanes_inside:
            return True
        if found.key == "outputs":
            return self._explains_outputs(found)
        if found.key == "cond_task_specs":
            return self._explains_conditions(found)
        if found.key in ("trigger_specs", "bpmn_start_events"):
            return set(found.before or ()) ^ set(found.after or ()) <= self._moved | self._elements
        if found.key == "default_task_spec":
            return found.element in self._ends or {found.before, found.after} - {None} <= self._moved
        if found.key == "event_definition" and "event_definitions" in {*(found.before or ()), *(found.after or ())}:
            # A gateway waits for the events it leads to.
            return bool(self._ends & {found.element} or found.ahead & (self._elements | self._moved))
        if found.element in ("", "Start") and self._whole:
            return True
        return self._is_shared(found)

    @property
    def _moved(self) -> set[str]:
        """Nodes whose connections changed: ends of flows that did, and what came or went."""
        return self._ends.union(*self._kinds.values())

    def _explains_outputs(self, found: Difference) -> bool:
        """Each connection that differs needs a flow that changed at one of its ends, or an end that came or went."""
        differing = set(found.before) ^ set(found.after)
        if not differing:
            return found.element in self._ends
        return found.element in self._moved or differing <= self._moved

    def _explains_conditions(self, found: Difference) -> bool:
        """Each way out that differs needs a flow whose condition or end changed."""
        before, after = found.before or [], found.after or []
        differing = [way for way in (*before, *after) if (way in before) != (way in after)]
        if not differing:
            return found.element in self._ends
        by_target: dict[str, set[str | None]] = {}
        for way in differing:
            by_target.setdefault(way["task_spec"], set()).add(way["condition"])
        return found.element in self._ends or all(
            target in self._moved or conditions & self._conditions for target, conditions in by_target.items()
        )

    def _is_shared(self, found: Difference) -> bool:
        mentioned = None
        for keys, names in self._shared:
            if found.key in keys:
                if mentioned is None:
                    mentioned = {*_texts(found.before), *_texts(found.after)}
                if names & mentioned:
                    return True
        return False


def _names(change: Change) -> Iterator[str]:
    """What a node says that refers to the element."""
    if change.element.type in _DECISION_PARTS:
        yield from filter(None, (change.element.process, change.before.process))
    for ref in (change.element, change.before):
        yield ref.id
        if ref.name:
            yield ref.name
    if change.path in ("id", "name", "code"):
        yield from _texts(change.old)
        yield from _texts(change.new)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, keys of objects included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
