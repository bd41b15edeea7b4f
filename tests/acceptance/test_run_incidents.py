"""Faults of models at run time: told with file, line, element and script line, kept, and mended by a retry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .commands import Cli

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:spiffworkflow="http://spiffworkflow.org/bpmn/schema/1.0/core" id="d" targetNamespace="urn:test">'
)


def chain(cli: Cli, key: str, node: str, name: str = "") -> Path:
    """A file with one process in which `node`, called `node_1`, stands in line 3 between a start and an end."""
    lines = [
        HEAD,
        f'<process id="{key}" isExecutable="true"><startEvent id="start"/>',
        node,
        '<manualTask id="then"/><endEvent id="end"/>',
        '<sequenceFlow id="a" sourceRef="start" targetRef="node_1"/>',
        '<sequenceFlow id="b" sourceRef="node_1" targetRef="then"/>',
        '<sequenceFlow id="c" sourceRef="then" targetRef="end"/></process></definitions>',
    ]
    return cli.write(f"{name or key}.bpmn", "\n".join(lines))


def script(code: str) -> str:
    return f'<scriptTask id="node_1" name="Sum Up"><script>{code}</script></scriptTask>'


def added(cli: Cli, key: str, node: str, *options: str) -> None:
    chain(cli, key, node)
    cli.ok(*options, "add", "-p", key, "-b", f"{key}.bpmn")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("x = 1\ntotal = price * 2", "NameError: name 'price' is not defined (script line 2: total = price * 2)"),
        ("raise KeyError(5)", "KeyError: 5 (script line 1: raise KeyError(5))"),
        ("exit()", "NameError: name 'exit' is not defined (script line 1: exit())"),
        ("raise SystemExit(3)", "SystemExit"),
    ],
)
def test_a_script_error_stops_the_instance_and_a_retry_mends_it(cli: Cli, code: str, reason: str) -> None:
    added(cli, "shop", script(code))
    failed = cli.fails(1, "run", "-s", "shop")
    (row,) = cli.document("list_instances", "--state", "error")["instances"]
    first, *way_out = failed.stderr.splitlines()
    assert first.startswith("Error: shop.bpmn:3: Script task 'Sum Up' failed: ")
    assert reason in first
    assert first.endswith(" (element node_1)")
    assert way_out[-1] == f"Then run: runner retry -w {row['id']} (--data corrects the data of the task)"
    assert failed.stdout == ""

    shown = cli.document("show", "-w", row["id"])
    (incident,) = shown["incidents"]
    assert (incident["file"], incident["line"], incident["element"]) == ("shop.bpmn", 3, "node_1")
    assert incident["script_line"] == (2 if "\n" in code else 1)
    assert "shop.bpmn:3: Script task 'Sum Up' failed" in cli.ok("show", "-w", row["id"]).stdout
    assert "state error" in cli.fails(1, "run", "-w", row["id"]).stderr
    again = cli("retry", "-w", row["id"], "--data", '{"price": 2}')
    assert again.code == (0 if "price" in code else 1), again
    cli.check()


def test_an_error_is_a_json_document_with_the_instance_and_the_task(cli: Cli) -> None:
    added(cli, "shop", script("x = y"))
    error = cli.fails(1, "run", "-s", "shop", "--format", "json").error()
    assert (error["type"], error["file"], error["line"], error["element"]) == ("incident", "shop.bpmn", 3, "node_1")
    shown = cli.document("show", "-w", error["instance"])
    assert [task["task"] for task in shown["tasks"] if task["state"] == "ERROR"] == [error["task"]]


ENGINE = """
from spiffcli.engine import EngineConfig

def call(name, parameters, data):
    if not data.get("online"):
        raise ConnectionError(f"{name} does not answer")
    return {"paid": True}

