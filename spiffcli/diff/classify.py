"""Which rule a difference matches, by the element and the path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spiffcli.diff.changes import Kind
from spiffcli.diff.differences import Difference
from spiffcli.model.nodes import SCOPES

Named = tuple[str, Kind]

#: For paths that mean the same everywhere.
_COMMON: Mapping[str, str] = {
    "name": "name-changed",
    "documentation": "documentation-changed",
    "properties": "property-changed",
    "settings": "setting-changed",
    "attributes": "attribute-changed",
    "extensions": "extension-changed",
    "listeners": "listener-changed",
    "assignment": "assignment-changed",
}

_NODE: Mapping[str, str] = {
    "lane": "lane-changed",
    "default": "default-flow-changed",
    "attached_to": "boundary-reattached",
    "interrupting": "boundary-interrupting-changed",
    "triggered_by_event": "event-subprocess-changed",
    "scope": "node-moved-scope",
    "script": "script-changed",
    "pre_script": "pre-post-script-changed",
    "post_script": "pre-post-script-changed",
    "instructions": "instructions-changed",
    "interface": "task-io-changed",
    "mappings": "variable-mapping-changed",
    "form": "form-ref-changed",
    "decision": "decision-ref-changed",
    "call": "call-target-changed",
    "service": "service-operator-changed",
}
_MOVES = frozenset({"lane", "scope"})
_ENDS = frozenset({"source", "target", "attached_to", "node", "object"})

_SERVICE: Mapping[str, str] = {
    "parameters": "service-parameters-changed",
    "headers": "service-parameters-changed",
    "result": "service-result-changed",
    "retries": "service-retries-changed",
    "backoff": "service-retries-changed",
}

_EVENT: Mapping[str, str] = {
    "payload": "payload-changed",
    "variable": "payload-changed",
    "item": "payload-changed",
    "correlations": "correlation-changed",
    "time": "timer-changed",
    "target": "compensation-changed",
    "code": "error-code-changed",
    "options": "event-setting-changed",
    "kind": "event-definition-type-changed",
}
_EVENT_NAME: Mapping[str, str] = {
    "message": "message-name-changed",
    "signal": "signal-name-changed",
    "error": "error-code-changed",
    "escalation": "error-code-changed",
    "link": "link-name-changed",
}

_LOOP: Mapping[str, str] = {
    "kind": "multi-instance-mode-changed",
    "condition": "loop-condition-changed",
    "maximum": "loop-condition-changed",
    "test_before": "loop-condition-changed",
}


def first_step(path: str) -> str:
    """The first name of a path (`service` of `service.parameters[url].value`)."""
    return path.partition(".")[0].partition("[")[0]


def _second_step(path: str) -> str:
    # The key in brackets can hold dots, so the step after it is looked for behind the bracket.
    head = first_step(path)
    rest = path[len(head) :]
    if rest.startswith("["):
        rest = rest[_closing(rest) + 1 :]
    return first_step(rest.lstrip("."))


def _closing(text: str) -> int:
    depth = 0
    for position, char in enumerate(text):
        depth += (char == "[") - (char == "]")
        if depth == 0:
            return position
    return len(text) - 1


def name_node_change(difference: Difference, node: Any) -> Named:
    """Rule and kind for a difference of two versions of a node, of which `node` is one."""
    path = difference.path
    step = first_step(path)
    if step == "type":
        gateways = str(difference.old).endswith("Gateway") and str(difference.new).endswith("Gateway")
        return ("gateway-type-changed" if gateways else "node-type-changed"), "changed"
    if step == "events":
        return _event_rule(path), "changed"
    if step == "loop":
        return _loop_rule(difference), "changed"
    if step == "service":
        return _SERVICE.get(_second_step(path), "service-operator-changed"), "changed"
    if step in ("call", "decision", "form"):
        return _reference_rule(path, step), "changed"
    kind: Kind = "moved" if step in _MOVES else "rewired" if step in _ENDS else "changed"
    return _NODE.get(step) or _COMMON.get(step, "attribute-changed"), kind


def _event_rule(path: str) -> str:
    if path == "events":
        return "event-definition-type-changed"
    kind = path[len("events[") :].partition("]")[0].partition("#")[0]
    step = _second_step(path)
    if step in ("name", "reference"):
        return _EVENT_NAME.get(kind, "event-setting-changed")
    if step == "expression":
        return "timer-changed" if kind == "timer" else "event-condition-changed"
    return _EVENT.get(step, "event-definition-type-changed")


def _loop_rule(difference: Difference) -> str:
    if difference.path == "loop":
        return "multi-instance-added" if difference.old is None else "multi-instance-removed"
    return _LOOP.get(_second_step(difference.path), "multi-instance-data-changed")


def _reference_rule(path: str, step: str) -> str:
    inner = _second_step(path)
    if inner == "binding":
        return "call-binding-changed"
    if step == "call" and inner == "options":
        return "call-setting-changed"
    return _NODE[step]


def name_flow_change(difference: Difference, flow: Any) -> Named:
    """As of `name_node_change`, for sequence flows."""
    step = first_step(difference.path)
    if step in ("source", "target"):
        return "flow-retargeted", "rewired"
    if step in ("condition", "language"):
        return "flow-condition-changed", "changed"
    if step == "name":
        return "flow-name-changed", "changed"
    return _COMMON.get(step, "attribute-changed"), "changed"


def name_process_change(difference: Difference, process: Any) -> Named:
    """As of `name_node_change`, for processes."""
    step = first_step(difference.path)
    if step == "executable":
        return ("process-made-executable" if difference.new else "process-not-executable"), "changed"
    if step == "interface":
        return "io-spec-changed", "changed"
    if step == "correlations":
        return "correlation-changed", "changed"
    if step in ("settings", "listeners", "assignment", "type"):
        return "process-setting-changed", "changed"
    return _COMMON.get(step, "attribute-changed"), "changed"


def name_data_change(difference: Difference, item: Any) -> Named:
    """As of `name_node_change`, for data objects, their references, and properties."""
    step = first_step(difference.path)
    if step == "scope":
        return "data-moved-scope", "moved"
    if step in ("object", "item", "collection", "state", "attributes", "type"):
        return "data-object-changed", "rewired" if step == "object" else "changed"
    return _COMMON.get(step, "attribute-changed"), "changed"


def name_association_change(difference: Difference, association: Any) -> Named:
    """As of `name_node_change`, for data associations."""
    step = first_step(difference.path)
    if step in _ENDS:
        return "data-association-changed", "rewired"
    if step in ("transformation", "assignments", "type"):
        return "data-association-changed", "changed"
    return _COMMON.get(step, "attribute-changed"), "changed"


def name_lane_change(difference: Difference, lane: Any) -> Named:
    """As of `name_node_change`, for lanes."""
    step = first_step(difference.path)
    if step == "name":
        return "lane-renamed", "changed"
    if step in ("parent", "scope"):
        return "lane-moved", "moved"
    return _COMMON.get(step, "attribute-changed"), "changed"


def name_artifact_change(difference: Difference, artifact: Any) -> Named:
    """As of `name_node_change`, for annotations, groups and associations."""
    step = first_step(difference.path)
    if step in ("source", "target"):
        return "annotation-changed", "rewired"
    if step in ("text", "direction", "type"):
        return "annotation-changed", "changed"
    return _COMMON.get(step, "attribute-changed"), "changed"


def name_collaboration_change(difference: Difference, collaboration: Any) -> Named:
    """As of `name_node_change`, for collaborations."""
    step = first_step(difference.path)
    if step == "correlations":
        return "correlation-key-changed", "changed"
    return _COMMON.get(step, "attribute-changed"), "changed"


def name_participant_change(difference: Difference, participant: Any) -> Named:
    """As of `name_node_change`, for pools."""
    step = first_step(difference.path)
    if step == "process":
        return "participant-changed", "rewired"
    if step == "multiplicity":
        return "participant-changed", "changed"
    return _COMMON.get(step, "attribute-changed"), "changed"


def name_message_flow_change(difference: Difference, flow: Any) -> Named:
    """As of `name_node_change`, for message flows."""
    step = first_step(difference.path)
    if step in ("source", "target", "message"):
        return "message-flow-retargeted", "rewired"
    return _COMMON.get(step, "attribute-changed"), "changed"


def name_root_change(difference: Difference, root: Any) -> Named:
    """As of `name_node_change`, for messages, signals and the like that nothing refers to."""
    return "definition-changed", "changed"


def name_decision_change(difference: Difference, decision: Any) -> Named:
    """As of `name_node_change`, for decisions."""
    step = first_step(difference.path)
    if step in ("hit_policy", "aggregation"):
        return "decision-hit-policy-changed", "changed"
    if step in ("variable", "data_type"):
        return "decision-outputs-changed", "changed"
    if step in ("logic", "expression", "type"):
        return "decision-logic-changed", "changed"
    if step == "requires":
        return "decision-requirements-changed", "changed"
    return _COMMON.get(step, "attribute-changed"), "changed"


def name_column_change(difference: Difference, column: Any) -> Named:
    """As of `name_node_change`, for the columns of a decision table."""
    return column_rule(column), "changed"


def column_rule(column: Any) -> str:
    """Rule for a column that came, went or changed."""
    if column.type == "input":
        return "decision-inputs-changed"
    return "decision-outputs-changed" if column.type == "output" else "documentation-changed"


def name_row_change(difference: Difference, row: Any) -> Named:
    """As of `name_node_change`, for the rows of a decision table."""
    if first_step(difference.path) == "description":
        return "documentation-changed", "changed"
    return "decision-rule-changed", "changed"


def name_form_change(difference: Difference, form: Any) -> Named:
    """As of `name_node_change`, for forms."""
    if first_step(difference.path) == "name":
        return "name-changed", "changed"
    return "form-changed", "changed"


def name_field_change(difference: Difference, field: Any) -> Named:
    """As of `name_node_change`, for the fields of a form."""
    step = first_step(difference.path)
    if step == "required":
        return "form-field-required-changed", "changed"
    if step == "name":
        return "name-changed", "changed"
    return "form-field-changed", "changed"


def node_rule(node: Any, what: str) -> str:
    """Rule for a node that was `added` or `removed`, or whose id (`id-changed`) changed."""
    if node.type == "boundaryEvent" and what != "id-changed":
        return f"boundary-{what}"
    return f"subprocess-{what}" if node.type in SCOPES else f"node-{what}"
