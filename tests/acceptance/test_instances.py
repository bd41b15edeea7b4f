"""Looking at instances, and ending them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from .commands import Cli

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"

#: The commit of the sample models, where the tests run in a checkout.
COMMIT = "( +[0-9a-f]{12}( with changes)?)?"


@pytest.fixture
def shop(cli: Cli) -> Cli:
    cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    return cli


def start(cli: Cli, *arguments: str, ref: str = "order_product") -> str:
    id: str = cli.document("run", "-s", ref, "-a", *arguments)["instance"]
    return id


def finished(cli: Cli) -> str:
    cli.write("a.json", json.dumps({"select_product_and_quantity": {"product": "mug"}, "review_order": {}}))
    return start(cli, "--answers", "a.json")


def ids(cli: Cli, *arguments: str) -> list[str]:
    return [each["id"] for each in cli.document("list_instances", *arguments)["instances"]]


def test_instances_are_listed_oldest_first_with_where_they_wait(shop: Cli) -> None:
    open_one, done = start(shop), finished(shop)
    first, second = shop.ok("list_instances").lines()
    assert re.fullmatch(
        f"{open_one}  order_product@1  {TIME}  {TIME}  running    Select Product and Quantity{COMMIT}", first
    ), first
    assert re.fullmatch(f"{done}  order_product@1  {TIME}  {TIME}  completed\\s+{COMMIT}", second), second
    assert shop.document("list-instances")["instances"][1]["ended"] is not None


def test_lists_can_be_narrowed_down(shop: Cli) -> None:
    old, done = start(shop), finished(shop)
    shop.add("order_product", "gateway_types.bpmn", "product_prices.dmn", "shipping_costs.dmn")
    new = start(shop)
    shop.add("mix_glaze", "data_objects.bpmn")
    other = start(shop, ref="mix_glaze")
    spec = shop.document("show", "-w", new)["instance"]["spec"]
    assert ids(shop) == [old, done, new, other]
    assert ids(shop, "order_product") == [old, done, new]
    assert ids(shop, "order_product@1") == [old, done]
    assert ids(shop, spec[:13]) == [new]
    assert ids(shop, "order_product", "--older-than", "2", "--state", "running") == [old]
    assert ids(shop, "--state", "completed", "--state", "error") == [done]
    assert ids(shop, "--waiting-at", "select_product_and_quantity") == [old, new]
    assert ids(shop, "--waiting-at", "Choose Glaze") == [other]
    assert ids(shop, "--waiting-at", "nowhere") == []
    assert "There are no such instances." in shop.ok("list_instances", "--state", "error").stderr
    assert "order_produkt" in shop.fails(2, "list_instances", "order_produkt").stderr


@pytest.mark.one_store
def test_listing_imports_no_engine(shop: Cli) -> None:
    start(shop)
    code = (
        "import sys; from spiffcli.cli.main import run; run(['list_instances']); "
        "heavy = {'SpiffWorkflow', 'lxml', 'jinja2', 'jsonschema', 'pydantic_monty', 'git'}; "
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=shop.folder,
        env=shop.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Select Product and Quantity" in done.stdout


def test_an_instance_is_shown_with_tasks_data_and_what_it_waits_for(cli: Cli) -> None:
    cli.add("reorder_clay", "messages_and_signals.bpmn")
    id = start(cli, "--id", "clay-7", ref="reorder_clay")
    answers = {"order_number": "C-7", "clay": "porcelain", "kilos": 20}
    cli.ok("complete", "-w", id, "-t", "choose_clay", "--data", json.dumps(answers))
    shown = cli.ok("show", "-w", "clay-7")
    text = re.sub("  commit .*\n", "", re.sub(TIME, "TIME", shown.stdout))
    assert text == (
        f"reorder_clay@1  {id}\n"
        "  state       running\n"
        "  started     TIME by ada\n"
        "  updated     TIME, revision 3\n"
        "  natural id  clay-7\n"
        "\n"
        "Tasks\n"
        "  COMPLETED  Clay is low      clay_low         start event\n"
        "  COMPLETED  Choose Clay      choose_clay      user task\n"
        "  COMPLETED  Send Order       send_clay_order  send task\n"
        "  WAITING    Order confirmed  clay_confirmed   intermediate catch event\n"
        "\n"
        "Waits for\n"
        "  Order confirmed  message clay_confirmation with clay_order_number = C-7\n"
        "\n"
        "Data\n"
        "  order_number  C-7\n"
        "  clay          porcelain\n"
        "  kilos         20\n"
    )
    assert "EndJoin" in cli.ok("-v", "show", "-w", id).stdout
    document = cli.document("show", "-w", id)
    assert document["waits_for"] == [
        {
            "kind": "message",
            "name": "clay_confirmation",
            "task": document["tasks"][-1]["task"],
            "element": "clay_confirmed",
            "correlation": {"clay_order_number": "C-7"},
            "due": None,
        }
    ]


def test_called_processes_are_shown_inside_the_task_that_calls_them(cli: Cli) -> None:
    cli.add("order_product", "top_level.bpmn", "call_activity.bpmn", "product_prices.dmn", "shipping_costs.dmn")
    id = start(cli)
    tasks = cli.document("show", "-w", id)["tasks"]
    places = {task["id"]: (task["depth"], task["process"], task["state"]) for task in tasks}
    assert places["select_product_and_quantity"] == (1, "customize_product", "READY")
    caller = next(task for task in tasks if task["type"] == "callActivity")
    assert caller["state"] == "STARTED"
    assert {task["parent"] for task in tasks if task["depth"] == 1} == {caller["task"]}
    assert "    Select Product and Quantity" in cli.ok("show", "-w", id).stdout.partition("STARTED")[2]
    forms = cli.document("tasks", "-w", id)["tasks"]
    assert [task["form"] for task in forms] == ["select_product_and_quantity.json"]


def test_data_objects_are_shown_apart(cli: Cli) -> None:
    cli.add("mix_glaze", "data_objects.bpmn")
    id = start(cli, ref="mix_glaze")
    cli.ok("complete", "-w", id, "-t", "choose_glaze", "--data", '{"glaze": "celadon", "litres": 5}')
    document = cli.document("show", "-w", id)
    assert "batch" in document["data_objects"]
    assert "batch" not in cli.document("complete", "-w", id, "-t", "stir_and_sieve")["data"]
    assert "Data objects\n" in cli.ok("show", "-w", id).stdout


def test_the_open_tasks_are_listed_with_lane_and_progress(cli: Cli) -> None:
    cli.add("pack_large_order", "multi_instance.bpmn")
    id = start(cli, ref="pack_large_order")
    lines = cli.ok("tasks", "-w", id).lines()
    assert len(lines) == 3
    assert re.fullmatch(r"[0-9a-f-]{36}  pack_box  Pack Box  READY  user task  1 of 3", lines[0]), lines[0]
    everything = cli.document("tasks", "-w", id, "--all")["tasks"]
    assert {task["state"] for task in everything} == {"COMPLETED", "STARTED", "READY"} or len(everything) > 3
    cli.add("handle_return", "lanes.bpmn")
    other = start(cli, ref="handle_return")
    (task,) = cli.document("tasks", "-w", other)["tasks"]
    assert task["lane"]
    assert task["lane"] in cli.ok("tasks", "-w", other).stdout


def test_several_boxes_are_told_apart_by_their_task_ids(cli: Cli) -> None:
    cli.add("pack_large_order", "multi_instance.bpmn")
    id = start(cli, ref="pack_large_order")
    refused = cli.fails(
        2, "complete", "-w", id, "-t", "pack_box", "--data", '{"box_weight": 3}', "--format", "json"
    ).error()
    assert (refused["type"], len(refused["candidates"])) == ("ambiguous", 3)
    assert "Pack Box, 2 of 3" in refused["hint"]
    second = refused["candidates"][1]
    cli.ok("complete", "-w", id, "-t", second, "--data", '{"box_weight": 3}')
    again = cli.fails(1, "complete", "-w", id, "-t", second, "--data", '{"box_weight": 3}')
    assert "is COMPLETED, not READY" in again.stderr
    unknown = cli.fails(2, "complete", "-w", id, "-t", "unpack_box")
    assert f"Instance {id} has no task 'unpack_box'." in unknown.stderr
    assert "Open are " in unknown.stderr


def test_a_wrong_answer_completes_nothing(shop: Cli) -> None:
    id = start(shop)
    complete = ("complete", "-w", id, "-t", "select_product_and_quantity")
    assert "product: an answer is missing (required)" in shop.fails(2, *complete).stderr
    refused = shop.fails(2, *complete, "--data", '{"product": "mug", "quantity": 99}', "--format", "json").error()
    assert (refused["field"], refused["rule"]) == ("quantity", "maximum")
    shop.write("answer.json", '{"product": "mug"}')
    left = shop.document(*complete, "--data", "@answer.json")
    assert left["data"]["quantity"] == 1


def test_what_happened_is_told_in_order(shop: Cli) -> None:
    id = finished(shop)
    lines = shop.ok("history", "-w", id[:8]).lines()
    happened = [re.sub(TIME, "TIME", line) for line in lines]
    asked = "task select_product_and_quantity, name Select Product and Quantity, answers product and quantity"
    assert happened == [
        "TIME  started         ada  definition order_product@1",
        f"TIME  completed-task  ada  {asked}",
        "TIME  completed-task  ada  task review_order, name Review Order",
        "TIME  completed       ada",
    ]
    document = shop.document("history", "-w", id)
    assert [entry["what"] for entry in document["entries"]] == [line.split()[2] for line in lines]


def test_a_cancelled_instance_stays_in_the_store_and_moves_no_more(shop: Cli) -> None:
    id = start(shop)
    assert shop.ok("cancel", "-w", id, "--reason", "ordered twice").stdout == f"Instance {id} was cancelled.\n"
    assert f"Instance {id} was cancelled at " in shop.fails(1, "cancel", "-w", id).stderr
    row = shop.document("show", "-w", id)["instance"]
    assert (row["state"], row["active"], row["ended"] is not None) == ("cancelled", [], True)
    assert "reason ordered twice" in shop.ok("history", "-w", id).stdout
    assert shop.document("cancel", "-w", start(shop))["state"] == "cancelled"
    shop.check()


def test_what_has_ended_is_deleted_at_once_and_what_runs_only_with_yes(shop: Cli) -> None:
    running, done = start(shop, "--id", "A1"), finished(shop)
    refused = shop.fails(2, "delete", "-w", running)
    assert f"Instance {running} of order_product@1 is running, and there is nobody to ask." in refused.stderr
    assert shop.ok("delete", "-w", done).stdout == f"Deleted instance {done}.\n"
    assert shop.document("delete", "-w", "A1", "--yes")["instances"] == [running]
    assert ids(shop) == []
    shop.check()
    start(shop, "--id", "A1")


def test_an_instance_is_named_by_the_beginning_of_its_id_if_there_is_only_one(shop: Cli) -> None:
    many = [start(shop) for _ in range(17)]
    twice = next(id[0] for id in many if [other[0] for other in many].count(id[0]) > 1)
    refused = shop.fails(2, "show", "-w", twice, "--format", "json").error()
    assert refused["type"] == "ambiguous"
    assert sorted(refused["candidates"]) == sorted(id for id in many if id[0] == twice)
    assert "There is no instance 'zzz'." in shop.fails(2, "show", "-w", "zzz").stderr


def test_each_tenant_has_its_own_instances(shop: Cli) -> None:
    id = start(shop)
    assert shop.document("--tenant", "acme", "list_instances")["instances"] == []
    assert "There is no instance" in shop.fails(2, "--tenant", "acme", "show", "-w", id).stderr
    other = shop.document("--tenant", "acme", "run", "-s", "order_product", "-a")["instance"]
    assert ids(shop) == [id]
    assert shop.document("--tenant", "acme", "show", "-w", other)["instance"]["tenant"] == "acme"


@pytest.mark.one_store
@pytest.mark.parametrize(
    "command",
    ["run", "list_instances", "show", "tasks", "complete", "send", "tick", "retry", "cancel", "delete", "history"],
)
def test_every_command_explains_itself_with_an_example(cli: Cli, command: str) -> None:
    text = cli.ok(command, "--help").stdout
    assert f"Example: runner {command}" in text
    assert "--format" in text


@pytest.mark.one_store
def test_values_keep_their_types_and_read_well(cli: Cli) -> None:
    for module in ("shop.py", "shop_engine.py"):
        cli.write(module, (cli.root / "examples" / "custom_data" / module).read_text())
    models = [cli.tutorial / f"{name}.bpmn" for name in ("top_level_script", "call_activity_script")]
    cli.ok("-e", "shop_engine", "add", "-p", "order_product", "-b", *models)
    cli.write("a.json", '{"select_product_and_quantity": {"product": "plate"}}')
    left: dict[str, Any] = cli.document("-e", "shop_engine", "run", "-s", "order_product", "-a", "--answers", "a.json")
    info = {"title": "Plate, raw clay", "unit_price": 21.75, "colours": []}
    assert left["data"]["product_info"] == info
    shown = cli.ok("-e", "shop_engine", "show", "-w", left["instance"]).stdout
    assert '  product_info  {"title": "Plate, raw clay", "unit_price": 21.75, "colours": []}\n' in shown
    refused = cli.fails(2, "show", "-w", left["instance"])
    assert "ProductInfo" in refused.stderr
    assert "-e" in refused.stderr


def test_an_instance_that_waits_for_ever_is_told_to_be_stuck(cli: Cli) -> None:
    head = '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="urn:test">'
    ways = ["s x", "x b", "a j", "b j", "j e"]
    parts = [
        '<startEvent id="s"/><exclusiveGateway id="x" default="x_b"/><manualTask id="a"/><manualTask id="b"/>',
        '<parallelGateway id="j" name="Both"/><endEvent id="e"/>',
        '<sequenceFlow id="x_a" sourceRef="x" targetRef="a"><conditionExpression>False</conditionExpression>',
        "</sequenceFlow>",
        *(
            f'<sequenceFlow id="{source}_{target}" sourceRef="{source}" targetRef="{target}"/>'
            for source, target in map(str.split, ways)
        ),
    ]
    cli.write("m.bpmn", f'{head}<process id="p" isExecutable="true">{"".join(parts)}</process></definitions>')
    cli.ok("add", "-p", "p", "-b", "m.bpmn")
    id = start(cli, ref="p")
    assert cli.document("list_instances")["instances"][0]["stuck"] is None
    reason = "The join 'Both' waits for ever: no token can come from 'a' any more."
    assert reason in cli.ok("complete", "-w", id, "-t", "b").stdout
    assert "running, stuck" in cli.ok("list_instances").stdout
    assert cli.document("list_instances")["instances"][0]["stuck"] == reason
    assert cli.document("show", "-w", id)["instance"]["stuck"] == reason
    assert reason in cli.ok("show", "-w", id).stdout
