"""A diff as Markdown, for a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from spiffcli.diff import Change, Diff
from spiffcli.report.blocks import Block, Section, sections
from spiffcli.report.diff_summary import gate_sentence, summary_sentences
from spiffcli.report.diff_text import flow_sentences, left_sentence, part_sentences, place, status_words
from spiffcli.report.diff_values import value_lines
from spiffcli.report.findings import Findings
from spiffcli.report.lines import plain
from spiffcli.text import one_line, strip_controls

_MARKS = {"error": "🛑 error", "warn": "⚠️ warn", "info": "info", "none": "drawing"}

#: Longest comment; code hosts refuse more than about 65,000 characters.
_MOST = 60_000

#: Blocks that are shown open; longer sections fold.
_OPEN = 12

# What Markdown, or the HTML inside it, would take for more than text; @ and # would call people and issues.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#!|~@&])")


def diff_markdown(findings: Findings) -> str:
    """The comment: what was compared, counts, and every definition with its changes."""
    diff = findings.diff
    head = [f"### {escaped(diff.old_label)} → {escaped(diff.new_label)}", ""]
    failed = gate_sentence(findings)
    if failed:
        head += [f"**{escaped(failed)}**", ""]
    head += [" ".join(escaped(text) for text in summary_sentences(findings)), ""]
    parts = [*_sections(findings.listed(diff.changes)), *_dependencies(findings)]
    return _fitting(head, parts)


def _fitting(head: Sequence[str], parts: Sequence[str]) -> str:
    """As many parts as a comment holds."""
    text = "\n".join(head)
    for number, part in enumerate(parts):
        if len(text) + len(part) > _MOST:
            left = len(parts) - number
            return f"{text}\n*{left} more part{'s' if left > 1 else ''} would not fit; run `runner diff_spec`.*\n"
        text += f"\n{part}"
    return text.rstrip("\n") + "\n"


def _sections(changes: Sequence[Change]) -> Iterator[str]:
    for section in sections(changes):
        blocks = ["\n".join(_block(block)) for block in section.blocks]
        title = _title(section)
        if len(blocks) <= _OPEN:
            yield f"#### {title}\n"
            yield from blocks
        else:
            yield f"<details><summary><b>{title}</b>, {len(blocks)} elements</summary>\n"
            yield from blocks
            yield "</details>\n"


def _title(section: Section) -> str:
    if not section.kind:
        return "Messages, signals and other common definitions"
    name = f" “{escaped(section.name)}”" if section.name else ""
    return f"{section.kind.capitalize()} {code(section.key)}{name}"


def _block(block: Block) -> Iterator[str]:
    element = block.element
    if block.left:
        yield f"- **{escaped(block.sign)}** {escaped(left_sentence(block))}"
        yield from (f"  - {escaped(text)}" for text in flow_sentences(block))
        yield ""
        return
    name = f" “{escaped(element.name)}”" if element.name else ""
    was = f", was {code(block.before.id)}" if block.before.id != element.id else ""
    yield f"- **{escaped(block.sign)}** {code(element.id)}{name} ({element.type}){was}"
    for change in block.changes:
        where = place(change)
        at = f", {code(where)}" if where else ""
        yield f"  - {_MARKS[change.severity]}, {code(change.rule)}{at}"
        yield from _values(change)
    for text in (*flow_sentences(block), *part_sentences(block)):
        yield f"  - {escaped(text)}"
    yield ""


def _values(change: Change) -> Iterator[str]:
    text = plain(value_lines(change, 100)).rstrip("\n")
    if not text:
        return
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    yield from (f"    {each}".rstrip() for each in (f"{fence}diff", *text.splitlines(), fence))


def _dependencies(findings: Findings) -> Iterator[str]:
    diff: Diff = findings.diff
    told = [item for item in diff.dependencies.values() if item.status in ("added", "removed", "missing")]
    if told:
        lines = [f"- {item.kind} {code(item.key)} {status_words(item)}" for item in told]
        yield "\n".join(["#### What it calls", "", *lines, ""])
    for item in diff.dependencies.values():
        if item.diff is not None:
            yield from _sections(findings.listed(item.diff.changes))


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", one_line(text)).replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\\&", "&amp;")


def code(text: str) -> str:
    """Text as inline code."""
    text = strip_controls(one_line(text))
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"
