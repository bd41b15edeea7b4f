"""Running from a script: answers that fit, that do not, that are missing, and what the exit codes say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .commands import Cli, Result

PRODUCT = {"product": "mug", "quantity": 2}
ANSWERS = {"select_product_and_quantity": PRODUCT, "review_order": {}}


@pytest.fixture
def shop(cli: Cli) -> Cli:
    cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    return cli


def answered(cli: Cli, answers: Any, *more: str) -> Result:
    cli.write("answers.json", answers if isinstance(answers, str) else json.dumps(answers))
    return cli("run", "-s", "order_product", "--answers", "answers.json", *more)


def only(cli: Cli) -> dict[str, Any]:
    """The only instance in the store."""
    (row,) = cli.document("list_instances")["instances"]
    return dict(row)


def test_without_answers_it_stops_at_the_first_human_task(shop: Cli) -> None:
    stopped = shop.fails(1, "run", "-s", "order_product")
    assert "  Select Product and Quantity  user task" in stopped.lines()
    assert stopped.stderr == f"Continue with: runner run -w {only(shop)['id']}\n"
    assert shop.ok("run", "-w", only(shop)["id"][:8], "-a").stdout == stopped.stdout
    shop.fails(1, "run", "-w", only(shop)["id"])


def test_a_wrong_answer_names_task_field_and_rule_and_the_instance_waits_as_before(shop: Cli) -> None:
    refused = answered(shop, {"select_product_and_quantity": {"product": "mug", "quantity": 0}})
    row = only(shop)
    assert refused.code == 2
    assert refused.stderr == (
        "Error: Task 'Select Product and Quantity': quantity: 0 is less than the minimum of 1 (minimum).\n"
        f"The instance is saved; continue with: runner run -w {row['id']}\n"
    )
    assert refused.stdout == ""
    assert [task["id"] for task in row["active"]] == ["select_product_and_quantity"]

    error = answered(shop, {"select_product_and_quantity": {"product": "cup"}}, "--format", "json").error()
    assert (error["type"], error["task"], error["field"], error["rule"]) == (
        "answer",
        "Select Product and Quantity",
        "product",
        "oneOf",
    )
    assert error["instance"] in [each["id"] for each in shop.document("list_instances")["instances"]]


def test_a_missing_answer_names_the_task_and_what_was_answered_before_counts(shop: Cli) -> None:
    refused = answered(shop, {"select_product_and_quantity": PRODUCT})
    row = only(shop)
    assert refused.code == 2
    assert "Missing answers for task 'Review Order' (review_order) in answers.json." in refused.stderr
    assert f"runner run -w {row['id']}" in refused.stderr
    assert [task["id"] for task in row["active"]] == ["review_order"]
    shop.write("rest.json", '{"Review Order": {}}')
    assert shop.document("run", "-w", row["id"], "--answers", "rest.json")["state"] == "completed"


def test_with_active_ok_answers_may_go_half_of_the_way(shop: Cli) -> None:
    left = json.loads(answered(shop, {"select_product_and_quantity": PRODUCT}, "-a", "--format", "json").stdout)
    assert (left["state"], [task["id"] for task in left["tasks"]]) == ("running", ["review_order"])
    assert left["data"]["order_total"] == 37.0


def test_a_task_that_comes_up_more_often_than_it_is_answered_is_told(cli: Cli) -> None:
    cli.add("handle_return", "lanes.bpmn")
    answers = {
        "describe_damage": [{"damage": "broken"}],
        "judge_claim": [{"verdict": "ask again", "question": "Where?"}],
    }
    cli.write("answers.json", json.dumps(answers))
    refused = cli.fails(2, "run", "-s", "handle_return", "--answers", "answers.json")
    assert "Task 'describe_damage' came up again, but answers.json answers it only once." in refused.stderr


def test_answers_nobody_asked_for_are_told(shop: Cli) -> None:
    ran = answered(shop, ANSWERS | {"select_colour": {"colour": "red"}, "review_order": [{}, {}]})
    assert ran.code == 0
    assert ran.stderr == (
        "Warning: answers.json: 1 answer for 'review_order' not used, as nobody asked.\n"
        "Warning: answers.json: 1 answer for 'select_colour' not used, as nobody asked.\n"
    )


@pytest.mark.one_store
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "answers.json:1:"),
        ("[]", "is not a JSON object"),
        ('{"review_order": 3}', "the answer for task 'review_order' is not a JSON object but 3"),
    ],
)
def test_a_file_of_answers_that_cannot_be_read_starts_nothing(shop: Cli, content: str, message: str) -> None:
    refused = answered(shop, content)
    assert (refused.code, message in refused.stderr) == (2, True), refused.stderr
    assert shop.document("list_instances")["instances"] == []


@pytest.mark.one_store
def test_a_file_of_answers_that_is_missing_starts_nothing(shop: Cli) -> None:
    assert (
        "There is no file: nowhere.json"
        in shop.fails(2, "run", "-s", "order_product", "--answers", "nowhere.json").stderr
    )
    assert shop.document("list_instances")["instances"] == []


@pytest.mark.one_store
def test_answers_can_come_from_the_environment(shop: Cli) -> None:
    shop.write("answers.json", json.dumps(ANSWERS))
    ran = shop.document("run", "-s", "order_product", env={"RUNNER_ANSWERS": "answers.json"})
    assert ran["state"] == "completed"


def test_data_and_a_business_id_are_given_at_the_start(shop: Cli) -> None:
    shop.ok("run", "-s", "order_product", "-a", "--id", "A-17", "--data", '{"customer": "Ada"}')
    assert only(shop)["natural_id"] == "A-17"
    assert shop.document("show", "-w", "A-17")["data"] == {"customer": "Ada"}
    twice = shop.fails(1, "run", "-s", "order_product", "-a", "--id", "A-17")
    assert "with the natural id 'A-17' already" in twice.stderr
    assert len(shop.document("list_instances")["instances"]) == 1


@pytest.mark.one_store
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Say what to start with -s REF, or what to continue with -w WF."),
        (("-s", "order_product", "-w", "x"), "Say what to start with -s REF"),
        (("-w", "x", "--data", "{}"), "--data and --id are for new instances"),
        (("-s", "order_product", "--data", "[1]"), "--data must be a JSON object"),
        (("-s", "order_product", "--data", "{"), "not valid JSON"),
        (("-s", "nothing"), "nothing"),
        (("-w", "nothing"), "There is no instance 'nothing'."),
        (("-s", "order_product@7"), "order_product"),
    ],
)
def test_wrong_usage_is_explained(shop: Cli, arguments: tuple[str, ...], message: str) -> None:
    assert message in shop.fails(2, "run", *arguments).stderr
    assert shop.document("list_instances")["instances"] == []


def test_a_suspended_spec_starts_nothing_and_says_so(shop: Cli) -> None:
    shop.ok("suspend", "order_product")
    assert "suspended" in shop.fails(1, "run", "-s", "order_product", "-a").stderr


def test_a_form_that_is_missing_is_an_error_when_its_task_is_reached(cli: Cli) -> None:
    model = (cli.tutorial / "data_objects.bpmn").read_text()
    added = cli.ok("add", "-p", "mix_glaze", "-b", cli.write("mix.bpmn", model))
    assert "choose_glaze.json" in added.stderr
    waiting = cli.document("run", "-s", "mix_glaze", "-a")
    complete = (
        "complete",
        "-w",
        waiting["instance"],
        "-t",
        "choose_glaze",
        "--data",
        '{"glaze": "shino", "litres": 1}',
    )
    refused = cli.fails(2, *complete)
    assert "mix.bpmn: Task 'Choose Glaze' needs the form 'choose_glaze.json', which was never added." in refused.stderr

    for name in ("choose_glaze.json", "choose_glaze_ui.json"):
        cli.write(f"forms/{name}", (cli.tutorial / "forms" / name).read_text())
    cli.ok("add", "-p", "mix_glaze", "-b", "mix.bpmn")
    assert [task["id"] for task in cli.document(*complete)["tasks"]] == ["stir_and_sieve"]


def test_every_step_is_shown_and_saved(shop: Cli) -> None:
    shop.write("answers.json", json.dumps(ANSWERS))
    ran = shop.ok("run", "-s", "order_product", "--answers", "answers.json", "--step")
    assert ran.stderr.splitlines()[:3] == [
        "Ran Order started (start event, order_started)",
        "Ran Look Up Product Price (business rule task, look_up_product_price)",
        "Ran Calculate Order Total (script task, calculate_order_total)",
    ]
    assert only(shop)["revision"] > 6


@pytest.mark.one_store
def test_text_of_a_model_never_reaches_the_terminal_raw(cli: Cli) -> None:
    model = (
        (cli.tutorial / "task_types.bpmn")
        .read_text()
        .replace('name="Review Order"', 'name="Review&#x9;\u202eOrder&#x85;"')
    )
    cli.ok("add", "-p", "order_product", "-b", cli.write("evil.bpmn", model), "-d", cli.tutorial / "product_prices.dmn")
    data = json.dumps({"evil\x1b[31m": "red\x1b[2J\x07", "list": ["\x9b1m"]})
    shown = cli("run", "-s", "order_product", "-a", "--data", data).stdout
    answered(cli, {"select_product_and_quantity": PRODUCT}, "-a")
    for row in cli.document("list_instances")["instances"]:
        for command in (("show", "-w", row["id"]), ("-v", "show", "-w", row["id"]), ("history", "-w", row["id"])):
            shown += cli.ok(*command).stdout
            shown += cli.ok(*command, "--format", "json").stdout
        shown += cli("tasks", "-w", row["id"]).stdout
    shown += cli.ok("list_instances").stdout
    assert not set(shown) & set("\x1b\x07\x9b\x85\u202e\t"), [line for line in shown.splitlines() if "\x1b" in line]


def test_secret_answers_are_not_shown(cli: Cli) -> None:
    form = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "pin": {"type": "string", "format": "password", "minLength": 4}},
        "required": ["name", "pin"],
    }
    cli.write("login.json", json.dumps(form))
    model = (cli.tutorial / "data_objects.bpmn").read_text().replace("choose_glaze.json", "login.json")
    model = model.replace("choose_glaze_ui.json", "login.json")
    cli.ok("add", "-p", "mix_glaze", "-b", cli.write("login.bpmn", model))
    waiting = cli.document("run", "-s", "mix_glaze", "-a", "--data", '{"glaze": "shino", "litres": 1}')
    complete = ("complete", "-w", waiting["instance"], "-t", "choose_glaze", "--data")
    refused = cli.fails(2, *complete, '{"name": "Ada", "pin": "s3c"}')
    assert "s3c" not in refused.stderr
    shown = cli.ok(*complete, '{"name": "Ada", "pin": "s3cret"}').stdout
    shown += cli.ok("show", "-w", waiting["instance"]).stdout + cli.ok("history", "-w", waiting["instance"]).stdout
    assert "s3cret" not in shown
    assert "(not shown)" in shown
