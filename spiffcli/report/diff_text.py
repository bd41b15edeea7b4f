"""A diff as text for people: by definition and element, readable in 80 columns, with or without colours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from spiffcli.diff import Change, Dependency, Diff, ElementRef, Place, Severity
from spiffcli.report.blocks import Block, Section, ends, sections
from spiffcli.report.diff_summary import summary_lines
from spiffcli.report.diff_values import shown, value_lines
from spiffcli.report.findings import Findings
from spiffcli.report.lines import EMPTY, WIDTH, Line, Span, Style, count, fold, indented, line
from spiffcli.text import one_line

_STYLES: dict[str, Style] = {"+": "added", "-": "removed", ">": "moved", "~": "changed", "=": "dim"}
_SEVERITIES: dict[Severity, Style] = {"error": "error", "warn": "warn", "info": "", "none": "dim"}

#: Columns before the values of a change.
_INDENT = 6

#: Names of parts listed for a definition that came or went as a whole.
_MOST_PARTS = 40

_STATUS = {
    "added": "is called now; it was not before",
    "removed": "is no longer called",
    "missing": "is not among what was compared",
    "unchanged": "is unchanged",
}


def diff_lines(findings: Findings, width: int = WIDTH) -> Iterator[Line]:
    """What changed, in lines of at most `width` columns where words allow it."""
    diff = findings.diff
    yield from _head(diff, width)
    yield EMPTY
    yield from _sections(findings.listed(diff.changes), width)
    if diff.dependencies:
        yield from _dependencies(findings, width)
    yield from summary_lines(findings, width)


def _head(diff: Diff, width: int) -> Iterator[Line]:
    old, new = one_line(diff.old_label), one_line(diff.new_label)
    if len(old) + len(new) + 4 <= width:
        yield line(f"{old} -> {new}", "title")
    else:
        yield from fold(old, width, "   ", "", "title")
        yield from fold(new, width, "   ", "-> ", "title")


def _sections(changes: Sequence[Change], width: int) -> Iterator[Line]:
    for section in sections(changes):
        yield from fold(_title(section), width, "    ", "", "title")
        for block in section.blocks:
            yield EMPTY
            yield from indented(_block(block, width - 2), 2)
        yield EMPTY


def _title(section: Section) -> str:
    if not section.kind:
        return "Messages, signals and other common definitions"
    name = f' "{one_line(section.name)}"' if section.name else ""
    return f"{section.kind.capitalize()} {one_line(section.key)}{name}"


def _block(block: Block, width: int) -> Iterator[Line]:
    style = _STYLES[block.sign]
    if block.left:
        yield from fold(left_sentence(block), width, "  ", f"{block.sign} ", style)
        yield from indented(_flows(block, width - _INDENT), _INDENT)
        return
    yield from fold(f"{described(block.element)}{_was(block)}", width, "    ", f"{block.sign} ", style)
    for change in block.changes:
        yield from _change(change, width)
    yield from indented(_flows(block, width - _INDENT), _INDENT)
    if block.parts:
        yield from indented(_parts(block.parts, width - _INDENT), _INDENT)


def described(element: ElementRef) -> str:
    """`id "Name" (type)`."""
    name = f' "{one_line(element.name)}"' if element.name else ""
    return f"{one_line(element.id)}{name} ({element.type})"


def left_sentence(block: Block) -> str:
    """Which nodes went to another definition."""
    nodes = count(len(block.left), "node")
    return f"{nodes} moved to {block.element.id}: {', '.join(one_line(each.element.label) for each in block.left)}"


def _was(block: Block) -> str:
    before, now = block.before, block.element
    if before.id == now.id:
        return ""
    return f", was {one_line(before.id)}"


def _change(change: Change, width: int) -> Iterator[Line]:
    severity = Span(f"{change.severity:5}", _SEVERITIES[change.severity])
    head = (Span("  "), severity, Span(f"  {change.rule}"))
    where = place(change)
    used = sum(len(span.text) for span in head)
    if where and used + 2 + len(where) <= width:
        yield (*head, Span(f"  {where}", "dim"))
    else:
        yield head
        if where:
            yield (Span(" " * _INDENT), Span(where, "dim"))
    yield from indented(value_lines(change, width - _INDENT), _INDENT)


def place(change: Change) -> str:
    """`file:line` of a change, on the new side if it is there."""
    found: Place | None = change.new_place or change.old_place
    if found is None or not found.file:
        return ""
    file = one_line(found.file).removeprefix(":")  # what is staged lies at the same place in the work tree
    return f"{file}:{found.line}" if found.line else file


# Flows


def _flows(block: Block, width: int) -> Iterator[Line]:
    own, others = _told(block)
    indent = "       "
    for position, text in enumerate(own):
        yield from fold(text, width, indent + "  ", "flows: " if position == 0 else indent)
    for text in others:
        yield from fold(text, width, "  ", "")


def flow_sentences(block: Block) -> list[str]:
    """What is said of flows at a node, one text each."""
    own, others = _told(block)
    return [*(f"flow: {text}" for text in own), *others]


def _told(block: Block) -> tuple[list[str], list[str]]:
    """What is said of the flows that came or went with the node, and of others that changed because of it."""
    node = block.element.id
    if block.left:
        return [f"{' -> '.join(ends(change))}{_conditions(change)}{_mark(change)}" for change in block.flows], []
    kind = "removed" if block.sign == "-" else "added"
    mine = [change for change in block.flows if change.kind == kind and node in ends(change)]
    arriving = [change for change in mine if ends(change)[1] == node and ends(change)[0] != node]
    leaving = [change for change in mine if change not in arriving]
    others = [_of_other(change) for change in block.flows if change not in mine]
    return _paths(node, arriving, leaving), others


def _paths(node: str, arriving: list[Change], leaving: list[Change]) -> list[str]:
    if len(arriving) == 1 and len(leaving) == 1 and not _conditions(arriving[0]) and not _conditions(leaving[0]):
        path = f"{ends(arriving[0])[0]} -> {node} -> {ends(leaving[0])[1]}"
        return [path + _mark(arriving[0], leaving[0])]
    return [f"{' -> '.join(ends(change))}{_conditions(change)}{_mark(change)}" for change in (*arriving, *leaving)]


def _conditions(change: Change) -> str:
    value = change.new if change.kind == "added" else change.old
    said: dict[str, Any] = value if isinstance(value, dict) else {}
    name = f' "{one_line(shown(said["name"]))}"' if said.get("name") else ""
    condition = f" if {one_line(shown(said['condition']))}" if said.get("condition") else ""
    return name + condition


def _mark(*changes: Change) -> str:
    """What is serious about flows that get no line of their own."""
    serious = dict.fromkeys(f"{c.severity} {c.rule}" for c in changes if c.severity in ("warn", "error"))
    return f" [{', '.join(serious)}]" if serious else ""


def _of_other(change: Change) -> str:
    if change.rule == "flow-retargeted":
        verb = "leads to" if change.path == "target" else "comes from"
        return f"flow {change.element.id} {verb} {change.new}, no longer {change.old}{_mark(change)}"
    source, target = ends(change)
    if change.rule.startswith("data-association"):
        return f"data: {source or change.element.id} -> {target or change.element.id}{_mark(change)}"
    text = "instead of: " if change.kind == "removed" else "now: "
    return f"{text}{source} -> {target}{_conditions(change)}{_mark(change)}"


def _parts(parts: Sequence[Change], width: int) -> Iterator[Line]:
    for position, text in enumerate(_part_texts(parts)):
        yield from fold(text, width, "       ", "holds: " if position == 0 else "       ")


def part_sentences(block: Block) -> list[str]:
    """What came or went with a definition."""
    return [f"holds {text}" for text in _part_texts(block.parts)]


def _part_texts(parts: Sequence[Change]) -> Iterator[str]:
    flows = [change for change in parts if change.element.type == "sequenceFlow"]
    names = [one_line(change.element.label) for change in parts if change.element.type != "sequenceFlow"]
    more = f" and {count(len(names) - _MOST_PARTS, 'more')}" if len(names) > _MOST_PARTS else ""
    if names:
        yield ", ".join(names[:_MOST_PARTS]) + more
    if flows:
        yield count(len(flows), "flow")


# Dependencies


def _dependencies(findings: Findings, width: int) -> Iterator[Line]:
    yield line("What it calls", "title")
    yield EMPTY
    for item in findings.diff.dependencies.values():
        changes = findings.listed(item.diff.changes) if item.diff else ()
        if item.status != "unchanged" and (item.diff is None or not changes):
            yield from _dependency(item, width)
    same = [f"{item.kind} {item.key}" for item in findings.diff.dependencies.values() if item.status == "unchanged"]
    if same:
        yield from fold(f"Unchanged: {', '.join(same)}", width, "      ", "    ", "dim")
    yield EMPTY
    for item in findings.diff.dependencies.values():
        if item.diff is not None:
            yield from _sections(findings.listed(item.diff.changes), width)


def _dependency(item: Dependency, width: int) -> Iterator[Line]:
    sign = {"added": "+", "removed": "-", "missing": "?"}.get(item.status, " ")
    style = _STYLES.get(sign, "warn" if sign == "?" else "dim")
    yield from fold(f"{item.kind} {item.key} {status_words(item)}", width, "    ", f"  {sign} ", style)


def status_words(item: Dependency) -> str:
    """What became of something that is called."""
    if item.status == "changed":
        return "changed; see above" if item.diff is None else "is only drawn differently"
    return _STATUS[item.status]
