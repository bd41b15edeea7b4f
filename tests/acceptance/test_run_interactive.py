"""Running with a person at a real terminal: questions, choices, reasons, back, quit, steps and the summary."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

pytest.importorskip("pty", reason="the system has no pseudo-terminals")

from .commands import Cli
from .terminals import Terminal

Begin: TypeAlias = Callable[..., Terminal]


@pytest.fixture
def shop(cli: Cli) -> Cli:
    cli.add("order_product", "gateway_types.bpmn", "product_prices.dmn", "shipping_costs.dmn")
    return cli


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Begins a command in a terminal; what is still there at the end of the test is killed."""
    begun: list[Terminal] = []

    def begin(cli: Cli, *arguments: str) -> Terminal:
        begun.append(Terminal(cli, *arguments))
        return begun[-1]

    yield begin
    for terminal in begun:
        terminal.kill()


def only(cli: Cli) -> dict[str, Any]:
    (row,) = cli.document("list_instances")["instances"]
    return dict(row)


def select_product(terminal: Terminal, product: str = "mug") -> None:
    terminal.say("Product: ", product)
    terminal.say("Quantity [1]: ", "2")
    terminal.say("Is this right? ", "")


def test_an_order_is_asked_from_its_first_question_to_its_last(shop: Cli, begin: Begin) -> None:
    terminal = begin(shop, "run", "-s", "order_product")
    asked = terminal.say("Product: ", "cup")
    assert "── Select Product and Quantity ─" in asked
    assert "What would you like to order?" in asked
    assert "  2  Bowl, 18 cm across\n" in asked
    assert "'cup' is not one of" in terminal.say("Product: ", "2")
    terminal.say("Quantity [1]: ", "0")
    assert "0 is less than the minimum of 1 (minimum)." in terminal.say("Quantity [1]: ", "back")
    terminal.say("Product [Bowl, 18 cm across]: ", "")
    terminal.say("Quantity [1]: ", "3")
    assert "  2  Quantity  3\n" in terminal.say("Is this right? ", "yes")
    assert "Your **bowl** is glazed" in terminal.say("Colour of the glaze [white]: ", "sea")
    asked = terminal.say("Which one? [1; or quit]: ", "enter")
    assert "2 tasks are open\n  1  Select Shipping Method\n  2  Enter Shipping Address\n" in asked
    terminal.say("Recipient: ", "Ada")
    terminal.say("Street and number: ", "1 Kiln Lane")
    terminal.say("Postcode: ", "?")
    assert "Type the answer and press Enter." in terminal.say("Postcode: ", "AB1 2CD")
    terminal.say("City: ", "London")
    terminal.say("Note for the driver: ", "-")
    terminal.say("Is this right? ", "")
    terminal.say("Shipping method [Parcel, three to five days]: ", "express")
    assert "- 3 × bowl in sea green at € 24.00\n" in terminal.say("Done? [", "")
    summary = terminal.wait_for("order_total      84.75")
    assert "has completed." in summary
    assert "Ran\n  Select Product and Quantity\n" in summary
    assert terminal.end() == 0
    row = only(shop)
    assert row["state"] == "completed"
    data = shop.document("show", "-w", row["id"])["data"]
    assert (data["product"], data["quantity"], data["colour"], data["recipient"]) == ("bowl", 3, "sea green", "Ada")
    assert "delivery_note" not in data


def test_whoever_quits_can_continue_where_they_were(shop: Cli, begin: Begin) -> None:
    terminal = begin(shop, "run", "-s", "order_product")
    select_product(terminal)
    terminal.say("Colour of the glaze [", "quit")
    id = only(shop)["id"]
    terminal.wait_for(f"Continue with: runner run -w {id}")
    assert terminal.end() == 1

    terminal = begin(shop, "run", "-w", id, "-a")
    terminal.say("Colour of the glaze [", "back")
    terminal.wait_for("This is the only open task")
    terminal.say("Colour of the glaze [", "\x04")
    assert terminal.end() == 0
    assert [task["id"] for task in only(shop)["active"]] == ["select_colour"]


def test_ctrl_c_at_a_question_keeps_what_was_completed(shop: Cli, begin: Begin) -> None:
    terminal = begin(shop, "run", "-s", "order_product")
    select_product(terminal)
    terminal.wait_for("Colour of the glaze [")
    terminal.interrupt()
    id = only(shop)["id"]
    terminal.wait_for(f"Continue with: runner run -w {id}")
    assert terminal.end() == 130
    assert "Traceback" not in terminal.shown
    assert [task["id"] for task in only(shop)["active"]] == ["select_colour"]
    shop.check()


def test_nobody_is_locked_out_while_a_person_thinks(shop: Cli, begin: Begin) -> None:
    terminal = begin(shop, "run", "-s", "order_product")
    select_product(terminal)
    terminal.wait_for("Colour of the glaze [")
    id = only(shop)["id"]
    shop.ok("complete", "-w", id, "-t", "Select Colour", "--data", '{"colour": "white"}')
    terminal.type("sand\n")
    shown = terminal.wait_for("Which one? ")
    assert "Task 'Select Colour' is COMPLETED, not READY" in shown
    terminal.type("quit\n")
    assert terminal.end() == 1
    look = shop.document("tasks", "-w", id)
    assert sorted(task["id"] for task in look["tasks"]) == ["enter_shipping_address", "select_shipping_method"]
    assert look["tasks"][0]["data"]["colour"] == "white"


