"""A diff as a `runner/diff/1` document."""

from __future__ import annotations

from typing import Any

from spiffcli.diff import Change, Dependency
from spiffcli.report.findings import Findings, Ignored


def diff_document(findings: Findings) -> dict[str, Any]:
    """The document. Summaries count everything; lists leave out what the findings do not list."""
    document = findings.diff.to_json()
    document["summary"]["bump"] = findings.diff.bump
    document["changes"] = _changes(findings, findings.diff.changes)
    document["dependencies"] = {key: _dependency(findings, item) for key, item in findings.diff.dependencies.items()}
    document["ignored"] = [_ignored(each) for each in findings.ignored]
    document["gate"] = {"fail_on": findings.gate, "failing": [change.fingerprint for change in findings.failing]}
    return document


def _changes(findings: Findings, changes: tuple[Change, ...]) -> list[dict[str, Any]]:
    return [change.to_json() for change in findings.listed(changes)]


def _dependency(findings: Findings, item: Dependency) -> dict[str, Any]:
    document = item.to_json()
    if item.diff is not None:
        document["changes"] = _changes(findings, item.diff.changes)
    return document


def _ignored(ignored: Ignored) -> dict[str, Any]:
    return {
        "fingerprint": ignored.change.fingerprint,
        "rule": ignored.change.rule,
        "element": ignored.change.element.to_json(),
        "until": ignored.entry.until.isoformat() if ignored.entry.until else None,
        "reason": ignored.entry.reason,
    }
