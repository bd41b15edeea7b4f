"""A model as a modeler holds it: elements are found, put in where they lack, and edited."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

Element = etree._Element

PREFIXES = {
    "b": "http://www.omg.org/spec/BPMN/20100524/MODEL",
    "di": "http://www.omg.org/spec/BPMN/20100524/DI",
    "dc": "http://www.omg.org/spec/DD/20100524/DC",
    "spiff": "http://spiffworkflow.org/bpmn/schema/1.0/core",
    "camunda": "http://camunda.org/schema/1.0/bpmn",
    "bioc": "http://bpmn.io/schema/bpmn/biocolor/1.0",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
_XMLNS = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in PREFIXES.items())


def named(prefix: str, name: str) -> str:
    """A name as lxml writes it."""
    return f"{{{PREFIXES[prefix]}}}{name}"


def fragment(xml: str) -> Element:
    """An element written with the prefixes above; `b:` is BPMN."""
    return etree.fromstring(f"<x {_XMLNS}>{xml}</x>")[0]


class Draft:
    """A model to edit.

    Attributes:
        process: Its first executable process.
        others: Names and contents of the files beside it.
    """

    def __init__(self, content: bytes, others: Mapping[str, bytes]) -> None:
        self.root = etree.fromstring(content)
        self.others = dict(others)
        self.process = self.all("b:process[@isExecutable='true']")[0]
        self._before: dict[str, bytes] | None = None

    # Both versions

    def begin(self) -> None:
        """Everything up to here is in both versions: what follows is the edit."""
        self._before = self._files()

    def versions(self) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """The files before and after the edit."""
        assert self._before is not None
        return self._before, self._files()

    def _files(self) -> dict[str, bytes]:
        return {"model.bpmn": etree.tostring(self.root), **self.others}

    # Finding

    def all(self, path: str) -> list[Element]:
        """Elements anywhere in the file, by an XPath with the prefixes above."""
        found = self.root.xpath(f".//{path}", namespaces=PREFIXES)
        assert isinstance(found, list)
        return found

    def within(self, path: str) -> list[Element]:
        """Elements anywhere in the process."""
        found = self.process.xpath(f".//{path}", namespaces=PREFIXES)
        assert isinstance(found, list)
        return found

    def by_id(self, id: str) -> Element:
        """The element with an id."""
        return self.all(f"*[@id='{id}']")[0]

    # Putting in

    def put(self, xml: str, into: Element | None = None, *, first: bool = False) -> Element:
        """An element put into the process, or into another element."""
        element = fragment(xml)
        place = self.process if into is None else into
        if first:
            place.insert(0, element)
        else:
            place.append(element)
        return element

    def beside(self, xml: str) -> Element:
        """An element put beside the process."""
        element = fragment(xml)
        self.process.addprevious(element)
        return element

    def flow(self, source: str, target: str, inner: str = "") -> Element:
        """A new sequence flow."""
        return self.put(
            f'<b:sequenceFlow id="put_{source}_{target}" sourceRef="{source}" targetRef="{target}">{inner}</b:sequenceFlow>'
        )

    def main_flow(self) -> Element:
        """The flow that leaves the start of the process."""
        start = self.process.findall(named("b", "startEvent"))[0].get("id")
        return self.process.xpath(f"b:sequenceFlow[@sourceRef='{start}']", namespaces=PREFIXES)[0]

    def insert(self, xml: str) -> Element:
        """A node put in behind the start."""
        node, flow = self.put(xml), self.main_flow()
        self.flow(node.get("id"), flow.get("targetRef"))
        flow.set("targetRef", node.get("id"))
        return node

    def take_out(self, node: Element) -> None:
        """Undo `insert`."""
        id = node.get("id")
        (leaving,) = self.all(f"b:sequenceFlow[@sourceRef='{id}']")
        self.main_flow().set("targetRef", leaving.get("targetRef"))
        for element in (node, leaving):
            element.getparent().remove(element)

    def node(self, tag: str, inner: str = "", attributes: str = "") -> Element:
        """The first node of a type; put in where there is none."""
        return (
            next(iter(self.within(f"b:{tag}")), None) if self.within(f"b:{tag}") else self.own(tag, inner, attributes)
        )

    def own(self, tag: str, inner: str = "", attributes: str = "") -> Element:
        """A node of its own, put in."""
        return self.insert(f'<b:{tag} id="own_{tag}" name="Own {tag}" {attributes}>{inner}</b:{tag}>')

    def child(self, element: Element, xml: str) -> Element:
        """A child that has this name already, or this one."""
        wanted = fragment(xml)
        found = element.find(str(wanted.tag))
        if found is not None:
            return found
        return self.put(
            xml, element, first=wanted.tag in (named("b", "documentation"), named("b", "extensionElements"))
        )

    def extension(self, element: Element, xml: str) -> Element:
        """As of `child`, among its extension elements."""
        return self.child(self.child(element, "<b:extensionElements/>"), xml)

    # Editing

    def rename(self, old: str, new: str) -> None:
        """Give an element another id, wherever it stands."""
        for element in self.root.iter():
            for name, value in element.attrib.items():
                if value == old and name != "name":
                    element.set(name, new)
            if element.text and element.text.strip() == old and not len(element):
                element.text = new

    def shape(self, id: str) -> Element:
        """The drawing of an element; drawn where it is not."""
        found = self.all(f"di:BPMNShape[@bpmnElement='{id}']")
        if found:
            return found[0]
        planes = self.all("di:BPMNPlane")
        if not planes:
            plane = f'<di:BPMNPlane id="put_plane" bpmnElement="{self.process.get("id")}"/>'
            self.put(f'<di:BPMNDiagram id="put_diagram">{plane}</di:BPMNDiagram>', self.root)
            planes = self.all("di:BPMNPlane")
        bounds = '<dc:Bounds x="10" y="20" width="100" height="80"/>'
        return self.put(f'<di:BPMNShape id="put_{id}_di" bpmnElement="{id}">{bounds}</di:BPMNShape>', planes[0])
