"""The drawings of the tutorial models: complete, valid, and pleasant to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from lxml import etree
from SpiffWorkflow.spiff.parser.process import VALIDATOR

FOLDER = Path(__file__).resolve().parents[2] / "bpmn" / "tutorial"
MODELS = sorted(path.name for path in FOLDER.glob("*.bpmn"))
NS = {
    "bpmn": "http://www.omg.org/spec/BPMN/20100524/MODEL",
    "bpmndi": "http://www.omg.org/spec/BPMN/20100524/DI",
    "dc": "http://www.omg.org/spec/DD/20100524/DC",
    "di": "http://www.omg.org/spec/DD/20100524/DI",
}
DRAWN_AS_SHAPE = {
    "startEvent",
    "endEvent",
    "intermediateCatchEvent",
    "intermediateThrowEvent",
    "boundaryEvent",
    "userTask",
    "manualTask",
    "scriptTask",
    "businessRuleTask",
    "sendTask",
    "callActivity",
    "subProcess",
    "transaction",
    "exclusiveGateway",
    "parallelGateway",
    "dataObjectReference",
    "participant",
    "lane",
}
DRAWN_AS_EDGE = {"sequenceFlow", "messageFlow", "dataInputAssociation", "dataOutputAssociation"}
CONTAINERS = {"participant", "lane", "subProcess", "transaction"}
GAP = 10  # least distance between two shapes, in pixels

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle of the drawing."""

    x: float
    y: float
    w: float
    h: float

    def overlaps(self, other: Box, gap: float = 0) -> bool:
        return (
            self.x < other.x + other.w + gap
            and other.x < self.x + self.w + gap
            and self.y < other.y + other.h + gap
            and other.y < self.y + self.h + gap
        )

    def contains(self, other: Box) -> bool:
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.x + other.w <= self.x + self.w
            and other.y + other.h <= self.y + self.h
        )

    def docks(self, point: Point) -> bool:
        """Whether a line that ends here touches the middle of a side, or some place of a side that is not rounded."""
        x, y = point
        on_side = x in (self.x, self.x + self.w) and self.y + 5 <= y <= self.y + self.h - 5
        on_top = y in (self.y, self.y + self.h) and self.x + 5 <= x <= self.x + self.w - 5
        return on_side or on_top


class Drawing:
    """A model with its shapes, labels and edges by element id."""

    def __init__(self, path: Path) -> None:
        self.root = etree.parse(path).getroot()
        self.elements = {node.get("id"): node for node in self.root.iter(f"{{{NS['bpmn']}}}*") if node.get("id")}
        self.shapes = {
            shape.get("bpmnElement"): _box(shape.find("dc:Bounds", NS))
            for shape in self.root.iterfind(".//bpmndi:BPMNShape", NS)
        }
        self.edges = {
            edge.get("bpmnElement"): [(float(p.get("x")), float(p.get("y"))) for p in edge.iterfind("di:waypoint", NS)]
            for edge in self.root.iterfind(".//bpmndi:BPMNEdge", NS)
        }
        self.labels = {
            label.getparent().get("bpmnElement"): _box(label.find("dc:Bounds", NS))
            for label in self.root.iterfind(".//bpmndi:BPMNLabel", NS)
        }

    def tag(self, element: str) -> str:
        return etree.QName(self.elements[element]).localname

    def of_tags(self, tags: set[str]) -> list[str]:
        return [element for element in self.elements if self.tag(element) in tags]

    def leaves(self) -> dict[str, Box]:
        """Shapes that hold no others."""
        return {element: box for element, box in self.shapes.items() if self.tag(element) not in CONTAINERS}

    def ends(self, edge: str) -> tuple[str, str]:
        """The elements that an edge connects."""
        node = self.elements[edge]
        match self.tag(edge):
            case "dataInputAssociation":
                return node.findtext("bpmn:sourceRef", namespaces=NS), node.getparent().get("id")
            case "dataOutputAssociation":
                return node.getparent().get("id"), node.findtext("bpmn:targetRef", namespaces=NS)
        return node.get("sourceRef"), node.get("targetRef")


def _box(bounds: etree._Element) -> Box:
    return Box(*(float(bounds.get(name)) for name in ("x", "y", "width", "height")))


def segments(points: list[Point]) -> Iterator[Box]:
    for (x1, y1), (x2, y2) in pairwise(points):
        yield Box(min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1))


@pytest.fixture(scope="module", params=MODELS)
def path(request: pytest.FixtureRequest) -> Path:
    return FOLDER / request.param


@pytest.fixture
def drawing(path: Path) -> Drawing:
    return Drawing(path)


def test_there_is_a_drawing_for_every_construct() -> None:
    assert {Path(name).stem for name in MODELS} == {
        "task_types",
        "gateway_types",
        "top_level",
        "call_activity",
        "top_level_script",
        "call_activity_script",
        "timers",
        "messages_and_signals",
        "lanes",
        "data_objects",
        "multi_instance",
        "transaction",
        "event_subprocess",
        "collaboration",
    }


def test_the_file_is_valid_bpmn(path: Path) -> None:
    VALIDATOR.validate(etree.parse(path), path.name)


def test_no_id_is_used_twice(drawing: Drawing) -> None:
    ids = Counter(node.get("id") for node in drawing.root.iter(etree.Element) if node.get("id"))
    assert [element for element, count in ids.items() if count > 1] == []


