from __future__ import annotations

from typing import Any

import pytest

from spiffcli.errors import ModelError
from spiffcli.forms import NOTHING, Choice, Count, Form, Question, questions


def form_of(ui: dict[str, Any] | None = None, /, **properties: Any) -> Form:
    return Form("form.json", {"type": "object", "properties": properties}, ui or {})


def only(form: Form, data: dict[str, Any] | None = None) -> Question:
    (question,) = questions(form, data or {})
    return question


def names(form: Form, data: dict[str, Any] | None = None, answers: dict[Any, Any] | None = None) -> list[str]:
    return [question.name for question in questions(form, data or {}, answers)]


def test_a_field_becomes_a_question_with_its_limits() -> None:
    rule = {"type": "integer", "title": "Quantity", "description": "How many", "minimum": 1, "maximum": 9, "default": 2}
    question = only(Form("f", {"properties": {"quantity": rule}, "required": ["quantity"]}))
    assert (question.path, question.name, question.title) == (("quantity",), "quantity", "Quantity")
    assert (question.type, question.required, question.description) == ("integer", True, "How many")
    assert (question.minimum, question.maximum, question.default) == (1, 9, 2)


def test_a_field_without_a_title_is_asked_by_its_name() -> None:
    assert only(form_of(colour={"type": "string"})).title == "colour"


@pytest.mark.parametrize(
    "rule",
    [
        {"enum": ["s", "l"], "enumNames": ["Small", "Large"]},
        {"oneOf": [{"const": "s", "title": "Small"}, {"const": "l", "title": "Large"}]},
        {"anyOf": [{"enum": ["s"], "title": "Small"}, {"enum": ["l"], "title": "Large"}]},
    ],
)
def test_choices_come_from_every_way_to_write_them(rule: dict[str, Any]) -> None:
    assert only(form_of(size=rule)).choices == (Choice("s", "Small"), Choice("l", "Large"))


def test_choices_without_titles_show_their_values() -> None:
    choices = only(form_of(x={"enum": ["a", 2, None, True]})).choices
    assert [choice.title for choice in choices] == ["a", "2", "none", "yes"]


def test_a_boolean_is_a_choice_of_yes_and_no() -> None:
    assert only(form_of(ok={"type": "boolean"})).choices == (Choice(True, "yes"), Choice(False, "no"))


def test_choices_of_a_list_are_those_of_its_entries() -> None:
    rule = {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 2}
    question = only(form_of(tags=rule))
    assert question.type == "array"
    assert [choice.value for choice in question.choices] == ["a", "b"]
    assert (question.minimum, question.maximum) == (1, 2)


def test_numbers_name_choices_only_where_they_cannot_be_mistaken_for_values() -> None:
    assert only(form_of(x={"enum": ["a", "b"]})).numbered
    assert only(form_of(x={"enum": [10, 20]})).numbered
    assert not only(form_of(x={"enum": [2, 3]})).numbered


def test_what_the_task_holds_already_is_the_default_if_the_form_would_take_it() -> None:
    form = form_of(n={"type": "integer", "minimum": 1, "default": 5})
    assert only(form, {"n": 3}).default == 3
    assert only(form, {"n": 0}).default == 5
    assert only(form, {"n": "3"}).default == 5
    assert only(form_of(n={"type": "integer"}), {}).default is NOTHING


def test_secret_and_multiline_fields_are_marked() -> None:
    ui = {"pin": {"ui:widget": "password"}, "note": {"ui:options": {"widget": "textarea"}}}
    form = form_of(ui, pin={"type": "string"}, word={"type": "string", "format": "password"}, note={"type": "string"})
    pin, word, note = questions(form, {})
    assert (pin.secret, word.secret, note.secret) == (True, True, False)
    assert note.multiline


def test_the_ui_schema_gives_title_help_and_example() -> None:
    ui = {
        "n": {"ui:title": "Number", "ui:description": "Of the order.", "ui:help": "Six digits.", "ui:placeholder": "1"}
    }
    question = only(form_of(ui, n={"type": "string", "title": "n", "description": "hidden by the ui"}))
    assert (question.title, question.description, question.example) == ("Number", "Of the order.\nSix digits.", "1")


