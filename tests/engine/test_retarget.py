"""Every row of the migration table, on the code that moves an instance; nothing is taken from a short cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spiffcli.engine import Running
from spiffcli.engine.retarget import retarget
from spiffcli.engine.soundness import dead_ends, repeated_nodes, skipped_nodes, stuck_joins

World = Any


def deployed(world: World, models: Path, case: str) -> World:
    """Both versions of a case; where there is no second one, the first again."""
    first = models / f"{case}.v1.bpmn"
    second = models / f"{case}.v2.bpmn"
    world.deploy("v1", first)
    world.deploy("v2", second if second.exists() else first)
    return world


def checked(world: World, running: Running, **mapping: str) -> Running:
    """The migrated instance, which must be whole."""
    moved = world.migrated(running, "v2", mapping or None)
    assert stuck_joins(moved) == []
    assert dead_ends(moved) == []
    return moved


def first_item(world: World, running: Running) -> Running:
    return world.complete(running, "m", {"res": "a!"})


def item_answer(view: Any) -> dict[str, Any]:
    return {"res": f"{view.data['item']}!"}


def cycle_fired(world: World, running: Running) -> Running:
    for _ in range(3):
        world.clock.advance(3600 * 24)
        running = world.advance(running)
    assert any(task.id == "h" for task in running.human_tasks())
    return running


def signal_sent(world: World, running: Running) -> Running:
    return world.send(running, "signal", "sig")


NO_OPS = {
    "noop_parallel_mi_1_of_3_done": first_item,
    "noop_ready_user_task_with_saved_draft_data": lambda world, running: running,
    "noop_ready_user_task_with_prescript_side_effect_": lambda world, running: running,
    "noop_duration_timer_waiting_deadline_": lambda world, running: running,
    "noop_event_sub_process_in_progress": signal_sent,
    "noop_cycle_timer_handler_user_task_in_progress": cycle_fired,
}


@pytest.mark.parametrize("case", NO_OPS)
def test_an_identical_version_changes_no_byte_but_the_definition(
    world: World, migration_models: Path, case: str
) -> None:
    deployed(world, migration_models, case)
    running = NO_OPS[case](world, world.start("v1"))
    before = running.snapshot()
    world._content.update(before.specs)
    log = list(world.log)

    result = retarget(world.engine, world, before.state, "v2")

    assert result.snapshot is not None
    assert result.snapshot.state == before.state.replace(b'"v1', b'"v2')
    assert world.log == log


def test_a_saved_draft_is_kept(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "noop_ready_user_task_with_saved_draft_data")
    running = world.start("v1")
    next(iter(running.workflow.get_tasks(spec_name="u"))).data["draft"] = 1
    moved = checked(world, running)
    assert moved.human_tasks()[0].data["draft"] == 1


def test_the_handler_of_a_cycle_timer_goes_on(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "noop_cycle_timer_handler_user_task_in_progress")
    moved = checked(world, cycle_fired(world, world.start("v1")))
    moved = world.complete(world.complete(moved, "h"), "u")
    assert "U:h" in world.log


def test_a_running_event_sub_process_can_be_finished(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "noop_event_sub_process_in_progress")
    moved = checked(world, signal_sent(world, world.start("v1")))
    assert world.drive(moved).state == "completed"
    assert world.log == ["ess", "U:esu"]


def test_a_renamed_live_task_needs_a_mapping(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "rename_ready_user_task_u_u2")
    running = world.start("v1")
    faults = world.migrate(running, "v2").faults
    assert [(fault.rule, fault.element, fault.state) for fault in faults] == [("node-removed", "u", "READY")]

    moved = world.drive(checked(world, running, u="u2"))
    assert (moved.state, world.log) == ("completed", ["a", "U:u2", "b"])


def test_a_task_inserted_ahead_runs(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "insert_task_after_ready_u")
    assert world.drive(checked(world, world.start("v1"))).state == "completed"
    assert world.log == ["a", "U:u", "n", "b"]


def test_a_task_inserted_behind_is_named_and_does_not_run(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "insert_task_before_ready_u_after_completed_a_")
    running = world.start("v1")
    result = world.migrate(running, "v2")
    moved = checked(world, running)
    assert [node.node for node in skipped_nodes(running, moved, result.old_graphs, {})] == ["n"]
    world.drive(moved)
    assert world.log == ["a", "U:u", "b"]


def test_a_removed_finished_task_stays_in_history(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "remove_completed_task_a")
    running = world.start("v1")
    result = world.migrate(running, "v2")
    moved = world.reload(checked(world, running))
    assert result.kept_as_history == ["a"]
    assert skipped_nodes(running, moved, result.old_graphs, {}) == []
    assert [(task.id, task.state) for task in moved.tasks() if task.id == "a"] == [("a", "COMPLETED")]
    assert world.drive(moved).state == "completed"
    assert world.log == ["a", "U:u", "b"]


def test_history_survives_a_second_migration(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "remove_completed_task_a")
    world.deploy("v3", migration_models / "remove_completed_task_a.v2.bpmn")
    moved = world.migrated(checked(world, world.start("v1")), "v3")
    assert "a" in [task.id for task in moved.tasks()]
    assert world.drive(moved).state == "completed"


def test_a_typo_in_a_finished_name_is_harmless(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "typo_fix_in_the_name_of_a_completed_task")
    assert world.drive(checked(world, world.start("v1"))).state == "completed"
    assert world.log == ["a", "U:u", "b"]


def test_a_join_that_would_wait_for_ever_is_found(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "parallel_third_branch_added_one_at_the_join")
    running = world.complete(world.start("v1"), "u0")
    result = world.migrate(running, "v2")
    moved = world.migrated(running, "v2")
    assert [(join.join, join.missing) for join in stuck_joins(moved)] == [("g2", ("u2",))]
    assert [node.node for node in skipped_nodes(running, moved, result.old_graphs, {})] == ["u2"]


def test_a_task_inserted_into_the_unfinished_branch_runs(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "parallel_task_inserted_in_the_unfinished_branch")
    moved = world.drive(checked(world, world.complete(world.start("v1"), "u0")))
    assert (moved.state, world.log) == ("completed", ["U:u0", "U:u1", "n1", "z"])


def test_items_in_progress_keep_their_values(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "mi_task_after_it_changed_1_of_3_done")
    moved = world.drive(checked(world, first_item(world, world.start("v1"))), item_answer)
    assert moved.data["results"] == ["a!", "b!", "c!"]
    assert world.log[-1] == "z2"


def test_a_running_timer_keeps_its_deadline(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "noop_duration_timer_waiting_deadline_")
    running = world.start("v1")
    before = [subscription.due for subscription in running.subscriptions()]
    world.clock.advance(5)
    assert [subscription.due for subscription in checked(world, running).subscriptions()] == before


def test_a_boundary_timer_added_to_a_live_task_is_armed_and_fires(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "boundary_timer_added_to_ready_user_task")
    moved = world.reload(checked(world, world.start("v1")))
    due = [subscription.due for subscription in moved.subscriptions()]
    assert len(due) == 1
    world.clock.set(due[0] + 1)
    moved = world.advance(moved)
    assert [task.id for task in moved.human_tasks() if task.id == "u"] == []
    assert moved.state == "completed"


def test_a_task_with_a_new_boundary_timer_can_be_completed(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "boundary_timer_added_to_ready_user_task")
    moved = world.drive(world.reload(checked(world, world.start("v1"))))
    assert (moved.state, moved.subscriptions()) == ("completed", [])


def test_a_removed_boundary_event_is_disarmed(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "boundary_event_removed_from_ready_user_task")
    running = world.start("v1")
    result = world.migrate(running, "v2")
    moved = world.reload(checked(world, running))
    assert result.disarmed == ["be"]
    assert skipped_nodes(running, moved, result.old_graphs, {}) == []
    assert moved.subscriptions() == []
    assert world.drive(moved).state == "completed"


def test_a_removed_call_with_a_running_child_is_refused_by_name(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "call_activity_removed_in_progress")
    running = world.start("v1")
    result = world.migrate(running, "v2")
    assert result.snapshot is None
    assert [(fault.rule, fault.element, fault.state) for fault in result.faults] == [("node-removed", "ca", "STARTED")]


def test_a_renamed_running_sub_process_moves_with_a_mapping(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "embedded_sub_process_renamed_in_progress")
    running = world.start("v1")
    assert {fault.rule for fault in world.migrate(running, "v2").faults} == {"node-removed", "subprocess-removed"}
    specs = world.specs("v2").hashes
    new = next(name for name in specs if name != world.specs("v2").main)
    moved = world.drive(world.reload(checked(world, running, sp=new)))
    assert moved.state == "completed"


def test_an_inlined_running_sub_process_asks_where_its_token_goes(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "sub_process_inlined_into_the_parent_in_progress")
    result = world.migrate(world.start("v1"), "v2")
    assert [(fault.element, where) for fault, where in result.asked] == [("su", "the process itself")]


def test_an_inlined_running_sub_process_goes_on_in_the_process(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "sub_process_inlined_into_the_parent_in_progress")
    running = world.start("v1")
    before = {task.id: task.task for task in running.human_tasks()}
    moved = checked(world, running, su="su")
    assert {task.id: task.task for task in moved.human_tasks()} == before
    assert {task.depth for task in moved.tasks()} == {0}
    assert world.drive(moved).state == "completed"


def test_a_new_data_object_is_initialised(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "data_object_added_read_by_a_future_task")
    running = world.start("v1")
    assert len(world.migrate(running, "v2").data_objects) == 1
    assert world.drive(checked(world, running)).state == "completed"


def test_a_branch_added_to_a_waiting_event_gateway_can_be_taken(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "event_gateway_branch_added_waiting")
    running = world.start("v1")
    old = {(s.kind, s.name) for s in running.subscriptions()}
    moved = world.reload(checked(world, running))
    added = [s for s in moved.subscriptions() if (s.kind, s.name) not in old]
    assert len(added) == 1
    moved = world.send(moved, added[0].kind, added[0].name)
    assert moved.state == "completed"


def test_the_old_branches_of_an_event_gateway_still_lead_where_they_did(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "event_gateway_branch_added_waiting")
    running = world.start("v1")
    first = next(s for s in running.subscriptions() if s.kind != "timer")
    moved = world.send(world.reload(checked(world, running)), first.kind, first.name)
    expected = world.send(world.start("v1"), first.kind, first.name)
    assert moved.state == expected.state == "completed"
    assert world.log[: len(world.log) // 2] == world.log[len(world.log) // 2 :]


def test_a_changed_loop_condition_decides_from_now_on(world: World, migration_models: Path) -> None:
    deployed(world, migration_models, "loop_condition_changed_after_2_passes")
    running = world.start("v1")
    for _ in range(2):
        running = world.complete(running, running.human_tasks()[0].id)
    moved = world.drive(checked(world, running))
    assert moved.state == "completed"
    assert moved.data["n"] == 3


def reordered(tmp_path: Path, order: str, name: str) -> Path:
    """A chain of user tasks in the given order."""
    nodes = "".join(f'<userTask id="{node}"/>' for node in order)
    path = ["start", *order, "end"]
    flows = "".join(
        f'<sequenceFlow id="{one}_{two}" sourceRef="{one}" targetRef="{two}"/>'
        for one, two in zip(path, path[1:], strict=False)
    )
    file = tmp_path / f"{name}.bpmn"
    file.write_text(
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="x">'
        f'<process id="p" isExecutable="true"><startEvent id="start"/>{nodes}<endEvent id="end"/>{flows}'
        "</process></definitions>"
    )
    return file


def test_a_pending_task_moved_behind_the_token_is_found(world: World, tmp_path: Path) -> None:
    world.deploy("v1", reordered(tmp_path, "abc", "one"))
    world.deploy("v2", reordered(tmp_path, "acb", "two"))
    running = world.complete(world.start("v1"), "a")
    result = world.migrate(running, "v2")
    moved = world.migrated(running, "v2")
    assert [node.node for node in skipped_nodes(running, moved, result.old_graphs, {})] == ["c"]


def test_a_finished_task_moved_ahead_of_the_token_is_found(world: World, tmp_path: Path) -> None:
    world.deploy("v1", reordered(tmp_path, "abc", "one"))
    world.deploy("v2", reordered(tmp_path, "bca", "two"))
    running = world.complete(world.start("v1"), "a")
    result = world.migrate(running, "v2")
    moved = world.migrated(running, "v2")
    assert [node.node for node in repeated_nodes(moved, result.old_graphs)] == ["a"]


def test_a_task_ahead_that_became_another_kind_runs(world: World, tmp_path: Path) -> None:
    first, second = reordered(tmp_path, "ab", "one"), reordered(tmp_path, "ab", "two")
    second.write_text(second.read_text().replace('<userTask id="b"/>', '<manualTask id="b"/>'))
    world.deploy("v1", first)
    world.deploy("v2", second)
    moved = world.drive(checked(world, world.start("v1")))
    assert (moved.state, world.log) == ("completed", ["U:a", "U:b"])


def bpmn(tmp_path: Path, name: str, nodes: str, flows: str) -> Path:
    """A process from elements and flows written `a>b`; a condition follows after a colon."""
    drawn = ""
    for flow in flows.split():
        path, _, condition = flow.partition(":")
        source, target = path.split(">")
        inner = f"<conditionExpression>{condition}</conditionExpression>" if condition else ""
        drawn += (
            f'<sequenceFlow id="{source}_{target}" sourceRef="{source}" targetRef="{target}">{inner}</sequenceFlow>'
        )
    file = tmp_path / f"{name}.bpmn"
    file.write_text(
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
        'xmlns:s="http://spiffworkflow.org/bpmn/schema/1.0/core" targetNamespace="x">'
        f'<process id="p" isExecutable="true"><startEvent id="start"/>{nodes}<endEvent id="end"/>{drawn}'
        "</process></definitions>"
    )
    return file


USERS = "".join(f'<userTask id="{name}"/>' for name in "abu")


def test_a_parallel_split_inserted_behind_the_token_is_found(world: World, tmp_path: Path) -> None:
    world.deploy("v1", bpmn(tmp_path, "one", USERS, "start>a a>u u>b b>end"))
    extra = '<parallelGateway id="split"/><userTask id="v"/><endEvent id="other"/>'
    world.deploy("v2", bpmn(tmp_path, "two", USERS + extra, "start>a a>split split>u split>v v>other u>b b>end"))
    running = world.complete(world.start("v1"), "a")
    result = world.migrate(running, "v2")
    moved = world.migrated(running, "v2")
    assert "v" in [node.node for node in skipped_nodes(running, moved, result.old_graphs, {})]


def test_a_passed_gateway_does_not_become_one_of_another_kind(world: World, tmp_path: Path) -> None:
    nodes = USERS + '<{0} id="split" default="split_b"/><{0} id="join"/>'
    flows = "start>split split>a:True split>b a>join b>join join>u u>end"
    world.deploy("v1", bpmn(tmp_path, "one", nodes.format("parallelGateway").replace(' default="split_b"', ""), flows))
    world.deploy("v2", bpmn(tmp_path, "two", nodes.format("exclusiveGateway"), flows))
    result = world.migrate(world.start("v1"), "v2")
    assert {(fault.rule, fault.element) for fault in result.faults} == {("gateway-type-changed", "split")}


def test_a_finished_sub_process_that_is_gone_stays_as_history(world: World, tmp_path: Path) -> None:
    sub = (
        '<subProcess id="sp"><startEvent id="s"/><userTask id="inner"/><endEvent id="e"/>'
        '<sequenceFlow id="s1" sourceRef="s" targetRef="inner"/><sequenceFlow id="s2" sourceRef="inner" targetRef="e"/>'
        "</subProcess>"
    )
    world.deploy("v1", bpmn(tmp_path, "one", USERS + sub, "start>sp sp>a a>end"))
    world.deploy("v2", bpmn(tmp_path, "two", USERS, "start>a a>end"))
    moved = world.reload(checked(world, world.complete(world.start("v1"), "inner")))
    assert [(task.id, task.state) for task in moved.tasks() if task.id == "inner"] == [("inner", "COMPLETED")]
    assert world.drive(moved).state == "completed"


def test_a_new_pre_script_is_not_run_for_a_task_in_progress_and_that_is_told(world: World, tmp_path: Path) -> None:
    scripted = USERS.replace(
        '<userTask id="a"/>',
        '<userTask id="a"><extensionElements><s:preScript>x = 1</s:preScript></extensionElements></userTask>',
    )
    world.deploy("v1", bpmn(tmp_path, "one", USERS, "start>a a>end"))
    world.deploy("v2", bpmn(tmp_path, "two", scripted, "start>a a>end"))
    result = world.migrate(world.start("v1"), "v2")
    assert [element for _, element in result.entries_changed] == ["a"]


def test_parallel_branches_put_in_a_row_are_found(world: World, tmp_path: Path) -> None:
    gates = '<parallelGateway id="split"/><parallelGateway id="join"/>'
    world.deploy("v1", bpmn(tmp_path, "one", USERS + gates, "start>split split>a split>b a>join b>join join>u u>end"))
    world.deploy("v2", bpmn(tmp_path, "two", USERS, "start>a a>b b>u u>end"))
    running = world.start("v1")
    result = world.migrate(running, "v2")
    moved = world.migrated(running, "v2")
    assert [node.node for node in repeated_nodes(moved, result.old_graphs)] == ["b"]
