"""What every element of BPMN can have, and annotations, which can stand anywhere."""

from __future__ import annotations

from lxml import etree
from msgspec import Struct

from spiffcli.model.context import Context, bpmn_attributes
from spiffcli.model.draft import Draft, put
from spiffcli.model.elements import Artifact
from spiffcli.model.vendors import read_attributes, read_extensions
from spiffcli.model.xml import line_of, local_name, one_line, outline, prose, split_tag, text_of

ARTIFACTS = frozenset({"textAnnotation", "group", "association"})


class Common(Struct):
    """What every element can have."""

    documentation: str | None
    attributes: dict[str, str]
    extensions: dict[str, str]
    properties: dict[str, str]
    draft: Draft
    others: list[etree._Element] = []


def read_common(element: etree._Element, known: frozenset[str]) -> Common:
    """Read documentation, extensions and attributes; the other children are left in `others`."""
    draft = Draft(split_tag(element.tag)[1], line_of(element))
    found = Common(None, bpmn_attributes(element, known), draft.extensions, draft.properties, draft)
    for child in element:
        name = split_tag(child.tag)[1]
        if name == "documentation":
            found.documentation = prose(text_of(child)) or found.documentation
        elif name == "extensionElements":
            read_extensions(child, draft)
        else:
            found.others.append(child)
    read_attributes(element, draft)
    for key, value in (*draft.settings.items(), *draft.assignment.items()):
        put(draft.extensions, key, value)
    return found


def keep_others(common: Common, taken: frozenset[str] = frozenset()) -> None:
    """Keep children nobody read as attributes."""
    for child in common.others:
        if split_tag(child.tag)[1] not in taken:
            put(common.attributes, split_tag(child.tag)[1], outline(child))


def reference(text: str | None) -> str | None:
    """The id in a reference, without prefix; None where it is blank."""
    return local_name(text.strip()) or None if text else None


def read_artifact(element: etree._Element, kind: str, into: dict[str, Artifact], context: Context) -> None:
    """Read an annotation, group or association into `into`."""
    known = frozenset({"id", "sourceRef", "targetRef", "associationDirection", "categoryValueRef", "textFormat"})
    common = read_common(element, known)
    text = None
    for child in common.others:
        if split_tag(child.tag)[1] == "text":
            text = prose(text_of(child))
    keep_others(common, frozenset({"text"}))
    if element.get("categoryValueRef"):
        text = _category(element.get("categoryValueRef", ""), context)
    direction = element.get("associationDirection")
    id = context.identify(element, kind, into)
    into[id] = Artifact(
        id=id,
        type=kind,
        text=text,
        source=reference(element.get("sourceRef")),
        target=reference(element.get("targetRef")),
        direction=direction if direction != "None" else None,
        documentation=common.documentation,
        attributes=common.attributes,
        extensions=common.extensions | common.properties,
        line=line_of(element),
    )


def _category(reference: str, context: Context) -> str | None:
    wanted = local_name(reference)
    for (kind, id), element in context.elements.items():
        if kind == "category":
            for value in element:
                if value.get("id") == wanted:
                    context.used.add((kind, id))
                    return one_line(value.get("value"))
    return wanted
