"""Reads DMN files: decision tables row by row, and other decision logic as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from spiffcli.errors import ModelError
from spiffcli.model.context import Context
from spiffcli.model.draft import Draft, put
from spiffcli.model.tables import Clause, Decision, Rule
from spiffcli.model.vendors import read_attributes, read_extensions
from spiffcli.model.xml import attributes_of, line_of, one_line, outline, prose, split_tag, text_of, verbatim

_REQUIREMENTS = frozenset({"informationRequirement", "knowledgeRequirement", "authorityRequirement"})
_LOGIC = {
    "decisionTable": "table",
    "literalExpression": "expression",
    "context": "context",
    "invocation": "invocation",
    "relation": "relation",
    "functionDefinition": "function",
    "list": "list",
    "conditional": "conditional",
    "for": "for",
    "every": "every",
    "some": "some",
    "filter": "filter",
}


def check_dmn(root: etree._Element, file: str) -> None:
    """Refuse a file that is XML but not DMN.

    Raises:
        ModelError: The root element is not `definitions` of DMN.
    """
    namespace, name = split_tag(root.tag)
    if name.lower() != "definitions" or "DMN" not in namespace.upper():
        raise ModelError(
            f"The file is XML but not DMN: its root element is <{name}>"
            + (f" of {namespace}." if namespace else ", without a namespace."),
            file=file,
            line=line_of(root),
        )


def read_decisions(root: etree._Element, context: Context) -> list[Decision]:
    """Every decision of a file, without its layout."""
    return [_read(element, context) for element in root if split_tag(element.tag)[1] == "decision"]


def _read(element: etree._Element, context: Context) -> Decision:
    draft = Draft("decision", line_of(element))
    values: dict[str, Any] = {"attributes": {}}
    requires: list[str] = []
    for child in element:
        kind = split_tag(child.tag)[1]
        if kind in _REQUIREMENTS:
            requires += [item.get("href", "").rpartition("#")[2] for item in child]
        elif kind in _LOGIC:
            _logic(child, kind, values, context)
        elif kind == "variable":
            values["variable"] = one_line(child.get("name"))
            values.setdefault("data_type", child.get("typeRef"))
        elif kind == "extensionElements":
            read_extensions(child, draft)
        elif kind == "description":
            values["documentation"] = prose(text_of(child))
        else:
            put(values["attributes"], kind, outline(child))
    read_attributes(element, draft)
    return Decision(
        id=context.identify(element, "decision", ()),
        name=one_line(element.get("name")),
        requires=tuple(sorted(requires)),
        settings=draft.settings | draft.assignment,
        extensions=draft.extensions | draft.properties,
        file=context.file,
        line=line_of(element),
        **values,
    )


def _logic(element: etree._Element, kind: str, values: dict[str, Any], context: Context) -> None:
    values["logic"] = _LOGIC[kind]
    if kind == "decisionTable":
        _table(element, values, context)
    elif kind == "literalExpression":
        text = next((child for child in element if split_tag(child.tag)[1] == "text"), element)
        values["expression"] = verbatim(text_of(text))
        if element.get("typeRef"):
            values["data_type"] = element.get("typeRef")
        if element.get("expressionLanguage"):
            values["attributes"]["expressionLanguage"] = element.get("expressionLanguage")
    else:
        values["expression"] = outline(element)


def _table(element: etree._Element, values: dict[str, Any], context: Context) -> None:
    values["hit_policy"] = (element.get("hitPolicy") or "UNIQUE").upper()
    values["aggregation"] = element.get("aggregation")
    columns: dict[str, Clause] = {}
    for child in element:
        kind = split_tag(child.tag)[1]
        if kind in ("input", "output", "annotation"):
            clause = _clause(child, kind, columns, context)
            columns[clause.id] = clause
    values["columns"] = columns
    rules: dict[str, Rule] = {}
    for child in element:
        if split_tag(child.tag)[1] == "rule":
            rule = _rule(child, columns, rules, context)
            rules[rule.id] = rule
    values["rules"] = rules


def _clause(element: etree._Element, kind: str, taken: dict[str, Clause], context: Context) -> Clause:
    id = _own_id(element, kind, taken, context)
    expression, data_type, values, default = None, element.get("typeRef"), None, None
    for child in element:
        part = split_tag(child.tag)[1]
        if part == "inputExpression":
            expression, data_type = _expression(child), child.get("typeRef") or data_type
        elif part in ("inputValues", "outputValues"):
            values = _expression(child)
        elif part == "defaultOutputEntry":
            default = _expression(child)
    label, name = one_line(element.get("label")), one_line(element.get("name"))
    attributes = {"name": name} if label and name and name != label else {}
    variable = next((value for key, value in attributes_of(element) if key.endswith("inputVariable")), None)
    if variable:
        attributes["inputVariable"] = variable
    return Clause(
        id=id,
        type=kind,
        name=label or name,
        expression=expression,
        data_type=data_type,
        values=values,
        default=default,
        attributes=attributes,
        line=line_of(element),
    )


def _own_id(element: etree._Element, kind: str, taken: Any, context: Context) -> str:
    # Tables written by hand often have no ids inside; their rows are told apart by position.
    if element.get("id"):
        return context.identify(element, kind, taken)
    return f"{kind}~{sum(1 for id in taken if id.startswith(kind + '~')) + 1}"


def _rule(element: etree._Element, columns: dict[str, Clause], taken: dict[str, Rule], context: Context) -> Rule:
    inputs, outputs, notes = (_column_ids(columns, kind) for kind in ("input", "output", "annotation"))
    cells: dict[str, str] = {}
    description = None
    for child in element:
        kind = split_tag(child.tag)[1]
        source = {"inputEntry": inputs, "outputEntry": outputs, "annotationEntry": notes}.get(kind)
        if source is not None:
            column, text = next(source, f"{kind}~extra"), _expression(child)
            if text is not None:
                put(cells, column, text)
        elif kind == "description":
            description = prose(text_of(child))
    return Rule(
        id=_own_id(element, "rule", taken, context),
        cells=cells,
        description=description,
        order=len(taken),
        line=line_of(element),
    )


def _column_ids(columns: dict[str, Clause], kind: str) -> Iterator[str]:
    return iter([id for id, clause in columns.items() if clause.type == kind])


def _expression(element: etree._Element) -> str | None:
    """Text of a cell or expression; whitespace around it is how editors write it, so it does not count."""
    text = next((child for child in element if split_tag(child.tag)[1] == "text"), element)
    found = verbatim(text_of(text))
    return found.strip() if found else None
