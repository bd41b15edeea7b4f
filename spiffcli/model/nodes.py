"""Reads flow nodes: events, activities and gateways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree

from spiffcli.model.context import Context, bpmn_attributes
from spiffcli.model.details import EventDefinition, Interface, Loop, Port
from spiffcli.model.draft import Draft, call_of, decision_of, extend_loop, form_of, put, script_of, service_of
from spiffcli.model.elements import Node
from spiffcli.model.events import KINDS, read_event, read_message
from spiffcli.model.vendors import read_attributes, read_extensions
from spiffcli.model.xml import line_of, local_name, one_line, outline, prose, split_tag, text_of, verbatim

#: Element names that are flow nodes.
NODE_TYPES = frozenset(
    {
        "startEvent",
        "endEvent",
        "intermediateCatchEvent",
        "intermediateThrowEvent",
        "boundaryEvent",
        "implicitThrowEvent",
        "task",
        "userTask",
        "manualTask",
        "scriptTask",
        "serviceTask",
        "businessRuleTask",
        "sendTask",
        "receiveTask",
        "callActivity",
        "subProcess",
        "transaction",
        "adHocSubProcess",
        "exclusiveGateway",
        "parallelGateway",
        "inclusiveGateway",
        "eventBasedGateway",
        "complexGateway",
        "choreographyTask",
        "subChoreography",
        "callChoreography",
    }
)

#: Flow nodes that hold flow elements of their own.
SCOPES = frozenset({"subProcess", "transaction", "adHocSubProcess", "subChoreography"})

_KNOWN = frozenset(
    {
        "id",
        "name",
        "default",
        "attachedToRef",
        "cancelActivity",
        "isInterrupting",
        "triggeredByEvent",
        "scriptFormat",
        "calledElement",
        "messageRef",
        "operationRef",
    }
)
#: Attributes of BPMN that decide what an engine does.
_DECISIVE = frozenset(
    {
        "parallelMultiple",
        "instantiate",
        "isForCompensation",
        "cancelRemainingInstances",
        "ordering",
        "startQuantity",
        "completionQuantity",
        "eventGatewayType",
    }
)
_ROLES = frozenset({"potentialOwner", "humanPerformer", "performer", "resourceRole"})
_SKIPPED = frozenset({"incoming", "outgoing", "dataInputAssociation", "dataOutputAssociation", "property"})


class NodeReader:
    """Reads the nodes of one process.

    Args:
        context: The file.
        executable: Whether the process can be run. The engine then takes the label of a message or
            signal event for the name of its message where the event refers to none.
    """

    def __init__(self, context: Context, executable: bool) -> None:
        self.context = context
        self.executable = executable

    def read(self, element: etree._Element, id: str, scope: str | None) -> Node:
        """The node, without what follows from flows and lanes."""
        kind = split_tag(element.tag)[1]
        line = line_of(element)
        draft = Draft(kind, line)
        name = one_line(element.get("name"))
        values: dict[str, Any] = {"id": id, "type": kind, "name": name, "scope": scope, "line": line}
        attributes = self._attributes(element, kind, values, draft)
        events = self._children(element, values, draft, attributes)
        read_attributes(element, draft)
        _finish(values, events, attributes, draft, element)
        return Node(**values)

    def _attributes(self, element: etree._Element, kind: str, values: dict[str, Any], draft: Draft) -> dict[str, str]:
        if element.get("default"):
            values["default"] = local_name(element.get("default", ""))
        if kind == "boundaryEvent":
            attached = element.get("attachedToRef")
            values["attached_to"] = local_name(attached) if attached else None
            values["interrupting"] = _true(element.get("cancelActivity", "true"))
        elif kind == "startEvent" and not _true(element.get("isInterrupting", "true")):
            values["interrupting"] = False
        elif kind in SCOPES:
            values["triggered_by_event"] = _true(element.get("triggeredByEvent", "false"))
        elif kind == "scriptTask" and element.get("scriptFormat"):
            draft.script["format"] = element.get("scriptFormat")
        if element.get("operationRef"):
            self._operation(element.get("operationRef", ""), draft)
        found = bpmn_attributes(element, _KNOWN)
        draft.settings.update({key: found.pop(key) for key in _DECISIVE & found.keys()})
        return found

    def _operation(self, reference: str, draft: Draft) -> None:
        draft.service.update(kind="operation", operator=local_name(reference))

    def _children(
        self, element: etree._Element, values: dict[str, Any], draft: Draft, attributes: dict[str, str]
    ) -> list[EventDefinition]:
        events: list[EventDefinition] = []
        if element.get("messageRef") and values["type"] in ("sendTask", "receiveTask"):
            events.append(read_message(element.get("messageRef", ""), element, self.context))
        for child in element:
            name = split_tag(child.tag)[1]
            if name in _SKIPPED:
                continue
            if name == "extensionElements":
                read_extensions(child, draft)
            elif name in KINDS:
                events.append(read_event(child, self._label(values), self.context, draft))
            elif name == "eventDefinitionRef":
                events += self._shared_event(child, values, draft, attributes)
            elif name in _CHILDREN:
                _CHILDREN[name](self, child, values, draft)
            elif name in _ROLES:
                put(draft.assignment, name, _role(child, self.context))
            elif values["type"] not in SCOPES or name not in FLOW_ELEMENTS:
                put(attributes, name, outline(child))
        return events

    def _label(self, values: dict[str, Any]) -> str | None:
        return values["name"] if self.executable else None

    def _shared_event(
        self, child: etree._Element, values: dict[str, Any], draft: Draft, attributes: dict[str, str]
    ) -> list[EventDefinition]:
        reference = text_of(child).strip()
        for kind in KINDS:
            found = self.context.root(kind, reference)
            if found is not None:
                return [read_event(found, self._label(values), self.context, draft)]
        put(attributes, "eventDefinitionRef", local_name(reference))
        return []


def _finish(
    values: dict[str, Any],
    events: list[EventDefinition],
    attributes: dict[str, str],
    draft: Draft,
    element: etree._Element,
) -> None:
    if draft.event:  # on the node itself these are settings of the task
        draft.settings.update({f"({key})": str(value) for key, value in draft.event.items()})
    called = element.get("calledElement")
    values.update(
        events=tuple(events),
        loop=extend_loop(values.get("loop"), draft),
        script=script_of(draft),
        service=service_of(draft),
        call=call_of(draft, local_name(called) if called else None),
        decision=decision_of(draft),
        form=form_of(draft),
        assignment=draft.assignment,
        mappings=tuple(draft.mappings),
        listeners=tuple(draft.listeners),
        properties=draft.properties,
        settings=draft.settings,
        attributes=attributes,
        extensions=draft.extensions,
        **draft.texts,
    )


def _true(value: str) -> bool:
    return value.strip().lower() in ("true", "1")


def _role(element: etree._Element, context: Context) -> str:
    for child in element:
        kind = split_tag(child.tag)[1]
        if kind == "resourceRef" and len(element) == 1:
            found = context.root("resource", text_of(child).strip())
            named = found.get("name") if found is not None else None
            return named or text_of(child).strip()
        if kind == "resourceAssignmentExpression" and len(element) == 1:
            return text_of(child).strip()
    return outline(element)


def read_documentation(reader: NodeReader, element: etree._Element, values: dict[str, Any], _: Draft) -> None:
    """Add a documentation text to those found before."""
    text = prose(text_of(element))
    before = values.get("documentation")
    values["documentation"] = f"{before}\n\n{text}" if before and text else text or before


def _script(reader: NodeReader, element: etree._Element, values: dict[str, Any], draft: Draft) -> None:
    draft.script.update(body=verbatim(text_of(element)), line=line_of(element))


def read_interface(element: etree._Element, context: Context) -> Interface | None:
    """Data inputs and outputs of an `ioSpecification`, or None where it has none."""
    ports: dict[str, list[Port]] = {"dataInput": [], "dataOutput": []}
    listed = {local_name(text_of(item).strip()) for item in element.iter("{*}dataInputRefs", "{*}dataOutputRefs")}
    for child in element:
        kind = split_tag(child.tag)[1]
        if kind in ports:
            ports[kind].append(_port(child, listed, context))
    if not (ports["dataInput"] or ports["dataOutput"]):
        return None
    return Interface(tuple(ports["dataInput"]), tuple(ports["dataOutput"]), line_of(element))


def _port(element: etree._Element, listed: set[str], context: Context) -> Port:
    id = element.get("id", "")
    return Port(
        id=id,
        name=one_line(element.get("name")),
        item=context.item_type(element.get("itemSubjectRef")),
        collection=_true(element.get("isCollection", "false")),
        listed=id in listed,
        line=line_of(element),
    )


def _interface(reader: NodeReader, element: etree._Element, values: dict[str, Any], _: Draft) -> None:
    values["interface"] = read_interface(element, reader.context)


_LOOP_TEXTS = {
    "loopCardinality": "cardinality",
    "completionCondition": "condition",
    "loopCondition": "condition",
    "loopDataInputRef": "input",
    "loopDataOutputRef": "output",
}
_LOOP_ITEMS = {"inputDataItem": "input_item", "outputDataItem": "output_item"}


def _multi_instance(reader: NodeReader, element: etree._Element, values: dict[str, Any], draft: Draft) -> None:
    kind = "sequential" if _true(element.get("isSequential", "false")) else "parallel"
    values["loop"] = _loop(kind, element, draft)


def _standard_loop(reader: NodeReader, element: etree._Element, values: dict[str, Any], draft: Draft) -> None:
    values["loop"] = _loop("standard", element, draft)


def _loop(kind: str, element: etree._Element, draft: Draft) -> Loop:
    found: dict[str, Any] = {}
    options = bpmn_attributes(element, frozenset({"id", "isSequential", "loopMaximum", "testBefore"}))
    for child in element:
        name = split_tag(child.tag)[1]
        if name in _LOOP_TEXTS:
            found[_LOOP_TEXTS[name]] = verbatim(text_of(child))
        elif name in _LOOP_ITEMS:
            found[_LOOP_ITEMS[name]] = _item(child)
        elif name == "extensionElements":
            read_extensions(child, draft)
        elif name != "documentation":
            put(options, name, outline(child))
    read_attributes(element, draft)
    return Loop(
        kind=kind,
        maximum=element.get("loopMaximum"),
        test_before=_true(element.get("testBefore", "false")),
        options=options,
        line=line_of(element),
        **found,
    )


def _item(element: etree._Element) -> str | None:
    id, name = element.get("id"), one_line(element.get("name"))
    return f"{id} ({name})" if id and name and name != id else id or name


def _completion(reader: NodeReader, element: etree._Element, values: dict[str, Any], draft: Draft) -> None:
    draft.settings["completionCondition"] = verbatim(text_of(element)) or ""


_Handler = Callable[[NodeReader, etree._Element, dict[str, Any], Draft], None]
_CHILDREN: Mapping[str, _Handler] = {
    "documentation": read_documentation,
    "script": _script,
    "ioSpecification": _interface,
    "multiInstanceLoopCharacteristics": _multi_instance,
    "standardLoopCharacteristics": _standard_loop,
    "completionCondition": _completion,
}

#: Children of a process or sub-process that are elements of their own.
FLOW_ELEMENTS = NODE_TYPES | {
    "sequenceFlow",
    "laneSet",
    "dataObject",
    "dataObjectReference",
    "dataStoreReference",
    "property",
    "textAnnotation",
    "group",
    "association",
}
