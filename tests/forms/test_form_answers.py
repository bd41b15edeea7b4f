from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiffcli.errors import AnswerError, ModelError
from spiffcli.forms import NOTHING, Count, Form, Question, assemble, coerce, free_form, questions, read_form, validate
from spiffcli.forms.wording import expects, show

FORMS = Path(__file__).parents[2] / "bpmn" / "tutorial" / "forms"


def ask(rule: dict[str, Any], *, required: bool = False, ui: dict[str, Any] | None = None) -> Question:
    schema = {"properties": {"x": rule}, "required": ["x"] if required else []}
    return questions(Form("f.json", schema, {"x": ui or {}}), {})[0]


ARTICLES = {
    "oneOf": [
        {"const": "mug", "title": "Mug, 350 ml"},
        {"const": "bowl", "title": "Bowl"},
        {"const": 7, "title": "Bag"},
    ]
}


@pytest.mark.parametrize(
    ("rule", "text", "value"),
    [
        ({"type": "integer"}, " 3 ", 3),
        ({"type": "integer"}, "-12", -12),
        ({"type": "number"}, "3", 3),
        ({"type": "number"}, "3.50", 3.5),
        ({"type": "number"}, "1e3", 1000.0),
        ({"type": "number"}, ".5", 0.5),
        ({"type": "string"}, " two words ", "two words"),
        ({"type": "string"}, '""', ""),
        ({"type": "string"}, "3", "3"),
        ({"type": "boolean"}, "Yes", True),
        ({"type": "boolean"}, "n", False),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "off", False),
        (ARTICLES, "1", "mug"),
        (ARTICLES, "bowl", "bowl"),
        (ARTICLES, "BOWL", "bowl"),
        (ARTICLES, "Mug, 350 ml", "mug"),
        (ARTICLES, "mu", "mug"),
        (ARTICLES, "7", 7),
        (ARTICLES, "bag", 7),
        ({"enum": [2, 3, 1]}, "2", 2),
        ({"enum": ["a", None]}, "none", None),
        ({"oneOf": [{"const": True, "title": "Agree"}, {"const": False, "title": "Refuse"}]}, "2", False),
        ({"type": "string", "format": "date"}, "2024-02-29", "2024-02-29"),
        ({"type": "string", "format": "date-time"}, "2024-02-29 10:00", "2024-02-29T10:00"),
        ({"type": "string", "format": "date-time"}, "2024-02-29T10:00:00Z", "2024-02-29T10:00:00Z"),
        ({"type": "string", "format": "time"}, "10:30", "10:30"),
        ({"type": "array", "items": {"type": "integer"}}, "1, 2,3", [1, 2, 3]),
        ({"type": "array", "items": {"type": "integer"}}, "[4, 5]", [4, 5]),
        ({"type": "array", "items": {"type": "string"}}, 'a, "b, c", d', ["a", "b, c", "d"]),
        ({"type": "array", "items": {"type": "boolean"}}, "yes, no", [True, False]),
        ({"type": "array", "items": {"enum": ["red", "blue"]}}, "2, red", ["blue", "red"]),
        ({"type": "array"}, "a, 1", ["a", 1]),
        ({"type": "array", "items": {"type": "array"}}, "[[1], [2]]", [[1], [2]]),
        ({"type": "object"}, '{"a": [1]}', {"a": [1]}),
        ({}, '{"a": 1}', {"a": 1}),
        ({}, "text", "text"),
        ({}, "12", 12),
        ({"type": ["integer", "null"]}, "null", None),
    ],
)  # fmt: skip
def test_typed_text_becomes_the_value_it_means(rule: dict[str, Any], text: str, value: Any) -> None:
    answer = coerce(ask(rule), text)
    assert answer == value
    assert type(answer) is type(value)


