"""The end of a diff: counts, what was left out, the suggested version bump; and the short forms of a whole diff."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from spiffcli.diff import Change
from spiffcli.report.blocks import SIGNS, Section, sections
from spiffcli.report.findings import Findings
from spiffcli.report.lines import WIDTH, Line, Span, Style, count, fold, line, listed
from spiffcli.text import one_line

_KINDS = ("added", "removed", "renamed", "moved", "rewired", "changed")

#: Columns of the bars of `--stat`.
_MOST_BAR = 30


def summary_lines(findings: Findings, width: int = WIDTH) -> Iterator[Line]:
    """Counts, what was left out and why, and the suggested bump."""
    for text in summary_sentences(findings):
        yield from fold(text, width)


def summary_sentences(findings: Findings) -> Iterator[str]:
    """The same, sentence by sentence."""
    diff = findings.diff
    changes = [change for change in diff.all_changes if change.kind != "layout" and findings.lists(change)]
    hidden = [change for change in diff.all_changes if not findings.lists(change)]
    drawn = [change for change in diff.all_changes if change.kind == "layout"]
    if not diff and not findings.ignored:
        yield "No changes."
        return
    yield _counted(changes) if changes else _nothing_but(findings, drawn, hidden)
    if changes and drawn:
        how = "" if findings.layout else " (--layout lists them)"
        yield f"Drawn differently: {count(len(drawn), 'element')}{how}."
    foreign = [change for change in hidden if change.rule == "extension-changed"]
    if foreign:
        yield f"In extensions unknown here: {count(len(foreign), 'change')} (--extensions lists them)."
    yield from _left_out(findings)
    if diff.bump != "none":
        yield f"Suggested version bump: {diff.bump}."


def _nothing_but(findings: Findings, drawn: Sequence[Change], hidden: Sequence[Change]) -> str:
    called = [item for item in findings.diff.dependencies.values() if item.status in ("added", "removed")]
    if called:
        return f"No changes but in what is called: {count(len(called), 'difference')}."
    if drawn and len(drawn) >= len(hidden):
        how = "" if findings.layout else " (--layout lists them)"
        return f"Only the drawing changed: {count(len(drawn), 'element')}{how}."
    return "No changes that are listed."


def _counted(changes: Sequence[Change]) -> str:
    kinds = Counter(str(change.kind) for change in changes)
    parts = ", ".join(f"{kinds[kind]} {kind}" for kind in _KINDS if kinds[kind])
    severities = Counter(change.severity for change in changes)
    serious = [count(severities["error"], "error")] if severities["error"] else []
    serious += [count(severities["warn"], "warning")] if severities["warn"] else []
    end = f"; {listed(serious)}" if serious else ""
    # "3 changes: 3 changed" says it twice.
    how = "" if kinds["changed"] == len(changes) else f": {parts}"
    return f"{count(len(changes), 'change')}{how}{end}."


def _left_out(findings: Findings) -> Iterator[str]:
    if findings.ignored:
        reasons = dict.fromkeys(one_line(ignored.entry.reason) for ignored in findings.ignored)
        yield f"Ignored, as .runner-ignore says: {count(len(findings.ignored), 'change')} ({'; '.join(reasons)})."
    for entry in findings.expired:
        yield f"Line {entry.line} of .runner-ignore has expired on {entry.until}: {one_line(entry.reason)}."


def gate_sentence(findings: Findings) -> str | None:
    """Why the comparison fails, or None where it does not."""
    failing = findings.failing
    if not failing:
        return None
    rules = Counter(change.rule for change in failing)
    named = ", ".join(f"{rule} ({n})" if n > 1 else rule for rule, n in rules.items())
    reached = "is" if len(failing) == 1 else "are"
    return f"{count(len(failing), 'change')} {reached} at or above --fail-on {findings.gate}: {named}."


# Short forms


def stat_lines(findings: Findings, width: int = WIDTH) -> Iterator[Line]:
    """One line per definition with counts and a bar, then the summary."""
    rows = [(section, _bar(section.changes)) for section in _all_sections(findings)]
    names = [section.key or "(common definitions)" for section, _ in rows]
    widest = min(max(map(len, names), default=0), max(width - _MOST_BAR - 10, 20))
    most = max((len(bar) for _, bar in rows), default=0)
    for name, (_, bar) in zip(names, rows, strict=True):
        shown = name if len(name) <= widest else f"...{name[3 - widest :]}"
        yield (Span(f" {shown:{widest}} | {len(bar):>4} "), *_spans(_scaled(bar, most)))
    yield from summary_lines(findings, width)


def _all_sections(findings: Findings) -> Iterator[Section]:
    yield from sections(findings.listed(findings.diff.changes))
    for item in findings.diff.dependencies.values():
        if item.diff is not None:
            yield from sections(findings.listed(item.diff.changes))


def _bar(changes: Iterable[Change]) -> str:
    signs = Counter(SIGNS.get(change.kind, "~") for change in changes)
    return "".join(sign * signs[sign] for sign in "+->~=")


def _scaled(bar: str, most: int) -> str:
    if most <= _MOST_BAR:
        return bar
    signs = Counter(bar)
    return "".join(sign * max(1, signs[sign] * _MOST_BAR // most) for sign in "+->~=" if signs[sign])


def _spans(bar: str) -> Iterator[Span]:
    styles: dict[str, Style] = {"+": "added", "-": "removed", ">": "moved", "~": "changed", "=": "dim"}
    return (Span(sign, styles[sign]) for sign in bar)


def name_lines(findings: Findings) -> Iterator[Line]:
    """`definition/element` of everything that changed, each once."""
    changes = (change for section in _all_sections(findings) for change in section.changes)
    yield from (line(name) for name in dict.fromkeys(map(_name, changes)))


def _name(change: Change) -> str:
    owner, id = change.element.process, change.element.id
    return one_line(id if owner is None or owner == id else f"{owner}/{id}")
