"""Random process models and random edits, for property tests.

`documents()` draws a `Document`: a flat list of elements that renders to BPMN, built from blocks with one way
in and one way out, so that the engine can parse and run it. `edited(document)` draws a document and one or
several edits of it. A document is plain data: tests can make their own edits with `dataclasses.replace`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

from spiffcli.model import Model, load
from spiffcli.values import Resource

_XMLNS = (
    'xmlns:b="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI" '
    'xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" '
    'xmlns:s="http://spiffworkflow.org/bpmn/schema/1.0/core" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)


@dataclass(frozen=True)
class Element:
    """A node, flow, lane, data object or reference.

    Attributes:
        tag: Element name without prefix.
        scope: Id of the sub-process it lies in, or None.
        attributes: Without id and name.
        content: XML inside, with the prefixes `b` and `s`.
    """

    tag: str
    id: str
    name: str | None = None
    scope: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    content: str = ""

    def render(self, inner: str = "") -> str:
        """The element as XML, with `inner` behind its content."""
        name = f" name={quoteattr(self.name)}" if self.name else ""
        others = "".join(f" {key}={quoteattr(value)}" for key, value in self.attributes.items())
        return f'<b:{self.tag} id="{self.id}"{name}{others}>{self.content}{inner}</b:{self.tag}>'


_REFERENCES = ("sourceRef", "targetRef", "default", "attachedToRef", "dataObjectRef")
SCOPES = ("subProcess",)
_FORM = (
    '<b:extensionElements><s:properties><s:property name="formJsonSchemaFilename" value="order.json"/>'
    "</s:properties></b:extensionElements>"
)


@dataclass(frozen=True)
class Document:
    """A process with one lane set, drawn or not.

    Attributes:
        elements: Nodes, flows and data, in document order.
        lanes: Id, name and members of each lane.
        drawn: Whether shapes are rendered.
        shift: How far shapes are moved to the right.
    """

    elements: tuple[Element, ...]
    lanes: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    process: str = "proc"
    drawn: bool = True
    shift: int = 0

    @property
    def nodes(self) -> list[Element]:
        return [item for item in self.elements if item.tag not in ("sequenceFlow", "dataObject")]

    @property
    def flows(self) -> list[Element]:
        return [item for item in self.elements if item.tag == "sequenceFlow"]

    def get(self, id: str) -> Element:
        return next(item for item in self.elements if item.id == id)

    def put(self, element: Element) -> Document:
        """The document with another element under the same id."""
        return replace(self, elements=tuple(element if item.id == element.id else item for item in self.elements))

    def render(self) -> str:
        """The document as BPMN."""
        inner = self._inside(None)
        lanes = "".join(
            f'<b:lane id="{id}" name={quoteattr(name)}>'
            + "".join(f"<b:flowNodeRef>{member}</b:flowNodeRef>" for member in members)
            + "</b:lane>"
            for id, name, members in self.lanes
        )
        lane_set = f'<b:laneSet id="lanes">{lanes}</b:laneSet>' if lanes else ""
        return (
            f'<?xml version="1.0"?><b:definitions {_XMLNS} id="defs" targetNamespace="t">'
            f'<b:message id="m1" name="paid"/><b:message id="m2" name="shipped"/>'
            f'<b:process id="{self.process}" isExecutable="true">{lane_set}{inner}</b:process>{self._called()}'
            f"{self._diagram() if self.drawn else ''}</b:definitions>"
        )

    def _called(self) -> str:
        return _CALLED if any(item.tag == "callActivity" for item in self.elements) else ""

    def _inside(self, scope: str | None) -> str:
        return "".join(
            item.render(self._inside(item.id) if item.tag in SCOPES else "")
            for item in self.elements
            if item.scope == scope
        )

    def _diagram(self) -> str:
        shapes = "".join(
            f'<di:BPMNShape id="{node.id}_di" bpmnElement="{node.id}">'
            f'<dc:Bounds x="{100 * n + self.shift}" y="{10 * n}" width="80" height="60"/></di:BPMNShape>'
            for n, node in enumerate(self.nodes)
        )
        plane = f'<di:BPMNPlane id="plane" bpmnElement="{self.process}">{shapes}</di:BPMNPlane>'
        return f'<di:BPMNDiagram id="diagram">{plane}</di:BPMNDiagram>'

    def load(self) -> Model:
        """The document as a model."""
        return load([Resource("random.bpmn", "bpmn", self.render().encode())])

    def shuffled(self, seed: int) -> Document:
        """The same with elements and lane members in another order, the flows of each node in theirs."""
        chance = random.Random(seed)
        flows = iter(self.flows)
        mixed = list(self.elements)
        chance.shuffle(mixed)
        kept = tuple(next(flows) if item.tag == "sequenceFlow" else item for item in mixed)
        lanes = [(id, name, tuple(chance.sample(members, len(members)))) for id, name, members in self.lanes]
        chance.shuffle(lanes)
        return replace(self, elements=kept, lanes=tuple(lanes))

    def renamed(self, new_id: Callable[[str], str]) -> Document:
        """The same under other ids."""
        elements = tuple(
            replace(
                item,
                id=new_id(item.id),
                scope=new_id(item.scope) if item.scope else None,
                attributes={
                    key: new_id(value) if key in _REFERENCES else value for key, value in item.attributes.items()
                },
            )
            for item in self.elements
        )
        lanes = tuple((new_id(id), name, tuple(map(new_id, members))) for id, name, members in self.lanes)
        return replace(self, elements=elements, lanes=lanes)


#: What call activities call: a person does something, then a script.
_CALLED = (
    '<b:process id="called" isExecutable="true"><b:startEvent id="called_start"/><b:userTask id="called_user"/>'
    '<b:scriptTask id="called_script"><b:script>y = 1</b:script></b:scriptTask><b:endEvent id="called_end"/>'
    '<b:sequenceFlow id="called_1" sourceRef="called_start" targetRef="called_user"/>'
    '<b:sequenceFlow id="called_2" sourceRef="called_user" targetRef="called_script"/>'
    '<b:sequenceFlow id="called_3" sourceRef="called_script" targetRef="called_end"/></b:process>'
)


class Builder:
    """Builds a document block by block; every choice comes from `draw`.

    Args:
        calls: Whether it may call the process `called`.
    """

    def __init__(self, draw: Callable[[st.SearchStrategy], object], *, calls: bool = False) -> None:
        self._draw = draw
        self._calls = calls
        self._elements: list[Element] = []
        self._count = 0

    def _new(self, tag: str, scope: str | None, content: str = "", **attributes: str) -> str:
        self._count += 1
        id = f"{tag}_{self._count}"
        name = self._draw(st.sampled_from([None, "Check", "Approve order", f"Step {self._count}"]))
        self._elements.append(Element(tag, id, name, scope, attributes, content))
        return id

    def _flow(self, source: str, target: str, scope: str | None, condition: str = "") -> str:
        self._count += 1
        inner = f"<b:conditionExpression>{escape(condition)}</b:conditionExpression>" if condition else ""
        attributes = {"sourceRef": source, "targetRef": target}
        id = f"flow_{self._count}"
        self._elements.append(Element("sequenceFlow", id, None, scope, attributes, inner))
        return id

    def document(self, depth: int) -> Document:
        self._scope(None, depth)
        members: dict[str, list[str]] = {"lane_a": [], "lane_b": []}
        for item in self._elements:
            if item.tag != "sequenceFlow" and item.scope is None:
                members[self._draw(st.sampled_from(sorted(members)))].append(item.id)
        with_lanes = self._draw(st.booleans())
        lanes = tuple((id, id.removeprefix("lane_").upper(), tuple(ids)) for id, ids in members.items())
        if self._draw(st.booleans()):
            self._elements.append(Element("dataObject", "order_data"))
        return Document(tuple(self._elements), lanes if with_lanes else ())

    def _scope(self, scope: str | None, depth: int) -> None:
        first = self._new("startEvent", scope)
        self._elements[-1] = replace(self._elements[-1], name=None)
        last = first
        for _ in range(self._draw(st.integers(1, 3))):
            enter, leave = self._block(scope, depth)
            self._flow(last, enter, scope)
            last = leave
        end = self._new("endEvent", scope)
        self._flow(last, end, scope)

    def _block(self, scope: str | None, depth: int) -> tuple[str, str]:
        simple = [self._script, self._user, self._service, self._timer, self._message, self._repeated]
        simple += [self._call] if self._calls else []
        nested = [self._exclusive, self._inclusive, self._parallel, self._sub_process, self._loop]
        block = self._draw(st.sampled_from([*simple, *(nested if depth > 0 else [])]))
        return block(scope, depth - 1)

    def _script(self, scope: str | None, depth: int) -> tuple[str, str]:
        value = self._draw(st.integers(0, 3))
        id = self._new("scriptTask", scope, f"<b:script>x = {value}</b:script>")
        return id, id

    def _user(self, scope: str | None, depth: int) -> tuple[str, str]:
        content = self._draw(
            st.sampled_from(
                [
                    "",
                    "<b:extensionElements><s:preScript>x = 1</s:preScript></b:extensionElements>",
                    _FORM,
                ]
            )
        )
        id = self._new("userTask", scope, content)
        if self._draw(st.integers(0, 3)) == 0:
            timer = "<b:timerEventDefinition><b:timeDuration>'PT1H'</b:timeDuration></b:timerEventDefinition>"
            event = self._new("boundaryEvent", scope, timer, attachedToRef=id)
            end = self._new("endEvent", scope)
            self._flow(event, end, scope)
        return id, id

    def _service(self, scope: str | None, depth: int) -> tuple[str, str]:
        url = self._draw(st.sampled_from(["'a'", "'b'"]))
        id = self._new(
            "serviceTask",
            scope,
            '<b:extensionElements><s:serviceTaskOperator id="http/Get" resultVariable="x"><s:parameters>'
            f'<s:parameter id="url" type="str" value="{url}"/>'
            "</s:parameters></s:serviceTaskOperator></b:extensionElements>",
        )
        return id, id

    def _timer(self, scope: str | None, depth: int) -> tuple[str, str]:
        time = self._draw(st.sampled_from(["'PT1S'", "'PT2S'"]))
        content = f"<b:timerEventDefinition><b:timeDuration>{time}</b:timeDuration></b:timerEventDefinition>"
        id = self._new("intermediateCatchEvent", scope, content)
        return id, id

    def _message(self, scope: str | None, depth: int) -> tuple[str, str]:
        message = self._draw(st.sampled_from(["m1", "m2"]))
        id = self._new("intermediateCatchEvent", scope, f'<b:messageEventDefinition messageRef="{message}"/>')
        return id, id

    def _repeated(self, scope: str | None, depth: int) -> tuple[str, str]:
        mode = self._draw(st.sampled_from(["true", "false"]))
        content = (
            f'<b:multiInstanceLoopCharacteristics isSequential="{mode}"><b:loopCardinality>2</b:loopCardinality>'
            "</b:multiInstanceLoopCharacteristics>"
        )
        id = self._new("manualTask", scope, content)
        return id, id

    def _exclusive(self, scope: str | None, depth: int) -> tuple[str, str]:
        split, join = self._new("exclusiveGateway", scope), self._new("exclusiveGateway", scope)
        default = ""
        for n in range(self._draw(st.integers(2, 3))):
            enter, leave = self._block(scope, depth)
            default = self._flow(split, enter, scope, f"x == {n}")
            self._flow(leave, join, scope)
        self._replace(split, default=default)
        return split, join

    def _inclusive(self, scope: str | None, depth: int) -> tuple[str, str]:
        split, join = self._new("inclusiveGateway", scope), self._new("inclusiveGateway", scope)
        default = ""
        for n in range(self._draw(st.integers(2, 3))):
            enter, leave = self._block(scope, depth)
            default = self._flow(split, enter, scope, f"x >= {n}")
            self._flow(leave, join, scope)
        self._replace(split, default=default)
        return split, join

    def _call(self, scope: str | None, depth: int) -> tuple[str, str]:
        id = self._new("callActivity", scope, calledElement="called")
        return id, id

    def _replace(self, id: str, **attributes: str) -> None:
        for n, item in enumerate(self._elements):
            if item.id == id:
                self._elements[n] = replace(item, attributes={**item.attributes, **attributes})

    def _parallel(self, scope: str | None, depth: int) -> tuple[str, str]:
        split, join = self._new("parallelGateway", scope), self._new("parallelGateway", scope)
        for _ in range(self._draw(st.integers(2, 3))):
            enter, leave = self._block(scope, depth)
            self._flow(split, enter, scope)
            self._flow(leave, join, scope)
        return split, join

    def _sub_process(self, scope: str | None, depth: int) -> tuple[str, str]:
        id = self._new("subProcess", scope)
        self._scope(id, depth)
        return id, id

    def _loop(self, scope: str | None, depth: int) -> tuple[str, str]:
        join, split = self._new("exclusiveGateway", scope), self._new("exclusiveGateway", scope)
        enter, leave = self._block(scope, depth)
        self._flow(join, enter, scope)
        self._flow(leave, split, scope)
        self._flow(split, join, scope, "x > 2")
        done, _ = self._script(scope, depth)
        self._replace(split, default=self._flow(split, done, scope))
        return join, done


@st.composite
def documents(draw: Callable[[st.SearchStrategy], object], depth: int = 2, calls: bool = False) -> Document:
    """Process models of up to a few dozen nodes that the engine can parse.

    Args:
        depth: How deep gateways and sub-processes may be nested.
        calls: Whether they may call the process `called`.
    """
    return Builder(draw, calls=calls).document(depth)


Edit = Callable[[Document, Callable[[st.SearchStrategy], object]], Document]


def _some(draw: Callable, items: list[Element]) -> Element | None:
    return draw(st.sampled_from(items)) if items else None


def _label(document: Document, draw: Callable) -> Document:
    node = _some(draw, document.nodes)
    return document.put(replace(node, name="Another label"))


def _script(document: Document, draw: Callable) -> Document:
    node = _some(draw, [node for node in document.nodes if node.tag == "scriptTask"])
    return document.put(replace(node, content="<b:script>x = 99</b:script>")) if node else document


def _condition(document: Document, draw: Callable) -> Document:
    flow = _some(draw, [flow for flow in document.flows if flow.content])
    content = "<b:conditionExpression>x == 77</b:conditionExpression>"
    return document.put(replace(flow, content=content)) if flow else document


def _timer(document: Document, draw: Callable) -> Document:
    node = _some(draw, [node for node in document.nodes if "PT1" in node.content])
    return document.put(replace(node, content=node.content.replace("PT1", "PT9"))) if node else document


def _message(document: Document, draw: Callable) -> Document:
    node = _some(draw, [node for node in document.nodes if '"m1"' in node.content])
    return document.put(replace(node, content=node.content.replace('"m1"', '"m2"'))) if node else document


def _rename(document: Document, draw: Callable) -> Document:
    node = _some(draw, document.nodes)
    return document.renamed(lambda id: "brand_new" if id == node.id else id)


def _insert(document: Document, draw: Callable) -> Document:
    flow = _some(draw, document.flows)
    task = Element("manualTask", "inserted", "Inserted", flow.scope)
    target = flow.attributes["targetRef"]
    onward = Element("sequenceFlow", "inserted_flow", None, flow.scope, {"sourceRef": "inserted", "targetRef": target})
    changed = document.put(replace(flow, attributes={**flow.attributes, "targetRef": "inserted"}))
    return replace(changed, elements=(*changed.elements, task, onward))


def _remove(document: Document, draw: Callable) -> Document:
    """Take out a node with one way in and one way out, and close the gap."""
    ends = {"in": {}, "out": {}}
    for flow in document.flows:
        ends["in"].setdefault(flow.attributes["targetRef"], []).append(flow)
        ends["out"].setdefault(flow.attributes["sourceRef"], []).append(flow)
    hosts = {node.attributes.get("attachedToRef") for node in document.nodes}
    single = [
        node
        for node in document.nodes
        if len(ends["in"].get(node.id, ())) == len(ends["out"].get(node.id, ())) == 1
        and node.tag not in SCOPES
        and node.id not in hosts
    ]
    node = _some(draw, single)
    if node is None:
        return document
    before, after = ends["in"][node.id][0], ends["out"][node.id][0]
    closed = replace(before, attributes={**before.attributes, "targetRef": after.attributes["targetRef"]})
    left = tuple(item for item in document.put(closed).elements if item.id not in (node.id, after.id))
    lanes = tuple((id, name, tuple(m for m in members if m != node.id)) for id, name, members in document.lanes)
    return replace(document, elements=left, lanes=lanes)


def _boundary(document: Document, draw: Callable) -> Document:
    hosts = {node.attributes.get("attachedToRef") for node in document.nodes}
    task = _some(draw, [node for node in document.nodes if node.tag == "userTask" and node.id not in hosts])
    if task is None:
        return document
    timer = "<b:timerEventDefinition><b:timeDuration>'PT5H'</b:timeDuration></b:timerEventDefinition>"
    event = Element("boundaryEvent", "new_boundary", None, task.scope, {"attachedToRef": task.id}, timer)
    end = Element("endEvent", "new_end", None, task.scope)
    ends = {"sourceRef": "new_boundary", "targetRef": "new_end"}
    flow = Element("sequenceFlow", "new_boundary_flow", None, task.scope, ends)
    return replace(document, elements=(*document.elements, event, end, flow))


def _order(document: Document, draw: Callable) -> Document:
    """Exchange two flows that leave one node."""
    leaving: dict[str, list[Element]] = {}
    for flow in document.flows:
        leaving.setdefault(flow.attributes["sourceRef"], []).append(flow)
    several = [flows for flows in leaving.values() if len(flows) > 1]
    if not several:
        return document
    first, second = draw(st.sampled_from(several))[:2]
    swap = {first.id: second, second.id: first}
    return replace(document, elements=tuple(swap.get(item.id, item) for item in document.elements))


def _kind(document: Document, draw: Callable) -> Document:
    """Make a user task a manual task: the same id, another type."""
    node = _some(draw, [node for node in document.nodes if node.tag == "userTask"])
    return document.put(replace(node, tag="manualTask", content="")) if node else document


def _lane(document: Document, draw: Callable) -> Document:
    if len(document.lanes) < 2 or not document.lanes[0][2]:
        return document
    (a, a_name, a_members), (b, b_name, b_members) = document.lanes
    return replace(document, lanes=((a, a_name, a_members[1:]), (b, b_name, (*b_members, a_members[0]))))


def _lane_name(document: Document, draw: Callable) -> Document:
    if not document.lanes:
        return document
    (id, _name, members), *others = document.lanes
    return replace(document, lanes=((id, "Somebody else", members), *others))


def _repetition(document: Document, draw: Callable) -> Document:
    node = _some(draw, [node for node in document.nodes if "isSequential" in node.content])
    if node is None:
        return document
    return document.put(replace(node, content=node.content.replace("true", "false")))


def _data(document: Document, draw: Callable) -> Document:
    return replace(document, elements=(*document.elements, Element("dataObject", "another_data", "Another")))


def _drawing(document: Document, draw: Callable) -> Document:
    return replace(document, shift=document.shift + 30)


#: Edits that change what a process says; each leaves the model one that the engine can parse.
EDITS: Mapping[str, Edit] = {
    "label": _label,
    "script": _script,
    "condition": _condition,
    "timer": _timer,
    "message": _message,
    "rename": _rename,
    "insert": _insert,
    "remove": _remove,
    "boundary": _boundary,
    "order": _order,
    "kind": _kind,
    "lane": _lane,
    "lane_name": _lane_name,
    "repetition": _repetition,
    "data": _data,
    "drawing": _drawing,
}

#: Edits whose new elements have fixed ids, so that one document takes each only once.
_ONCE = frozenset({"rename", "insert", "boundary", "data"})


@st.composite
def edited(
    draw: Callable[[st.SearchStrategy], object], depth: int = 2, most: int = 3, calls: bool = False
) -> tuple[Document, Document]:
    """A document, and the same after up to `most` edits."""
    before = after = draw(documents(depth, calls))
    for name in _names(draw, most):
        after = EDITS[name](after, draw)
    return before, after


def _names(draw: Callable, most: int) -> Iterator[str]:
    done: set[str] = set()
    for name in draw(st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=most)):
        if name not in done or name not in _ONCE:
            done.add(name)
            yield name
