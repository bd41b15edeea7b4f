"""Reads collaborations: pools and the messages between them."""

from __future__ import annotations

from lxml import etree

from spiffcli.model.common import ARTIFACTS, keep_others, read_artifact, read_common, reference
from spiffcli.model.context import Context
from spiffcli.model.draft import put
from spiffcli.model.elements import Artifact, Collaboration, MessageFlow, Participant
from spiffcli.model.xml import line_of, local_name, one_line, outline, split_tag, text_of

_COLLABORATIONS = frozenset({"collaboration", "conversation", "globalConversation"})
_HEADER = frozenset({"id", "name", "isClosed"})


def read_collaborations(root: etree._Element, context: Context) -> list[Collaboration]:
    """Every collaboration of a file, without its layout."""
    found = [element for element in root if split_tag(element.tag)[1] in _COLLABORATIONS]
    return [_read(element, context) for element in found]


def _read(element: etree._Element, context: Context) -> Collaboration:
    kind = split_tag(element.tag)[1]
    id = context.identify(element, kind, ())
    common = read_common(element, _HEADER)
    participants: dict[str, Participant] = {}
    flows: dict[str, MessageFlow] = {}
    artifacts: dict[str, Artifact] = {}
    correlations: dict[str, str] = {}
    for child in common.others:
        name = split_tag(child.tag)[1]
        if name == "participant":
            _participant(child, participants, context)
        elif name == "messageFlow":
            _message_flow(child, flows, context)
        elif name in ARTIFACTS:
            read_artifact(child, name, artifacts, context)
        elif name == "correlationKey":
            _correlation_key(child, correlations)
        else:
            put(common.attributes, name, outline(child))
    return Collaboration(
        id=id,
        name=one_line(element.get("name")),
        type=kind,
        documentation=common.documentation,
        correlations=correlations,
        properties=common.properties,
        attributes=common.attributes,
        extensions=common.extensions,
        participants=participants,
        message_flows=flows,
        artifacts=artifacts,
        file=context.file,
        line=line_of(element),
    )


def _correlation_key(element: etree._Element, into: dict[str, str]) -> None:
    names = sorted(local_name(text_of(item).strip()) for item in element.iter("{*}correlationPropertyRef"))
    put(into, one_line(element.get("name")) or element.get("id") or "", ", ".join(names))


def _participant(element: etree._Element, into: dict[str, Participant], context: Context) -> None:
    common = read_common(element, frozenset({"id", "name", "processRef"}))
    multiplicity = None
    for child in common.others:
        if split_tag(child.tag)[1] == "participantMultiplicity":
            low, high = child.get("minimum", "0"), child.get("maximum", "1")
            multiplicity = f"{low}..{high}"
    keep_others(common, frozenset({"participantMultiplicity"}))
    id = context.identify(element, "participant", into)
    into[id] = Participant(
        id=id,
        name=one_line(element.get("name")),
        process=reference(element.get("processRef")),
        multiplicity=multiplicity,
        documentation=common.documentation,
        properties=common.properties,
        attributes=common.attributes,
        extensions=common.extensions,
        line=line_of(element),
    )


def _message_flow(element: etree._Element, into: dict[str, MessageFlow], context: Context) -> None:
    common = read_common(element, frozenset({"id", "name", "sourceRef", "targetRef", "messageRef"}))
    keep_others(common)
    found = context.root("message", element.get("messageRef"))
    named = one_line(found.get("name")) if found is not None else None
    id = context.identify(element, "messageFlow", into)
    into[id] = MessageFlow(
        id=id,
        name=one_line(element.get("name")),
        source=reference(element.get("sourceRef")),
        target=reference(element.get("targetRef")),
        message=named or reference(element.get("messageRef")),
        documentation=common.documentation,
        attributes=common.attributes,
        extensions=common.extensions | common.properties,
        line=line_of(element),
    )
