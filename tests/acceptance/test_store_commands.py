"""Creating, checking, repairing, copying and measuring stores."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ..catalog.models import bpmn, process
from .commands import Cli


@pytest.fixture
def filled(cli: Cli) -> Cli:
    """A store with one@1, and an instance of it that has ended."""
    cli.write("one.bpmn", bpmn("one.bpmn", process("one")).content)
    cli.ok("add", "-b", "one.bpmn")
    cli.ok("run", "-s", "one")
    return cli


def blobs(cli: Cli) -> list[Path]:
    """Files of blobs, in a store on files."""
    return sorted((cli.folder / ".runner" / "blobs").glob("*/*"))


def damage(cli: Cli) -> None:
    """Lose a file of a deployment."""
    if cli.store == "sqlite":
        with closing(sqlite3.connect(cli.folder / "store.db")) as database, database:
            database.execute("DELETE FROM blobs WHERE instr(content, CAST('bpmndi' AS BLOB))")
    else:
        next(path for path in blobs(cli) if b"bpmndi" in path.read_bytes()).unlink()


def unindex(cli: Cli) -> None:
    """Lose the index, which can be rebuilt."""
    if cli.store == "sqlite":
        with closing(sqlite3.connect(cli.folder / "store.db")) as database, database:
            database.execute("DELETE FROM terms")
    else:
        for path in (cli.folder / ".runner" / "index").glob("*/*.json"):
            path.unlink()


def test_init_says_where_the_store_is_and_leaves_one_alone(cli: Cli) -> None:
    created = cli.document("init")
    assert (created["url"], created["created"]) == (cli.url, True)
    assert cli.ok("init").stdout == f"There is a store already: {cli.url}\n"
    assert cli.document("init")["created"] is False


@pytest.mark.one_store
def test_the_store_is_found_from_the_folders_below(cli: Cli) -> None:
    cli.ok("init")
    below = cli.folder / "models" / "orders"
    below.mkdir(parents=True)
    assert cli.url in cli.ok("init", at=below).stdout


@pytest.mark.one_store
def test_a_store_on_files_stays_out_of_git(cli: Cli) -> None:
    cli.ok("init")
    assert "*" in (cli.folder / ".runner" / ".gitignore").read_text().splitlines()


def test_a_sound_store_is_reported_as_such(filled: Cli) -> None:
    assert filled.ok("store", "check").stdout == f"{filled.url}: everything is well.\n"
    assert filled.document("store", "check") == {
        "schema": "runner/check/1",
        "url": filled.url,
        "problems": [],
        "ok": True,
    }


def test_what_is_lost_is_reported_and_cannot_be_made_up(filled: Cli) -> None:
    damage(filled)
    document = filled.document("store", "check", code=1)
    assert document["ok"] is False
    assert any("blob" in problem["what"] for problem in document["problems"])
    repaired = filled.fails(1, "store", "check", "--repair")
    assert "left" in repaired.stdout.splitlines()[-1]
    filled.fails(1, "store", "check")


def test_an_index_that_is_lost_is_rebuilt(filled: Cli) -> None:
    before = filled.specs(), filled.document("list_instances")
    unindex(filled)
    result = filled.fails(1, "store", "check")
    assert "'runner store check --repair' mends what can be mended." in result.stderr
    repaired = filled.ok("store", "check", "--repair")
    assert repaired.stdout.endswith("repaired, everything is well.\n")
    assert (filled.specs(), filled.document("list_instances")) == before
    filled.check()


def test_stats_count_what_is_there(filled: Cli) -> None:
    found = filled.document("store", "stats")
    assert found["deployments"] == 1
    assert found["definitions"] == {"process": 1, "collaboration": 0, "decision": 0, "form": 0}
    assert found["instances"] == {"running": 0, "completed": 1, "error": 0, "cancelled": 0}
    assert found["disk"] >= found["size"] > 0
    lines = [line.split(maxsplit=1) for line in filled.ok("store", "stats").lines()]
    assert ["definitions", "1 process"] in lines
    assert ["instances", "1 completed"] in lines


def test_a_store_moves_to_another_kind_and_back(filled: Cli) -> None:
    other = "sqlite:other.db" if filled.store == "tinydb" else "tinydb:other"
    there = filled.document("store", "copy", filled.url, other)
    assert there["documents"]["definition"] == 1
    back = filled.document("store", "copy", other, f"{filled.store}:back")
    assert back["hash"] == there["hash"]
    listed = filled.ok("--store", f"{filled.store}:back", "list_specs").stdout
    assert listed == filled.ok("list_specs").stdout
    text = filled.ok("store", "copy", filled.url, other).stdout
    assert f"Both stores have the hash {there['hash']}." in text


def test_a_copy_never_goes_over_another_store(filled: Cli) -> None:
    filled.write("two.bpmn", bpmn("two.bpmn", process("two")).content)
    filled.ok("--store", "tinydb:other", "add", "-b", "two.bpmn")
    refused = filled.fails(2, "store", "copy", filled.url, "tinydb:other")
    assert "already holds" in refused.stderr
    assert "Copy to a place where there is no store yet." in refused.stderr
    assert "cannot be copied to itself" in filled.fails(2, "store", "copy", filled.url, filled.url).stderr


def test_a_copy_of_nothing_creates_nothing(cli: Cli) -> None:
    refused = cli.fails(2, "store", "copy", "tinydb:nothing", "sqlite:other.db")
    assert "There is no store at" in refused.stderr
    assert list(cli.folder.iterdir()) == []


@pytest.mark.one_store
def test_the_groups_help_names_its_commands(cli: Cli) -> None:
    text = cli.ok("store", "--help").stdout
    for name in ("check", "copy", "stats"):
        assert f"  {name}  " in text
