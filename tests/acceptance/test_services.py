"""Business code on the command line: wired, checked, run, migrated."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from .commands import ROOT, Cli

EXAMPLES = ROOT / "examples"


@pytest.fixture
def shop(cli: Cli) -> Cli:
    """The vacation example in the folder of the test."""
    for file in (EXAMPLES / "vacation_approval").glob("*.*"):
        shutil.copy(file, cli.folder)
    return cli


V1, V2, PROCESS = "version_1.bpmn", "version_2.bpmn", "Process_ApprovalOfVacation"
WITH = ("--services", "vacation")
ADA = '{"request_id": "V-1", "employee": "Ada", "number_of_days": 9}'


def test_a_workflow_is_started_once_with_its_aggregate_as_data(shop: Cli) -> None:
    shop.ok(*WITH, "add", "-b", V1)
    run = shop.document(*WITH, "run", "-s", PROCESS, "-a", "--data", ADA)
    look = shop.document(*WITH, "show", "-w", "V-1")
    assert look["instance"]["natural_id"] == "V-1"
    (aggregate,) = look["aggregates"]
    assert (aggregate["type"], aggregate["data"]["number_of_days"], aggregate["version"]) == ("Approval", 9, 1)
    refused = shop.fails(1, *WITH, "run", "-s", PROCESS, "--data", ADA, "--format", "json").error()
    assert (refused["type"], refused["instance"], refused["natural_id"]) == ("duplicate-start", run["instance"], "V-1")
    left = shop.document(*WITH, "complete", "-w", "V-1", "-t", "Activity_Decide", "--data", '{"approved": true}')
    assert left["state"] == "completed"
    assert shop.document("show", "-w", "V-1")["aggregates"][0]["data"]["mails"] == [
        "To Ada: your vacation was accepted."
    ]
    shop.check()
    shop.ok("delete", "-w", "V-1", "--yes")
    shop.check()
    shop.document(*WITH, "run", "-s", PROCESS, "-a", "--data", ADA)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('{"employee": "Ada", "number_of_days": 9}', "That makes no Approval: Approval.request_id is missing."),
        ('{"request_id": "V-1", "employee": "Ada", "number_of_days": "9"}', "must be a whole number, not '9' (str)"),
        (
            '{"request_id": "V-1", "employee": "Ada", "number_of_days": 9, "colour": 1}',
            "Approval has no field 'colour'",
        ),
        ('{"request_id": "", "employee": "Ada", "number_of_days": 9}', "The natural id Approval.request_id is ''"),
    ],
)
@pytest.mark.one_store
def test_data_that_make_no_aggregate_start_nothing(shop: Cli, data: str, said: str) -> None:
    shop.ok(*WITH, "add", "-b", V1)
    assert said in shop.fails(2, *WITH, "run", "-s", PROCESS, "--data", data).stderr
    assert shop.document("list_instances")["instances"] == []


@pytest.mark.one_store
def test_a_natural_id_may_be_given_as_id(shop: Cli) -> None:
    shop.ok(*WITH, "add", "-b", V1)
    data = '{"employee": "Ada", "number_of_days": 9}'
    shop.document(*WITH, "run", "-s", PROCESS, "-a", "--id", "V-9", "--data", data)
    assert shop.document("show", "-w", "V-9")["aggregates"][0]["data"]["request_id"] == "V-9"
    other = shop.fails(2, *WITH, "run", "-s", PROCESS, "--id", "V-8", "--data", ADA)
    assert "The natural id is 'V-8', and Approval.request_id is 'V-1'." in other.stderr


@pytest.mark.one_store
def test_nothing_is_added_or_moved_where_services_do_not_fit(shop: Cli) -> None:
    shop.ok(*WITH, "add", "-b", V1)
    shop.document(*WITH, "run", "-s", PROCESS, "-a", "--data", ADA)
    code = (shop.folder / "vacation.py").read_text()
    shop.write("vacation.py", code.replace('"SEND_ACCEPTED"', '"SEND_ACEPTED"'))
    refused = shop.fails(2, *WITH, "complete", "-w", "V-1", "-t", "Activity_Decide", "--data", "{}")
    assert "Services and models do not fit together" in refused.stderr
    assert "version_1.bpmn:13: process 'Process_ApprovalOfVacation' v1, service task" in refused.stderr
    assert "no method is wired to it" in refused.stderr
    assert "it is wired to no task" in refused.stderr
    assert refused.stderr.endswith("Nothing was moved. See all of it again with: runner check\n")
    assert shop.document("show", "-w", "V-1")["instance"]["active"][0]["id"] == "Activity_Decide"
    refused = shop.fails(2, *WITH, "add", "-b", V2)
    assert refused.stderr.endswith("Nothing was stored.\n")
    assert "task-without-method" in [fault["rule"] for fault in _faults(shop, "add", "-b", V2)]
    assert len(shop.specs()) == 1
    # Whatever is wrong, an instance can be looked at and ended.
    shop.ok(*WITH, "show", "-w", "V-1")
    shop.ok(*WITH, "cancel", "-w", "V-1")


def _faults(cli: Cli, *words: str) -> list[dict[str, object]]:
    faults: list[dict[str, object]] = cli.fails(2, *WITH, *words, "--format", "json").error()["faults"]
    return faults


@pytest.mark.one_store
def test_check_tells_all_faults_and_its_exit_code_says_whether_there_are_any(shop: Cli) -> None:
    shop.ok(*WITH, "add", "-b", V1)
    fine = shop.document(*WITH, "check")
    assert (fine["ok"], fine["faults"], fine["checked"]) == (True, [], [f"{PROCESS}@1"])
    assert "everything is wired" in shop.ok(*WITH, "check", PROCESS).stdout
    code = (shop.folder / "vacation.py").read_text()
    shop.write(
        "vacation.py",
        code.replace('id="Activity_SendRejectedMail"', 'id="Nowhere"').replace("approved: bool", "agreed: bool"),
    )
    told = shop.document(*WITH, "check", code=1)
    assert [fault["rule"] for fault in told["faults"]] == ["task-without-method", "unknown-name", "method-without-task"]
    text = shop.fails(1, *WITH, "check").stdout
    assert "Fix: Add to ApprovalOfVacation:" in text
    assert "3 errors" in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.one_store
def test_methods_without_a_task_are_told_all_at_once_and_nothing_waits_for_them(shop: Cli) -> None:
    code = (shop.folder / "vacation.py").read_text()
    more = (
        "    @workflow_task\n    def first(self, approval: Approval) -> None: ...\n\n"
        '    @workflow_task(id="Nowhere")\n    def second(self, approval: Approval) -> None: ...\n\n'
    )
    head, name, body = code.partition("class ApprovalOfVacation:")
    shop.write("vacation.py", head + name + body.replace("    @workflow_task", more + "    @workflow_task", 1))
    added = shop.ok(*WITH, "add", "-b", V1)
    ran = shop.ok(*WITH, "run", "-s", PROCESS, "-a", "--data", ADA)
    for said in (added.stderr, ran.stderr):
        assert "has a task definition 'first'" in said
        assert "has the element 'Nowhere'" in said
    assert ran.stderr.startswith(
        "Warning: process 'Process_ApprovalOfVacation', method ApprovalOfVacation.first (vacation"
    )
    told = shop.document(*WITH, "check", code=1)
    assert [fault["rule"] for fault in told["faults"]] == ["method-without-task", "method-without-task"]


@pytest.mark.one_store
def test_wiring_shows_what_does_what(shop: Cli) -> None:
    shop.ok(*WITH, "add", "-b", V1)
    shop.ok(*WITH, "add", "-b", V2)
    (process,) = shop.document(*WITH, "wiring", f"{PROCESS}@2")["processes"]
    assert {task["element"]: task["method"]["name"] for task in process["tasks"]} == {
        "Activity_SendAcceptedMail": "ApprovalOfVacation.send_accepted_with_hint",
        "Activity_SendRejectedMail": "ApprovalOfVacation.send_rejected",
        "Activity_FindSubstitute": "ApprovalOfVacation.find_substitute",
    }
    assert {each["expression"]: each["names"] for each in process["expressions"]} == {
        "approved": {"approved": "aggregate"},
        "numberOfDays > 5": {"numberOfDays": "aggregate"},
    }
    text = shop.ok(*WITH, "wiring", PROCESS).stdout
    assert "Process_ApprovalOfVacation@2  works on Approval" in text
    assert "ApprovalOfVacation.find_substitute (vacation.py:" in text
    unknown = shop.fails(2, *WITH, "wiring", "nothing").stderr
    assert "There is no process 'nothing'" in unknown


@pytest.mark.one_store
def test_stubs_write_a_class_that_fits_the_model(shop: Cli) -> None:
    skeleton = shop.ok("stubs", V2).stdout
    assert '@workflow_task(task_definition="FIND_SUBSTITUTE")' in skeleton
    assert "numberOfDays: Any = None" in skeleton
    shop.write("skeleton.py", skeleton)
    shop.ok("--services", "skeleton", "add", "-b", V2)
    assert shop.document("--services", "skeleton", "check")["ok"]
    nested = shop.ok("stubs", EXAMPLES / "order_licences" / "order.bpmn").stdout
    assert "index: Annotated[int, Index()]" in nested
    shop.write("nested.py", nested)
    shop.ok("--services", "nested", "add", "-b", EXAMPLES / "order_licences" / "order.bpmn")
    assert shop.document("--services", "nested", "check")["ok"]
    assert "There is no definition 'nothing'" in shop.fails(2, "stubs", "nothing").stderr


@pytest.mark.one_store
def test_a_verdict_says_which_tasks_of_the_new_version_no_service_covers(shop: Cli) -> None:
    shop.ok(*WITH, "add", "-b", V1)
    shop.document(*WITH, "run", "-s", PROCESS, "-a", "--data", ADA)
    shop.ok(*WITH, "add", "-b", V2)
    code = (shop.folder / "vacation.py").read_text()
    shop.write("vacation.py", code.replace('"FIND_SUBSTITUTE", version=">=2"', '"ANOTHER"'))
    (verdict,) = shop.document(*WITH, "diff_workflow", "-s", f"{PROCESS}@2", "-w", "V-1")["instances"]
    (blocker,) = verdict["blockers"]
    assert (verdict["verdict"], blocker["rule"], blocker["element"]) == (
        "blocked",
        "service-missing",
        "Activity_FindSubstitute",
    )
    assert "has no service: no method is wired to it." in blocker["reason"]
    assert shop(*WITH, "migrate", "-s", f"{PROCESS}@2", "-w", "V-1").code == 1
    allowed = ("--allow", "service-missing", "--dry-run")
    assert (
        shop.document(*WITH, "migrate", "-s", f"{PROCESS}@2", "-w", "V-1", *allowed)["results"][0]["outcome"]
        == "planned"
    )
    shop.write("vacation.py", code)
    moved = shop.document(*WITH, "migrate", "-s", f"{PROCESS}@2", "-w", "V-1")
    assert moved["results"][0]["outcome"] == "migrated"


@pytest.mark.one_store
def test_a_migration_is_taken_back_only_while_the_aggregate_stands_still(shop: Cli) -> None:
    shop.ok(*WITH, "add", "-b", V1)
    shop.document(*WITH, "run", "-s", PROCESS, "-a", "--data", ADA)
    shop.ok(*WITH, "add", "-b", V2)
    shop.ok(*WITH, "migrate", "-s", f"{PROCESS}@2", "-w", "V-1")
    shop.ok(*WITH, "rollback", "-w", "V-1")
    shop.ok(*WITH, "migrate", "-s", f"{PROCESS}@2", "-w", "V-1")
    shop.write(
        "change.py",
        "from spiffcli import Runner\nfrom vacation import Approval\n"
        f"with Runner.open(services='vacation', store={shop.url!r}) as runner:\n"
        "    runner.service(Approval).change('V-1', lambda approval: setattr(approval, 'escalations', 1))\n",
    )
    subprocess.run([sys.executable, "change.py"], cwd=shop.folder, env=shop.environment(), check=True, timeout=60)
    assert "has moved on" in shop(*WITH, "rollback", "-w", "V-1").stdout
    assert shop.document("show", "-w", "V-1")["aggregates"][0]["data"]["escalations"] == 1


def test_an_open_task_is_completed_or_given_up_by_its_id(cli: Cli) -> None:
    for file in (EXAMPLES / "order_licences").glob("*.*"):
        shutil.copy(file, cli.folder)
    services = ("--services", "orders")
    cli.ok(*services, "add", "-p", "order", "-b", "order.bpmn")
    order = '{"order_id": "7", "items": [{"product": "office", "quantity": 2}]}'
    cli.document(*services, "run", "-s", "order", "-a", "--data", order)
    (task,) = cli.document(*services, "tasks", "-w", "7")["tasks"]
    assert (task["id"], task["state"]) == ("Ship", "STARTED")
    refused = cli.fails(1, *services, "complete", "-w", "7", "-t", task["task"], "--error", "LOST")
    assert "Nothing in the model catches the error 'LOST'" in refused.stderr
    assert (
        "--data does not go with it"
        in cli.fails(2, *services, "complete", "-w", "7", "-t", "Ship", "--error", "A", "--data", "{}").stderr
    )
    left = cli.document(*services, "complete", "-w", "7", "-t", task["task"], "--data", '{"tracking": "given"}')
    assert left["state"] == "completed"
    order_, delivery = cli.document("show", "-w", "7")["aggregates"]
    assert [item["licences"] for item in order_["data"]["items"]] == [["7-office-0", "7-office-1"]]
    assert (delivery["data"]["tracking"], delivery["root"]) == ("given", "7")


@pytest.mark.one_store
def test_nothing_is_started_without_the_services_it_was_added_with(shop: Cli) -> None:
    shop.ok(*WITH, "add", "-b", V1)
    refused = shop.fails(2, "run", "-s", PROCESS, "-a", "--data", ADA).stderr
    assert f"{PROCESS}@1 was added with services that do its tasks, and no service serves it now." in refused
    assert "--services MODULE" in refused
    assert shop.document("list_instances")["instances"] == []
    shop.ok(*WITH, "run", "-s", PROCESS, "-a", "--data", ADA)


@pytest.mark.one_store
def test_an_instance_with_an_aggregate_does_not_move_without_its_services(shop: Cli) -> None:
    shop.ok(*WITH, "add", "-b", V1)
    shop.document(*WITH, "run", "-s", PROCESS, "-a", "--data", ADA)
    for words in (("complete", "-t", "Activity_Decide", "--data", "{}"), ("run",), ("retry",)):
        refused = shop.fails(2, *words, "-w", "V-1").stderr
        assert "keeps its state in the aggregate 'V-1', and no service serves Process_ApprovalOfVacation@1." in refused
        assert "--services MODULE" in refused
    assert shop.document("show", "-w", "V-1")["instance"]["revision"] == 2
    shop.ok("cancel", "-w", "V-1")


@pytest.mark.one_store
def test_what_business_code_prints_does_not_mix_with_results(shop: Cli) -> None:
    code = (shop.folder / "vacation.py").read_text()
    shop.write("vacation.py", code.replace("approval.mails.append(", "print('mail sent'); approval.mails.append("))
    shop.ok(*WITH, "add", "-b", V1)
    shop.document(*WITH, "run", "-s", PROCESS, "-a", "--data", ADA)
    words = ("complete", "-w", "V-1", "-t", "Activity_Decide", "--data", '{"approved": true}', "--format", "json")
    completed = shop.ok(*WITH, *words)
    assert (completed.json()["state"], "mail sent" in completed.stderr) == ("completed", True)


@pytest.mark.one_store
def test_services_are_found_in_engine_modules_settings_and_packages(shop: Cli) -> None:
    shop.write("mine.py", "from spiffcli.engine import EngineConfig\nfrom vacation import services\n"
                          "engine = EngineConfig.spiff().extended(name='mine', services=services)\n")  # fmt: skip
    shop.ok("-e", "mine", "add", "-b", V1)
    assert shop.document("-e", "mine", "check")["ok"]
    assert shop.document("check", env={"RUNNER_SERVICES": "vacation"})["ok"]
    shop.write("runner.toml", 'services = ["vacation"]\n')
    assert shop.document("check")["ok"]
    (shop.folder / "runner.toml").unlink()
    shop.write("site/offered-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: offered\nVersion: 1.0\n")
    shop.write("site/offered-1.0.dist-info/entry_points.txt", "[spiffcli.services]\nvacation = vacation:services\n")
    path = {"PYTHONPATH": f"{ROOT}:{shop.folder / 'site'}:{shop.folder}"}
    assert shop.document("check", env=path)["ok"]
    # Reached twice, a service counts once.
    assert shop.document("-e", "mine", *WITH, "check", env=path)["ok"]


@pytest.mark.one_store
@pytest.mark.parametrize(
    ("module", "content", "said"),
    [
        ("missing", None, "There is no service module 'missing'."),
        ("empty", "x = 1\n", "The module 'empty' has no services."),
        ("broken", "1 / 0\n", "The service module 'broken' failed: ZeroDivisionError: division by zero (broken.py:1)."),
        ("asks", "import nowhere\n", "The service module 'asks' needs the module 'nowhere'"),
        (
            "wrong",
            "from spiffcli.services import workflow_service\n@workflow_service(aggregate=dict, version='3-1')\nclass X: ...\n",
            "'3-1' is no range of versions.",
        ),
    ],
)
def test_a_module_that_cannot_be_used_is_told(cli: Cli, module: str, content: str | None, said: str) -> None:
    if content is not None:
        cli.write(f"{module}.py", content)
    cli.ok("init")
    assert said in cli.fails(2, "--services", module, "check").stderr


@pytest.mark.one_store
def test_without_services_the_commands_say_how_to_name_them(cli: Cli) -> None:
    cli.ok("init")
    for command in ("check", "wiring"):
        assert "Name their module with --services MODULE" in cli.fails(2, command).stderr
    cli.write("a.bpmn", (EXAMPLES / "vacation_approval" / V1).read_text())
    refused = cli.fails(2, "add", "-b", "a.bpmn")
    assert "it is a service task without a service operator" in refused.stderr


@pytest.mark.one_store
@pytest.mark.parametrize("example", ["vacation_approval", "order_licences"])
def test_the_tests_of_the_examples_pass(example: str) -> None:
    environment = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        command, cwd=EXAMPLES / example, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