@pytest.mark.parametrize(
    ("rule", "text", "reason"),
    [
        ({"type": "integer", "minimum": 1}, "0", "0 is less than the minimum of 1 (minimum)"),
        ({"type": "integer", "maximum": 9}, "10", "10 is greater than the maximum of 9 (maximum)"),
        ({"type": "number", "exclusiveMinimum": 0}, "0", "0 is not greater than 0 (exclusiveMinimum)"),
        ({"type": "number", "exclusiveMaximum": 2}, "2.5", "2.5 is not less than 2 (exclusiveMaximum)"),
        ({"type": "integer", "multipleOf": 10}, "15", "15 is not a multiple of 10 (multipleOf)"),
        ({"type": "integer"}, "three", "'three' is not a whole number (type)"),
        ({"type": "integer"}, "1_000", "'1_000' is not a whole number (type)"),
        ({"type": "integer"}, "3.0", "'3.0' is not a whole number (type)"),
        ({"type": "number"}, "3,5", "'3,5' is not a number; write the decimals after a point (type)"),
        ({"type": "number"}, "nan", "'nan' is not a number (type)"),
        ({"type": "number"}, "9e999", "'9e999' is too large a number (type)"),
        ({"type": "boolean"}, "maybe", "'maybe' is not one of 'yes', 'no' (enum)"),
        ({"type": "boolean"}, "1", "'1' is not one of 'yes', 'no' (enum)"),
        (ARTICLES, "4", "'4' is not one of 'Mug, 350 ml', 'Bowl', 'Bag' (enum)"),
        (ARTICLES, "b", "'b' could be any of 'Bowl', 'Bag' (enum)"),
        ({"type": "string", "minLength": 3}, "ab", "the text is too short: 2 of at least 3 characters (minLength)"),
        ({"type": "string", "maxLength": 3}, "abcd", "the text is too long: 4 of at most 3 characters (maxLength)"),
        ({"type": "string", "pattern": "^[0-9]+$"}, "a1", "'a1' does not match the pattern ^[0-9]+$ (pattern)"),
        ({"type": "string", "format": "date"}, "2024-13-01", "'2024-13-01' is not a date as YYYY-MM-DD (format)"),
        ({"type": "string", "format": "date"}, "20240301", "'20240301' is not a date as YYYY-MM-DD (format)"),
        ({"type": "string", "format": "date-time"}, "2024-01-01",
         "'2024-01-01' is not a date and time as YYYY-MM-DDTHH:MM:SS (format)"),
        ({"type": "string", "format": "time"}, "25:00", "'25:00' is not a time as HH:MM or HH:MM:SS (format)"),
        ({"type": "string", "format": "email"}, "ada", "'ada' is not an e-mail address (format)"),
        ({"type": "string", "format": "uri"}, "example",
         "'example' is not an address such as https://example.org (format)"),
        ({"type": "string"}, "a\x1b[Ab", "the answer contains control characters (type)"),
        ({"type": "array", "items": {"type": "integer"}}, "1, x", "'x' is not a whole number (type)"),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, "1",
         "too few entries: 1 of at least 2 (minItems)"),
        ({"type": "array", "uniqueItems": True}, "1, 1", "an entry stands in the list twice (uniqueItems)"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "a, 3", "'3' is not one of 'a', 'b' (enum)"),
        ({"type": "object"}, "{'a': 1}",
         "this is not valid JSON: Expecting property name enclosed in double quotes at column 2 (type)"),
        ({"type": "object"}, "[]", "this is JSON, but not an object (type)"),
        ({"type": "integer", "not": {"const": 4}}, "4", "4 is not allowed (not)"),
    ],
)  # fmt: skip
def test_what_the_schema_does_not_allow_is_refused_with_the_reason(
    rule: dict[str, Any], text: str, reason: str
) -> None:
    with pytest.raises(AnswerError) as caught:
        coerce(ask(rule), text)
    assert caught.value.message == reason
    assert caught.value.data["field"] == "x"
    assert f"({caught.value.data['rule']})" in reason


def test_an_empty_answer_is_the_default_or_leaves_the_field_out() -> None:
    assert coerce(ask({"type": "integer", "default": 4}), "  ") == 4
    assert coerce(ask({"type": "integer"}), "") is NOTHING
    assert coerce(ask({"type": ["integer", "null"]}, required=True), "") is None


def test_an_empty_answer_to_a_required_question_without_default_is_refused() -> None:
    with pytest.raises(AnswerError, match=r"an answer is needed \(required\)"):
        coerce(ask({"type": "string"}, required=True), "")


def test_a_default_cannot_be_changed_through_the_answer() -> None:
    question = ask({"type": "array", "default": ["a"]})
    coerce(question, "").append("b")
    assert coerce(question, "") == ["a"]


def test_a_secret_is_taken_as_typed_and_never_repeated_in_a_reason() -> None:
    question = ask({"type": "string", "maxLength": 4, "enum": [" pw"]}, ui={"ui:widget": "password"})
    assert coerce(question, " pw") == " pw"
    question = ask({"type": "string", "format": "password", "pattern": "^[0-9]+$"})
    with pytest.raises(AnswerError) as caught:
        coerce(question, "letmein")
    assert "letmein" not in caught.value.message
    assert show(question, "letmein") == "(not shown)"


