from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from spiffcli.cli.prompts import Answered, Back, Outcome, Quit, StreamDialog, ask_task
from spiffcli.forms import Form, read_form
from spiffcli.values import TaskView

QUANTITY = {"type": "integer", "title": "Quantity", "minimum": 1, "maximum": 20, "default": 1}
PRODUCT = {
    "title": "Product",
    "oneOf": [{"const": "mug", "title": "Mug, 350 ml"}, {"const": "bowl", "title": "Bowl"}],
}


def form_of(*required: str, ui: dict[str, Any] | None = None, **properties: Any) -> Form:
    return Form("f.json", {"type": "object", "properties": properties, "required": list(required)}, ui or {})


ORDER = form_of("product", "quantity", product=PRODUCT, quantity=QUANTITY)


def talk(
    form: Form | None, *lines: str, data: Mapping[str, Any] | None = None, instructions: str = "", **about: Any
) -> tuple[Outcome, str]:
    """What comes of a conversation in which a person types `lines`, and all that was shown."""
    view = {"task": "1", "id": "select", "name": "Select Product", "type": "userTask", "state": "READY"} | about
    target = io.StringIO()
    source = io.StringIO("".join(f"{line}\n" for line in lines))
    outcome = ask_task(TaskView(data=data or {}, **view), form, instructions, StreamDialog(source, target))
    return outcome, target.getvalue()


def test_every_question_is_asked_and_the_answers_are_looked_over() -> None:
    outcome, shown = talk(ORDER, "2", "3", "yes")
    assert outcome == Answered({"product": "bowl", "quantity": 3})
    assert "1/2  Product\n  1  Mug, 350 ml\n  2  Bowl\nProduct: 2\n" in shown
    assert "2/2  Quantity\n  Whole number, from 1 to 20.\nQuantity [1]: 3\n" in shown
    assert "Your answers\n  1  Product   Bowl\n  2  Quantity  3\nIs this right?" in shown


def test_what_is_asked_and_why_stands_above_the_questions() -> None:
    _, shown = talk(
        ORDER, instructions="Up to twenty of **one** kind.", process="order_product", lane="Customer", loop="2 of 5"
    )
    lines = shown.splitlines()
    assert lines[1].startswith("── Select Product ───")
    assert lines[2] == "Task select of order_product, for Customer, 2 of 5"
    assert lines[4] == "Up to twenty of **one** kind."
    assert "back: one step back; quit: stop here" in lines[6]


def test_without_instructions_the_description_of_the_form_says_why() -> None:
    _, shown = talk(Form("f", {"description": "About the order.", "properties": {}}))
    assert "About the order." in shown


def test_long_text_is_wrapped_and_keeps_its_lines() -> None:
    _, shown = talk(ORDER, instructions="word " * 40 + "\n\n- a list\n  - inside " + "more " * 30)
    assert max(map(len, shown.splitlines())) <= 80
    assert "\n\n- a list\n  - inside more" in shown
    assert "\n  more" in shown


@pytest.mark.parametrize("answer", ["2", "bowl", "Bowl", "bo"])
def test_a_choice_is_named_by_number_or_name(answer: str) -> None:
    assert talk(form_of("p", p=PRODUCT), answer)[0] == Answered({"p": "bowl"})


def test_choices_that_look_like_numbers_are_listed_without_numbers() -> None:
    outcome, shown = talk(form_of("p", p={"enum": [2, 4, 1]}), "2")
    assert outcome == Answered({"p": 2})
    assert "  -  2\n  -  4\n" in shown


def test_enter_takes_the_default() -> None:
    outcome, shown = talk(form_of("n", n=QUANTITY), "")
    assert outcome == Answered({"n": 1})
    assert "Quantity [1]: " in shown


def test_what_the_task_holds_already_is_the_default() -> None:
    outcome, shown = talk(ORDER, "", "", "", data={"product": "bowl", "quantity": 7})
    assert outcome == Answered({"product": "bowl", "quantity": 7})
    assert "Product [Bowl]: " in shown
    assert "Quantity [7]: " in shown


def test_a_wrong_answer_is_explained_and_asked_again() -> None:
    outcome, shown = talk(ORDER, "cup", "1", "0", "two", "2", "")
    assert outcome == Answered({"product": "mug", "quantity": 2})
    assert "  'cup' is not one of 'Mug, 350 ml', 'Bowl' (enum). Please try again.\n" in shown
    assert "  0 is less than the minimum of 1 (minimum). Please try again.\n" in shown
    assert "  'two' is not a whole number (type). Please try again.\n" in shown


def test_one_question_needs_no_look_over() -> None:
    outcome, shown = talk(form_of("n", n=QUANTITY), "4")
    assert outcome == Answered({"n": 4})
    assert "Your answers" not in shown


def test_back_goes_to_the_question_before_with_its_answer_as_the_default() -> None:
    outcome, shown = talk(ORDER, "2", "back", "", "5", "")
    assert outcome == Answered({"product": "bowl", "quantity": 5})
    assert "Product [Bowl]: " in shown


