"""A diff as workflow commands, which GitHub shows as annotations at the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from spiffcli.diff import Change, Severity
from spiffcli.report.diff_summary import summary_sentences
from spiffcli.report.findings import Findings
from spiffcli.report.sentences import sentence

_LEVELS: dict[Severity, str] = {"error": "error", "warn": "warning", "info": "notice", "none": "notice"}


def diff_github(findings: Findings) -> str:
    """One command per change, and the summary as lines of the log."""
    commands = [_command(change) for change in findings.listed(findings.diff.all_changes)]
    return "\n".join([*commands, *map(_log_line, summary_sentences(findings))]) + "\n"


def _command(change: Change) -> str:
    parameters = ",".join(f"{name}={_escaped(value)}" for name, value in _parameters(change))
    return f"::{_LEVELS[change.severity]} {parameters}::{_escaped_message(sentence(change))}"


def _parameters(change: Change) -> Iterator[tuple[str, str]]:
    # Annotations belong to the lines of the new side; what is gone is told without one.
    place = change.new_place
    if place is not None and place.file:
        yield "file", work_tree_path(place.file)
        if place.line:
            yield "line", str(place.line)
    yield "title", f"{change.rule} [{change.fingerprint}]"


def work_tree_path(file: str) -> str:
    """The path in the work tree, for a file that was read at a revision."""
    revision, colon, path = file.partition(":")
    return path if colon and path and len(revision) != 1 else file


def _escaped_message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped(text: str) -> str:
    return _escaped_message(text).replace(":", "%3A").replace(",", "%2C")


def _log_line(text: str) -> str:
    # A line that begins like a command would be one.
    return f" {text}" if text.startswith("::") else text