def test_the_ui_schema_orders_the_questions() -> None:
    rules = {name: {"type": "string"} for name in "abcd"}
    assert names(form_of({"ui:order": ["c", "*", "a", "zzz"]}, **rules)) == ["c", "b", "d", "a"]
    assert names(form_of({"ui:order": ["d"]}, **rules)) == ["d", "a", "b", "c"]


def test_hidden_constant_and_read_only_fields_are_not_asked() -> None:
    ui = {"h": {"ui:widget": "hidden"}, "r": {"ui:readonly": True}, "d": {"ui:options": {"disabled": True}}}
    rules = {name: {"type": "string"} for name in "hrda"}
    form = form_of(ui, **rules, c={"const": 1}, o={"type": "string", "readOnly": True})
    assert names(form) == ["a"]


def test_nested_objects_are_asked_field_by_field() -> None:
    address = {
        "type": "object",
        "properties": {"street": {"type": "string"}, "city": {"type": "string", "default": "Rome"}},
        "required": ["street"],
        "default": {"street": "Main St"},
    }
    form = form_of({"address": {"ui:order": ["city", "street"]}}, address=address)
    city, street = questions(form, {"address": {"city": "Oslo"}})
    assert (city.name, city.default, city.required) == ("address.city", "Oslo", False)
    assert (street.path, street.default, street.required) == (("address", "street"), "Main St", True)


def test_references_lead_to_shared_parts() -> None:
    schema = {
        "definitions": {"size": {"type": "string", "enum": ["s", "l"], "title": "Size"}},
        "properties": {
            "a": {"$ref": "#/definitions/size", "title": "First"},
            "b": {"allOf": [{"$ref": "#/definitions/size"}]},
        },
    }
    a, b = questions(Form("f", schema), {})
    assert (a.title, b.title) == ("First", "Size")
    assert a.choices == b.choices == (Choice("s", "s"), Choice("l", "l"))


@pytest.mark.parametrize(
    "rule",
    [
        {"type": ["integer", "null"], "minimum": 2},
        {"anyOf": [{"type": "integer", "minimum": 2}, {"type": "null"}]},
        {"oneOf": [{"type": "null"}, {"type": "integer", "minimum": 2}]},
    ],
)
def test_a_type_beside_null_is_that_type(rule: dict[str, Any]) -> None:
    question = only(form_of(n=rule))
    assert (question.type, question.nullable, question.minimum) == ("integer", True, 2)


def test_types_that_cannot_be_told_apart_are_asked_as_any_value() -> None:
    assert only(form_of(x={"type": ["string", "integer"]})).type == "any"
    assert only(form_of(x={})).type == "any"
    assert only(form_of(x=True)).type == "any"
    assert only(form_of(x={"type": ["integer", "number"]})).type == "number"
    assert only(form_of(x={"type": "object"})).type == "object"


ITEMS = {
    "type": "array",
    "title": "Items",
    "minItems": 1,
    "items": {"type": "object", "properties": {"sku": {"type": "string", "title": "Article"}}, "required": ["sku"]},
}


def test_a_list_of_objects_asks_how_many_and_then_for_each() -> None:
    form = form_of(items=ITEMS)
    (count,) = questions(form, {}, {})
    assert (count.type, count.name, count.default, count.minimum) == ("count", "items", Count(1), 1)
    asked = questions(form, {}, {("items",): Count(2)})
    assert [question.name for question in asked] == ["items", "items[0].sku", "items[1].sku"]
    assert asked[2].title == "Article (2 of 2)"


def test_a_list_of_objects_starts_with_the_entries_the_task_holds() -> None:
    asked = questions(form_of(items=ITEMS), {"items": [{"sku": "a"}, {"sku": "b"}]})
    assert [question.default for question in asked] == [Count(2), "a", "b"]


CONDITIONAL = Form(
    "f",
    {
        "properties": {"ship": {"type": "boolean"}, "gift": {"type": "boolean"}},
        "if": {"properties": {"ship": {"const": True}}, "required": ["ship"]},
        "then": {"properties": {"street": {"type": "string"}}, "required": ["street"]},
        "else": {"properties": {"branch": {"type": "string"}}},
    },
)


