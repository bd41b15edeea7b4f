"""What a project says about a diff: severities of its own, findings it lives with, a gate."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from spiffcli.diff import Diff, compare
from spiffcli.errors import ConfigError, InputError
from spiffcli.model import load
from spiffcli.report.diff_summary import gate_sentence, summary_sentences
from spiffcli.report.findings import judge
from spiffcli.report.ignoring import read_entries
from spiffcli.values import Resource

TODAY = date(2030, 1, 15)


@pytest.fixture(scope="module")
def diff(tutorial: Path) -> Diff:
    names = ("task_types.bpmn", "gateway_types.bpmn")
    return compare(*(load([Resource(name, "bpmn", (tutorial / name).read_bytes())]) for name in names))


def ignoring(diff: Diff, text: str, **how: object):  # type: ignore[no-untyped-def]
    return judge(diff, entries=read_entries(text.encode(), ".runner-ignore"), today=TODAY, **how)  # type: ignore[arg-type]


def test_without_a_gate_nothing_fails(diff: Diff) -> None:
    assert judge(diff).failing == ()
    assert gate_sentence(judge(diff)) is None


@pytest.mark.parametrize(("gate", "failing"), [("info", 23), ("warn", 2), ("error", 0)])
def test_a_gate_takes_its_severity_and_all_above(diff: Diff, gate: str, failing: int) -> None:
    assert len(judge(diff, gate=gate).failing) == failing  # type: ignore[arg-type]


def test_drawings_never_fail(diff: Diff) -> None:
    assert all(change.kind != "layout" for change in judge(diff, gate="info").failing)


def test_a_severity_of_the_project_counts_for_the_gate_and_the_summary(diff: Diff) -> None:
    found = judge(diff, severities={"script-changed": "error"}, gate="error")
    assert [change.rule for change in found.failing] == ["script-changed"]
    assert found.diff.summary.by_severity["error"] == 1


def test_a_severity_for_an_unknown_rule_is_refused(diff: Diff) -> None:
    with pytest.raises(ConfigError, match="script-chnged") as refused:
        judge(diff, severities={"script-chnged": "error"})
    assert refused.value.hint == "Did you mean script-changed?"


def test_an_ignored_finding_is_left_out_and_counted(diff: Diff) -> None:
    found = ignoring(diff, "script-changed calculate_order_total 2030-01-15 agreed with the shop", gate="warn")
    assert [change.rule for change in found.failing] == ["flow-removed"]
    assert [ignored.change.rule for ignored in found.ignored] == ["script-changed"]
    assert "1 change (agreed with the shop)" in " ".join(summary_sentences(found))


def test_an_entry_counts_until_its_day_and_is_named_afterwards(diff: Diff) -> None:
    found = ignoring(diff, "# reviewed\n\nscript-changed * 2030-01-14 agreed", gate="warn")
    assert "script-changed" in {change.rule for change in found.failing}
    assert "Line 3 of .runner-ignore has expired on 2030-01-14: agreed." in list(summary_sentences(found))


def test_a_fingerprint_ignores_one_finding(diff: Diff) -> None:
    change = diff.changes[1]
    found = ignoring(diff, f"{change.fingerprint} * * looked at")
    assert [ignored.change for ignored in found.ignored] == [change]


def test_an_element_is_ignored_with_all_its_rules(diff: Diff) -> None:
    found = ignoring(diff, "* review_order * texts only")
    assert "review_order" not in {change.element.id for change in found.diff.changes}


def test_entries_that_are_about_nothing_are_known(diff: Diff) -> None:
    found = ignoring(diff, "node-removed * * never")
    assert [entry.rule for entry in found.unused] == ["node-removed"]


def test_all_ignored_is_not_the_same_as_no_changes(diff: Diff) -> None:
    entries = "\n".join(f"{rule} * * fine" for rule in sorted({change.rule for change in diff.changes}))
    found = ignoring(diff, entries)
    assert found.diff.changes == ()
    assert "No changes." not in list(summary_sentences(found))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("script-changed *", "four parts"),
        ("script-chnged * * why", "There is no rule 'script-chnged'"),
        ("* * * why", "would ignore everything"),
        ("script-changed * tomorrow why", "'tomorrow' is not a day"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(line: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        read_entries(f"# one\n{line}\n".encode(), ".runner-ignore")
    assert refused.value.where() == ".runner-ignore:2"


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match="UTF-8"):
        read_entries(b"\xff\xfe", ".runner-ignore")