COUNT = {
    "type": "array",
    "minItems": 1,
    "maxItems": 3,
    "items": {"type": "object", "properties": {"a": {}}, "required": ["a"]},
}


def test_a_count_is_checked_against_the_limits_of_the_list() -> None:
    assert coerce(ask(COUNT), "2") == Count(2)
    assert isinstance(coerce(ask(COUNT), ""), Count)
    with pytest.raises(AnswerError, match="too few entries: 0 of at least 1"):
        coerce(ask(COUNT), "0")
    with pytest.raises(AnswerError, match="too many entries: 4 of at most 3"):
        coerce(ask(COUNT), "4")
    with pytest.raises(AnswerError, match="not a number from 0 to 1000"):
        coerce(ask(COUNT), "1000000000")


@given(st.text(max_size=30), st.sampled_from(["string", "integer", "number", "boolean", "array", "object"]))
def test_any_text_is_a_valid_value_or_refused_in_words(text: str, kind: str) -> None:
    question = ask({"type": kind, "items": {"type": "number"}})
    try:
        value = coerce(question, text)
    except AnswerError:
        return
    assert value is NOTHING or validate(question.form, {"x": value}, task="t") == {"x": value}


def test_answers_are_put_in_their_places() -> None:
    entry = {"type": "object", "properties": {"sku": {"type": "string"}, "n": {"type": "integer"}}}
    schema = {
        "properties": {
            "name": {"type": "string"},
            "address": {"type": "object", "properties": {"street": {"type": "string"}, "zip": {"type": "string"}}},
            "items": {"type": "array", "items": entry},
        }
    }
    answers = {
        ("name",): NOTHING,
        ("address", "street"): "Main St",
        ("address", "zip"): NOTHING,
        ("items",): Count(2),
        ("items", 0, "sku"): "a",
        ("items", 1, "sku"): "b",
        ("items", 1, "n"): 3,
        ("items", 2, "sku"): "from when the list was longer",
    }
    assert assemble(Form("f", schema), {"name": "not asked again"}, answers) == {
        "address": {"street": "Main St"},
        "items": [{"sku": "a"}, {"sku": "b", "n": 3}],
    }


def test_answers_to_questions_that_are_gone_are_dropped() -> None:
    schema = {
        "properties": {"ship": {"type": "boolean"}},
        "if": {"properties": {"ship": {"const": True}}},
        "then": {"properties": {"street": {"type": "string"}}},
    }
    answers = {("ship",): False, ("street",): "Main St"}
    assert assemble(Form("f", schema), {}, answers) == {"ship": False}


ORDER = Form(
    "order.json",
    {
        "type": "object",
        "properties": {
            "product": {"oneOf": [{"const": "mug", "title": "Mug"}, {"const": "bowl", "title": "Bowl"}]},
            "quantity": {"type": "integer", "minimum": 1, "default": 1},
            "address": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "country": {"type": "string", "default": "IT"}},
                "required": ["city"],
            },
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["product", "quantity"],
        "additionalProperties": False,
    },
)


def test_valid_answers_come_back_with_the_defaults_filled_in() -> None:
    answers = {"product": "mug", "address": {"city": "Rome"}}
    filled = validate(ORDER, answers, task="Order")
    assert filled == {"product": "mug", "quantity": 1, "address": {"city": "Rome", "country": "IT"}}
    assert answers == {"product": "mug", "address": {"city": "Rome"}}


def test_fields_left_out_on_purpose_get_no_default() -> None:
    form = Form("f", {"properties": {"a": {"default": 1}, "b": {"default": 2}}})
    assert validate(form, {}, task="t", omitted=[("a",)]) == {"b": 2}


def test_known_values_of_the_task_stand_in_for_answers_where_asked_for() -> None:
    data = {"product": "bowl", "quantity": 0, "unrelated": 1}
    assert validate(ORDER, {}, task="Order", data=data) == {"product": "bowl", "quantity": 1}
    with pytest.raises(AnswerError, match="product: an answer is missing"):
        validate(ORDER, {}, task="Order")


def test_constants_and_hidden_defaults_are_filled_in() -> None:
    form = Form(
        "f", {"properties": {"kind": {"const": "order"}, "v": {"type": "integer", "default": 2, "readOnly": True}}}
    )
    assert validate(form, {}, task="t") == {"kind": "order", "v": 2}


