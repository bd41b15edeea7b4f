"""Verdicts and results in words, from the documents that have them as JSON."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from spiffcli.report.impact import arrow, impact_lines
from spiffcli.report.lines import plain
from spiffcli.report.migration import result_lines, totals_sentence, unfinished_sentence
from spiffcli.report.schemas import violations

IDS = [f"{n:08d}-6fd6-448d-85eb-d4e86067433e" for n in range(12)]

BLOCKER = {
    "rule": "node-removed",
    "task": IDS[11],
    "element": "u",
    "name": "Approve",
    "state": "READY",
    "reason": "Task 'Approve' is READY, and the new version does not have it.",
    "fix": "Complete the task first, or name its successor with --map u=NEW.",
    "waivable": False,
}
MAPPING = {"old": "u", "new": "u2", "why": "same kind, neighbours and content (node-id-changed)"}
EFFECTS: dict[str, list[Any]] = {
    name: []
    for name in (
        "skipped",
        "armed",
        "disarmed",
        "wrapped",
        "unwrapped",
        "started",
        "reset",
        "history",
        "subscriptions",
        "moves",
        "rebound",
        "entered",
    )
}


def instance(id: int = 0, verdict: str = "migratable", **more: Any) -> dict[str, Any]:
    return {
        "id": IDS[id],
        "from": "order@1",
        "to": "order@2",
        "revision": 3,
        "verdict": verdict,
        "tasks": [],
        "blockers": [],
        "overridden": [],
        "mappings": [],
        "pending": [],
        **EFFECTS,
        "plan": "175084ad8fe04e1d",
        "natural_id": None,
        "state": "running",
        "waits_at": [{"task": IDS[11], "id": "u", "name": "Approve", "state": "READY"}],
        **more,
    }


def impact(*instances: dict[str, Any]) -> str:
    verdicts = [each["verdict"] for each in instances]
    document = {
        "schema": "runner/impact/1",
        "spec": "order@2",
        "instances": list(instances),
        "totals": {v: verdicts.count(v) for v in ("unchanged", "migratable", "needs-mapping", "blocked")},
    }
    assert violations(document) == []
    return plain(impact_lines(document))


def test_what_cannot_be_moved_comes_first_with_reason_way_out_and_proposal() -> None:
    text = impact(
        instance(0, pending=["check"]),
        instance(1, "needs-mapping", blockers=[BLOCKER], mappings=[MAPPING]),
    )
    assert text == dedent(
        f"""\
        {IDS[1]}  order@1 -> @2  needs a mapping
          It waits at Approve (u).
          - Task 'Approve' is READY, and the new version does not have it.
            [node-removed]
            Way out: Complete the task first, or name its successor with --map u=NEW.
          Proposed: --map u=u2
            same kind, neighbours and content (node-id-changed)

        {IDS[0]}  order@1 -> @2  can be moved
          It waits at Approve (u).
          New ahead: check.

        2 instances: 1 can be moved, 1 needs a mapping.
        """
    )


def test_instances_that_stand_alike_are_told_once() -> None:
    text = impact(*(instance(n, plan=f"{n:016x}", revision=n + 1) for n in range(11)))
    assert "11 instances of order@1 -> @2  can be moved" in text
    assert text.count("It waits at") == 1
    assert "and 3 more" in " ".join(text.split())
    assert text.endswith("11 instances: 11 can be moved.\n")


def test_instances_that_differ_are_told_apart() -> None:
    elsewhere = [{"task": IDS[10], "id": "pay", "name": None, "state": "WAITING"}]
    text = impact(instance(0), instance(1, waits_at=elsewhere), instance(2, state="error", waits_at=[]))
    assert ("It waits at pay." in text, "It stopped with an error." in text) == (True, True)


def test_tasks_with_the_same_fate_are_one_line() -> None:
    task = {
        "id": "item", "name": "Pack", "state": "COMPLETED", "rule": "script-changed", "severity": "info",
        "consequence": "The old code ran; what it computed stays.",
    }  # fmt: skip
    text = impact(instance(0, tasks=[{**task, "task": IDS[n]} for n in range(3)]))
    assert "Pack (item), completed, 3 times" in text
    assert text.count("script-changed") == 1


def test_deadlines_and_names_are_shown_before_and_after() -> None:
    events = [
        {"task": IDS[1], "element": "wait", "kind": "timer", "before": 0, "after": 3600.0},
        {"task": IDS[2], "element": "paid", "kind": "event", "before": "paid", "after": "paid"},
    ]
    text = impact(instance(0, subscriptions=events))
    assert "wait: deadline 1970-01-01 00:00:00 UTC becomes 1970-01-01 01:00:00 UTC." in text
    assert "paid: keeps its event paid." in text


def test_references_that_mean_something_else_are_named() -> None:
    rebound = {"element": "pay", "kind": "process", "key": "payment", "before": "payment@1", "after": "payment@2"}
    text = impact(instance(0, rebound=[rebound]))
    assert "pay means process payment@2 from then on, no longer payment@1." in text
    text = impact(instance(0, entered=[rebound]))
    assert "pay goes on with the payment it has entered; the new version means payment@2." in " ".join(text.split())


def result(outcome: str, **more: Any) -> dict[str, Any]:
    found = {
        "id": IDS[0], "from": "order@1", "to": "order@2", "outcome": outcome, "revision": 4, "reason": None,
        "fix": None, "blockers": [], "overridden": [], "mappings": [], **EFFECTS, "plan": None, **more,
    }  # fmt: skip
    document = {"schema": "runner/migration/1", "spec": "order@2", "dry_run": False, "results": [found], "totals": {}}
    assert violations(document) == []
    return found


def test_a_migrated_instance_tells_what_it_goes_on_with() -> None:
    moves = [{"task": IDS[1], "old": "u", "new": "u2"}, {"task": IDS[2], "old": "v", "new": "v"}]
    text = plain(result_lines(result("migrated", moves=moves, armed=["late"], history=["a"])))
    assert text == dedent(
        f"""\
        {IDS[0]}  migrated  order@1 -> @2
          Moved to another node: u -> u2.
          Begins to wait for: late.
          Keeps as history, though the new version lacks it: a.
        """
    )


def test_a_refused_one_tells_why_and_the_way_out() -> None:
    text = plain(result_lines(result("refused", blockers=[BLOCKER], reason="x", fix="y", mappings=[MAPPING])))
    assert text.splitlines()[0] == f"{IDS[0]}  refused  order@1 -> @2"
    assert "Way out: Complete the task first" in text
    assert "Proposed: --map u=u2" in text
    assert "    x" not in text


def test_one_that_could_not_be_looked_at_tells_why() -> None:
    failed = result("failed", reason="It is held.", fix="Try again when that command has finished.")
    assert plain(result_lines(failed)).splitlines()[1:] == [
        "  It is held.",
        "    Way out: Try again when that command has finished.",
    ]


@pytest.mark.parametrize(
    ("totals", "asked", "sentence"),
    [
        ({"migrated": 2}, 2, None),
        ({"unchanged": 1}, 1, None),
        ({}, 0, None),
        ({"refused": 1}, 1, "The instance was not moved."),
        ({"migrated": 1, "refused": 1}, 2, "1 of 2 instances was not moved."),
        (
            {"failed": 1, "refused": 1},
            3,
            (
                "2 of 3 instances were not moved. "
                "1 of 3 instances has no result; the same command goes on, and leaves out what was moved."
            ),
        ),
        ({}, 1, "The instance has no result."),
    ],
)
def test_what_did_not_happen_is_never_passed_over(totals: dict[str, int], asked: int, sentence: str | None) -> None:
    assert unfinished_sentence(totals, asked) == sentence


def test_totals_are_told_in_words() -> None:
    assert totals_sentence({"refused": 1, "migrated": 2}) == "2 migrated, 1 refused."
    assert totals_sentence({}) == "There was no instance to move."


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("order@1", "order@2", "order@1 -> @2"),
        ("order@2", "order@2", "order@2"),
        ("a@b@1", "a@b@2", "a@b@1 -> @2"),
        ("order@1", "other@2", "order@1 -> other@2"),
    ],
)
def test_versions_of_one_key_are_told_briefly(old: str, new: str, shown: str) -> None:
    assert arrow(old, new) == shown


def test_names_of_models_cannot_reach_the_terminal() -> None:
    hostile = "\x1b[31mred\x07\u202e"
    waiting = [{"task": IDS[1], "id": "u", "name": hostile, "state": "READY"}]
    text = impact(instance(0, waits_at=waiting, blockers=[{**BLOCKER, "reason": hostile}], verdict="blocked"))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
