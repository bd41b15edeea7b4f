"""Reads the processes and choreographies of BPMN files."""

from __future__ import annotations

from typing import Any

from lxml import etree

from spiffcli.errors import ModelError
from spiffcli.model.common import ARTIFACTS, keep_others, read_artifact, read_common, reference
from spiffcli.model.context import Context, bpmn_attributes
from spiffcli.model.details import Correlation
from spiffcli.model.draft import Draft, put
from spiffcli.model.elements import (
    Artifact,
    DataAssociation,
    DataItem,
    Flow,
    Lane,
    Node,
    Process,
)
from spiffcli.model.nodes import NODE_TYPES, SCOPES, NodeReader, read_documentation, read_interface
from spiffcli.model.vendors import read_attributes, read_extensions
from spiffcli.model.wiring import wire
from spiffcli.model.xml import line_of, local_name, one_line, outline, split_tag, text_of, verbatim

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
_PROCESSES = frozenset({"process", "choreography"})
_DATA = frozenset({"dataObject", "dataObjectReference", "dataStoreReference", "property"})
_ASSOCIATIONS = frozenset({"dataInputAssociation", "dataOutputAssociation"})
_HEADER = frozenset({"id", "name", "isExecutable", "isClosed", "definitionalCollaborationRef"})
#: Modelers write this property only to give an association an end.
_PLACEHOLDER = "__targetRef_placeholder"


def check_bpmn(root: etree._Element, file: str) -> None:
    """Refuse a file that is XML but not BPMN.

    Raises:
        ModelError: The root element is not `definitions` of BPMN.
    """
    namespace, name = split_tag(root.tag)
    if name != "definitions" or "BPMN" not in namespace.upper():
        raise ModelError(
            f"The file is XML but not BPMN: its root element is <{name}>"
            + (f" of {namespace}." if namespace else ", without a namespace."),
            hint=f'A BPMN file begins with <definitions xmlns="{BPMN}" ...>.',
            file=file,
            line=line_of(root),
        )


def read_processes(root: etree._Element, context: Context) -> list[Process]:
    """Every process and choreography of a file, without its layout."""
    return [_ProcessReader(context, element).read() for element in root if split_tag(element.tag)[1] in _PROCESSES]


