"""Every row of `tests/models/migration/README.md`, by its three outcomes, on the command line.

What is moved is driven to its end, and what was logged is compared with the table.
"""

from __future__ import annotations

import time

import pytest

from .commands import Cli
from .moving import Moving

pytestmark = pytest.mark.one_store


@pytest.fixture
def moving(cli: Cli) -> Moving:
    return Moving(cli)


def item(task: dict) -> dict:
    """The answer for an item of a multi-instance task."""
    return {"res": f"{task['data']['item']}!"}


def first_item(moving: Moving) -> None:
    task = next(task for task in moving.open() if task["data"]["item"] == "a")
    moving._complete(task, item(task))


def open_tasks(moving: Moving) -> list[dict]:
    """Open tasks with all they hold, but for the version they belong to."""
    tasks = sorted(moving.open(), key=lambda task: task["task"])
    return [{key: value for key, value in task.items() if key != "spec"} for task in tasks]


# The target differs


def test_rename_ready_user_task(moving: Moving) -> None:
    moving.start("rename_ready_user_task_u_u2")
    result = moving.refused()
    assert moving.impact()["verdict"] == "needs-mapping"
    assert [(mapping["old"], mapping["new"]) for mapping in result["mappings"]] == [("u", "u2")]
    assert [(b["rule"], b["element"], b["state"]) for b in result["blockers"]] == [("node-removed", "u", "READY")]
    moved = moving.migrate("--map", "u=u2")
    assert [(move["old"], move["new"]) for move in moved["moves"]] == [("u", "u2")]
    assert moving.drive() == "completed"
    assert moving.log() == ["a", "U:u2", "b"]


def test_insert_task_after_ready_task(moving: Moving) -> None:
    moving.start("insert_task_after_ready_u")
    assert moving.impact()["pending"] == ["n"]
    moving.migrate()
    assert moving.drive() == "completed"
    assert moving.log() == ["a", "U:u", "n", "b"]


def test_insert_task_before_ready_task(moving: Moving) -> None:
    moving.start("insert_task_before_ready_u_after_completed_a_")
    result = moving.refused()
    assert [(b["rule"], b["element"]) for b in result["blockers"]] == [("node-added-before-token", "n")]
    moved = moving.migrate("--allow", "node-added-before-token:n")
    assert [b["element"] for b in moved["overridden"]] == moved["skipped"] == ["n"]
    assert moving.drive() == "completed"
    assert moving.log() == ["a", "U:u", "b"]


def test_remove_completed_task(moving: Moving) -> None:
    moving.start("remove_completed_task_a")
    assert moving.migrate()["history"] == ["a"]
    assert ("a", "COMPLETED") in [
        (task["id"], task["state"]) for task in moving.cli.document("show", "-w", moving.instance)["tasks"]
    ]
    assert moving.instance in moving.cli.ok("list_instances").stdout
    assert moving.drive() == "completed"
    assert moving.log() == ["a", "U:u", "b"]


def test_typo_fix_in_the_name_of_a_completed_task(moving: Moving) -> None:
    moving.start("typo_fix_in_the_name_of_a_completed_task")
    moving.migrate()
    assert moving.drive() == "completed"
    assert moving.log() == ["a", "U:u", "b"]


def test_parallel_third_branch_added(moving: Moving) -> None:
    moving.start("parallel_third_branch_added_one_at_the_join")
    moving.complete("u0")
    rules = {blocker["rule"] for blocker in moving.refused()["blockers"]}
    assert rules == {"join-never-satisfied", "node-added-before-token"}
    moved = moving.migrate("--allow", "join-never-satisfied", "--allow", "node-added-before-token")
    assert moved["started"] == ["u2"]
    assert moving.drive() == "completed"
    assert sorted(moving.log()[:3]) == ["U:u0", "U:u1", "U:u2"]
    assert moving.log()[3:] == ["z"]


def test_parallel_task_inserted_in_the_unfinished_branch(moving: Moving) -> None:
    moving.start("parallel_task_inserted_in_the_unfinished_branch")
    moving.complete("u0")
    moving.migrate()
    assert moving.drive() == "completed"
    assert moving.log() == ["U:u0", "U:u1", "n1", "z"]


def test_task_behind_a_multi_instance_task_changed(moving: Moving) -> None:
    moving.start("mi_task_after_it_changed_1_of_3_done")
    first_item(moving)
    moving.migrate()
    assert moving.drive(item) == "completed"
    assert moving.data()["results"] == ["a!", "b!", "c!"]
    assert moving.log()[-1] == "z2"


def test_boundary_timer_added(moving: Moving) -> None:
    moving.start("boundary_timer_added_to_ready_user_task")
    assert moving.row()["due"] is None
    assert moving.migrate()["armed"] == ["be"]
    assert moving.row()["due"] - time.time() == pytest.approx(3600, abs=300)
    assert moving.drive() == "completed"
    assert moving.log() == ["a", "U:u"]
    assert moving.row()["due"] is None


