from __future__ import annotations

import json

import pytest

from spiffcli.errors import AnswerError
from spiffcli.forms import AnswerSource, parse_answers
from spiffcli.forms.answer_file import Unused


def source(**answers: object) -> AnswerSource:
    return parse_answers(json.dumps(answers).encode(), "answers.json")


def test_answers_are_found_by_id_and_by_name() -> None:
    answers = source(select_product={"product": "mug"}, **{"Review Order": {"ok": True}})
    assert answers.next_for("select_product", "Select Product") == {"product": "mug"}
    assert answers.next_for("review_order", "Review Order") == {"ok": True}
    assert answers.next_for("pay", "Pay") is None
    assert answers.next_for("pay", None) is None


def test_the_id_comes_before_the_name() -> None:
    answers = source(pay={"by": "id"}, Pay={"by": "name"})
    assert answers.next_for("pay", "Pay") == {"by": "id"}
    assert answers.unused() == [Unused("Pay", 1)]


def test_a_list_is_given_out_one_after_the_other() -> None:
    answers = source(colour=[{"n": 1}, {"n": 2}])
    assert [answers.next_for("colour", None) for _ in range(2)] == [{"n": 1}, {"n": 2}]
    with pytest.raises(
        AnswerError, match=r"Task 'colour' came up again, but answers\.json answers it only 2 times"
    ) as caught:
        answers.next_for("colour", None)
    assert caught.value.data["task"] == "colour"
    assert caught.value.hint is not None


def test_a_single_object_answers_once() -> None:
    answers = source(colour={"n": 1})
    answers.next_for("colour", None)
    with pytest.raises(AnswerError, match="answers it only once"):
        answers.next_for("colour", None)


def test_an_empty_list_answers_never() -> None:
    with pytest.raises(AnswerError, match="answers it only 0 times"):
        source(colour=[]).next_for("colour", None)


def test_taking_answers_that_are_missing_names_the_task_and_what_there_is() -> None:
    with pytest.raises(AnswerError) as caught:
        source(a={}, b={}).take("pay_bill", "Pay the bill")
    assert caught.value.message == "Missing answers for task 'Pay the bill' (pay_bill) in answers.json."
    assert caught.value.hint == "Add \"pay_bill\": {...} to the file; it holds answers for 'a', 'b'."
    assert source(a={"x": 1}).take("a", None) == {"x": 1}


def test_what_nobody_asked_for_is_listed() -> None:
    answers = source(a={}, b=[{}, {}, {}], c=[])
    answers.next_for("b", None)
    assert answers.unused() == [Unused("a", 1), Unused("b", 2)]


def test_broken_json_is_reported_with_line_and_column() -> None:
    with pytest.raises(
        AnswerError, match=r"file of answers a\.json is not valid JSON: .* at line 2, column 8"
    ) as caught:
        parse_answers(b'{\n"pay": oops}', "a.json")
    assert (caught.value.file, caught.value.line, caught.value.data["column"]) == ("a.json", 2, 8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", r"The file of answers a\.json is not a JSON object"),
        (b'{"pay": 3}', r"In a\.json, the answer for task 'pay' is not a JSON object but 3"),
        (b'{"pay": [{}, "x"]}', r"In a\.json, answer 2 for task 'pay' is not a JSON object but 'x'"),
        (b'{"pay": {}, "pay": {}}', "the key 'pay' stands twice"),
        (b"", "not valid JSON"),
        (b'{"pay": {"n": Infinity}}', "Infinity is not a JSON value"),
    ],
)
def test_a_file_of_another_shape_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(AnswerError, match=message) as caught:
        parse_answers(content, "a.json")
    assert caught.value.exit_code == 2