class _ProcessReader:
    def __init__(self, context: Context, element: etree._Element) -> None:
        self.context = context
        self.element = element
        self.executable = element.get("isExecutable", "").strip().lower() in ("true", "1")
        self.node_reader = NodeReader(context, self.executable)
        self.nodes: dict[str, Node] = {}
        self.flows: dict[str, Flow] = {}
        self.data: dict[str, DataItem] = {}
        self.associations: dict[str, DataAssociation] = {}
        self.lanes: dict[str, Lane] = {}
        self.artifacts: dict[str, Artifact] = {}
        self.lane_of: dict[str, str] = {}

    def read(self) -> Process:
        kind = split_tag(self.element.tag)[1]
        id = self.context.identify(self.element, kind, ())
        values = self._header(id, kind)
        self._walk()
        process = Process(
            **values,
            nodes=self.nodes,
            flows=self.flows,
            data=self.data,
            associations=self.associations,
            lanes=self.lanes,
            artifacts=self.artifacts,
        )
        wire(process, self.lane_of, self.context)
        return process

    def _header(self, id: str, kind: str) -> dict[str, Any]:
        draft = Draft(kind, line_of(self.element))
        values: dict[str, Any] = {"attributes": bpmn_attributes(self.element, _HEADER)}
        correlations: list[Correlation] = []
        for child in self.element:
            name = split_tag(child.tag)[1]
            if name == "documentation":
                read_documentation(self.node_reader, child, values, draft)
            elif name == "extensionElements":
                read_extensions(child, draft)
            elif name == "ioSpecification":
                values["interface"] = read_interface(child, self.context)
            elif name == "correlationSubscription":
                correlations += _subscription(child, self.context)
            elif not self._is_element(name):
                put(values["attributes"], name, outline(child))
        read_attributes(self.element, draft)
        return values | {
            "id": id,
            "type": kind,
            "name": one_line(self.element.get("name")),
            "executable": self.executable,
            "correlations": tuple(sorted(correlations, key=lambda c: c.key)),
            "assignment": draft.assignment,
            "listeners": tuple(draft.listeners),
            "properties": draft.properties,
            "settings": draft.settings,
            "extensions": draft.extensions,
            "file": self.context.file,
            "line": line_of(self.element),
        }

    @staticmethod
    def _is_element(name: str) -> bool:
        return name in NODE_TYPES or name in _DATA or name in ARTIFACTS or name in ("sequenceFlow", "laneSet")

    def _walk(self) -> None:
        # A stack instead of recursion: sub-processes may be nested deeper than Python likes to call.
        pending: list[tuple[etree._Element, str | None]] = [(self.element, None)]
        while pending:
            container, scope = pending.pop()
            for child in container:
                name = split_tag(child.tag)[1]
                if name in NODE_TYPES:
                    node = self._node(child, scope)
                    if name in SCOPES:
                        pending.append((child, node.id))
                elif name == "sequenceFlow":
                    self._flow(child)
                elif name == "laneSet":
                    self._lane_set(child, scope)
                elif name in _DATA:
                    self._data_item(child, name, scope)
                elif name in ARTIFACTS:
                    read_artifact(child, name, self.artifacts, self.context)

    def _node(self, element: etree._Element, scope: str | None) -> Node:
        id = self.context.identify(element, split_tag(element.tag)[1], self.nodes)
        node = self.nodes[id] = self.node_reader.read(element, id, scope)
        for child in element:
            name = split_tag(child.tag)[1]
            if name in _ASSOCIATIONS:
                self._association(child, name, id)
            elif name == "property" and node.type not in SCOPES:
                self._data_item(child, name, id)
        return node

    def _flow(self, element: etree._Element) -> None:
        common = read_common(element, frozenset({"id", "name", "sourceRef", "targetRef"}))
        condition = language = None
        for child in common.others:
            if split_tag(child.tag)[1] == "conditionExpression":
                condition, language = verbatim(text_of(child)), child.get("language")
        keep_others(common, frozenset({"conditionExpression"}))
        source, target = reference(element.get("sourceRef")), reference(element.get("targetRef"))
        id = self.context.identify(element, "sequenceFlow", self.flows)
        self.flows[id] = Flow(
            id=id,
            name=one_line(element.get("name")),
            source=source,
            target=target,
            condition=condition,
            language=language,
            documentation=common.documentation,
            listeners=tuple(common.draft.listeners),
            attributes=common.attributes,
            extensions=common.extensions | common.properties,
            line=line_of(element),
        )

    def _lane_set(self, element: etree._Element, scope: str | None) -> None:
        pending: list[tuple[etree._Element, str | None]] = [(element, None)]
        while pending:
            container, parent = pending.pop()
            for child in container:
                if split_tag(child.tag)[1] == "lane":
                    lane = self._lane(child, parent, scope)
                    pending += [(inner, lane.id) for inner in child if split_tag(inner.tag)[1] == "childLaneSet"]

    def _lane(self, element: etree._Element, parent: str | None, scope: str | None) -> Lane:
        common = read_common(element, frozenset({"id", "name"}))
        id = self.context.identify(element, "lane", self.lanes)
        members = [
            local_name(text_of(child).strip()) for child in common.others if split_tag(child.tag)[1] == "flowNodeRef"
        ]
        keep_others(common, frozenset({"flowNodeRef", "childLaneSet"}))
        for node in members:
            # Lanes come before the lanes inside them, so that the innermost one stays.
            self.lane_of[node] = id
        lane = self.lanes[id] = Lane(
            id=id,
            name=one_line(element.get("name")),
            parent=parent,
            scope=scope,
            documentation=common.documentation,
            attributes=common.attributes,
            extensions=common.extensions | common.properties,
            line=line_of(element),
        )
        return lane

    def _data_item(self, element: etree._Element, kind: str, scope: str | None) -> None:
        name = one_line(element.get("name"))
        if kind == "property" and name == _PLACEHOLDER:
            return
        known = frozenset({"id", "name", "dataObjectRef", "dataStoreRef", "itemSubjectRef", "isCollection"})
        common = read_common(element, known)
        state = None
        for child in common.others:
            if split_tag(child.tag)[1] == "dataState":
                state = one_line(child.get("name"))
        keep_others(common, frozenset({"dataState"}))
        store = element.get("dataStoreRef")
        kept_in = self.context.root("dataStore", store)
        if kept_in is not None:
            common.attributes["dataStore"] = outline(kept_in)
        id = self.context.identify(element, kind, self.data)
        self.data[id] = DataItem(
            id=id,
            type=kind,
            name=name,
            scope=scope,
            object=reference(element.get("dataObjectRef") or store),
            item=self.context.item_type(element.get("itemSubjectRef")),
            collection=element.get("isCollection") == "true",
            state=state,
            documentation=common.documentation,
            properties=common.properties,
            attributes=common.attributes,
            extensions=common.extensions,
            line=line_of(element),
        )

    def _association(self, element: etree._Element, kind: str, node: str) -> None:
        common = read_common(element, frozenset({"id"}))
        ends: dict[str, list[str]] = {"sourceRef": [], "targetRef": []}
        transformation, assignments = None, []
        for child in common.others:
            name = split_tag(child.tag)[1]
            if name in ends:
                ends[name].append(local_name(text_of(child).strip()))
            elif name == "transformation":
                transformation = (verbatim(text_of(child)) or "").strip() or None
            elif name == "assignment":
                assignments.append(" -> ".join(text_of(part).strip() for part in child))
        keep_others(common, frozenset({"sourceRef", "targetRef", "transformation", "assignment"}))
        source = ends["sourceRef"][0] if ends["sourceRef"] else None
        target = ends["targetRef"][0] if ends["targetRef"] else None
        for extra in ends["sourceRef"][1:]:
            put(common.attributes, "sourceRef", extra)
        id = (element.get("id") or "").strip()
        if not id or id in self.associations:
            id = self._association_id(id or f"{kind}~{node}")
        self.associations[id] = DataAssociation(
            id=id,
            type=kind,
            node=node,
            source=source,
            target=target,
            transformation=transformation,
            assignments=tuple(assignments),
            attributes=common.attributes,
            extensions=common.extensions | common.properties,
            line=line_of(element),
        )

    def _association_id(self, wanted: str) -> str:
        n = 1
        while f"{wanted}~{n}" in self.associations:
            n += 1
        return f"{wanted}~{n}"


def _subscription(element: etree._Element, context: Context) -> list[Correlation]:
    key = context.elements.get(("correlationKey", local_name(element.get("correlationKeyRef") or "")))
    name = one_line(key.get("name")) if key is not None else element.get("correlationKeyRef")
    found = []
    for binding in element.iter("{*}correlationPropertyBinding"):
        expression = verbatim(text_of(binding[0])) if len(binding) else None
        property_id = local_name(binding.get("correlationPropertyRef") or "")
        keys = (name,) if name else ()
        found.append(Correlation(property_id, expression, keys, "process", line_of(binding)))
    return found
