"""Expressions of a process, and what can be said about them before they are evaluated."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from spiffcli.model import Flow, Node, Process


class Expression(Struct, frozen=True):
    """Something that is evaluated while a process runs.

    Attributes:
        what: `condition`, `duration`, `loopCardinality` ..., as messages say it.
    """

    element: Node | Flow
    what: str
    text: str
    line: int


def expressions_of(process: Process) -> Iterator[Expression]:
    """Return all expressions of a process but those of services."""
    for flow in process.flows.values():
        if flow.condition and not flow.is_default:
            yield Expression(flow, "condition", flow.condition, flow.line)
    for node in process.nodes.values():
        for event in node.events:
            if event.expression:
                yield Expression(node, event.time or "condition", event.expression, event.line)
        if node.loop is not None:
            for what, text in (("cardinality", node.loop.cardinality), ("completion condition", node.loop.condition),
                               ("collection", node.loop.input)):  # fmt: skip
                if text:
                    yield Expression(node, what, text, node.loop.line)


def is_wrapped(text: str) -> bool:
    """Return whether an expression has the marks of another language around it: `${...}`, `#{...}`, `= ...`."""
    text = text.strip()
    return text.startswith(("${", "#{")) or (text.startswith("=") and not text.startswith("=="))


_DURATION = re.compile(
    r"P(?=.)(?:\d+(?:[.,]\d+)?W|(?:\d+(?:[.,]\d+)?Y)?(?:\d+(?:[.,]\d+)?M)?(?:\d+(?:[.,]\d+)?D)?"
    r"(?:T(?=\d)(?:\d+(?:[.,]\d+)?H)?(?:\d+(?:[.,]\d+)?M)?(?:\d+(?:[.,]\d+)?S)?)?)",
    re.IGNORECASE,
)
_WANTED = {
    "duration": "an ISO 8601 duration, such as PT1H or P3D",
    "date": "an ISO 8601 date or time, such as 2031-01-31T08:00:00Z",
    "cycle": "an ISO 8601 repetition, such as R3/PT1H (cron is not supported)",
}


def timer_fault(kind: str, expression: str | None) -> str | None:
    """Return what is wanted instead of a constant time; None where it is one, or is not known yet."""
    text = (expression or "").strip()
    if not text:
        return _WANTED[kind]
    if _is_time(kind, text):
        return None
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, MemoryError):
        return None if _compiles(text) else _WANTED[kind]
    except (ValueError, TypeError, RecursionError):
        return None
    return None if isinstance(value, str) and _is_time(kind, value) else _WANTED[kind]


def _compiles(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def _is_time(kind: str, text: str) -> bool:
    if kind == "cycle":
        first, *rest = text.replace("--", "/").split("/")
        repeats = re.fullmatch(r"R(-?\d+)?", first, re.IGNORECASE) is not None
        return repeats and len(rest) in (1, 2) and all(_is_duration(each) or _is_date(each) for each in rest)
    if kind == "duration":
        return _is_duration(re.sub(r"^R\d*/", "", text, flags=re.IGNORECASE))
    return _is_date(text)


def _is_duration(text: str) -> bool:
    return _DURATION.fullmatch(text) is not None


def _is_date(text: str) -> bool:
    if re.match(r"\d{4}-?W\d\d", text, re.IGNORECASE):
        return True
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