def test_a_default_that_was_filled_in_can_bring_further_defaults() -> None:
    schema = {
        "properties": {"ship": {"type": "boolean", "default": True}},
        "if": {"properties": {"ship": {"const": True}}, "required": ["ship"]},
        "then": {"properties": {"method": {"default": "parcel"}}},
    }
    assert validate(Form("f", schema), {}, task="t") == {"ship": True, "method": "parcel"}


def test_a_required_group_of_optional_fields_is_there_even_when_empty() -> None:
    group = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert validate(Form("f", {"properties": {"g": group}, "required": ["g"]}), {}, task="t") == {"g": {}}


def test_one_fault_is_one_sentence_with_task_field_and_rule() -> None:
    with pytest.raises(AnswerError) as caught:
        validate(ORDER, {"product": "mug", "quantity": 0}, task="Select Product")
    error = caught.value
    assert error.message == "Task 'Select Product': quantity: 0 is less than the minimum of 1 (minimum)."
    assert (error.data["task"], error.data["field"], error.data["rule"]) == ("Select Product", "quantity", "minimum")


def test_all_faults_are_listed_each_in_its_line() -> None:
    answers = {"product": "cup", "quantity": "2", "adress": {}, "address": {}, "tags": ["a", 1]}
    with pytest.raises(AnswerError) as caught:
        validate(ORDER, answers, task="Order")
    assert caught.value.message.splitlines() == [
        "Task 'Order': the answers do not fit the form:",
        "  adress: the form has no such field; did you mean address? (additionalProperties)",
        "  address.city: an answer is missing (required)",
        "  product: 'cup' is not one of 'mug', 'bowl' (oneOf)",
        "  quantity: '2' is not a whole number (type)",
        "  tags[1]: 1 is not text (type)",
    ]
    assert len(caught.value.data["faults"]) == 5
    json.dumps(caught.value.to_json())


@pytest.mark.parametrize(
    ("schema", "answers", "reason"),
    [
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "b: an answer is needed where a is given (dependentRequired)"),
        ({"dependencies": {"a": ["b"]}}, {"a": 1}, "b: an answer is needed where a is given (dependencies)"),
        ({"dependencies": {"a": {"required": ["b"]}}}, {"a": 1}, "b: an answer is missing (required)"),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"a": 1}, "b: an answer is missing (required)"),
        ({"properties": {"a": False}}, {"a": 1}, "a: the form does not allow this field (false)"),
        ({"minProperties": 1}, {}, "too few fields: 0 of at least 1 (minProperties)"),
        ({"properties": {"a": {"const": 2}}}, {"a": 3}, "a: 3 is not 2 (const)"),
        ({"properties": {"a": {"type": ["string", "null"]}}}, {"a": 3}, "a: 3 is not text or null (type)"),
        ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": 1, "b": 1},
         "{'a': 1, 'b': 1} fits more than one of the alternatives (oneOf)"),
        ({"anyOf": [{"properties": {"a": {"type": "string"}}}, {"required": ["b"]}]}, {"a": 1},
         "a: none of the alternatives fits; the nearest one says: 1 is not text (anyOf)"),
        ({"propertyNames": {"pattern": "^b"}}, {"a": 1}, "'a' does not match the pattern ^b (pattern)"),
        ({"additionalProperties": False, "patternProperties": {"^x": {}}}, {"a": 1, "x1": 1},
         "a: the form has no such field (additionalProperties)"),
        ({"additionalProperties": {"type": "integer"}}, {"a": "1"}, "a: '1' is not a whole number (type)"),
        ({"properties": {"a": {"enum": list(range(20))}}}, {"a": 30},
         "a: 30 is not one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, … (enum)"),
    ],
)  # fmt: skip
def test_every_rule_has_words(schema: dict[str, Any], answers: dict[str, Any], reason: str) -> None:
    with pytest.raises(AnswerError) as caught:
        validate(Form("f", schema), answers, task="t")
    assert caught.value.message == f"Task 't': {reason}."


def test_answers_that_are_no_object_are_refused() -> None:
    with pytest.raises(AnswerError, match=r"answers for task 'Order' are not a JSON object but \[1\]"):
        validate(ORDER, [1], task="Order")


