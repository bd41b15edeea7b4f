"""One sentence per change: for annotations, test reports and comments."""

from __future__ import annotations

from spiffcli.diff import Change, ElementRef, rule
from spiffcli.report.blocks import ends
from spiffcli.report.diff_values import shown, variables
from spiffcli.text import one_line, quoted, shorten

#: Longest value inside a sentence.
_MOST = 80


def sentence(change: Change) -> str:
    """What changed, in one sentence without control characters."""
    element = who(change.element)
    if change.kind in ("added", "removed"):
        verb = "is new" if change.kind == "added" else "is gone"
        return f"{element} {verb}{_path(change)}."
    if change.kind == "renamed":
        return f"{element} was called '{one_line(str(change.old))}'."
    if change.kind == "layout":
        return f"{element} is drawn differently."
    if change.rule == "script-variables-changed":
        return f"{element} {one_line(variables(change))}."
    what = change.path or rule(change.rule).title.lower()
    return f"{element}: {one_line(what)} was {_value(change.old)}, now {_value(change.new)}."


def who(element: ElementRef) -> str:
    """`Script task 'Calculate Order Total' (calculate_order_total)`."""
    words = _words(element.type)
    named = f"'{shorten(one_line(element.name), _MOST)}' ({one_line(element.id)})" if element.name else ""
    return f"{words} {named or quoted(element.id)}"


def _words(type: str) -> str:
    text = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type)
    return text[:1].upper() + text[1:]


def _path(change: Change) -> str:
    if change.element.type != "sequenceFlow":
        return ""
    source, target = ends(change)
    return f", from {one_line(source) or 'nowhere'} to {one_line(target) or 'nowhere'}"


def _value(value: object) -> str:
    if value is None:
        return "absent"
    if isinstance(value, str):
        return quoted(value, _MOST)
    return shorten(one_line(shown(value)), _MOST)