engine = EngineConfig.spiff().extended(service=call)
"""


def test_a_service_that_fails_is_retried(cli: Cli) -> None:
    cli.write("bank.py", ENGINE)
    node = (
        '<serviceTask id="node_1" name="Pay"><extensionElements><spiffworkflow:serviceTaskOperator id="bank/pay" '
        'resultVariable="result"><spiffworkflow:parameters/></spiffworkflow:serviceTaskOperator>'
        "</extensionElements></serviceTask>"
    )
    added(cli, "shop", node, "-e", "bank")
    failed = cli.fails(1, "-e", "bank", "run", "-s", "shop")
    assert "shop.bpmn:3: Service task 'Pay' failed: ConnectionError: bank/pay does not answer" in failed.stderr
    (row,) = cli.document("list_instances")["instances"]
    left = cli.document("-e", "bank", "retry", "-w", row["id"], "--data", '{"online": true}')
    assert left["data"] == {"online": True, "result": {"paid": True}}


def test_an_endless_loop_is_stopped_by_the_steps_it_may_take(cli: Cli) -> None:
    lines = [
        HEAD,
        '<process id="loop" isExecutable="true"><startEvent id="start"/><endEvent id="end"/>',
        '<scriptTask id="again" name="Again"><script>n = n + 1</script></scriptTask>',
        '<exclusiveGateway id="enough" default="back"/>',
        '<sequenceFlow id="a" sourceRef="start" targetRef="again"/>',
        '<sequenceFlow id="b" sourceRef="again" targetRef="enough"/>',
        '<sequenceFlow id="back" sourceRef="enough" targetRef="again"/>',
        '<sequenceFlow id="c" sourceRef="enough" targetRef="end"><conditionExpression>done</conditionExpression>',
        "</sequenceFlow></process></definitions>",
    ]
    cli.ok("add", "-p", "loop", "-b", cli.write("loop.bpmn", "\n".join(lines)))
    failed = cli.fails(1, "run", "-s", "loop", "--data", '{"n": 0, "done": false}', "--max-steps", "300")
    assert "The instance took 300 steps without stopping" in failed.stderr
    assert "loop.bpmn:" in failed.stderr
    (row,) = cli.document("list_instances", "--state", "error")["instances"]
    cli.fails(1, "retry", "-w", row["id"], "--max-steps", "300")
    left = cli.document("retry", "-w", row["id"], "--data", '{"done": true}')
    assert left["state"] == "completed"
    cli.check()


@pytest.mark.slow
@pytest.mark.one_store
def test_an_endless_script_is_stopped_by_the_time_it_may_take(cli: Cli) -> None:
    added(cli, "shop", script("while not done:\n    pass"))
    failed = cli.fails(1, "run", "-s", "shop", "--data", '{"done": false}')
    assert "Script task 'Sum Up' failed: TimeLimit: took longer than 10 s" in failed.stderr
    (row,) = cli.document("list_instances", "--state", "error")["instances"]
    assert cli.document("retry", "-w", row["id"], "--data", '{"done": true}')["state"] == "running"


def test_a_called_process_that_is_gone_is_an_incident_until_it_is_back(cli: Cli) -> None:
    added(cli, "tax", script("tax = 1"))
    chain(cli, "shop", '<callActivity id="node_1" name="Tax" calledElement="tax"/>')
    cli.ok("add", "-p", "shop", "-b", "shop.bpmn", "--binding", "latest")
    cli.ok("delete_spec", "tax@1", "--yes")
    failed = cli.fails(1, "run", "-s", "shop")
    assert "shop.bpmn:3: Call activity 'Tax' could not be reached" in failed.stderr
    assert "'tax'" in failed.stderr
    (row,) = cli.document("list_instances", "--state", "error")["instances"]
    cli.fails(1, "retry", "-w", row["id"])
    cli.ok("add", "-p", "tax", "-b", "tax.bpmn")
    assert [task["id"] for task in cli.document("retry", "-w", row["id"])["tasks"]] == ["then"]
    cli.check()


def test_a_process_that_calls_itself_without_end_is_stopped(cli: Cli) -> None:
    added(cli, "shop", '<callActivity id="node_1" name="Me" calledElement="shop"/>')
    failed = cli.fails(1, "run", "-s", "shop")
    assert "calls itself without end" in failed.stderr
    assert "shop.bpmn:3" in failed.stderr
    assert len(cli.document("list_instances", "--state", "error")["instances"]) == 1
    cli.check()


def test_a_post_script_that_fails_leaves_the_task_open(cli: Cli) -> None:
    node = (
        '<userTask id="node_1" name="Ask"><extensionElements><spiffworkflow:postScript>double = 2 * price'
        "</spiffworkflow:postScript></extensionElements></userTask>"
    )
    added(cli, "shop", node)
    waiting = cli.document("run", "-s", "shop", "-a")["instance"]
    failed = cli.fails(1, "complete", "-w", waiting, "-t", "Ask", "--data", '{"prize": 3}')
    assert "shop.bpmn:3: User task 'Ask' failed: NameError: name 'price' is not defined" in failed.stderr
    assert "the task is open as before" in failed.stderr
    assert cli.document("complete", "-w", waiting, "-t", "Ask", "--data", '{"price": 3}')["data"]["double"] == 6


def test_finished_instances_are_refused_by_every_command_that_moves_them(cli: Cli) -> None:
    cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    cli.write("a.json", json.dumps({"select_product_and_quantity": {"product": "mug"}, "review_order": {}}))
    ended = cli.document("run", "-s", "order_product", "--answers", "a.json")["instance"]
    for command in (
        ("run", "-w", ended),
        ("complete", "-w", ended, "-t", "review_order"),
        ("retry", "-w", ended),
        ("cancel", "-w", ended),
        ("send", "anything", "-w", ended),
    ):
        refused = cli.fails(1, *command)
        assert f"Error: Instance {ended} was completed at " in refused.stderr
    assert cli.document("show", "-w", ended)["instance"]["revision"] == 4