def test_boundary_event_removed(moving: Moving) -> None:
    moving.start("boundary_event_removed_from_ready_user_task")
    assert moving.migrate()["disarmed"] == ["be"]
    assert "sig" in moving.cli.fails(2, "send", "sig").stderr
    assert moving.drive() == "completed"
    assert moving.log() == ["U:u"]


def test_call_activity_removed_in_progress(moving: Moving) -> None:
    moving.start("call_activity_removed_in_progress")
    reasons = " ".join(blocker["reason"] for blocker in moving.refused()["blockers"])
    assert "ca" in reasons
    assert moving.drive() == "completed"


def test_embedded_sub_process_renamed_in_progress(moving: Moving) -> None:
    moving.start("embedded_sub_process_renamed_in_progress")
    result = moving.refused()
    assert [(mapping["old"], mapping["new"]) for mapping in result["mappings"]] == [("sp", "sp2")]
    moving.migrate("--map", "sp=sp2")
    assert moving.drive() == "completed"
    assert moving.log() == ["U:su", "sx", "z"]


def test_sub_process_inlined_in_progress(moving: Moving) -> None:
    moving.start("sub_process_inlined_into_the_parent_in_progress")
    before = [task["task"] for task in open_tasks(moving)]
    assert [(mapping["old"], mapping["new"]) for mapping in moving.refused()["mappings"]] == [("su", "su")]
    moving.migrate("--map", "su=su")
    assert [task["task"] for task in open_tasks(moving)] == before
    assert moving.drive() == "completed"


def test_data_object_added(moving: Moving) -> None:
    moving.start("data_object_added_read_by_a_future_task")
    moving.migrate()
    assert moving.drive() == "completed"


@pytest.mark.parametrize(("signal", "logged"), [("sig", "rc1"), ("sig2", "rc2")])
def test_event_gateway_branch_added(moving: Moving, signal: str, logged: str) -> None:
    moving.start("event_gateway_branch_added_waiting")
    moving.migrate()
    moving.cli.ok("send", signal, "-w", moving.instance)
    assert moving.row()["state"] == "completed"
    assert moving.log() == [logged]


def test_loop_condition_changed(moving: Moving) -> None:
    moving.start("loop_condition_changed_after_2_passes")
    moving.complete("body")
    moving.complete("body")
    moving.migrate()
    assert moving.drive() == "completed"
    assert moving.log() == ["U:body", "U:body", "U:body", "fin"]
    assert moving.data()["n"] == 3


# The target is the same


def test_noop_multi_instance(moving: Moving) -> None:
    moving.start("noop_parallel_mi_1_of_3_done")
    first_item(moving)
    before = open_tasks(moving)
    moving.migrate()
    assert open_tasks(moving) == before
    assert moving.drive(item) == "completed"
    assert moving.data()["results"] == ["a!", "b!", "c!"]


def test_noop_data_of_an_open_task(moving: Moving) -> None:
    moving.start("noop_ready_user_task_with_saved_draft_data", "--data", '{"draft": 1}')
    before = open_tasks(moving)
    moving.migrate()
    assert open_tasks(moving) == before
    assert before[0]["data"] == {"draft": 1}
    assert moving.drive() == "completed"


def test_noop_pre_script_runs_once(moving: Moving) -> None:
    moving.start("noop_ready_user_task_with_prescript_side_effect_")
    before = moving.log()
    assert len(before) == 1
    moving.migrate()
    assert moving.drive() == "completed"
    assert moving.log() == [*before, "U:u"]


def test_noop_timer_keeps_its_deadline(moving: Moving) -> None:
    moving.start("noop_duration_timer_waiting_deadline_")
    due = moving.row()["due"]
    moving.migrate()
    assert moving.row()["due"] == due is not None


def fired(moving: Moving) -> None:
    """The cycle timer has fired once, and its handler is open."""
    moving.start("noop_cycle_timer_handler_user_task_in_progress")
    while not any(task["id"] == "h" for task in moving.open()):
        time.sleep(0.05)
        moving.cli.ok("tick")


def test_noop_handler_of_a_cycle_timer(moving: Moving) -> None:
    fired(moving)
    before = open_tasks(moving)
    moving.migrate()
    assert open_tasks(moving) == before
    moving.complete("h")
    moving.complete("u")
    assert moving.row()["state"] == "completed"
    assert moving.log() == ["U:h", "U:u"]


def test_the_handler_of_a_cycle_timer_outlives_its_task(moving: Moving) -> None:
    fired(moving)
    moving.migrate()
    moving.complete("u")
    moving.complete("h")
    assert moving.row()["state"] == "completed"
    assert moving.log() == ["U:u", "U:h"]


def test_noop_event_sub_process(moving: Moving) -> None:
    moving.start("noop_event_sub_process_in_progress")
    moving.cli.ok("send", "sig", "-w", moving.instance)
    before = open_tasks(moving)
    moving.migrate()
    assert open_tasks(moving) == before
    assert moving.drive() == "completed"
    assert moving.log()[0] == "ess"
    assert "U:esu" in moving.log()
