"""What the engine sees differ between two definitions: the safety net under the comparison of models.

Works on serialized specs, so that nothing has to be restored.
"""

from __future__ import annotations

from typing import Any

from spiffcli.engine.registry import loads
from spiffcli.engine.workflow import SpecSource

#: Keys that say nothing about how a node behaves, or that follow from its neighbours' names.
_IGNORED = frozenset({"description", "lookahead"})

_HELPERS = (".BoundaryEventSplit", ".BoundaryEventJoin", " [child]")


def spec_nodes(source: SpecSource, definition: str) -> set[str]:
    """Ids of the model elements among the nodes of a definition, embedded sub-processes included."""
    return {
        node["bpmn_id"]
        for spec in _specs(source, definition).values()
        for node in spec["task_specs"].values()
        if node.get("bpmn_id")
    }


def spec_differences(source: SpecSource, old: str, new: str) -> dict[str, set[str]]:
    """Keys that differ, by id of the model element.

    Elements that only one side has are not listed: no comparison of models could miss them.
    """
    before, after = _specs(source, old), _specs(source, new)
    found: dict[str, set[str]] = {}
    for name in before.keys() & after.keys():
        for element, keys in _node_differences(before[name], after[name]).items():
            found.setdefault(element, set()).update(keys)
        own = _differing(before[name], after[name]) - {"task_specs", "file", "description", "name"}
        if own:
            found.setdefault(name, set()).update(own)
    return found


def _specs(source: SpecSource, definition: str) -> dict[str, dict[str, Any]]:
    specs = source.specs(definition)
    return {"" if name == specs.main else name: loads(source.content(hash)) for name, hash in specs.hashes.items()}


def _node_differences(old: dict[str, Any], new: dict[str, Any]) -> dict[str, set[str]]:
    before, after = old["task_specs"], new["task_specs"]
    found: dict[str, set[str]] = {}
    for name in before.keys() & after.keys():
        element = before[name].get("bpmn_id") or _base(name)
        keys = _differing(before[name], after[name]) - _IGNORED
        if before[name].get("bpmn_id") is None:
            # Helpers follow from the nodes they stand around, which are compared themselves.
            keys -= {"inputs", "outputs"}
        if keys:
            found.setdefault(element, set()).update(keys)
    return found


def _base(name: str) -> str:
    for suffix in _HELPERS:
        name = name.removesuffix(suffix)
    return name


def _differing(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