def test_a_conditional_field_is_asked_when_its_condition_is_decided() -> None:
    assert names(CONDITIONAL, {}, {}) == ["ship", "gift"]
    assert names(CONDITIONAL, {}, {("ship",): True}) == ["ship", "gift", "street"]
    assert names(CONDITIONAL, {}, {("ship",): False}) == ["ship", "gift", "branch"]
    assert names(CONDITIONAL, {}, {("ship",): NOTHING}) == ["ship", "gift", "branch"]


def test_without_answers_the_data_decide_conditions() -> None:
    assert names(CONDITIONAL, {"ship": True}) == ["ship", "gift", "street"]
    assert questions(CONDITIONAL, {"ship": True})[2].required


@pytest.mark.parametrize("key", ["dependentSchemas", "dependencies"])
def test_a_field_can_bring_others_with_it(key: str) -> None:
    more = {"properties": {"reason": {"type": "string"}}}
    form = Form("f", {"properties": {"discount": {"type": "number"}}, key: {"discount": more}})
    assert names(form, {}, {("discount",): NOTHING}) == ["discount"]
    assert names(form, {}, {("discount",): 5}) == ["discount", "reason"]


@pytest.mark.parametrize("key", ["dependentRequired", "dependencies"])
def test_a_field_can_make_another_one_necessary(key: str) -> None:
    rules = {"card": {"type": "string"}, "holder": {"type": "string"}}
    form = Form("f", {"properties": rules, key: {"card": ["holder"]}})
    assert [q.required for q in questions(form, {}, {("card",): NOTHING})] == [False, False]
    assert [q.required for q in questions(form, {}, {("card",): "1"})] == [False, True]


def test_branches_are_told_apart_by_a_constant_and_keep_the_choice() -> None:
    branches = [
        {"properties": {"pay": {"enum": ["card"]}, "number": {"type": "string"}}},
        {"properties": {"pay": {"const": "cash"}, "change": {"type": "number"}}},
    ]
    rules = {"pay": {"type": "string", "enum": ["card", "cash"]}}
    form = Form("f", {"properties": rules, "dependencies": {"pay": {"oneOf": branches}}})
    assert names(form, {}, {}) == ["pay"]
    assert names(form, {}, {("pay",): "card"}) == ["pay", "number"]
    asked = questions(form, {}, {("pay",): "cash"})
    assert [question.name for question in asked] == ["pay", "change"]
    assert len(asked[0].choices) == 2


def test_conditions_inside_nested_objects_look_at_their_own_level() -> None:
    inner = {"type": "object", **CONDITIONAL.schema}
    form = form_of(a=inner, b=inner)
    assert "a.street" in names(form, {}, {("a", "ship"): True})
    assert "b.street" not in names(form, {}, {("a", "ship"): True})


def test_a_condition_on_a_field_that_comes_later_waits_for_it() -> None:
    form = Form("f", CONDITIONAL.schema, {"ui:order": ["branch", "street", "*"]})
    assert names(form, {}, {}) == ["ship", "gift"]
    assert names(form, {}, {("ship",): True}) == ["street", "ship", "gift"]


def test_a_schema_that_contains_itself_is_asked_as_json_from_some_depth() -> None:
    tree = {"type": "object", "properties": {"name": {"type": "string"}, "child": {"$ref": "#/definitions/tree"}}}
    asked = questions(
        Form("f", {"definitions": {"tree": tree}, "properties": {"root": {"$ref": "#/definitions/tree"}}}), {}
    )
    assert asked[-1].type == "object"
    assert len(asked[-1].path) == 8


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, "refers to itself without end"),
        ({"properties": {"a": {"$ref": "#/nope"}}}, "does not contain"),
        ({"allOf": [{"$ref": "#"}]}, "refers to itself without end"),
        ({"properties": []}, "not a valid JSON Schema, at properties"),
        ({"properties": {"a": 5}}, "not a valid JSON Schema, at properties/a"),
        ({"properties": {"a": {"enum": 5}}}, "not a valid JSON Schema, at properties/a/enum"),
    ],
)
def test_a_schema_that_cannot_be_asked_is_refused(schema: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        questions(Form("f.json", schema), {})
