"""What became of instances, as text: a reader of the results in `runner/migration/1` documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spiffcli.report.impact import (
    arrow,
    blocker_lines,
    effect_lines,
    mapping_lines,
    overridden_lines,
)
from spiffcli.report.lines import WIDTH, Line, Span, Style, count, fold, indented
from spiffcli.text import one_line

Document = Mapping[str, Any]

OUTCOMES: Mapping[str, tuple[str, Style]] = {
    "migrated": ("migrated", "good"),
    "rolled-back": ("rolled back", "good"),
    "planned": ("would be migrated", "good"),
    "unchanged": ("unchanged", "dim"),
    "refused": ("refused", "error"),
    "failed": ("failed", "error"),
}

#: Outcomes after which not everything is as the user asked.
NOT_DONE = ("refused", "failed")


def result_lines(result: Document, width: int = WIDTH) -> Iterator[Line]:
    """What became of one instance, and why."""
    words, style = OUTCOMES[result["outcome"]]
    yield (Span(f"{result['id']}  "), Span(words, style), Span(f"  {arrow(result['from'], result['to'])}"))
    yield from indented(_body(result, width - 2), 2)


def result_line(result: Document) -> Line:
    """The same in one line, with the first reason and the rules that speak against it."""
    words, style = OUTCOMES[result["outcome"]]
    blockers = result["blockers"]
    rules = ", ".join(dict.fromkeys(blocker["rule"] for blocker in blockers))
    why = f"{blockers[0]['reason']} [{rules}]" if blockers else result["reason"] or ""
    return (
        Span(f"{result['id']}  "),
        Span(words, style),
        Span(f"  {arrow(result['from'], result['to'])}  {one_line(why)}".rstrip()),
    )


def _body(result: Document, width: int) -> Iterator[Line]:
    if result["blockers"]:
        yield from blocker_lines(result["blockers"], width)
        yield from mapping_lines(result["mappings"], width)
    elif result["reason"]:
        yield from fold(result["reason"], width, "  ", "")
        if result["fix"]:
            yield from fold(f"Way out: {result['fix']}", width, "  ")
    if result["outcome"] in ("migrated", "planned"):
        yield from effect_lines(result, width)
        yield from overridden_lines(result["overridden"], width)


def totals_sentence(totals: Mapping[str, int]) -> str:
    """`2 migrated, 1 refused.`"""
    parts = [f"{totals[outcome]} {words}" for outcome, (words, _) in OUTCOMES.items() if totals.get(outcome)]
    return f"{', '.join(parts)}." if parts else "There was no instance to move."


def unfinished_sentence(totals: Mapping[str, int], asked: int, *, dry_run: bool = False) -> str | None:
    """What did not happen, or None where all did.

    Of those without a result, some may have been moved by another process just before that was interrupted.

    Args:
        asked: Number of instances that were to be moved.
    """
    bad = sum(totals.get(outcome, 0) for outcome in NOT_DONE)
    left = asked - sum(totals.values())
    was, were = ("would not be", "would not be") if dry_run else ("was not", "were not")
    if asked == 1:
        return f"The instance {was} moved." if bad else "The instance has no result." if left else None
    parts = [f"{bad} of {count(asked, 'instance')} {was if bad == 1 else were} moved."] if bad else []
    if left:
        parts.append(
            f"{left} of {count(asked, 'instance')} {'has' if left == 1 else 'have'} no result; the same command goes "
            "on, and leaves out what was moved."
        )
    return " ".join(parts) or None
