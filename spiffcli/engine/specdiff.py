"""What the engine sees differ between two definitions: the safety net under the comparison of models.

Works on serialized specs, so that nothing has to be restored. Nodes that were renamed are compared under their new
names, and the helper nodes the engine puts around a model node count as that node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.engine.registry import loads
from spiffcli.engine.workflow import SpecSource

#: Keys that say nothing about how a node behaves, or that are compared as connections.
_IGNORED = frozenset({"description", "lookahead", "inputs", "outputs", "name", "bpmn_id"})

#: Keys of a process that are compared elsewhere, or say nothing about how it behaves.
_IGNORED_OF_PROCESS = frozenset({"task_specs", "file", "description", "name"})

#: Keys whose values name nodes.
_NAMES = frozenset(
    {"name", "bpmn_id", "inputs", "outputs", "task_spec", "spec", "default_task_spec", "split_task", "trigger_specs",
     "bpmn_start_events", "main_child_task_spec"}
)  # fmt: skip

#: Lists of nodes whose order means nothing.
_UNORDERED = frozenset({"trigger_specs", "bpmn_start_events"})

_HELPERS = (".BoundaryEventSplit", ".BoundaryEventJoin", ".StartEventSplit", ".StartEventJoin", " [child]")

#: What the name of the node before the end of a process ends in.
_END = ".EndJoin"

_Node = dict[str, Any]


class Difference(Struct, frozen=True):
    """Something of an element that the engine sees differ.

    Attributes:
        element: Id of the node as it is now; of the sub-process, or the empty string for the process itself,
            where it concerns no node.
        key: What of it; `present` where only one version has the node.
        before, after: The values; for `outputs`, the ids of the nodes it leads to.
        ahead: Ids of the nodes it leads to in either version.
    """

    element: str
    key: str
    before: Any
    after: Any
    ahead: frozenset[str] = frozenset()


def spec_nodes(source: SpecSource, definition: str) -> set[str]:
    """Ids of the model elements among the nodes of a definition, embedded sub-processes included."""
    return {
        node["bpmn_id"]
        for spec in _specs(source, definition, {}).values()
        for node in spec["task_specs"].values()
        if node.get("bpmn_id")
    }


def spec_differences(
    source: SpecSource, old: str, new: str, renamed: Mapping[str, str] | None = None
) -> list[Difference]:
    """Everything that differs, in order of the nodes.

    Args:
        renamed: New id by old one, of the nodes that were renamed.
    """
    before, after = _specs(source, old, renamed or {}), _specs(source, new, {})
    found: list[Difference] = []
    for name in dict.fromkeys([*before, *after]):
        if name in before and name in after:
            found += _node_differences(before[name], after[name])
            found += _differing(name, before[name], after[name], _IGNORED_OF_PROCESS)
        elif name:
            found += _presence(before.get(name), after.get(name))
    return found


def _specs(source: SpecSource, definition: str, renamed: Mapping[str, str]) -> dict[str, _Node]:
    specs = source.specs(definition)
    found: dict[str, _Node] = {}
    for name, hash in specs.hashes.items():
        spec = loads(source.content(hash))
        own = "" if name == specs.main else renamed.get(name, name)
        found[own] = _translated(spec, renamed)
    return found


def _translated(spec: _Node, renamed: Mapping[str, str]) -> _Node:
    """A spec with the names that its nodes have now."""
    nodes = (_with_names(node, renamed) for node in spec["task_specs"].values())
    return {**_with_names(spec, renamed), "task_specs": {node["name"]: node for node in nodes}}


def _with_names(node: _Node, renamed: Mapping[str, str]) -> _Node:
    result = {key: _renamed(value, renamed) if key in _NAMES else value for key, value in node.items()}
    if "cond_task_specs" in node:
        ways = [_with_names(each, renamed) for each in node["cond_task_specs"]]
        result["cond_task_specs"] = [{**way, "task_spec": _base(way["task_spec"])} for way in ways]
    for key in _UNORDERED & result.keys():
        result[key] = sorted(result[key])
    if result.get("default_task_spec"):
        result["default_task_spec"] = _base(result["default_task_spec"])
    return result


def _renamed(value: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(each, renamed) for each in value]
    if not isinstance(value, str):
        return value
    base = _base(value)
    return renamed.get(base, base) + value[len(base) :]


def _node_differences(old: _Node, new: _Node) -> Iterator[Difference]:
    before, after = old["task_specs"], new["task_specs"]
    led, leads = _connections(old), _connections(new)
    yield from _presence(old, new)
    for name in sorted(before.keys() & after.keys()):
        # Helpers follow from the nodes they stand around.
        if before[name].get("bpmn_id") is not None or _base(name) == name:
            for found in _differing(_base(name), before[name], after[name], _IGNORED):
                yield replace(found, ahead=frozenset(led.get(name, []) + leads.get(name, [])))
    for name in sorted(led.keys() & leads.keys()):
        if led[name] != leads[name]:
            yield Difference(name, "outputs", led[name], leads[name])


def _presence(old: _Node | None, new: _Node | None) -> Iterator[Difference]:
    before, after = _model_nodes(old), _model_nodes(new)
    for name in sorted(before ^ after):
        yield Difference(name, "present", name in before, name in after)


def _model_nodes(spec: _Node | None) -> set[str]:
    if spec is None:
        return set()
    return {_base(name) for name, node in spec["task_specs"].items() if node.get("bpmn_id")}


def _connections(spec: _Node) -> dict[str, list[str]]:
    """The nodes each node leads to, in order, without helpers."""
    found: dict[str, list[str]] = {}
    for name, node in spec["task_specs"].items():
        if name.endswith(_END):
            continue
        own = found.setdefault(_base(name), [])
        for output in node["outputs"]:
            target = "" if output.endswith(_END) else _base(output)
            if target not in (_base(name), *own):
                own.append(target)
    return found


def _base(name: str) -> str:
    for suffix in _HELPERS:
        name = name.removesuffix(suffix)
    return name


def _differing(element: str, old: _Node, new: _Node, ignored: frozenset[str]) -> Iterator[Difference]:
    for key in sorted(old.keys() | new.keys()):
        if key not in ignored and old.get(key) != new.get(key):
            yield Difference(element, key, old.get(key), new.get(key))
