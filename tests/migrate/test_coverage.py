"""A change to what nodes share explains the nodes that refer to it, and no others."""

from __future__ import annotations

import pytest

from spiffcli.diff.changes import Change, ElementRef
from spiffcli.engine.specdiff import Difference
from spiffcli.migrate.coverage import unexplained


def changed(type: str, id: str, name: str | None = None, process: str | None = "p") -> Change:
    was = ElementRef(id, type, "before", process)
    return Change("some-rule", "changed", "warn", ElementRef(id, type, name, process), "name", "before", name, was=was)


def message(name: str) -> dict[str, object]:
    return {"name": name, "correlation_properties": [{"name": "order", "retrieval_expression": "id"}]}


CASES = [
    (changed("message", "m", "paid"), "event_definition", message("before"), message("paid"), message("other")),
    (changed("correlationProperty", "order"), "event_definition", message("x"), message("y"), {"name": "y"}),
    (changed("lane", "l", "clerk"), "lane", "before", "clerk", "boss"),
    (changed("dataObject", "d"), "data_input_associations", [], [{"bpmn_id": "d"}], [{"bpmn_id": "e"}]),
    (
        changed("rule", "r1", process="prices"),
        "decision_table",
        {"id": "prices"},
        {"id": "prices", "x": 1},
        {"id": "y"},
    ),
]


@pytest.mark.parametrize(("change", "key", "before", "after", "other"), CASES)
def test_a_shared_change_explains_only_what_refers_to_it(
    change: Change, key: str, before: object, after: object, other: object
) -> None:
    mine = Difference("u", key, before, after)
    not_mine = Difference("v", key, other, None)
    another_key = Difference("u", "script", "a", "b")
    assert list(unexplained([mine, not_mine, another_key], [change])) == [not_mine, another_key]


def test_a_changed_process_explains_itself_and_none_of_its_nodes() -> None:
    change = changed("process", "p", "New")
    own, node = Difference("", "correlation_keys", {}, {"k": []}), Difference("u", "script", "a", "b")
    assert list(unexplained([own, node], [change])) == [node]


@pytest.mark.parametrize(("path", "explained"), [("lane", True), ("name", False)])
def test_a_sub_process_takes_what_lies_in_it_to_another_lane(path: str, explained: bool) -> None:
    ref = ElementRef("sp", "subProcess", "sp", "p")
    change = Change("some-rule", "changed", "warn", ref, path, "clerk", "boss", was=ref)
    lane, script = Difference("u", "lane", "clerk", "boss"), Difference("u", "script", "a", "b")
    assert list(unexplained([lane, script], [change])) == ([script] if explained else [lane, script])
