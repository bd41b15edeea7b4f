"""What became of instances, as text: a reader of the results in `runner/migration/1` documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from spiffcli.engine.retarget import Policies
from spiffcli.migrate.values import MigrationResult, Plan, Waivers, policies_json
from spiffcli.report.impact import (
    arrow,
    blocker_lines,
    effect_lines,
    mapping_lines,
    overridden_lines,
    plan_json,
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


#: What a result tells of its plan.
_OF_PLAN = (
    "blockers", "overridden", "mappings", "moves", "skipped", "armed", "disarmed", "wrapped", "unwrapped", "started",
    "reset", "subscriptions", "history", "rebound", "entered",
)  # fmt: skip


def migration_document(label: str, results: Sequence[MigrationResult], *, dry_run: bool = False) -> dict[str, Any]:
    """A `runner/migration/1` document.

    Args:
        label: Where the instances go, as `key@version`.
    """
    return {
        "schema": "runner/migration/1",
        "spec": label,
        "dry_run": dry_run,
        "results": [result_json(result) for result in results],
        "totals": dict(Counter(result.outcome for result in results)),
    }


def result_json(result: MigrationResult) -> dict[str, Any]:
    """An entry of `results` in a `runner/migration/1` document."""
    plan: dict[str, Any] = {} if result.plan is None else plan_json(result.plan)
    return {
        "id": result.instance,
        "from": result.from_label,
        "to": result.to_label,
        "outcome": result.outcome,
        "revision": result.revision,
        "reason": result.reason,
        "fix": result.fix,
        **{name: plan.get(name, []) for name in _OF_PLAN},
        "plan": plan.get("plan"),
    }


def plan_document(
    target: str, label: str, policies: Policies, waivers: Waivers, plans: Iterable[Plan]
) -> dict[str, Any]:
    """A `runner/plan/1` document. It holds what the user gave as data, and nothing of the instances' own.

    Args:
        target: Id of the definition the instances go to.
        label: The same as `key@version`.
    """
    return {
        "schema": "runner/plan/1",
        "spec": label,
        "definition": target,
        "policies": policies_json(policies),
        "allow": sorted(waivers.allowed),
        "force": waivers.everything,
        "plans": [
            {"id": plan.instance, "from": plan.from_label, "revision": plan.revision, "verdict": plan.verdict,
             "plan": plan.hash}
            for plan in plans
        ],
    }  # fmt: skip


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
