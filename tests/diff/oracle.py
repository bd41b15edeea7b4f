"""The engine's own comparison of specs as an oracle: what it reports, by element and attribute."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.util.diff import SpecDiff
from SpiffWorkflow.spiff.parser import SpiffBpmnParser
from SpiffWorkflow.spiff.serializer.config import SPIFF_CONFIG

from spiffcli.diff import Diff
from spiffcli.diff.touching import touched_nodes
from spiffcli.model import Process


@dataclass(frozen=True)
class Report:
    """What the oracle says.

    Attributes:
        added, removed: Ids of nodes.
        changed: Attributes that differ, by id of the node in the old model.
        paired: New id by old id, where the oracle paired nodes of different ids.
    """

    added: frozenset[str]
    removed: frozenset[str]
    changed: Mapping[str, frozenset[str]]
    paired: Mapping[str, str]


@functools.cache
def _registry() -> Any:
    return BpmnWorkflowSerializer.configure(SPIFF_CONFIG)


def parse(files: Iterable[tuple[str, bytes]], process: str) -> dict[str, Any]:
    """The engine's specs of a process and everything it calls, by name; the process itself under ''."""
    parser = SpiffBpmnParser()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in files:
            root = etree.fromstring(content)
            # The engine orders flows by the drawing when it finds one; we go by the document.
            for diagram in root.findall("{*}BPMNDiagram"):
                root.remove(diagram)
            if name.endswith(".dmn"):
                parser.add_dmn_xml(root, filename=name)
            else:
                parser.add_bpmn_xml(root, filename=name)
        spec = parser.get_spec(process)
        return {"": spec, **parser.get_subprocess_specs(process)}


def report(old: Any, new: Any) -> Report:
    """Compare two specs of the engine, leaving out the nodes it makes up itself."""
    found = SpecDiff(_registry(), old, new)
    changed: dict[str, set[str]] = {}
    for spec, attributes in found.changed.items():
        if _base(spec.name):
            changed.setdefault(_base(spec.name), set()).update(attributes)
            if "inputs" in attributes and _names(spec.inputs) == _names(found.alignment[spec].inputs):
                # The order in which the parser happens to arrive at a join; nothing depends on it.
                changed[_base(spec.name)].discard("inputs")
    pairs = {a.name: b.name for a, b in found.alignment.items() if b is not None and a.name != b.name}
    return Report(
        added=frozenset(_own(found.added)),
        removed=frozenset(_own(found.removed)),
        changed={id: frozenset(attributes) for id, attributes in changed.items()},
        paired={a: b for a, b in pairs.items() if _is_own(a) and _is_own(b)},
    )


def spec_differences(old: Any, new: Any) -> dict[str, frozenset[str]]:
    """Every attribute that differs between nodes of one name, in either direction; the process itself under ''.

    The oracle looks at the attributes of the old node only, and only at nodes.
    """
    registry = _registry()
    found: dict[str, set[str]] = {}
    for name in old.task_specs.keys() & new.task_specs.keys():
        before, after = (registry.convert(spec.task_specs[name]) for spec in (old, new))
        differing = _differing(before, after)
        if "typename" in differing:
            differing = {"typename"}
        if _names(old.task_specs[name].inputs) == _names(new.task_specs[name].inputs):
            differing.discard("inputs")
        if differing and _base(name):
            found.setdefault(_base(name), set()).update(differing)
    whole = _differing(registry.convert(old), registry.convert(new)) - {"task_specs", "name", "file", "bpmn_id"}
    return {id: frozenset(names) for id, names in found.items()} | ({"": frozenset(whole)} if whole else {})


