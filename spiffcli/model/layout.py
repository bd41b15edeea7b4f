"""Reads diagrams: where each element is drawn, apart from what it means."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from lxml import etree

from spiffcli.model.elements import Shape
from spiffcli.model.xml import attributes_of, line_of, local_name, split_tag

_COLOUR_NAMESPACES = frozenset(
    {
        "http://bpmn.io/schema/bpmn/biocolor/1.0",
        "http://www.omg.org/spec/BPMN/non-normative/color/1.0",
    }
)


def read_layout(root: etree._Element) -> dict[str, tuple[Shape, ...]]:
    """Shapes and edges of every diagram in the file, by the id of the element they stand for."""
    found: dict[str, tuple[Shape, ...]] = {}
    for plane in _planes(root):
        plane_of = _element_of(plane)
        for item in plane:
            element = _element_of(item)
            if element is not None:
                found[element] = (*found.get(element, ()), _shape(item, plane_of))
    return found


def _planes(root: etree._Element) -> Iterator[etree._Element]:
    for diagram in root:
        if split_tag(diagram.tag)[1] in ("BPMNDiagram", "DMNDI"):
            yield from (child for child in diagram if _is_plane(child))


def _is_plane(element: etree._Element) -> bool:
    return split_tag(element.tag)[1] in ("BPMNPlane", "DMNDiagram")


def _element_of(item: etree._Element) -> str | None:
    reference = item.get("bpmnElement") or item.get("dmnElementRef")
    return local_name(reference) if reference else None


def _shape(item: etree._Element, plane: str | None) -> Shape:
    points: tuple[float, ...] = ()
    label: tuple[float, ...] = ()
    for child in item:
        kind = split_tag(child.tag)[1]
        if kind == "waypoint":
            points += (_number(child.get("x")), _number(child.get("y")))
        elif kind == "Bounds":
            points = _bounds(child)
        elif kind in ("BPMNLabel", "DMNLabel"):
            label = next((_bounds(box) for box in child if split_tag(box.tag)[1] == "Bounds"), ())
    return Shape(
        plane=plane,
        points=points,
        label=label,
        edge=split_tag(item.tag)[1].endswith("Edge"),
        expanded=_flag(item, "isExpanded"),
        horizontal=_flag(item, "isHorizontal"),
        colours=_colours(item),
        line=line_of(item),
    )


def _bounds(box: etree._Element) -> tuple[float, ...]:
    get = box.get
    return _number(get("x")), _number(get("y")), _number(get("width")), _number(get("height"))


@lru_cache(maxsize=4096)
def _number(text: str | None) -> float:
    try:
        return round(float(text or 0), 2)
    except (ValueError, OverflowError):
        return 0.0


def _flag(item: etree._Element, name: str) -> bool | None:
    value = item.get(name)
    return None if value is None else value.strip() in ("true", "1")


def _colours(item: etree._Element) -> dict[str, str]:
    found = {}
    for key, value in attributes_of(item):
        namespace, name = split_tag(key)
        if namespace in _COLOUR_NAMESPACES:
            found[_colour_name(name)] = value.strip().lower()
    return found


def _colour_name(name: str) -> str:
    return {"background-color": "fill", "border-color": "stroke"}.get(name, name)
