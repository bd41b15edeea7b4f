"""Every tutorial model runs to its end: from a file of answers, and task by task with a process for each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from .commands import Cli
from .stories import STORIES, Story

stories = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)


def add(cli: Cli, story: Story) -> None:
    """Add the files of a story; engine modules of the examples are found in the folder."""
    for module in ("shop.py", "shop_engine.py"):
        cli.write(module, (cli.root / "examples" / "custom_data" / module).read_text())
    bpmn = [cli.tutorial / name for name in story.files if name.endswith(".bpmn")]
    dmn = [cli.tutorial / name for name in story.files if name.endswith(".dmn")]
    flag = "-c" if story.collaboration else "-p"
    cli.ok(*story.options, "add", flag, story.key, "-b", *bpmn, *(["-d", *dmn] if dmn else []))


def holds(data: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    assert {name: data.get(name) for name in result} == result


@stories
def test_a_model_runs_from_a_file_of_answers(cli: Cli, story: Story) -> None:
    add(cli, story)
    file = cli.write("answers.json", json.dumps(story.answers))
    ran = cli.document(*story.options, "run", "-s", story.key, "--answers", file)
    assert (ran["state"], ran["tasks"]) == ("completed", [])
    holds(ran["data"], story.result)
    cli.check()


@stories
def test_a_model_runs_task_by_task_saved_and_loaded_in_between(cli: Cli, story: Story) -> None:
    add(cli, story)
    left: dict[str, Any] = cli.document(*story.options, "run", "-s", story.key, "-a")
    answers = {name: list(given) if isinstance(given, list) else [given] for name, given in story.answers.items()}
    done = []
    while left["state"] == "running":
        task = next(task for task in left["tasks"] if task["id"] in answers and task["state"] == "READY")
        done.append(task["id"])
        data = json.dumps(answers[task["id"]].pop(0))
        left = cli.document(*story.options, "complete", "-w", left["instance"], "-t", task["task"][:13], "--data", data)
    assert tuple(done) == story.order
    assert left["state"] == "completed"
    holds(left["data"], story.result)
    cli.check()


def test_the_answers_of_the_examples_run_what_they_say(cli: Cli) -> None:
    cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    answers = cli.root / "examples" / "answers" / "task_types.json"
    ran = cli.ok("run", "-s", "order_product", "--answers", answers)
    assert ran.lines()[0].endswith(" of order_product@1 has completed.")
    assert "  order_total  55.5" in ran.lines()
    assert "  Look Up Product Price" in ran.lines()
    assert ran.stderr == ""


def test_two_instances_talk_through_messages_and_signals(cli: Cli) -> None:
    for key in ("reorder_clay", "run_pottery_course"):
        cli.add(key, "messages_and_signals.bpmn")
    courses = []
    for _ in range(2):
        course = cli.document("run", "-s", "run_pottery_course", "-a")["instance"]
        cli.ok("complete", "-w", course, "-t", "Open Course", "--data", '{"topic": "Bowls", "seats": 6}')
        courses.append(course)
    orders = {}
    for number in ("C-1", "C-2"):
        order = cli.document("run", "-s", "reorder_clay", "-a")["instance"]
        data = {"order_number": number, "clay": "porcelain", "kilos": 20}
        left = cli.document("complete", "-w", order, "-t", "choose_clay", "--data", json.dumps(data))
        assert [task["id"] for task in left["tasks"]] == ["clay_confirmed"]
        orders[number] = order

    sent = cli.document("send", "clay_confirmation", "--payload", '{"order_number": "C-2"}')
    assert [(each["id"], each["state"]) for each in sent["instances"]] == [(orders["C-2"], "completed")]
    waiting = cli.document("list_instances", "--waiting-at", "hold_course")["instances"]
    assert sorted(each["id"] for each in waiting) == sorted(courses)

    ended = cli.document("complete", "-w", courses[0], "-t", "hold_course")
    assert ended["data"]["stock"] == {"clay": "porcelain", "kilos": 20}
    cli.check()


def test_timers_fire_when_their_time_has_come(cli: Cli) -> None:
    cli.add("fire_kiln", "timers.bpmn")
    kiln = cli.document("run", "-s", "fire_kiln", "-a")["instance"]
    plan = {"batch": "mugs", "drying_time": "PT1S", "kiln_free_from": "2025-01-06T08:00:00+00:00"}
    data = json.dumps({**plan, "remind_every": "PT1H", "patience": "PT1H"})
    cli.ok("complete", "-w", kiln, "-t", "plan_firing", "--data", data)
    assert "timer, due " in cli.ok("show", "-w", kiln).stdout
    tick_until(cli, kiln, "read_cones")
    cli.ok("complete", "-w", kiln, "-t", "read_cones", "--data", '{"firing": "done"}')
    tick_until(cli, kiln, None)
    shown = cli.document("show", "-w", kiln)
    assert (shown["instance"]["state"], shown["data"]["firing"]) == ("completed", "done")
    assert cli.ok("tick").stderr == "Nothing is due.\n"
    cli.check()


def tick_until(cli: Cli, instance: str, task: str | None) -> None:
    """Tick until the instance waits for a person at `task`, or has ended."""
    for _ in range(60):
        ticked = cli.document("tick")["instances"]
        assert [each["id"] for each in ticked] in ([], [instance])
        row = cli.document("list_instances")["instances"][0]
        if task in [each["id"] for each in row["active"]] or (task is None and row["ended"]):
            return
    raise AssertionError("its time never came")


def test_a_call_while_work_is_under_way_opens_a_task_of_its_own(cli: Cli) -> None:
    cli.add("throw_commission", "event_subprocess.bpmn")
    vase = cli.document("run", "-s", "throw_commission", "-a")["instance"]
    for caller in ("Ada", "Grace"):
        cli.ok("send", "customer_call", "--payload", json.dumps({"caller": caller, "text": "Could it be blue?"}))
    opened = cli.document("tasks", "-w", vase)["tasks"]
    assert sorted(task["id"] for task in opened) == ["agree_on_shape", "note_call", "note_call"]

    ambiguous = cli.fails(
        2, "complete", "-w", vase, "-t", "Note the Call", "--data", '{"note": "blue"}', "--format", "json"
    )
    assert len(ambiguous.error()["candidates"]) == 2
    for task in opened:
        if task["id"] == "note_call":
            cli.ok("complete", "-w", vase, "-t", task["task"], "--data", '{"note": "blue"}')
    answers = cli.write("rest.json", json.dumps(STORIES["event sub-process"].answers))
    assert cli.document("run", "-w", vase, "--answers", answers)["state"] == "completed"
    cli.check()