def _differing(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def _names(specs: Iterable[Any]) -> list[str]:
    return sorted(spec.name for spec in specs)


_INTERNAL = (".EndJoin", ".BoundaryEventSplit", ".BoundaryEventJoin", " [child]")
_ENGINE = frozenset({"Start", "End", "StartEventSplit", "StartEventJoin"})


def _own(specs: Iterable[Any]) -> set[str]:
    return {spec.name for spec in specs if _is_own(spec.name)}


def _is_own(name: str) -> bool:
    return name not in _ENGINE and not name.endswith(_INTERNAL)


def _base(name: str) -> str:
    """The node behind a helper; empty for helpers of the whole process."""
    for suffix in _INTERNAL[1:]:
        name = name.removesuffix(suffix)
    return name if _is_own(name) else ""


#: Which of our rules explain an attribute that the oracle reports. `*` at the end: any rule that begins so.
_AROUND = ("flow-*", "node-*", "boundary-*", "subprocess-*", "gateway-*", "outgoing-order-changed", "join-*")
_REPEATED = ("multi-instance-*", "loop-condition-changed")
_EVENTS = ("event-*", "timer-changed", "message-*", "signal-*", "error-*", "correlation-*", "payload-changed")
_CAUSES: Mapping[str, tuple[str, ...]] = {
    "inputs": (*_AROUND, *_REPEATED, "default-flow-changed"),
    "outputs": (*_AROUND, *_REPEATED, "default-flow-changed"),
    "name": ("node-id-changed", "subprocess-id-changed"),
    "bpmn_id": ("node-id-changed", "subprocess-id-changed"),
    "bpmn_name": ("name-changed",),
    "typename": ("node-type-changed", "gateway-type-changed", "event-subprocess-changed", *_REPEATED, *_EVENTS),
    "description": ("node-type-changed", *_EVENTS, "boundary-interrupting-changed"),
    "script": ("script-changed",),
    "prescript": ("pre-post-script-changed",),
    "postscript": ("pre-post-script-changed",),
    "documentation": ("documentation-changed",),
    "lane": ("lane-*",),
    "extensions": (
        "extension-changed",
        "setting-changed",
        "property-changed",
        "form-ref-changed",
        "instructions-changed",
        "pre-post-script-changed",
        "service-*",
        "decision-ref-changed",
        "call-binding-changed",
    ),
    "cond_task_specs": (*_AROUND, "default-flow-changed"),
    "default_task_spec": (*_AROUND, "default-flow-changed"),
    "event_definition": (*_EVENTS, "name-changed", *_AROUND),  # of an event gateway: its branches
    "cancel_activity": ("boundary-interrupting-changed",),
    "data_input_associations": ("data-*",),
    "data_output_associations": ("data-*",),
    "io_specification": ("task-io-changed",),
    "data_input": _REPEATED,
    "data_output": _REPEATED,
    "input_item": _REPEATED,
    "output_item": _REPEATED,
    "cardinality": _REPEATED,
    "condition": _REPEATED,
    "maximum": _REPEATED,
    "test_before": _REPEATED,
    "task_spec": ("node-id-changed", *_REPEATED),
    "spec": ("call-target-changed", "subprocess-id-changed", "node-id-changed"),
    "decision_table": ("decision-*",),
    "dmn_engine": ("decision-*",),
    "operation_name": ("service-operator-changed",),
    "operation_params": ("service-parameters-changed", "service-operator-changed"),
    "result_variable": ("service-result-changed", "service-operator-changed", "decision-ref-changed"),
    "retries": ("service-retries-changed",),
    "retry_backoff_base": ("service-retries-changed",),
    "split_task": _AROUND,
    "lookahead": (),
    "choice": _AROUND,
    "manual": ("node-type-changed",),
    "variable": ("setting-changed",),
    "main_child_task_spec": ("node-id-changed",),
}


def unexplained(found: Report, diff: Diff, old: Process, new: Process) -> list[str]:
    """Everything the oracle reports that no change of `diff` explains, in words."""
    came = {change.element.id for change in diff.changes if change.kind in ("added", "renamed", "moved")}
    went = {change.before.id for change in diff.changes if change.kind in ("removed", "renamed", "moved")}
    missing = [f"{id} added" for id in found.added - came] + [f"{id} removed" for id in found.removed - went]
    renamed = {change.before.id: change.element.id for change in diff.changes if change.kind == "renamed"}
    touched = touched_nodes(diff.all_changes, old, new)
    for id, attributes in found.changed.items():
        rules = touched.get(id, set())
        if id in went and found.paired.get(id) != renamed.get(id):
            continue  # the oracle paired it with another node; it does not look at types or names
        for attribute in attributes:
            if not any(_matches(rule, _CAUSES[attribute]) for rule in rules):
                missing.append(f"{id}.{attribute}: we say {sorted(rules)}")
    return missing


#: Which of our rules explain a difference of the process as a whole.
_WHOLE: Mapping[str, tuple[str, ...]] = {
    "description": ("name-changed", "process-id-changed"),
    "bpmn_start_events": _AROUND,
    "data_objects": ("data-*",),
    "correlation_keys": ("correlation-*", *_EVENTS, *_AROUND),
    "io_specification": ("io-spec-changed",),
}


def unexplained_differences(found: Mapping[str, frozenset[str]], diff: Diff, old: Process, new: Process) -> list[str]:
    """As of `unexplained`, for every difference of the engine's specs."""
    touched = touched_nodes(diff.all_changes, old, new)
    everything = {change.rule for change in diff.changes}
    missing = []
    for id, attributes in found.items():
        rules, causes = (touched.get(id, set()), _CAUSES) if id else (everything, _WHOLE)
        for attribute in attributes:
            if not any(_matches(rule, causes[attribute]) for rule in rules):
                missing.append(f"{id}.{attribute}: we say {sorted(rules)}")
    return missing


def _matches(rule: str, patterns: tuple[str, ...]) -> bool:
    return any(rule.startswith(p[:-1]) if p.endswith("*") else rule == p for p in patterns)


def read(*paths: Path) -> list[tuple[str, bytes]]:
    """Names and contents of files."""
    return [(path.name, path.read_bytes()) for path in paths]
