"""Messages, signals and timers from the command line: to one, to none, to several, to all."""

from __future__ import annotations

import json

import pytest

from .commands import Cli


@pytest.fixture
def clay(cli: Cli) -> Cli:
    cli.add("reorder_clay", "messages_and_signals.bpmn")
    return cli


def ordered(cli: Cli, number: str) -> str:
    id: str = cli.document("run", "-s", "reorder_clay", "-a")["instance"]
    data = {"order_number": number, "clay": "porcelain", "kilos": 20}
    cli.ok("complete", "-w", id, "-t", "choose_clay", "--data", json.dumps(data))
    return id


def test_a_message_nobody_waits_for_is_refused(clay: Cli) -> None:
    refused = clay.fails(2, "send", "clay_confirmation")
    assert "No instance waits for the message 'clay_confirmation'." in refused.stderr
    id = ordered(clay, "C-1")
    refused = clay.fails(2, "send", "clay_confirmation", "--payload", '{"order_number": "C-2"}')
    assert f"{id} (reorder_clay@1, clay_order_number = 'C-1')" in refused.stderr
    refused = clay.fails(2, "send", "clay_confirmation", "--payload", '{"number": "C-1"}')
    assert "it is correlated by order_number" in refused.stderr
    assert clay.fails(2, "send", "clay_confirmed", "--format", "json").error()["candidates"] == ["clay_confirmation"]


def test_a_message_several_wait_for_needs_a_name(clay: Cli) -> None:
    one, two = ordered(clay, "C-1"), ordered(clay, "C-1")
    payload = ("--payload", '{"order_number": "C-1"}')
    refused = clay.fails(2, "send", "clay_confirmation", *payload, "--format", "json").error()
    assert (refused["type"], refused["candidates"]) == ("ambiguous", [one, two])
    sent = clay.ok("send", "clay_confirmation", *payload, "-w", two).stdout
    assert sent.startswith(two)
    assert "completed" in sent
    clay.ok("send", "clay_confirmation", *payload)
    assert {row["state"] for row in clay.document("list_instances")["instances"]} == {"completed"}


def test_a_signal_reaches_everyone(cli: Cli) -> None:
    cli.add("run_pottery_course", "messages_and_signals.bpmn")
    courses = []
    for _ in range(3):
        courses.append(cli.document("run", "-s", "run_pottery_course", "-a")["instance"])
        cli.ok("complete", "-w", courses[-1], "-t", "open_course", "--data", '{"topic": "Bowls", "seats": 6}')
    sent = cli.document("send", "clay_in_stock", "--payload", '{"kilos": 3, "clay": "terracotta"}')
    assert sent["event"] == {"kind": "signal", "name": "clay_in_stock"}
    assert sorted(each["id"] for each in sent["instances"]) == sorted(courses)
    assert {each["active"][0]["id"] for each in sent["instances"]} == {"hold_course"}
    assert "for the message 'clay_in_stock'" in cli.fails(2, "send", "clay_in_stock", "--message").stderr


def test_a_payload_is_a_json_object_or_a_file_of_one(clay: Cli) -> None:
    assert "--payload must be a JSON object" in clay.fails(2, "send", "clay_confirmation", "--payload", "3").stderr
    id = ordered(clay, "C-1")
    clay.write("payload.json", '{"order_number": "C-1", "price": 30}')
    clay.ok("send", "clay_confirmation", "--payload", "@payload.json")
    assert clay.document("show", "-w", id)["data"]["confirmation"] == {"order_number": "C-1", "price": 30}


def test_a_tick_goes_on_with_what_was_broken_off_and_tells_what_fails(cli: Cli) -> None:
    model = (cli.tutorial / "timers.bpmn").read_text().replace("R2/{remind_every}", "R2/{remind_evry}")
    assert "evry" in model
    forms = sorted((cli.tutorial / "forms").glob("*_firing*.json")) + sorted(
        (cli.tutorial / "forms").glob("read*.json")
    )
    cli.ok("add", "-p", "fire_kiln", "-b", cli.write("kiln.bpmn", model), "-f", *forms)
    plan = {"batch": "mugs", "drying_time": "PT1S", "kiln_free_from": "2025-01-06T08:00:00+00:00"}
    cli.write("plan.json", json.dumps({"plan_firing": {**plan, "remind_every": "PT1H", "patience": "PT1H"}}))
    id = cli.document("run", "-s", "fire_kiln", "-a", "--answers", "plan.json")["instance"]
    for _ in range(60):
        ticked = cli("tick", "--format", "json")
        if ticked.code:
            break
    (told,) = ticked.json()["instances"]
    assert (told["id"], told["state"]) == (id, "error")
    assert "'Time to remind' could not be reached: NameError: name 'remind_evry' is not defined" in told["reason"]
    assert cli.ok("tick").stderr == "Nothing is due.\n"
    left = cli.document("retry", "-w", id, "--data", '{"remind_evry": "PT1H"}')
    assert "read_cones" in [task["id"] for task in left["tasks"]]
