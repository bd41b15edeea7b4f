"""Changes and diffs as values."""

from __future__ import annotations

import json

import pytest

from spiffcli.diff import BUMPS, Change, Diff, ElementRef, Place, compare

from .make import bpmn, ends, model, task

_TASK = ElementRef("t", "userTask", "Look", "proc")


def _change(rule: str = "name-changed", kind: str = "changed", **others: object) -> Change:
    return Change(rule, kind, "info", _TASK, "name", "a", "b", **others)  # type: ignore[arg-type]


def test_a_reversed_change_has_its_values_places_and_elements_exchanged() -> None:
    change = _change(
        old_place=Place("a.bpmn", 1), new_place=Place("b.bpmn", 2), was=ElementRef("u", "userTask", "See", "proc")
    )

    back = change.reversed()

    assert (back.old, back.new) == ("b", "a")
    assert (back.old_place.file, back.new_place.file) == ("b.bpmn", "a.bpmn")
    assert (back.element.id, back.before.id) == ("u", "t")
    assert back.reversed() == change


def test_what_came_is_gone_when_it_is_reversed() -> None:
    back = Change("node-added", "added", "info", _TASK, new={"type": "userTask"}).reversed()

    assert (back.rule, back.kind, back.severity, back.old) == ("node-removed", "removed", "warn", {"type": "userTask"})


def test_a_fingerprint_depends_on_what_changed_and_not_on_where() -> None:
    one = _change(old_place=Place("a.bpmn", 1))

    assert len(one.fingerprint) == 12
    assert int(one.fingerprint, 16) >= 0
    assert one.fingerprint == _change(old_place=Place("elsewhere.bpmn", 99)).fingerprint
    assert one.fingerprint != one.reversed().fingerprint
    assert one.fingerprint != _change(rule="documentation-changed").fingerprint


def test_a_diff_is_a_documented_object() -> None:
    old = model(bpmn(ends(task("t", name="Look")), "s>t>e"))
    new = model(bpmn(ends(task("t", name="See")), "s>t>e"))

    body = compare(old, new, old_label="order@1", new_label="order@2").to_json()

    (change,) = body["changes"]
    assert (body["schema"], body["old"], body["new"]) == ("runner/diff/1", "order@1", "order@2")
    assert body["summary"]["changed"] == 1
    assert body["summary"]["by_severity"] == {"none": 0, "info": 1, "warn": 0, "error": 0}
    assert body["summary"]["bump"] == "patch"
    assert change["element"] == {"id": "t", "type": "userTask", "name": "See", "process": "proc"}
    assert change["was"]["name"] == "Look"
    assert change["source"]["new"] == {"file": "model.bpmn", "line": 1}
    assert json.loads(json.dumps(body)) == body


@pytest.mark.parametrize(
    ("before", "after", "bump"),
    [
        ("", "", "none"),
        (task("t", name="a"), task("t", name="b"), "patch"),
        (task("t"), task("t") + task("u"), "minor"),
        (task("t"), task("t", "manualTask"), "major"),
    ],
)
def test_the_suggested_version_bump(before: str, after: str, bump: str) -> None:
    assert compare(model(bpmn(before)), model(bpmn(after))).bump == bump
    assert bump in BUMPS


def test_a_changed_contract_is_a_major_bump() -> None:
    def interface(name: str) -> str:
        return f'<ioSpecification><dataInput id="{name}"/></ioSpecification>'

    diff = compare(model(bpmn(interface("a"))), model(bpmn(interface("b"))))

    assert diff.bump == "major"
    assert {change.rule for change in diff.changes} == {"io-spec-changed"}


def test_changes_follow_the_file_with_those_of_one_element_together_and_drawings_last() -> None:
    drawing = (
        '<di:BPMNDiagram id="d"><di:BPMNPlane id="p" bpmnElement="proc"><di:BPMNShape bpmnElement="b">'
        '<dc:Bounds x="{}" y="0" width="1" height="1"/></di:BPMNShape></di:BPMNPlane></di:BPMNDiagram>'
    )
    old = bpmn("\n" + task("b") + "\n" + task("a", "scriptTask", "", "<script>1</script>"), beside=drawing.format(1))
    new = bpmn(
        "\n" + task("b", name="B") + "\n" + task("a", "scriptTask", "A", "\n<script>2</script>"),
        beside=drawing.format(2),
    )

    changes = compare(model(old), model(new)).changes

    assert [(change.element.id, change.kind) for change in changes] == [
        ("b", "changed"),
        ("a", "changed"),
        ("a", "changed"),
        ("b", "layout"),
    ]


def test_a_diff_is_true_when_anything_differs() -> None:
    assert not Diff("a", "b")
    assert Diff("a", "b", (_change(),))


def test_a_reader_can_keep_only_some_changes() -> None:
    diff = Diff("a", "b", (_change(), _change(rule="script-changed")))

    kept = diff.only(change for change in diff.changes if change.rule == "script-changed")

    assert len(kept.changes) == 1
    assert (kept.old_label, kept.summary.by_kind["changed"]) == ("a", 1)