def test_everything_that_can_be_drawn_is_drawn_once_and_nothing_else(drawing: Drawing) -> None:
    assert sorted(drawing.shapes) == sorted(drawing.of_tags(DRAWN_AS_SHAPE))
    assert sorted(drawing.edges) == sorted(drawing.of_tags(DRAWN_AS_EDGE))
    drawn = drawing.root.findall(".//bpmndi:BPMNShape", NS) + drawing.root.findall(".//bpmndi:BPMNEdge", NS)
    assert len(drawn) == len(drawing.shapes) + len(drawing.edges)


def test_named_events_gateways_and_flows_have_a_label(drawing: Drawing) -> None:
    inside = {
        "userTask",
        "manualTask",
        "scriptTask",
        "businessRuleTask",
        "sendTask",
        "callActivity",
        *CONTAINERS,
    }
    named = [e for e in drawing.of_tags(DRAWN_AS_SHAPE | DRAWN_AS_EDGE) if drawing.elements[e].get("name")]
    assert sorted(drawing.labels) == sorted(e for e in named if drawing.tag(e) not in inside)


def test_no_two_shapes_overlap_or_touch(drawing: Drawing) -> None:
    boundary = {e: drawing.elements[e].get("attachedToRef") for e in drawing.of_tags({"boundaryEvent"})}
    bad = [
        (a, b)
        for (a, box_a), (b, box_b) in combinations(drawing.leaves().items(), 2)
        if boundary.get(a) != b and boundary.get(b) != a and box_a.overlaps(box_b, GAP)
    ]
    assert bad == []


def test_containers_hold_their_own_shapes_and_no_others(drawing: Drawing) -> None:
    for container in drawing.of_tags(CONTAINERS):
        box = drawing.shapes[container]
        own = members(drawing, container)
        for element, shape in drawing.leaves().items():
            if element in own:
                assert box.contains(shape), (container, element)
            elif drawing.elements[element].get("attachedToRef") != container:
                assert not box.overlaps(shape), (container, element)


def members(drawing: Drawing, container: str) -> set[str]:
    """Ids of the shapes that belong inside a pool, a lane or a sub-process."""
    node = drawing.elements[container]
    if drawing.tag(container) == "lane":
        return {ref.text for ref in node.iterfind("bpmn:flowNodeRef", NS)}
    if drawing.tag(container) == "participant":
        node = drawing.elements.get(node.get("processRef"), node)
    return {child.get("id") for child in node.iterdescendants()}


def test_labels_cover_no_shape_and_no_other_label(drawing: Drawing) -> None:
    for element, label in drawing.labels.items():
        covered = [e for e, shape in drawing.leaves().items() if label.overlaps(shape)]
        assert covered == [], element
    bad = [(a, b) for (a, x), (b, y) in combinations(drawing.labels.items(), 2) if x.overlaps(y)]
    assert bad == []


def test_no_line_runs_through_a_label(drawing: Drawing) -> None:
    bad = [
        (edge, element)
        for edge, points in drawing.edges.items()
        for element, label in drawing.labels.items()
        if any(segment.overlaps(label) for segment in segments(points))
    ]
    assert bad == []


def test_lines_are_horizontal_or_vertical(drawing: Drawing) -> None:
    for edge, points in drawing.edges.items():
        assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(points)), edge


def test_lines_start_and_end_at_the_border_of_what_they_connect(drawing: Drawing) -> None:
    for edge, points in drawing.edges.items():
        source, target = drawing.ends(edge)
        assert drawing.shapes[source].docks(points[0]), edge
        assert drawing.shapes[target].docks(points[-1]), edge


def test_no_line_runs_through_a_shape(drawing: Drawing) -> None:
    bad = [
        (edge, element)
        for edge, points in drawing.edges.items()
        for element, shape in drawing.leaves().items()
        if any(segment.overlaps(shape) for segment in segments(points)) and element not in drawing.ends(edge)
    ]
    assert [b for b in bad if not leaves_a_boundary_event(drawing, *b)] == []


def leaves_a_boundary_event(drawing: Drawing, edge: str, element: str) -> bool:
    """The line of a boundary event starts on the border of its host, so the two always touch."""
    return drawing.elements[drawing.ends(edge)[0]].get("attachedToRef") == element


def test_work_flows_from_left_to_right(drawing: Drawing) -> None:
    backwards = [
        edge
        for edge in drawing.of_tags({"sequenceFlow"})
        if drawing.shapes[drawing.ends(edge)[0]].x >= drawing.shapes[drawing.ends(edge)[1]].x
    ]
    loops = ["flow_claim_judged_describe_damage"]  # the service desk asks the customer again
    assert [edge for edge in backwards if edge not in loops] == []


def test_flows_stand_in_the_document_as_in_the_drawing(drawing: Drawing) -> None:
    """An engine that goes by the drawing and one that goes by the document agree."""
    for gateway in drawing.of_tags({"exclusiveGateway", "parallelGateway"}):
        flows = [e for e in drawing.of_tags({"sequenceFlow"}) if drawing.elements[e].get("sourceRef") == gateway]
        heights = [drawing.shapes[drawing.ends(flow)[1]].y for flow in flows]
        assert heights == sorted(heights), gateway
        listed = [node.text for node in drawing.elements[gateway].iterfind("bpmn:outgoing", NS)]
        assert listed == flows, gateway
