"""A diff as SARIF 2.1.0, which code hosts and editors show beside the lines."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from spiffcli.diff import Change, Place, Severity, rule
from spiffcli.report.diff_summary import summary_sentences
from spiffcli.report.findings import Findings, Ignored
from spiffcli.report.sentences import sentence

_LEVELS: dict[Severity, str] = {"error": "error", "warn": "warning", "info": "note", "none": "none"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def diff_sarif(findings: Findings, version: str) -> dict[str, Any]:
    """The SARIF log: one run, with the rules that were met and one result per change.

    Args:
        version: Version of this program.
    """
    changes = findings.listed(findings.diff.all_changes)
    ids = sorted({change.rule for change in changes} | {ignored.change.rule for ignored in findings.ignored})
    index = {id: place for place, id in enumerate(ids)}
    results = [_result(change, index) for change in changes]
    results += [_suppressed(ignored, index) for ignored in findings.ignored]
    run = {
        "tool": {"driver": {"name": "runner", "version": version, "rules": [_rule(id) for id in ids]}},
        "columnKind": "utf16CodeUnits",
        "properties": {
            "old": findings.diff.old_label,
            "new": findings.diff.new_label,
            "summary": list(summary_sentences(findings)),
        },
        "results": results,
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(id: str) -> dict[str, Any]:
    known = rule(id)
    return {
        "id": id,
        "shortDescription": {"text": f"{known.title}."},
        "fullDescription": {"text": known.text},
        "help": {"text": f"{known.text}\n\nExample: {known.example}"},
        "defaultConfiguration": {"level": _LEVELS[known.severity]},
        "properties": {"tags": list(known.categories)},
    }


def _result(change: Change, index: dict[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": change.rule,
        "ruleIndex": index[change.rule],
        "level": _LEVELS[change.severity],
        "message": {"text": sentence(change)},
        "partialFingerprints": {"runner/v1": change.fingerprint},
    }
    location = _location(change)
    if location:
        result["locations"] = [location]
    return result


def _suppressed(ignored: Ignored, index: dict[str, int]) -> dict[str, Any]:
    justification = {"kind": "external", "justification": ignored.entry.reason}
    return {**_result(ignored.change, index), "suppressions": [justification]}


def _location(change: Change) -> dict[str, Any]:
    found: dict[str, Any] = {}
    place: Place | None = change.new_place or change.old_place
    if place is not None and place.file:
        physical: dict[str, Any] = {"artifactLocation": {"uri": quote(_path(place.file))}}
        if place.line:
            physical["region"] = {"startLine": place.line}
        found["physicalLocation"] = physical
    name = change.element.id
    owner = change.element.process
    qualified = name if owner in (None, name) else f"{owner}/{name}"
    found["logicalLocations"] = [{"name": name, "fullyQualifiedName": qualified, "kind": "element"}]
    return found


def _path(file: str) -> str:
    """The path in the work tree, for a file that was read at a revision."""
    from spiffcli.report.diff_github import work_tree_path

    return work_tree_path(file)