def test_secret_values_stay_out_of_messages_wherever_they_are() -> None:
    schema = {
        "properties": {"login": {"type": "object", "properties": {"pin": {"type": "string", "pattern": "^[0-9]+$"}}}}
    }
    form = Form("f", schema, {"login": {"pin": {"ui:widget": "password"}}})
    with pytest.raises(AnswerError) as caught:
        validate(form, {"login": {"pin": "hunter2"}}, task="t")
    assert "hunter2" not in json.dumps(caught.value.to_json())
    assert caught.value.data["field"] == "login.pin"


def test_control_characters_in_answers_do_not_reach_a_message() -> None:
    with pytest.raises(AnswerError) as caught:
        validate(ORDER, {"product": "\x1b[2Jmug"}, task="Or\x1b]0;x\x07der")
    assert "\x1b" not in caught.value.message


def test_a_task_without_a_form_asks_nothing_and_takes_any_object() -> None:
    assert questions(free_form(), {"a": 1}) == ()
    assert validate(free_form(), {"a": {"b": [1, None]}}, task="t") == {"a": {"b": [1, None]}}
    assert validate(free_form(), {}, task="t", data={"a": 1}) == {}
    with pytest.raises(AnswerError, match="not a JSON object"):
        validate(free_form(), "yes", task="t")


def test_no_reference_is_ever_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", refuse)
    form = Form("f.json", {"properties": {"a": {"items": {"$ref": "http://127.0.0.1:9/x.json"}}}})
    with pytest.raises(ModelError, match=r"f\.json refers to"):
        validate(form, {"a": [1]}, task="t")


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"$ref": "#"}]},
        {"properties": {"a": {"$ref": "#/properties/b"}, "b": {"$ref": "#/properties/a"}}},
        {"properties": {"a": {"pattern": "("}}},
    ],
)
def test_a_broken_schema_is_the_forms_fault_not_the_answers(schema: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"The form f\.json"):
        validate(Form("f.json", schema), {"a": "x"}, task="t")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 20}, "whole number, from 1 to 20"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 31.5}, "number, at most 31.5 and above 0"),
        ({"type": "string", "format": "date"}, "date as YYYY-MM-DD"),
        ({"type": "string", "minLength": 4, "maxLength": 4}, "4 characters"),
        ({"type": "string", "minLength": 3}, "at least 3 characters"),
        ({"type": "string", "maxLength": 60}, "at most 60 characters"),
        ({"type": "string", "pattern": "^[0-9]$"}, "matching ^[0-9]$"),
        ({"type": "array", "items": {"enum": [1]}}, "one or more of these, separated by commas"),
        ({"type": "array", "items": {"type": "string"}}, "values separated by commas"),
        ({"type": "string"}, ""),
        ({"enum": ["a"]}, ""),
    ],
)
def test_a_question_says_what_it_expects(rule: dict[str, Any], words: str) -> None:
    assert expects(ask(rule)) == words


def test_an_example_or_a_description_is_better_than_a_pattern() -> None:
    assert expects(ask({"type": "string", "pattern": "^C"}, ui={"ui:placeholder": "C-1"})) == "such as 'C-1'"
    assert expects(ask({"type": "string", "pattern": "^C", "description": "Starts with C."})) == ""


@pytest.mark.parametrize(
    ("rule", "value", "shown"),
    [
        (ARTICLES, "mug", "Mug, 350 ml"),
        ({"type": "boolean"}, True, "yes"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, ["b", "a"], "b, a"),
        ({"type": "array"}, [], "(none)"),
        ({"type": "string"}, "", '""'),
        ({"type": "string"}, "a\nb", "a b"),
        ({"type": "object"}, {"a": 1}, '{"a": 1}'),
        ({"type": "integer"}, NOTHING, "(left empty)"),
        (COUNT, Count(2), "2"),
    ],
)
def test_values_are_shown_as_people_read_them(rule: dict[str, Any], value: Any, shown: str) -> None:
    assert show(ask(rule), value) == shown


@pytest.mark.parametrize("file", sorted(FORMS.glob("*[!u][!i].json")), ids=lambda path: path.stem)
def test_every_form_of_the_tutorial_can_be_asked(file: Path) -> None:
    ui = file.with_name(f"{file.stem}_ui.json")
    form = read_form(file.name, file.read_bytes(), ui.read_bytes())
    asked = questions(form, {})
    assert [question.name for question in asked] == form.ui["ui:order"]
    assert all(question.default is NOTHING or coerce(question, "") == question.default for question in asked)