def test_back_at_the_first_question_leaves_the_task() -> None:
    assert talk(ORDER, "BACK")[0] == Back()
    assert talk(ORDER, "1", "back", "back")[0] == Back()


def test_back_while_looking_over_goes_to_the_last_question() -> None:
    assert talk(ORDER, "1", "5", "back", "6", "yes")[0] == Answered({"product": "mug", "quantity": 6})


@pytest.mark.parametrize("lines", [["quit"], ["1", "Quit"], ["1", "2", "quit"], [], ["1"], ["1", "2"]])
def test_quit_and_the_end_of_the_input_stop_anywhere(lines: list[str]) -> None:
    assert talk(ORDER, *lines)[0] == Quit()


def test_a_question_mark_helps_and_asks_again() -> None:
    outcome, shown = talk(ORDER, "?", "1", "?", "2", "?", "")
    assert outcome == Answered({"product": "mug", "quantity": 2})
    assert "Name a choice by its number, its name, or the beginning of its name." in shown
    assert "Enter alone takes what stands in brackets." in shown
    assert "The number of an answer lets you change it." in shown


def test_our_words_can_be_answers_in_quotation_marks() -> None:
    form = form_of("a", a={"type": "string"})
    assert talk(form, '"back"')[0] == Answered({"a": "back"})
    assert talk(form, '"?"')[0] == Answered({"a": "?"})
    assert talk(form, '"other"')[0] == Answered({"a": '"other"'})
    assert talk(form, '""')[0] == Answered({"a": ""})


def test_an_optional_answer_can_be_left_out_even_where_there_is_a_default() -> None:
    form = form_of(a={"type": "string", "title": "Note"}, b={"type": "integer", "default": 3})
    outcome, shown = talk(form, "", "-", "")
    assert outcome == Answered({})
    assert "Note, may be left empty" in shown
    assert "(left empty)" in shown
    assert talk(form, "x", "", "")[0] == Answered({"a": "x", "b": 3})


def test_a_required_answer_cannot_be_left_out() -> None:
    outcome, shown = talk(form_of("a", a={"type": "string", "minLength": 2}), "", "-", "ok")
    assert outcome == Answered({"a": "ok"})
    assert "An answer is needed (required). Please try again." in shown


def test_a_single_answer_can_be_changed_while_looking_over() -> None:
    assert talk(ORDER, "1", "5", "1", "2", "yes")[0] == Answered({"product": "bowl", "quantity": 5})
    assert talk(ORDER, "1", "5", "quantity", "6", "yes")[0] == Answered({"product": "mug", "quantity": 6})
    outcome, shown = talk(ORDER, "1", "5", "no", "9", "what", "2", "", "y")
    assert outcome == Answered({"product": "mug", "quantity": 5})
    assert "Which answer is to be changed?" in shown
    assert "There is no answer 9 to change." in shown


def test_yes_and_no_questions_show_how_to_answer() -> None:
    outcome, shown = talk(form_of("ok", ok={"type": "boolean", "title": "Paid", "default": True}), "maybe", "n")
    assert outcome == Answered({"ok": False})
    assert "Paid (yes/no) [yes]: " in shown


def test_several_lines_end_with_a_dot() -> None:
    form = form_of("n", n={"type": "string"}, ui={"n": {"ui:widget": "textarea"}})
    outcome, shown = talk(form, "Dear all,", "", "back", "bye", ".")
    assert outcome == Answered({"n": "Dear all,\n\nback\nbye"})
    assert "a line with a single dot ends them" in shown
    assert talk(form, "back")[0] == Back()
    assert talk(form, "unfinished")[0] == Quit()


def test_a_secret_is_never_shown() -> None:
    form = form_of("pin", "n", pin={"type": "string", "format": "password", "pattern": "^[0-9]+$"}, n=QUANTITY)
    outcome, shown = talk(form, "letmein", "1234", "2", "1", "", "yes", data={"pin": "5678"})
    assert outcome == Answered({"pin": "1234", "n": 2})
    assert "(not shown)" in shown
    for secret in ("letmein", "1234", "5678"):
        assert secret not in shown


CONDITIONAL = Form(
    "f",
    {
        "properties": {"ship": {"type": "boolean"}, "gift": {"type": "boolean"}},
        "required": ["ship", "gift"],
        "if": {"properties": {"ship": {"const": True}}},
        "then": {"properties": {"street": {"type": "string"}}, "required": ["street"]},
    },
)


def test_conditional_questions_come_and_go_with_the_answers() -> None:
    assert talk(CONDITIONAL, "yes", "no", "Main St", "")[0] == Answered(
        {"ship": True, "gift": False, "street": "Main St"}
    )
    assert talk(CONDITIONAL, "no", "no", "")[0] == Answered({"ship": False, "gift": False})
    outcome, _ = talk(CONDITIONAL, "yes", "no", "Main St", "1", "no", "")
    assert outcome == Answered({"ship": False, "gift": False})


