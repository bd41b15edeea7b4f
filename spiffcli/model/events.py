"""Reads event definitions, with the messages, signals, errors and escalations they refer to."""

from __future__ import annotations

from typing import Any

from lxml import etree

from spiffcli.model.context import Context, bpmn_attributes
from spiffcli.model.details import Correlation, EventDefinition, EventKind
from spiffcli.model.draft import Draft, put
from spiffcli.model.vendors import read_attributes, read_extensions
from spiffcli.model.xml import line_of, local_name, one_line, outline, split_tag, text_of, verbatim

KINDS: dict[str, EventKind] = {
    "messageEventDefinition": "message",
    "timerEventDefinition": "timer",
    "signalEventDefinition": "signal",
    "errorEventDefinition": "error",
    "escalationEventDefinition": "escalation",
    "conditionalEventDefinition": "conditional",
    "compensateEventDefinition": "compensate",
    "linkEventDefinition": "link",
    "cancelEventDefinition": "cancel",
    "terminateEventDefinition": "terminate",
}

_TIMES = {"timeDuration": "duration", "timeDate": "date", "timeCycle": "cycle"}
_NAMED = {"message": "messageRef", "signal": "signalRef", "error": "errorRef", "escalation": "escalationRef"}
_KNOWN = frozenset({"id", "name", "activityRef", *_NAMED.values()})


def read_event(element: etree._Element, label: str | None, context: Context, draft: Draft) -> EventDefinition:
    """Read one event definition.

    Args:
        element: The definition.
        label: What the engine takes for the name where the definition refers to nothing; None if nothing.
        draft: The node it belongs to, which takes what extensions say about services and listeners.
    """
    kind = KINDS[split_tag(element.tag)[1]]
    own = Draft("eventDefinition", line_of(element))
    values: dict[str, Any] = {"kind": kind, "line": line_of(element)}
    options = bpmn_attributes(element, _KNOWN)
    for child in element:
        _child(child, own, values, options)
    read_attributes(element, own)
    if kind == "link":
        values["name"] = one_line(element.get("name"))
    if kind == "compensate" and element.get("activityRef"):
        values["target"] = local_name(element.get("activityRef", ""))
    if kind in _NAMED:
        _resolve(element.get(_NAMED[kind]), label, values, context, own)
    return _finish(values, options, own, draft)


def read_message(reference: str, at: etree._Element, context: Context) -> EventDefinition:
    """The message that a send or receive task names itself."""
    values: dict[str, Any] = {"kind": "message", "line": line_of(at)}
    own = Draft("eventDefinition", line_of(at))
    _resolve(reference, None, values, context, own)
    return _finish(values, {}, own, Draft("task", 0))


def _child(child: etree._Element, own: Draft, values: dict[str, Any], options: dict[str, str]) -> None:
    name = split_tag(child.tag)[1]
    if name == "extensionElements":
        read_extensions(child, own)
    elif name in _TIMES:
        values.update(time=_TIMES[name], expression=verbatim(text_of(child)))
    elif name == "condition":
        values["expression"] = verbatim(text_of(child))
    elif name != "documentation":
        put(options, name, outline(child))


def _resolve(reference: str | None, label: str | None, values: dict[str, Any], context: Context, own: Draft) -> None:
    kind = values["kind"]
    if not reference:
        values["name"] = label if kind in ("message", "signal") else None
        return
    found = context.root(kind, reference)
    if found is None:
        values["reference"] = local_name(reference)
        return
    values["name"] = one_line(found.get("name"))
    if values["name"] is None:
        values["reference"] = found.get("id")
    values["code"] = found.get("errorCode") or found.get("escalationCode")
    values["item"] = context.item_type(found.get("itemRef") or found.get("structureRef"))
    read_attributes(found, own)
    for child in found:
        if split_tag(child.tag)[1] == "extensionElements":
            read_extensions(child, own)
    if kind == "message":
        own.correlations += context.correlations(found.get("id", ""))


def _finish(values: dict[str, Any], options: dict[str, str], own: Draft, draft: Draft) -> EventDefinition:
    event = dict(own.event)
    values.update({key: event.pop(key) for key in ("payload", "variable") if key in event})
    options |= {key: str(value) for key, value in event.items()}
    options |= own.settings | own.properties | own.extensions
    draft.service = own.service or draft.service
    draft.parameters += own.parameters
    draft.mappings += own.mappings
    draft.listeners += own.listeners
    correlations = tuple(sorted(own.correlations, key=_correlation_order))
    return EventDefinition(**values, correlations=correlations, options=options)


def _correlation_order(correlation: Correlation) -> tuple[str, str, str]:
    return correlation.of, correlation.property_id, correlation.expression or ""
