"""Many instances moved by one command: which ones are meant, what is told, and what is tried again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .commands import Cli

_HEAD = '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="urn:test">'


def model(*names: str) -> str:
    path = ["start", *names, "end"]
    nodes = "".join(f'<userTask id="{name}" name="{name}"/>' for name in names)
    flows = "".join(
        f'<sequenceFlow id="{one}_{two}" sourceRef="{one}" targetRef="{two}"/>'
        for one, two in zip(path, path[1:], strict=False)
    )
    return (
        f'{_HEAD}<process id="p" isExecutable="true"><startEvent id="start"/>{nodes}<endEvent id="end"/>{flows}'
        "</process></definitions>"
    )


@pytest.fixture
def ids(cli: Cli) -> list[str]:
    """Six instances of `p@1`; every second one has gone on from `u` to `v`. `p@2` lacks `u`."""
    cli.write("p.bpmn", model("u", "v"))
    cli.ok("add", "-p", "p", "-b", "p.bpmn")
    found = [cli.document("run", "-s", "p", "-a")["instance"] for _ in range(6)]
    for id in found[::2]:
        task = cli.document("tasks", "-w", id)["tasks"][0]["task"]
        cli.ok("complete", "-w", id, "-t", task, "--data", "{}")
    cli.write("p.bpmn", model("v", "w"))
    cli.ok("add", "-p", "p", "-b", "p.bpmn")
    return found


def moved(cli: Cli, *words: str, code: int = 0) -> dict[str, str]:
    """Outcome by instance."""
    document = cli.document("migrate", "-s", "p@2", *words, code=code)
    assert document["totals"] == {
        outcome: sum(result["outcome"] == outcome for result in document["results"])
        for outcome in {result["outcome"] for result in document["results"]}
    }
    return {result["id"]: result["outcome"] for result in document["results"]}


@pytest.mark.parametrize("jobs", [(), ("--jobs", "2")])
def test_those_that_can_are_moved_and_the_others_told(cli: Cli, ids: list[str], jobs: tuple[str, ...]) -> None:
    outcomes = moved(cli, "--from", "p@1", *jobs, code=1)
    assert outcomes == {id: "refused" if place % 2 else "migrated" for place, id in enumerate(ids)}
    rows = {row["id"]: row["version"] for row in cli.document("list_instances")["instances"]}
    assert rows == {id: 1 if place % 2 else 2 for place, id in enumerate(ids)}
    assert moved(cli, "--from", "p@1", *jobs, code=1) == dict.fromkeys(ids[1::2], "refused")
    cli.check()


def test_what_was_not_moved_is_tried_again_from_the_results(cli: Cli, ids: list[str]) -> None:
    results = cli("migrate", "-s", "p@2", "--from", "p@1", "--format", "json")
    file = cli.write("results.json", results.stdout)
    assert moved(cli, "--retry-failed", str(file), code=1) == dict.fromkeys(ids[1::2], "refused")
    words = ("--map", "u=w", "--allow", "node-added-before-token:v")
    assert moved(cli, "--retry-failed", str(file), *words) == dict.fromkeys(ids[1::2], "migrated")
    cli.check()


def test_instances_are_chosen_by_task_file_age_and_number(cli: Cli, ids: list[str]) -> None:
    def judged(*words: str) -> list[str]:
        document = cli.document("diff_workflow", "-s", "p@2", *words)
        return [instance["id"] for instance in document["instances"]]

    listed = cli.write("ids.txt", f"# those of Monday\n{ids[4]}\n{ids[1]}  # and this\n\n")
    assert judged("--from", "p", "--waiting-at", "v") == ids[::2]
    assert judged("--from", "p", "--limit", "2") == ids[:2]
    assert judged("--ids", str(listed)) == [ids[4], ids[1]]
    assert judged("--from", "p@1", "--ids", str(listed)) == [ids[1], ids[4]]
    assert judged("--from", "p", "--state", "error") == []
    assert judged("--from", "p", "--started-before", "1d") == []
    assert judged("--from", "p", "--started-before", "2999-01-01") == ids
    assert moved(cli, "--from", "p@1", "--waiting-at", "v", "--limit", "1") == {ids[0]: "migrated"}


@pytest.mark.one_store
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--waiting-at", "v", "-w", "x"), "--from"),
        (("--from", "p", "--started-before", "soon"), "as an age"),
        (("--from", "p", "--limit", "0"), "--limit"),
        (("--from", "p", "--jobs", "0"), "--jobs"),
        (("--ids", "none.txt"), "none.txt"),
        (("--ids", "p.bpmn", "--retry-failed", "p.bpmn"), "give one"),
        (("--retry-failed", "p.bpmn"), "does not hold what 'migrate' wrote"),
    ],
)
def test_a_choice_that_cannot_be_moves_nothing(cli: Cli, ids: list[str], words: tuple[str, ...], says: str) -> None:
    assert says in cli.fails(2, "migrate", "-s", "p@2", *words).stderr
    assert {row["version"] for row in cli.document("list_instances")["instances"]} == {1}


@pytest.mark.one_store
def test_of_many_only_those_that_were_not_moved_are_listed(cli: Cli, tmp_path: Path) -> None:
    cli.write("p.bpmn", model("u", "v"))
    cli.ok("add", "-p", "p", "-b", "p.bpmn")
    many = [cli.document("run", "-s", "p", "-a")["instance"] for _ in range(21)]
    task = cli.document("tasks", "-w", many[3])["tasks"][0]["task"]
    cli.ok("complete", "-w", many[3], "-t", task, "--data", "{}")
    cli.write("p.bpmn", model("u", "x"))
    cli.ok("add", "-p", "p", "-b", "p.bpmn")
    result = cli.fails(1, "migrate", "-s", "p@2", "--from", "p@1")
    lines = result.lines()
    assert lines[0].startswith(f"{many[3]}  refused  p@1 -> @2  Task 'v' is READY")
    assert lines[0].endswith("[node-removed]")
    assert lines[-1] == "20 migrated, 1 refused."
    assert len([line for line in lines if line]) == 2
    assert "1 of 21 instances was not moved." in result.stderr
    assert "Reasons and ways out of one of them: runner diff_workflow -s p@2 -w ID" in result.stderr
    text = cli.ok("diff_workflow", "-s", "p@2", "--from", "p@1").stdout
    assert text.count("Way out: ") == 1
    everything = cli.document("diff_workflow", "-s", "p@1", "--from", "p@2")
    assert [each["id"] for each in everything["instances"]] == [id for id in many if id != many[3]]
    assert {each["group"] for each in everything["instances"]} == {0}
    assert len(everything["groups"]) == 1


@pytest.mark.one_store
def test_plans_of_many_that_were_looked_at_are_applied(cli: Cli, ids: list[str]) -> None:
    cli.ok("migrate", "-s", "p@2", "--from", "p@1", "--waiting-at", "v", "--dry-run", "--save-plan", "plan.json")
    plans = json.loads((cli.folder / "plan.json").read_text())["plans"]
    assert [plan["id"] for plan in plans] == ids[::2]
    assert {r["outcome"] for r in cli.document("migrate", "--plan", "plan.json")["results"]} == {"migrated"}
