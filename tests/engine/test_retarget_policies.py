"""What a move does when it is asked to: restart timers, listen for new names, start branches, enter tasks again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spiffcli.engine.soundness import stuck_joins

World = Any

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:s="http://spiffworkflow.org/bpmn/schema/1.0/core" targetNamespace="x">'
)


def process(tmp_path: Path, name: str, nodes: str, flows: str, roots: str = "") -> Path:
    drawn = "".join(
        f'<sequenceFlow id="{flow.replace(">", "_")}" sourceRef="{flow.split(">")[0]}" targetRef="{flow.split(">")[1]}"/>'
        for flow in flows.split()
    )
    file = tmp_path / f"{name}.bpmn"
    file.write_text(
        f'{HEAD}{roots}<process id="p" isExecutable="true"><startEvent id="start"/>{nodes}<endEvent id="end"/>{drawn}'
        "</process></definitions>"
    )
    return file


def timer(duration: str) -> str:
    return (
        '<intermediateCatchEvent id="wait"><timerEventDefinition>'
        f"<timeDuration>'{duration}'</timeDuration></timerEventDefinition></intermediateCatchEvent>"
    )


@pytest.fixture
def timers(world: World, tmp_path: Path) -> World:
    world.deploy("v1", process(tmp_path, "one", timer("PT1H"), "start>wait wait>end"))
    world.deploy("v2", process(tmp_path, "two", timer("PT5H"), "start>wait wait>end"))
    return world


def due(running: Any) -> float:
    return running.subscriptions()[0].due


def test_a_timer_keeps_its_deadline_by_default(timers: World) -> None:
    running = timers.start("v1")
    timers.clock.advance(60)
    assert due(timers.migrated(running, "v2")) == due(running)


def test_a_kept_deadline_is_told_where_the_new_version_sets_another(timers: World, tmp_path: Path) -> None:
    running = timers.start("v1")
    (told,) = timers.migrate(running, "v2").subscribed
    assert (told.kind, told.element, told.before, told.after) == ("timer", "wait", due(running), due(running))
    timers.deploy("v3", process(tmp_path, "three", timer("PT1H"), "start>wait wait>end"))
    assert timers.migrate(running, "v3").subscribed == []


def test_a_timer_can_start_anew_by_the_new_expression(timers: World) -> None:
    running = timers.start("v1")
    timers.clock.advance(60)
    result = timers.migrate(running, "v2", timers="restart")
    moved = timers.migrated(running, "v2", timers="restart")
    assert due(moved) == timers.clock.now() + 5 * 3600
    assert [(each.before, each.after) for each in result.subscribed] == [(due(running), due(moved))]


@pytest.fixture
def messages(world: World, tmp_path: Path) -> World:
    catch = '<intermediateCatchEvent id="wait"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>'
    for version, name in (("v1", "paid"), ("v2", "settled")):
        roots = f'<message id="m" name="{name}"/>'
        world.deploy(version, process(tmp_path, version, catch, "start>wait wait>end", roots))
    return world


@pytest.mark.parametrize(("policy", "name"), [("keep", "paid"), ("update", "settled")])
def test_a_waiting_message_is_kept_or_updated(messages: World, policy: str, name: str) -> None:
    result = messages.migrate(messages.start("v1"), "v2", events=policy)
    moved = messages.reload(messages.migrated(messages.start("v1"), "v2", events=policy))
    assert [each.name for each in moved.subscriptions()] == [name]
    assert [(each.before, each.after) for each in result.subscribed] == [("paid", name)]
    assert messages.send(moved, "message", name).state == "completed"


def test_a_kept_message_survives_another_migration(messages: World) -> None:
    moved = messages.migrated(messages.migrated(messages.start("v1"), "v2"), "v2")
    assert [each.name for each in moved.subscriptions()] == ["paid"]


def test_a_branch_added_before_a_waiting_join_can_be_started(world: World, migration_models: Path) -> None:
    case = "parallel_third_branch_added_one_at_the_join"
    world.deploy("v1", migration_models / f"{case}.v1.bpmn")
    world.deploy("v2", migration_models / f"{case}.v2.bpmn")
    running = world.complete(world.start("v1"), "u0")
    moved = world.migrated(running, "v2", start=frozenset({"u2"}))
    assert stuck_joins(moved) == []
    moved = world.drive(world.reload(moved))
    assert moved.state == "completed"
    assert sorted(world.log) == ["U:u0", "U:u1", "U:u2", "z"]


def test_a_reset_task_is_entered_again(world: World, tmp_path: Path) -> None:
    node = (
        '<userTask id="a"><extensionElements><s:preScript>seen = seen + 1; log(seen)</s:preScript></extensionElements>'
        "</userTask>"
    )
    file = process(tmp_path, "one", node, "start>a a>end")
    world.deploy("v1", file)
    world.deploy("v2", file)
    running = world.start("v1", {"seen": 0})
    running.workflow.get_next_task(spec_name="a").data["draft"] = 1
    result = world.migrate(running, "v2", reset=frozenset({"a"}))
    moved = world.migrated(running, "v2", reset=frozenset({"a"}))
    assert result.reset == ["a"]
    assert world.log == [1, 1, 1]
    assert moved.human_tasks()[0].data == {"seen": 1}


def test_a_task_that_is_not_open_is_not_reset(world: World, tmp_path: Path) -> None:
    nodes = '<userTask id="a"/><userTask id="b"/>'
    world.deploy("v1", process(tmp_path, "one", nodes, "start>a a>b b>end"))
    world.deploy("v2", process(tmp_path, "two", nodes, "start>a a>b b>end"))
    result = world.migrate(world.start("v1"), "v2", reset=frozenset({"a", "b", "nobody"}))
    assert result.snapshot is None
    assert [(fault.rule, fault.element) for fault in result.faults] == [
        ("reset-not-possible", "b"),
        ("reset-not-possible", "nobody"),
    ]
    assert all("--reset" in fault.fix for fault in result.faults)


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_renamed_task_is_reset_by_its_old_or_new_name(world: World, tmp_path: Path, name: str) -> None:
    for version, node in (("v1", "a"), ("v2", "b")):
        world.deploy(version, process(tmp_path, version, f'<userTask id="{node}"/>', f"start>{node} {node}>end"))
    result = world.migrate(world.start("v1"), "v2", mapping={"a": "b"}, reset=frozenset({name}))
    assert (result.faults, result.reset) == ([], ["b"])


def test_one_item_of_a_repetition_is_not_reset(world: World, migration_models: Path) -> None:
    file = migration_models / "noop_parallel_mi_1_of_3_done.v1.bpmn"
    world.deploy("v1", file)
    world.deploy("v2", file)
    result = world.migrate(world.start("v1"), "v2", reset=frozenset({"m"}))
    assert result.snapshot is None or result.reset == ["m"]
    assert all(fault.rule == "reset-not-possible" for fault in result.faults)


def test_data_are_merged_into_live_tasks(world: World, tmp_path: Path) -> None:
    file = process(tmp_path, "one", '<userTask id="a"/>', "start>a a>end")
    world.deploy("v1", file)
    world.deploy("v2", file)
    moved = world.migrated(world.start("v1", {"x": 1}), "v2", data={"y": [2]}, script="z = x + y[0]")
    assert world.drive(moved).data == {"x": 1, "y": [2], "z": 3}
