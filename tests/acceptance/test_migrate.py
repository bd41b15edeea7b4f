"""Migration as a story: what is refused and why, what comes back, what a saved plan is good for."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from .commands import Cli
from .moving import MODELS, Moving

one_store = pytest.mark.one_store

#: Kills during `migrate`; a longer run by the environment.
ROUNDS = int(os.environ.get("RUNNER_KILL_ROUNDS", "10"))

INSERT = "insert_task_after_ready_u"
BEHIND = "insert_task_before_ready_u_after_completed_a_"
RENAME = "rename_ready_user_task_u_u2"


@pytest.fixture
def moving(cli: Cli) -> Moving:
    return Moving(cli)


def test_migration_and_rollback_are_told_in_the_history(moving: Moving) -> None:
    moving.start(INSERT)
    before = moving.open()
    moved = moving.cli.document("migrate", "-s", "proc@2", "-w", moving.instance)
    assert (moved["totals"], moved["dry_run"], moved["spec"]) == ({"migrated": 1}, False, "proc@2")
    assert (moved["results"][0]["from"], moved["results"][0]["to"]) == ("proc@1", "proc@2")
    back = moving.cli.document("rollback", "-w", moving.instance)["results"][0]
    assert (back["outcome"], back["from"], back["to"]) == ("rolled-back", "proc@2", "proc@1")
    assert back["revision"] == moved["results"][0]["revision"] + 1
    assert moving.open() == before
    events = moving.cli.document("history", "-w", moving.instance)["entries"]
    told = {event["what"]: event["details"] for event in events}
    assert told["migrated"]["plan"] == moved["results"][0]["plan"]
    assert (told["rolled-back"]["from"], told["rolled-back"]["to"]) == ("proc@2", "proc@1")
    assert moving.drive() == "completed"
    assert moving.log() == ["a", "U:u", "b"]


def test_a_rollback_is_refused_once_the_instance_moved_on(moving: Moving) -> None:
    moving.start("parallel_task_inserted_in_the_unfinished_branch")
    assert "was never migrated" in moving.cli.fails(1, "rollback", "-w", moving.instance).stdout
    moving.migrate()
    moving.complete("u0")
    refused = moving.cli.document("rollback", "-w", moving.instance, code=1)["results"][0]
    assert refused["outcome"] == "refused"
    assert "has moved on since it was migrated to proc@2" in refused["reason"]
    assert "runner migrate -s proc@1" in refused["fix"]
    assert moving.row()["version"] == 2
    assert moving.drive() == "completed"
    refused = moving.cli.document("rollback", "-w", moving.instance, code=1)["results"][0]
    assert "is completed since" in refused["reason"]
    assert refused["fix"] is None


def test_moving_to_the_version_it_runs_on_does_nothing_and_says_so(moving: Moving) -> None:
    moving.start("insert_task_after_ready_u")
    moving.migrate()
    revision = moving.row()["revision"]
    moving.cli.write("broken.py", "x = 1 / 0")
    words = ("migrate", "-s", "proc@2", "-w", moving.instance)
    for options in (("--data", "broken.py"), ("--reset", "nobody"), ("--data", '{"x": 1}')):
        (result,) = moving.cli.document(*words, *options)["results"]
        assert (result["outcome"], result["blockers"]) == ("unchanged", [])
        assert result["reason"] == "It runs on this version already; nothing was done."
    assert moving.row()["revision"] == revision


def test_a_rollback_is_not_repeated(moving: Moving) -> None:
    moving.start(INSERT)
    moving.migrate()
    moving.cli.ok("rollback", "-w", moving.instance)
    assert "was rolled back already" in " ".join(moving.cli.fails(1, "rollback", "-w", moving.instance).stdout.split())


def test_down_and_up_again(moving: Moving) -> None:
    moving.start(INSERT)
    for version in (2, 1, 2):
        moving.migrate(to=f"proc@{version}")
    assert moving.migrate()["outcome"] == "unchanged"
    assert moving.drive() == "completed"
    assert moving.log() == ["a", "U:u", "n", "b"]


@one_store
def test_a_finished_instance_is_refused(moving: Moving) -> None:
    moving.start(INSERT)
    moving.drive()
    for command in (("diff_workflow",), ("migrate",), ("migrate", "--dry-run")):
        result = moving.cli.fails(1, *command, "-s", "proc@2", "-w", moving.instance)
        assert "finished work is not migrated" in " ".join((result.stdout + result.stderr).split())


@one_store
def test_a_cancelled_instance_is_refused(moving: Moving) -> None:
    moving.start(INSERT)
    moving.cli.ok("cancel", "-w", moving.instance)
    refused = moving.cli.document("migrate", "-s", "proc@2", "-w", moving.instance, code=1)["results"][0]
    assert "is cancelled since" in refused["reason"]


@one_store
def test_an_instance_of_another_process_is_refused(moving: Moving) -> None:
    moving.start(INSERT)
    moving.cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    result = moving.cli.document("migrate", "-s", "order_product", "-w", moving.instance, code=1)["results"][0]
    assert "runs 'proc', not 'order_product'" in result["reason"]
    assert result["fix"] == "Name a version of proc: runner list_specs proc"


@one_store
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-s", "proc@9", "-w", "WF"), "There is no version 9 of 'proc'"),
        (("-s", "proc@2", "-w", "00000000"), "no instance"),
        (("-s", "proc@2"), "Say which instances"),
        (("-w", "WF"), "Missing option '-s'"),
        (("-s", "proc@2", "-w", "WF", "--map", "u"), "--map takes OLD=NEW"),
        (("-s", "proc@2", "-w", "WF", "--map", "u=a", "--map", "u=b"), "--map says of 'u' that it is 'a' and"),
        (("-s", "proc@2", "-w", "WF", "--allow", "node-remvoed"), "Did you mean node-removed"),
        (("-s", "proc@2", "-w", "WF", "--allow", "node-removed"), "is not a rule that can be allowed"),
        (("-s", "proc@2", "-w", "WF", "--save-plan", "p"), "give both"),
        (("--plan", "p", "-w", "WF"), "goes with no other option"),
        (("--plan", "p"), "There is no file: p"),
        (("-s", "proc@2", "-w", "WF", "--data", "{"), "--data"),
        (("-s", "proc@2", "--from", "nobody"), "nobody"),
    ],
)
def test_wrong_usage_moves_nothing(moving: Moving, arguments: tuple[str, ...], says: str) -> None:
    moving.start(INSERT)
    result = moving.cli.fails(2, "migrate", *(moving.instance if word == "WF" else word for word in arguments))
    assert says in result.stderr, str(result)
    assert result.stdout == ""
    assert moving.row()["version"] == 1


@one_store
@pytest.mark.parametrize(
    ("maps", "says"),
    [
        (("x=u2",), "--map x=u2: proc@1 has no node 'x'."),
        (("u=x",), "--map u=x: proc@2 has no node 'x'."),
        (("u=u2", "a=u2"), "are all mapped to 'u2'; two nodes cannot become one."),
        (("u=b",), "two nodes cannot become one."),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(moving: Moving, maps: tuple[str, ...], says: str) -> None:
    moving.start(RENAME)
    options = [word for mapping in maps for word in ("--map", mapping)]
    assert says in moving.refused(*options)["reason"]
    assert moving.row()["version"] == 1


@one_store
def test_an_instance_that_is_held_is_not_moved(moving: Moving) -> None:
    moving.start(INSERT)
    holder = Path(moving.cli.folder / "hold.py")
    holder.write_text(
        "import sys, time\n"
        "from spiffcli.store import open_store\n"
        f"store = open_store({moving.cli.url!r}, create=False)\n"
        f"with store.lock('instance:{moving.instance}', wait=1, holder='a long command'):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [moving.cli.command([])[0], str(holder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=moving.cli.environment(), cwd=moving.cli.folder, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == b"held\n"
        result = moving.cli.document("migrate", "-s", "proc@2", "-w", moving.instance, code=1)["results"][0]
        process.stdin.close()
    assert (result["outcome"], "a long command" in result["reason"]) == ("failed", True)
    assert result["fix"]
    assert moving.row()["version"] == 1


@one_store
def test_nothing_is_moved_to_a_suspended_version_and_everything_away_from_one(moving: Moving) -> None:
    moving.start(INSERT)
    moving.cli.ok("suspend", "proc@2")
    for options in ((), ("--dry-run",)):
        result = moving.cli.fails(1, "migrate", "-s", "proc@2", "-w", moving.instance, *options)
        assert "proc@2 is suspended, so no instance is moved to it." in " ".join(
            (result.stdout + result.stderr).split()
        )
    assert moving.impact()["verdict"] == "migratable"
    moving.cli.ok("activate", "proc@2")
    moving.cli.ok("suspend", "proc@1")
    moving.migrate()
    assert moving.drive() == "completed"


@one_store
def test_one_that_is_refused_stops_no_other(moving: Moving) -> None:
    moving.start(BEHIND)
    refused, moved = moving.instance, moving.begin("proc@1")
    moving.complete("u")
    finished = moving.instance
    moved = moving.begin("proc@2")
    result = moving.cli.fails(1, "migrate", "-s", "proc@2", "-w", refused, finished, moved)
    assert "1 unchanged, 2 refused." in result.stdout
    assert result.stderr == "2 of 3 instances were not moved.\n"
    assert [line[38:].split()[0] for line in result.lines() if line.startswith((refused, finished, moved))] == [
        "refused",
        "refused",
        "unchanged",
    ]


def test_all_open_instances_of_a_key_or_version_are_moved(moving: Moving) -> None:
    moving.start(INSERT)
    first, second = moving.instance, moving.begin("proc@1")
    moving.begin("proc@1")
    moving.drive()
    impact = moving.cli.document("diff_workflow", "-s", "proc@2", "--from", "proc@1")
    assert ({each["id"] for each in impact["instances"]}, impact["totals"]["migratable"]) == ({first, second}, 2)
    text = moving.cli.ok("diff_workflow", "-s", "proc@2", "--from", "proc").stdout
    assert "2 instances of proc@1 -> @2  can be moved" in text
    assert moving.cli.document("migrate", "-s", "proc@2", "--from", "proc")["totals"] == {"migrated": 2}
    nobody = moving.cli.ok("migrate", "-s", "proc@2", "--from", "proc")
    assert nobody.stdout == ""
    assert "There is no open instance of proc that does not run on proc@2 already." in nobody.stderr
    moving.cli.check()


@one_store
def test_a_gate_on_verdicts(moving: Moving) -> None:
    moving.start(RENAME)
    words = ("diff_workflow", "-s", "proc@2", "-w", moving.instance)
    for gate, code in (("blocked", 0), ("needs-mapping", 1)):
        for format in ("text", "json"):
            moving.cli.fails(code, *words, "--fail-on", gate, "--format", format)
    moving.cli.ok(*words, "--fail-on", "needs-mapping", "--map", "u=u2")


@one_store
def test_text_names_task_reason_and_way_out(moving: Moving) -> None:
    moving.start(RENAME)
    for command in ("diff_workflow", "migrate"):
        result = moving.cli(command, "-s", "proc@2", "-w", moving.instance)
        text = " ".join(result.stdout.split())
        assert "Task 'u' is READY, and the new version does not have it. [node-removed]" in text
        assert "Way out: Complete the task first, or name its successor with --map u=NEW." in text
        assert "Proposed: --map u=u2" in text
        assert max(map(len, result.lines())) <= 80


# Plans


@one_store
def test_a_saved_plan_is_applied_exactly_or_refused(moving: Moving) -> None:
    moving.start(BEHIND)
    words = ("migrate", "-s", "proc@2", "-w", moving.instance, "--allow", "node-added-before-token:n")
    dry = moving.cli.ok(*words, "--dry-run", "--save-plan", "plan.json")
    assert "would be migrated" in dry.stdout
    assert "Nothing was changed." in dry.stderr
    assert moving.row()["version"] == 1
    plan = moving.cli.folder / "plan.json"
    assert plan.stat().st_mode & 0o077 == 0
    moved = moving.cli.document("migrate", "--plan", plan)["results"][0]
    assert (moved["outcome"], moved["plan"]) == ("migrated", json.loads(plan.read_text())["plans"][0]["plan"])
    again = moving.cli.document("migrate", "--plan", plan, code=1)["results"][0]
    assert "is not as it was when the plan was made" in again["reason"]


@one_store
def test_a_plan_is_refused_when_the_instance_moved_on_or_the_file_was_changed(moving: Moving) -> None:
    moving.start("parallel_task_inserted_in_the_unfinished_branch")
    words = ("migrate", "-s", "proc@2", "-w", moving.instance, "--dry-run", "--save-plan", "plan.json")
    moving.cli.ok(*words)
    plan = moving.cli.folder / "plan.json"
    content = json.loads(plan.read_text())
    content["policies"]["timers"] = "restart"
    changed = moving.cli.write("changed.json", json.dumps(content))
    assert moving.cli.document("migrate", "--plan", changed, code=1)["totals"] == {"refused": 1}
    moving.complete("u0")
    assert moving.cli.document("migrate", "--plan", plan, code=1)["totals"] == {"refused": 1}
    assert moving.row()["version"] == 1


@one_store
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"definition": 1}', '{"schema": "runner/plan/1"}'])
def test_what_is_no_plan_is_refused(moving: Moving, content: str) -> None:
    moving.start(INSERT)
    result = moving.cli.fails(2, "migrate", "--plan", moving.cli.write("plan.json", content))
    assert "is not a plan that can be applied" in result.stderr


@one_store
def test_a_plan_is_valid_by_its_schema(moving: Moving) -> None:
    from spiffcli.report.schemas import violations

    moving.start(RENAME)
    words = ("migrate", "-s", "proc@2", "-w", moving.instance, "--map", "u=u2", "--data", '{"x": 1}', "--reset", "u")
    moving.cli.ok(*words, "--dry-run", "--save-plan", "plan.json")
    assert violations(json.loads((moving.cli.folder / "plan.json").read_text())) == []
    assert moving.cli.document("migrate", "--plan", "plan.json")["totals"] == {"migrated": 1}
    assert moving.open()[0]["data"]["x"] == 1


@one_store
def test_a_dry_run_of_several_formats_changes_nothing(moving: Moving) -> None:
    moving.start(INSERT)
    before = moving.row()
    document = moving.cli.document("migrate", "-s", "proc@2", "-w", moving.instance, "--dry-run")
    assert (document["dry_run"], document["totals"]) == (True, {"planned": 1})
    moving.cli.ok("migrate", "-s", "proc@2", "-w", moving.instance, "--dry-run")
    assert moving.row() == before


# Policies


@one_store
def test_data_can_be_set_by_a_script_whose_failure_changes_nothing(moving: Moving) -> None:
    moving.start(INSERT, "--data", '{"quantity": 2}')
    words = ("migrate", "-s", "proc@2", "-w", moving.instance, "--data")
    failing = moving.cli.write("failing.py", "total = quantity / 0\n")
    result = moving.cli.document(*words, failing, code=1)["results"][0]
    assert result["outcome"] == "refused"
    assert "The script given with --data failed in its line 1: ZeroDivisionError: division by zero." in result["reason"]
    assert moving.row()["version"] == 1
    moving.cli.ok(*words, moving.cli.write("setting.py", "total = quantity * 5\n"))
    assert moving.open()[0]["data"]["total"] == 10


@one_store
def test_force_overrides_what_may_be_overridden_and_records_it(moving: Moving) -> None:
    moving.start(BEHIND)
    moved = moving.cli.document("migrate", "-s", "proc@2", "-w", moving.instance, "-f")["results"][0]
    assert [(b["rule"], b["element"]) for b in moved["overridden"]] == [("node-added-before-token", "n")]
    migrated = [e for e in moving.cli.document("history", "-w", moving.instance)["entries"] if e["what"] == "migrated"]
    assert [b["element"] for b in migrated[0]["details"]["overridden"]] == ["n"]
    told = next(line for line in moving.cli.ok("history", "-w", moving.instance).lines() if " migrated " in line)
    plan = migrated[0]["details"]["plan"]
    assert told.endswith(f"proc@1 to proc@2, allowed node-added-before-token:n, skipped n, plan {plan}")


@one_store
def test_force_never_loses_a_task(moving: Moving) -> None:
    moving.start("call_activity_removed_in_progress")
    moving.cli.fails(1, "migrate", "-s", "proc@2", "-w", moving.instance, "--force")
    assert moving.drive() == "completed"


# Kills


@pytest.mark.parametrize("round", range(ROUNDS))
def test_a_kill_leaves_the_instance_old_or_new(moving: Moving, round: int) -> None:
    moving.start(INSERT)
    process = moving.cli.start("migrate", "-s", "proc@2", "-w", moving.instance)
    time.sleep(random.Random(round).uniform(0.0, 1.0))
    process.kill()
    process.communicate()
    moving.cli.check()
    version = moving.row()["version"]
    assert version in (1, 2)
    if version == 1:
        moving.migrate()
    assert moving.drive() == "completed"
    assert moving.log() == ["a", "U:u", "n", "b"]


def test_models_of_the_table_are_all_tested() -> None:
    text = Path(__file__).with_name("test_migrate_table.py").read_text()
    cases = {file.name.removesuffix(".v1.bpmn") for file in MODELS.glob("*.v1.bpmn")}
    assert [case for case in sorted(cases) if case not in text] == []