ITEMS = {
    "type": "array",
    "title": "Items",
    "minItems": 1,
    "items": {"type": "object", "properties": {"sku": {"type": "string", "title": "Article"}}, "required": ["sku"]},
}


def test_a_list_of_objects_is_asked_entry_by_entry() -> None:
    outcome, shown = talk(form_of("items", items=ITEMS), "0", "2", "a", "b", "")
    assert outcome == Answered({"items": [{"sku": "a"}, {"sku": "b"}]})
    assert "Too few entries: 0 of at least 1 (minItems)" in shown
    assert "Article (2 of 2): b" in shown


def test_going_back_passes_over_entries_that_are_gone() -> None:
    form = form_of("items", "n", items=ITEMS, n=QUANTITY)
    outcome, _ = talk(form, "2", "a", "b", "5", "1", "1", "back", "1", "yes")
    assert outcome == Answered({"items": [{"sku": "a"}], "n": 5})


def test_answers_that_do_not_fit_together_are_explained_and_asked_again() -> None:
    schema = {
        "properties": {"low": {"type": "integer"}, "high": {"type": "integer"}},
        "required": ["low", "high"],
        "anyOf": [{"properties": {"high": {"minimum": 10}}}, {"properties": {"low": {"maximum": 9}}}],
    }
    outcome, shown = talk(Form("f", schema), "12", "5", "yes", "15", "yes")
    assert outcome == Answered({"low": 12, "high": 15})
    reason = "high: none of the alternatives fits; the nearest one says: 5 is less than the minimum of 10 (anyOf)."
    assert f"Task 'Select Product': {reason}" in " ".join(shown.split())


def test_a_limit_that_depends_on_another_answer_is_checked_at_once() -> None:
    schema = {
        "properties": {"low": {"type": "integer"}, "high": {"type": "integer"}},
        "required": ["low", "high"],
        "if": {"properties": {"low": {"minimum": 10}}},
        "then": {"properties": {"high": {"minimum": 10}}},
    }
    outcome, shown = talk(Form("f", schema), "12", "5", "15", "yes")
    assert outcome == Answered({"low": 12, "high": 15})
    assert "5 is less than the minimum of 10 (minimum)" in shown


def test_a_fault_of_no_single_answer_lets_the_person_change_any() -> None:
    form = Form("f", {"properties": {"a": {"type": "string"}}, "minProperties": 1})
    outcome, shown = talk(form, "", "1", "x", "yes")
    assert outcome == Answered({"a": "x"})
    assert "too few fields: 0 of at least 1 (minProperties)" in shown


def test_a_task_without_a_form_is_done_with_enter_or_gets_data() -> None:
    assert talk(None, "")[0] == Answered({})
    assert talk(None, "yes")[0] == Answered({})
    outcome, shown = talk(None, "?", "[1]", "done", '{"a": 1}')
    assert outcome == Answered({"a": 1})
    assert "This is JSON, but not an object (type). Please try again." in shown
    assert "A JSON object is added to the data." in shown
    assert talk(None, "back")[0] == Back()
    assert talk(None, "quit")[0] == Quit()
    assert talk(None)[0] == Quit()


def test_a_form_without_questions_is_only_confirmed() -> None:
    form = form_of(kind={"const": "order"})
    assert talk(form, "?", "")[0] == Answered({"kind": "order"})
    assert talk(form, "quit")[0] == Quit()


def test_nothing_from_a_model_reaches_the_terminal_raw() -> None:
    evil = "\x1b[2J\x07evil\u202e"
    rule = {"title": evil, "description": evil, "oneOf": [{"const": evil, "title": evil}, {"const": "b", "title": "b"}]}
    form = form_of("a", "n", a=rule, n=QUANTITY, ui={"a": {"ui:placeholder": evil}})
    _, shown = talk(form, evil, "1", "1", "what", name=evil, id=evil, lane=evil, process=evil, instructions=evil)
    assert "evil" in shown
    assert not any(character in shown for character in "\x1b\x07\u202e")


def test_the_whole_tutorial_form_can_be_talked_through(tutorial: Path) -> None:
    folder = tutorial / "forms"
    form = read_form(
        "address",
        (folder / "enter_shipping_address.json").read_bytes(),
        (folder / "enter_shipping_address_ui.json").read_bytes(),
    )
    outcome, shown = talk(form, "Ada", "Main St 1", "12", "1234", "Paris", "Ring", "twice.", ".", "yes")
    assert isinstance(outcome, Answered)
    assert outcome.answers == {
        "recipient": "Ada",
        "street": "Main St 1",
        "postcode": "1234",
        "city": "Paris",
        "delivery_note": "Ring\ntwice.",
    }
    assert "'12' does not match the pattern" in shown
    assert max(map(len, shown.splitlines())) <= 80