def test_a_choice_of_tasks_takes_numbers_and_names_and_explains_itself(shop: Cli, begin: Begin) -> None:
    shop.write("a.json", json.dumps({"select_product_and_quantity": {"product": "plate", "quantity": 1}}))
    id = shop.document("run", "-s", "order_product", "-a", "--answers", "a.json")["instance"]
    terminal = begin(shop, "run", "-w", id)
    for answer, advice in (
        ("9", "Type the number or the name of one of these tasks."),
        ("?", "quit stops here"),
        ("back", "There is nothing to go back to"),
    ):
        terminal.say("Which one? ", answer)
        terminal.wait_for(advice)
    terminal.say("Which one? ", "Select Shipping")
    terminal.say("Shipping method [", "back")
    terminal.say("Which one? ", "2")
    terminal.wait_for("Recipient: ")
    assert len(shop.document("tasks", "-w", id)["tasks"]) == 2


def test_step_by_step_each_task_is_shown_before_the_next_runs(shop: Cli, begin: Begin) -> None:
    terminal = begin(shop, "run", "-s", "order_product", "--step")
    assert "Ran Order started (start event, order_started)" in terminal.say("[Enter: go on; ", "")
    select_product(terminal)
    assert "Ran Look Up Product Price (business rule task" in terminal.say("[Enter: go on; ", "quit")
    terminal.wait_for("Continue with: ")
    assert terminal.end() == 1
    row = only(shop)
    assert shop.document("show", "-w", row["id"])["data"]["unit_price"] == 18.5

    terminal = begin(shop, "run", "-w", row["id"], "--step", "-a")
    assert "Ran Comes in colours? (exclusive gateway" in terminal.say("[Enter: go on; ", "all")
    terminal.say("Colour of the glaze [", "quit")
    assert terminal.end() == 0


def test_a_manual_task_is_done_with_enter(cli: Cli, begin: Begin) -> None:
    cli.add("mix_glaze", "data_objects.bpmn")
    cli.write("a.json", '{"choose_glaze": {"glaze": "shino", "litres": 2}}')
    id = cli.document("run", "-s", "mix_glaze", "-a", "--answers", "a.json")["instance"]
    terminal = begin(cli, "complete", "-w", id, "-t", "Stir and Sieve")
    asked = terminal.say("Done? [", "")
    assert "Stir and Sieve" in asked
    terminal.wait_for("has completed.")
    assert terminal.end() == 0


def test_completing_asks_the_form_and_nothing_happens_if_the_person_goes_away(cli: Cli, begin: Begin) -> None:
    cli.add("mix_glaze", "data_objects.bpmn")
    id = cli.document("run", "-s", "mix_glaze", "-a")["instance"]
    terminal = begin(cli, "complete", "-w", id, "-t", "choose_glaze")
    terminal.say("Glaze", "quit")
    terminal.wait_for("Nothing was completed.")
    assert terminal.end() == 1
    terminal = begin(cli, "complete", "-w", id, "-t", "choose_glaze")
    terminal.say("Glaze: ", "celadon")
    terminal.say("]: ", "")
    terminal.say("Is this right? ", "")
    terminal.wait_for("Stir and Sieve")
    assert terminal.end() == 0


def test_an_error_on_the_way_is_told_and_the_instance_kept(cli: Cli, begin: Begin) -> None:
    model = (cli.tutorial / "task_types.bpmn").read_text().replace("quantity * unit_price", "quantity * unit_prize")
    assert "unit_prize" in model
    forms = sorted((cli.tutorial / "forms").glob("select_product*.json"))
    files = ("-b", cli.write("typo.bpmn", model), "-d", cli.tutorial / "product_prices.dmn", "-f", *forms)
    cli.ok("add", "-p", "order_product", *files)
    terminal = begin(cli, "run", "-s", "order_product")
    select_product(terminal)
    terminal.wait_for("Script task 'Calculate Order Total' failed: NameError: name 'unit_prize' is not defined")
    terminal.wait_for("Then run: runner retry -w ")
    assert terminal.end() == 1
    assert only(cli)["state"] == "error"


def test_deleting_what_runs_asks_first(shop: Cli, begin: Begin) -> None:
    id = shop.document("run", "-s", "order_product", "-a")["instance"]
    terminal = begin(shop, "delete", "-w", id)
    terminal.say(f"Instance {id} of order_product@1 is running. Delete it? [y/N]: ", "n")
    terminal.wait_for("Nothing was deleted.")
    assert terminal.end() == 1
    terminal = begin(shop, "delete", "-w", id)
    terminal.say("Delete it? [y/N]: ", "y")
    assert terminal.end() == 0
    assert shop.document("list_instances")["instances"] == []
