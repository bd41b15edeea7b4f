"""Decisions row by row, forms field by field, and what is beside the processes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spiffcli.diff import Diff, compare
from spiffcli.errors import NotFoundError
from spiffcli.model import Model, semantic_hash

from .make import bpmn, ends, found, model, only, task

_DMN = "https://www.omg.org/spec/DMN/20191111/MODEL/"


def _row(id: str, when: str, then: str, description: str = "") -> str:
    own = f' id="{id}"' if id else ""
    return (
        f"<rule{own}><description>{description}</description><inputEntry><text>{when}</text></inputEntry>"
        f"<outputEntry><text>{then}</text></outputEntry></rule>"
    )


def _table(*rows: str, policy: str = "FIRST", reads: str = "weight", gives: str = "cost", id: str = "d") -> Model:
    return model(("costs.dmn", _dmn(*rows, policy=policy, reads=reads, gives=gives, id=id)))


def _dmn(*rows: str, policy: str = "FIRST", reads: str = "weight", gives: str = "cost", id: str = "d") -> str:
    return (
        f'<definitions xmlns="{_DMN}"><decision id="{id}" name="Costs"><decisionTable hitPolicy="{policy}">'
        f'<input id="i"><inputExpression><text>{reads}</text></inputExpression></input><output id="o" name="{gives}"/>'
        f"{''.join(rows)}</decisionTable></decision></definitions>"
    )


_ROWS = (_row("r1", "1", "10"), _row("r2", "2", "20"), _row("r3", "3", "30"))


def _said(diff: Diff) -> list[tuple[str, str, str, Any, Any]]:
    return [(change.rule, change.element.id, change.path, change.old, change.new) for change in diff.changes]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (_table(_ROWS[0], _row("r2", "2", "25"), _ROWS[2]), [("decision-rule-changed", "r2", "cells[o]", "20", "25")]),
        (_table(*_ROWS, policy="UNIQUE"), [("decision-hit-policy-changed", "d", "hit_policy", "FIRST", "UNIQUE")]),
        (_table(*_ROWS, reads="size"), [("decision-inputs-changed", "i", "expression", "weight", "size")]),
        (_table(*_ROWS, gives="price"), [("decision-outputs-changed", "o", "name", "cost", "price")]),
        (_table(_ROWS[0], _row("r9", "2", "20"), _ROWS[2]), [("decision-rule-id-changed", "r9", "id", "r2", "r9")]),
        (_table(_ROWS[1], _ROWS[0], _ROWS[2]),
         [("decision-rule-order-changed", "d", "rules", ["r1", "r2", "r3"], ["r2", "r1", "r3"])]),
        (_table(_ROWS[0], _row("r2", "2", "20", "Bulky"), _ROWS[2]),
         [("documentation-changed", "r2", "description", None, "Bulky")]),
        (_table(*_ROWS[:2]), [("decision-rule-removed", "r3", "",
                               {"cells[i]": "3", "cells[o]": "30", "order": 2}, None)]),
    ],
)  # fmt: skip
def test_a_table_is_compared_row_by_row(new: Model, expected: list[tuple[str, str, str, Any, Any]]) -> None:
    old = _table(*_ROWS)
    diff = compare(old, new, old_process="d")

    assert _said(diff) == expected
    assert diff.reversed() == compare(new, old, old_process="d", old_label="new", new_label="old")
    assert semantic_hash(old.decisions["d"], old) != semantic_hash(new.decisions["d"], new)


def test_rows_without_ids_are_found_by_what_they_say() -> None:
    rows = [_row("", "1", "10"), _row("", "2", "20"), _row("", "3", "30")]

    diff = compare(_table(*rows), _table(rows[0], _row("", "9", "90"), *rows[1:]))

    assert [(change.rule, change.new["cells[i]"]) for change in diff.changes] == [("decision-rule-added", "9")]


def test_a_changed_row_without_id_keeps_its_place() -> None:
    rows = [_row("", "1", "10"), _row("", "2", "20")]

    diff = compare(_table(*rows), _table(rows[0], _row("", "2", "25")))

    assert [(change.rule, change.old, change.new) for change in diff.changes] == [("decision-rule-changed", "20", "25")]


def test_decisions_of_other_keys_can_be_compared() -> None:
    diff = compare(_table(*_ROWS), _table(*_ROWS, id="other"), old_process="d", new_process="other")

    assert _said(diff) == [("definition-id-changed", "other", "id", "d", "other")]


def _form(*, name: str = "order.json", **properties: Any) -> Model:
    required = [key for key, schema in properties.items() if schema.pop("needed", False)]
    return model((name, json.dumps({"title": "Order", "properties": properties, "required": required})))


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({"a": {"type": "integer"}, "b": {}}, [("form-field-changed", "a", "keywords[type]", '"string"', '"integer"')]),
        ({"a": {"type": "string", "needed": True}, "b": {}},
         [("form-field-required-changed", "a", "required", False, True)]),
        ({"a": {"type": "string", "title": "Who"}, "b": {}}, [("name-changed", "a", "name", None, "Who")]),
        ({"b": {}, "a": {"type": "string"}}, [("form-field-order-changed", "order.json", "fields", ["a", "b"],
                                              ["b", "a"])]),
        ({"a": {"type": "string"}}, [("form-field-removed", "b", "", {"order": 1}, None)]),
    ],
)  # fmt: skip
def test_a_form_is_compared_field_by_field(new: dict[str, Any], expected: list[Any]) -> None:
    old_model, new_model = _form(a={"type": "string"}, b={}), _form(**new)
    diff = compare(old_model, new_model)

    assert _said(diff) == expected
    assert diff.reversed() == compare(new_model, old_model, old_label="new", new_label="old")


def test_definitions_that_came_or_went_are_listed_with_their_content() -> None:
    diff = compare(_table(*_ROWS), _form(a={}))

    assert {change.rule for change in diff.changes} == {
        "decision-removed",
        "part-removed",
        "form-added",
        "part-added",
    }


def test_what_is_new_as_a_whole_breaks_nobody() -> None:
    diff = compare(
        model(), model(("costs.dmn", _dmn(*_ROWS)), ("a.json", '{"properties": {"b": {}}, "required": ["b"]}'))
    )

    assert [change.severity for change in diff.changes] == ["info"] * len(diff.changes)
    assert len(diff.changes) == 8
    assert diff.bump == "minor"


def test_a_process_that_came_is_listed_with_its_content() -> None:
    diff = compare(model(bpmn("")), model(bpmn(""), bpmn(ends(task("t")), "s>t", process="other")))

    assert found(diff) == {
        ("process-added", "other"),
        ("node-added", "s"),
        ("node-added", "t"),
        ("node-added", "e"),
        ("flow-added", "s_t"),
    }


def test_a_process_with_another_id_is_found_by_its_nodes() -> None:
    body = ends(task("a", name="Check"), task("b", name="Ship"))

    diff = compare(model(bpmn(body, "s>a>b>e")), model(bpmn(body, "s>a>b>e", process="shop")))

    change = only(diff, "process-id-changed")
    assert (change.old, change.new, len(diff.changes)) == ("proc", "shop", 1)


def test_a_key_that_a_side_does_not_hold_is_an_error_that_lists_what_it_holds() -> None:
    with pytest.raises(NotFoundError, match="no process, decision or form nothing in order@1") as caught:
        compare(model(bpmn("")), model(bpmn("")), old_process="nothing", old_label="order@1")

    assert caught.value.data["candidates"] == ["proc"]


def test_messages_are_compared_where_they_are_used() -> None:
    def waiting(name: str) -> Model:
        event = '<messageEventDefinition messageRef="m"/>'
        return model(bpmn(task("w", "intermediateCatchEvent", "", event), beside=f'<message id="m" name="{name}"/>'))

    assert found(compare(waiting("a"), waiting("b"))) == {("message-name-changed", "w")}


def test_a_closed_pool_is_found_again_by_its_name() -> None:
    def pool(id: str) -> Model:
        return model(bpmn("", beside=f'<collaboration id="c"><participant id="{id}" name="Carrier"/></collaboration>'))

    assert found(compare(pool("p"), pool("q"))) == {("participant-id-changed", "q")}


def _expression(inner: str, attributes: str = "") -> Model:
    logic = f"<literalExpression {attributes}><text>1</text></literalExpression>"
    content = f'<definitions xmlns="{_DMN}"><decision id="d">{inner}{logic}</decision></definitions>'
    return model(("costs.dmn", content))


@pytest.mark.parametrize(
    ("new", "rule_id"),
    [
        (_expression('<variable name="x"/>'), "decision-outputs-changed"),
        (_expression("", 'typeRef="number"'), "decision-outputs-changed"),
        (_expression("", 'expressionLanguage="feel"'), "attribute-changed"),
        (_expression("<description>why</description>"), "documentation-changed"),
        (_expression("<question>how</question>"), "attribute-changed"),
        (_expression('<extensionElements><x xmlns="u"/></extensionElements>'), "extension-changed"),
        (
            _expression('<informationRequirement><requiredInput href="#i"/></informationRequirement>'),
            "decision-requirements-changed",
        ),
        (_table(), "decision-logic-changed"),
    ],
)
def test_a_decision_without_a_table_is_compared_too(new: Model, rule_id: str) -> None:
    assert rule_id in {change.rule for change in compare(_expression(""), new, old_process="d").changes}


_SOURCE = (
    f'<definitions xmlns="{_DMN}"><decision id="d" name="Costs"><decisionTable hitPolicy="FIRST">'
    '<input id="i"><inputExpression><text>weight</text></inputExpression></input><output id="o" name="cost"/>'
    f"{''.join(_ROWS)}</decisionTable></decision></definitions>"
)


def test_columns_with_other_ids_are_found_by_what_they_read() -> None:
    old = _table(*_ROWS)
    renamed = model(("costs.dmn", _SOURCE.replace('id="i"', 'id="i_new"').replace('id="o"', 'id="o_new"')))

    assert found(compare(old, renamed)) == {
        ("decision-column-id-changed", "i_new"),
        ("decision-column-id-changed", "o_new"),
    }


@pytest.mark.parametrize(
    ("title", "rule_id"), [({"title": "New"}, "name-changed"), ({"description": "x"}, "form-changed")]
)
def test_a_form_as_a_whole(title: dict[str, str], rule_id: str) -> None:
    old, new = (model(("a.json", json.dumps({"properties": {}, **more}))) for more in ({}, title))

    assert [change.rule for change in compare(old, new).changes] == [rule_id]
    assert semantic_hash(old.forms["a.json"], old) != semantic_hash(new.forms["a.json"], new)
