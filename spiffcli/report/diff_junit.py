"""A diff as a JUnit report, which every build server shows: a test case per change, failed where the gate is hit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from spiffcli.diff import Change
from spiffcli.report.diff_summary import summary_sentences
from spiffcli.report.diff_values import values_text
from spiffcli.report.findings import Findings
from spiffcli.report.sentences import sentence
from spiffcli.text import strip_controls

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def diff_junit(findings: Findings) -> str:
    """The report. Without a gate nothing fails; the exit code says the same."""
    changes = findings.listed(findings.diff.all_changes)
    failures, skipped = len(findings.failing), len(findings.ignored)
    counts = f'tests="{len(changes) + skipped}" failures="{failures}" errors="0" skipped="{skipped}"'
    name = quoteattr(_clean(f"{findings.diff.old_label} -> {findings.diff.new_label}"))
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="runner diff_spec" {counts}>']
    lines.append(f"  <testsuite name={name} {counts}>")
    lines += [case for change in changes for case in _case(change, failing=findings.fails(change))]
    for ignored in findings.ignored:
        lines += [_opening(ignored.change) + ">", f"      <skipped message={_attribute(ignored.entry.reason)}/>"]
        lines.append("    </testcase>")
    lines.append(f"    <system-out>{escape(_clean(' '.join(summary_sentences(findings))))}</system-out>")
    return "\n".join([*lines, "  </testsuite>", "</testsuites>"]) + "\n"


def _case(change: Change, *, failing: bool) -> Iterator[str]:
    if not failing:
        yield _opening(change) + "/>"
        return
    yield _opening(change) + ">"
    details = escape(_clean("\n".join(values_text(change, 100))))
    opening = f"<failure type={_attribute(change.severity)} message={_attribute(sentence(change))}>"
    yield f"      {opening}{details}</failure>"
    yield "    </testcase>"


def _opening(change: Change) -> str:
    place = change.new_place or change.old_place
    where = ""
    if place is not None and place.file:
        where = f" file={_attribute(place.file)}" + (f' line="{place.line}"' if place.line else "")
    owner = change.element.process or "definitions"
    name = f"{change.rule} {change.element.id}" + (f" {change.path}" if change.path else "")
    return f"    <testcase classname={_attribute(owner)} name={_attribute(f'{name} [{change.fingerprint}]')}{where}"


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("", strip_controls(text))
