"""Deployments: list, show, export, delete; and going back to an earlier version."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ..catalog.models import bpmn, form, process
from .commands import Cli


def write(cli: Cli, name: str, *processes: str) -> Path:
    return cli.write(name, bpmn(name, *processes).content)


def add_two(cli: Cli) -> None:
    """`order` calls `tax` and asks; both have two versions, the form one."""
    cli.write("ask.json", form("ask.json").content)
    for number in (1, 2):
        write(cli, "order.bpmn", process("order", script=f"x = {number}", calls=("tax",), forms=("ask.json",)))
        write(cli, "tax.bpmn", process("tax", script=f"t = {number}"))
        cli.ok(
            "add", "-b", "order.bpmn", "tax.bpmn", "--name", f"release {number}", env={"RUNNER_USER": f"user{number}"}
        )


def deployments(cli: Cli, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cli.document("list_deployments", *options)["deployments"]
    return found


def made(deployment: dict[str, Any]) -> list[str]:
    return [f"{each['key']}@{each['version']}" for each in deployment["specs"]]


def test_deployments_are_listed_with_what_they_made(cli: Cli) -> None:
    add_two(cli)
    first, second = deployments(cli)
    assert (first["name"], first["user"]) == ("release 1", "user1")
    assert made(first) == ["order@1", "tax@1", "ask.json@1"]
    assert made(second) == ["order@2", "tax@2"]
    assert first["source"]["files"] == ["order.bpmn", "tax.bpmn", "ask.json"]
    line = cli.ok("list_deployments").lines()[1]
    assert line.split()[0] == second["id"]
    assert line.endswith("user2  release 2  order@2, tax@2")
    assert [each["name"] for each in deployments(cli, "--by", "user1")] == ["release 1"]
    assert len(deployments(cli, "--since", "2026-01-01")) == 2
    assert deployments(cli, "--since", "2999-01-01T00:00+02:00") == []
    refused = cli.fails(2, "list_deployments", "--since", "yesterday").stderr
    assert "'yesterday' is no date. Write it as 2026-12-01" in refused


def test_a_deployment_is_shown_by_id_beginning_and_name(cli: Cli) -> None:
    add_two(cli)
    (_, second) = deployments(cli)
    shown = cli.document("show_deployment", second["id"])
    assert cli.document("show_deployment", second["id"][:18]) == shown
    assert cli.document("show_deployment", "release 2") == shown
    assert [(each["key"], each["version"], each["new"]) for each in shown["specs"]] == [
        ("order", 2, True),
        ("tax", 2, True),
        ("ask.json", 1, False),
    ]
    assert [each["name"] for each in shown["files"]] == ["order.bpmn", "tax.bpmn", "ask.json"]
    text = cli.ok("show_deployment", "release 2").stdout
    assert "ask.json@1  form     unchanged" in text
    assert shown["files"][0]["hash"] in text
    error = cli.fails(2, "show_deployment", "release 3", "--format", "json").error()
    assert (error["type"], error["candidates"]) == ("not-found", ["release 1", "release 2"])


def test_the_files_of_a_deployment_come_out_byte_for_byte(cli: Cli) -> None:
    strange = (
        '<?xml version="1.0" encoding="ISO-8859-1"?>' + bpmn("x", process("one", script="s = 'ü'")).content.decode()
    )
    cli.write("sub/one.bpmn", strange.encode("iso-8859-1"))
    deployment = cli.document("add", "-b", "sub/one.bpmn")["deployment"]
    exported = cli.document("export_deployment", deployment, "out")
    assert exported["files"] == [{"name": "sub/one.bpmn", "path": "out/sub/one.bpmn"}]
    assert (cli.folder / "out/sub/one.bpmn").read_bytes() == strange.encode("iso-8859-1")
    again = cli.document("add", "-b", "out/sub/one.bpmn")
    assert [each["new"] for each in again["specs"]] == [False]
    cli.write("out/sub/one.bpmn", "mine")
    refused = cli.fails(2, "export_deployment", deployment, "out").stderr
    assert "out/sub/one.bpmn is there and differs; nothing was written.\nChoose an empty folder" in refused
    assert cli.ok("export_deployment", deployment, "out", "--force").lines() == ["out/sub/one.bpmn"]
    assert (cli.folder / "out/sub/one.bpmn").read_bytes() == strange.encode("iso-8859-1")


@pytest.mark.one_store
def test_nothing_is_written_outside_of_the_folder(cli: Cli) -> None:
    folder = cli.folder / "work"
    folder.mkdir()
    for name in ("one.bpmn", "two.bpmn"):
        write(cli, name, process(name[:3]))
    absolute = cli.folder / "two.bpmn"
    deployment = cli.document("add", "-b", "../one.bpmn", absolute, at=folder)["deployment"]
    written = cli.document("export_deployment", deployment, "out", at=folder)["files"]
    assert [each["path"] for each in written] == ["out/one.bpmn", f"out{absolute}"]
    assert (folder / "out/one.bpmn").read_bytes() == (cli.folder / "one.bpmn").read_bytes()
    (folder / "trap").mkdir()
    (folder / "trap/one.bpmn").symlink_to(cli.folder / "elsewhere.bpmn")
    refused = cli.fails(2, "export_deployment", deployment, "trap", at=folder).stderr
    assert "would be written outside of trap: a link leads there." in refused
    assert not (cli.folder / "elsewhere.bpmn").exists()


def test_a_deployment_goes_with_the_versions_it_made_and_no_others(cli: Cli) -> None:
    add_two(cli)
    asked = cli.fails(2, "delete_deployment", "release 2").stderr
    assert "'release 2' with order@2, tax@2, and there is nobody to ask.\nSay --yes" in asked
    gone = cli.document("delete_deployment", "release 2", "--yes")
    assert [f"{each['key']}@{each['version']}" for each in gone["specs"]] == ["order@2", "tax@2"]
    assert [f"{each['key']}@{each['version']}" for each in cli.specs()] == ["order@1", "tax@1"]
    assert [each["name"] for each in deployments(cli)] == ["release 1"]
    assert cli.document("show_spec", "ask.json@1")["spec"]["version"] == 1
    cli.check()


def test_a_deployment_that_instances_run_on_goes_only_with_them(cli: Cli) -> None:
    add_two(cli)
    shared = cli.fails(1, "delete_deployment", "release 1", "--yes", "--cascade").stderr
    assert "ask.json@1 cannot be deleted: order@2 is bound to it." in shared, "it had not changed since"
    ids = sorted(cli.document("run", "-s", "order", "-a")["instance"] for _ in range(2))
    error = cli.fails(1, "delete_deployment", "release 2", "--yes", "--format", "json").error()
    assert error["count"] == 2
    assert sorted(error["instances"]) == ids
    assert "cannot be deleted: 2 running instances use it" in error["message"]
    assert "--cascade" in error["hint"]
    asked = cli.fails(2, "delete_deployment", "release 2", "--cascade", "--format", "json").error()
    assert "2 instances (2 running)" in asked["message"]
    gone = cli.document("delete_deployment", "release 2", "--cascade", "--yes")
    assert sorted(gone["instances"]) == ids
    assert [f"{each['key']}@{each['version']}" for each in cli.specs()] == ["order@1", "tax@1"]
    cli.check()


def test_a_deployment_that_another_is_bound_to_stays(cli: Cli) -> None:
    write(cli, "tax.bpmn", process("tax"))
    cli.ok("add", "-b", "tax.bpmn", "--name", "taxes")
    write(cli, "order.bpmn", process("order", calls=("tax",)))
    cli.ok("add", "-b", "order.bpmn")
    refused = cli.fails(1, "delete_deployment", "taxes", "--yes", "--cascade").stderr
    assert "tax@1 cannot be deleted: order@1 is bound to it.\nDelete those first." in refused


def test_an_earlier_version_becomes_the_newest(cli: Cli) -> None:
    add_two(cli)
    result = cli.ok("add", "--from", "order@1", "--tag", "stable")
    assert "order@3 has the same content as version 1." in result.stderr
    assert "Process 'order' stays bound to tax@1, ask.json@1." in result.stderr
    assert cli.document("run", "-s", "order", "-a")["data"] == {"x": 1, "t": 1}
    assert [f"{each['key']}@{each['version']}" for each in cli.specs()] == [
        "order@1",
        "order@2",
        "order@3",
        "tax@1",
        "tax@2",
    ]
    assert cli.document("add", "--from", "order@stable")["specs"][0]["new"] is False
    assert "leave files out" in cli.fails(2, "add", "--from", "order@1", "-b", "tax.bpmn").stderr
    assert "leave --binding out" in cli.fails(2, "add", "--from", "order@1", "--binding", "latest").stderr
    assert "There is no version 9 of 'order'" in cli.fails(2, "add", "--from", "order@9").stderr
    cli.check()


@pytest.mark.one_store
def test_the_commit_of_the_files_is_recorded(cli: Cli) -> None:
    def git(*words: str) -> str:
        identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
        done = subprocess.run(["git", *identity, *words], cwd=cli.folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    write(cli, "one.bpmn", process("one"))
    git("init", "-b", "trunk")
    cli.ok("add", "-b", "one.bpmn")
    git("add", "one.bpmn")
    git("commit", "-m", "one")
    write(cli, "one.bpmn", process("one", script="x = 2"))
    cli.ok("add", "-b", "one.bpmn")
    git("commit", "-am", "two")
    commit = git("rev-parse", "HEAD")
    cli.ok("add", "-b", "one.bpmn", "--force-new")
    before, changed, clean = (each["source"] for each in cli.specs())
    assert before == {"commit": None, "branch": None, "dirty": None, "path": None}
    assert (changed["commit"], changed["branch"], changed["dirty"]) == (git("rev-parse", "HEAD~1"), "trunk", True)
    assert (clean["commit"], clean["dirty"]) == (commit, False)
    assert cli.ok("list_deployments").lines()[2].endswith(f"one@3  {commit[:12]}")
    assert commit[:8] in cli.ok("list_specs", "--counts").lines()[2]
    assert cli.document("run", "-s", "one")["state"] == "completed"
    assert cli.document("list_instances")["instances"][0]["source"]["commit"] == commit
    outside = cli.folder.parent / "outside.bpmn"
    outside.write_bytes(bpmn("outside.bpmn", process("two")).content)
    cli.ok("add", "-b", outside)
    assert cli.specs()[-1]["source"]["commit"] is None
