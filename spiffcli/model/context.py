"""What the readers of one BPMN file share: the elements beside its processes, and the problems found."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree
from msgspec import Struct

from spiffcli.model.details import Correlation
from spiffcli.model.draft import Draft, put
from spiffcli.model.snapshot import Problem, RootElement
from spiffcli.model.vendors import read_attributes, read_extensions
from spiffcli.model.xml import (
    DEFAULTS,
    attributes_of,
    line_of,
    local_name,
    one_line,
    outline,
    split_tag,
    text_of,
    verbatim,
)

Key = tuple[str, str]

_NOT_ROOTS = frozenset(
    {"process", "choreography", "collaboration", "conversation", "globalConversation", "globalChoreographyTask"}
)
_PLAIN = frozenset({"documentation", "extensionElements"})


class Context(Struct):
    """One file while it is read.

    Attributes:
        elements: Root elements as XML, by (type, id).
        others: The files read together with this one, asked where it lacks an element.
        used: Root elements that something refers to.
        message_correlations: How properties are read from each message, by message id.
    """

    file: str
    elements: dict[Key, etree._Element] = {}
    others: list[Context] = []
    used: set[Key] = set()
    problems: list[Problem] = []
    message_correlations: dict[str, list[Correlation]] = {}
    key_names: dict[str, list[str]] = {}
    ids: set[str] = set()
    count: int = 0

    def problem(self, rule: str, message: str, at: etree._Element | None, element: str | None) -> None:
        """Note something wrong that can be read past."""
        line = line_of(at) if at is not None else None
        self.problems.append(Problem(rule, message, self.file, line, element))

    def identify(self, element: etree._Element, kind: str, taken: Iterable[str]) -> str:
        """The id of `element`, or one made up where it has none or one that is in `taken`."""
        id = (element.get("id") or "").strip()
        if not id:
            self.count += 1
            id = f"{kind}~{self.count}"
            self.problem("id-missing", f"A {kind} has no id; it is shown as {id}.", element, id)
        elif id in self.ids:
            self.problem("id-duplicated", f"More than one element has the id {id}.", element, id)
        self.ids.add(id)
        if id not in taken:
            return id
        n = 2
        while f"{id}~{n}" in taken:
            n += 1
        return f"{id}~{n}"

    def root(self, kind: str, reference: str | None) -> etree._Element | None:
        """The root element a reference names, or None; it counts as used from now on."""
        if not reference:
            return None
        for id in (reference, local_name(reference)):
            for context in (self, *self.others):
                found = context.elements.get((kind, id))
                if found is not None:
                    context.used.add((kind, id))
                    return found
        return None

    def correlations(self, message: str) -> list[Correlation]:
        """How properties are read from a message, wherever that is defined; they count as used from now on."""
        for context in (self, *self.others):
            found = context.message_correlations.get(message)
            if found:
                context.used |= {("correlationProperty", correlation.property_id) for correlation in found}
                return found
        return []

    def item_type(self, reference: str | None) -> str | None:
        """Type of data behind an `itemSubjectRef`: the structure, or the reference itself."""
        found = self.root("itemDefinition", reference)
        if found is None:
            return local_name(reference) if reference else None
        kind = found.get("structureRef") or found.get("itemKind")
        return f"{kind or ''}[]" if found.get("isCollection") == "true" else kind


def index(root: etree._Element, file: str) -> Context:
    """Find the root elements of a BPMN file and how its messages correlate."""
    context = Context(file)
    for element in root:
        kind = split_tag(element.tag)[1]
        if kind in _NOT_ROOTS or kind.startswith("BPMN") or kind in ("extensionElements", "documentation"):
            continue
        id = element.get("id")
        if id:
            context.elements.setdefault((kind, id.strip()), element)
    _index_correlations(root, context)
    return context


def _index_correlations(root: etree._Element, context: Context) -> None:
    for key in root.iter("{*}correlationKey"):
        name = one_line(key.get("name")) or key.get("id") or ""
        for reference in key.iter("{*}correlationPropertyRef"):
            context.key_names.setdefault(local_name(text_of(reference).strip()), []).append(name)
    for (kind, id), element in context.elements.items():
        if kind == "correlationProperty":
            _index_property(id, element, context)


def _index_property(id: str, element: etree._Element, context: Context) -> None:
    keys = tuple(sorted(set(context.key_names.get(id, ()))))
    for retrieval in element.iter("{*}correlationPropertyRetrievalExpression"):
        message = local_name(retrieval.get("messageRef") or "")
        expression = verbatim(text_of(retrieval[0])) if len(retrieval) else None
        found = Correlation(id, expression, keys, "message", line_of(retrieval))
        context.message_correlations.setdefault(message, []).append(found)


def bpmn_attributes(element: etree._Element, known: frozenset[str]) -> dict[str, str]:
    """Attributes BPMN defines, without those in `known` and without those that say what is so anyway."""
    found = {}
    for key, value in attributes_of(element):
        if key[0] != "{" and key not in known and value not in DEFAULTS.get(key, ()):
            found[key] = value.strip()
    return found


def read_roots(context: Context) -> dict[Key, RootElement]:
    """The root elements of a file as values. Call it after everything that can refer to them was read."""
    return {key: _root(key, element, context) for key, element in context.elements.items()}


def _root(key: Key, element: etree._Element, context: Context) -> RootElement:
    kind, id = key
    draft = Draft(kind, line_of(element))
    read_attributes(element, draft)
    details = bpmn_attributes(element, frozenset({"id", "name", "errorCode", "escalationCode"}))
    for child in element:
        name = split_tag(child.tag)[1]
        if name == "extensionElements":
            read_extensions(child, draft)
        elif name != "documentation":
            put(details, name, outline(child))
    extensions = draft.extensions | {key: str(value) for key, value in draft.event.items()}
    extensions |= draft.settings | draft.properties
    return RootElement(
        id=id,
        type=kind,
        name=one_line(element.get("name")),
        code=element.get("errorCode") or element.get("escalationCode"),
        details=details,
        extensions=extensions,
        used=key in context.used,
        file=context.file,
        line=line_of(element),
    )
