"""What `add` and its neighbours refuse: in words that help, with the right exit code, and with nothing half stored."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ..catalog.models import bpmn, dmn, process
from .commands import Cli, Result, interrupt

ONE = bpmn("one.bpmn", process("one")).content


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but locks and logs."""
    paths = (path for path in folder.rglob("*") if path.is_file() and "locks" not in str(path))
    return {str(path): path.read_bytes() for path in paths if path.suffix not in (".log", ".db-shm", ".db-wal")}


def refused(cli: Cli, message: str, *arguments: str, code: int = 2) -> Result:
    """A command that must be refused with a message, in words and as JSON, and leave everything as it was."""
    before = files(cli.folder)
    result = cli.fails(code, *arguments)
    assert message in result.stderr
    assert result.stdout == ""
    error = cli.fails(code, *arguments, "--format", "json").error()
    where = f"{error['file']}:{error['line']}: " if error["line"] else f"{error['file']}: "
    assert error["message"].removeprefix(where) in result.stderr
    assert files(cli.folder) == before
    return result


@pytest.fixture
def one(cli: Cli) -> Cli:
    """A store that holds one@1."""
    cli.write("one.bpmn", ONE)
    cli.ok("add", "-b", "one.bpmn")
    return cli


# Files


def test_a_missing_file_is_named_with_the_nearest_one(one: Cli) -> None:
    result = refused(one, "There is no file: onne.bpmn", "add", "-b", "onne.bpmn")
    assert "Did you mean one.bpmn?" in result.stderr
    assert "There is no folder models either." in refused(one, "no file", "add", "-b", "models/one.bpmn").stderr


def test_a_folder_is_not_a_file(one: Cli) -> None:
    (one.folder / "models").mkdir()
    result = refused(one, "This is a folder, not a file: models", "add", "-b", "models")
    assert "models/*.bpmn" in result.stderr


def test_without_files_there_is_nothing_to_add(one: Cli) -> None:
    assert "-b FILE" in refused(one, "There is nothing to add.", "add").stderr


def test_a_file_that_is_no_model_is_named(one: Cli) -> None:
    one.write("notes.txt", "notes")
    result = refused(one, "notes.txt is neither a model nor a form.", "add", "-b", "one.bpmn", "notes.txt")
    assert ".bpmn" in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello", "bad.bpmn:1: The file is not well-formed XML: Start tag expected, '<' not found."),
        ("", "bad.bpmn: The file is empty."),
        (ONE[:300], "bad.bpmn:1: The file is not well-formed XML"),
        (bytes(range(256)), "bad.bpmn:1: The file is not well-formed XML"),
        ("<html/>", "bad.bpmn:1: The file is XML but not BPMN: its root element is <html>"),
        (b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + ONE, "bad.bpmn: The file has a document type"),
    ],
    ids=["text", "empty", "cut", "binary", "html", "doctype"],
)
def test_what_is_not_bpmn_is_refused_with_its_line(one: Cli, content: str | bytes, message: str) -> None:
    one.write("bad.bpmn", content)
    refused(one, message, "add", "-b", "one.bpmn", "bad.bpmn")


def test_broken_decisions_and_forms_are_refused_too(one: Cli) -> None:
    one.write("bad.dmn", "<definitions")
    refused(one, "bad.dmn:1: The file is not well-formed XML", "add", "-b", "one.bpmn", "-d", "bad.dmn")
    one.write("bad.json", '{"title": ')
    refused(one, "bad.json:1: The form is not JSON", "add", "-b", "one.bpmn", "-f", "bad.json")


# What the files hold


def test_an_unknown_process_lists_what_the_files_hold(cli: Cli) -> None:
    cli.write("two.bpmn", bpmn("two.bpmn", process("two"), process("three")).content)
    result = refused(cli, "No file holds a process 'four'.", "add", "-p", "four", "-b", "two.bpmn")
    assert "In the files: 'three', 'two'." in result.stderr
    refused(cli, "No file holds a collaboration 'four'.", "add", "-c", "four", "-b", "two.bpmn")
    assert not (cli.folder / ".runner").exists()


def test_a_process_and_a_collaboration_are_one_too_many(one: Cli) -> None:
    refused(one, "Give a process or a collaboration, not both.", "add", "-p", "one", "-c", "all", "-b", "one.bpmn")


def test_a_model_that_cannot_be_executed_says_how_to_mend_that(cli: Cli) -> None:
    cli.write("drawn.bpmn", bpmn("drawn.bpmn", process("drawn", executable=False)).content)
    for named in ([], ["-p", "drawn"]):
        result = refused(cli, "drawn.bpmn:1: ", "add", "-b", "drawn.bpmn", *named)
        assert 'Set isExecutable="true"' in result.stderr


def test_a_called_process_and_a_decision_must_be_there(cli: Cli) -> None:
    cli.write("calls.bpmn", bpmn("calls.bpmn", process("one", calls=("ghost",))).content)
    result = refused(cli, "'one_calls_ghost' of process 'one' needs process 'ghost'", "add", "-b", "calls.bpmn")
    assert "Give its file too (-b FILE), add it first, or bind it later (--binding latest)." in result.stderr
    cli.write("decides.bpmn", bpmn("decides.bpmn", process("one", decisions=("ghost",))).content)
    result = refused(cli, "'one_decides_ghost' of process 'one' needs decision 'ghost'", "add", "-b", "decides.bpmn")
    assert "Give its file too (-d FILE)" in result.stderr


def test_a_form_may_be_missing_but_not_in_silence(cli: Cli) -> None:
    cli.write("asks.bpmn", bpmn("asks.bpmn", process("one", forms=("ghost.json",))).content)
    result = cli.ok("add", "-b", "asks.bpmn")
    assert "Warning: asks.bpmn:1: Process 'one' shows a form that is missing: ghost.json." in result.stderr
    (note,) = [each for each in cli.document("add", "-b", "asks.bpmn")["notes"] if each["warning"]]
    assert (note["rule"], note["file"], note["line"], note["element"]) == (
        "form-missing",
        "asks.bpmn",
        1,
        "one_asks_ghost",
    )


def test_a_script_that_would_fail_is_told_with_its_line(cli: Cli) -> None:
    cli.write("bad.bpmn", bpmn("bad.bpmn", process("one", script="import os")).content)
    result = cli.ok("add", "-b", "bad.bpmn")
    assert "Warning: bad.bpmn:1: With --scripts sandbox, the script of 'one_script' would fail" in result.stderr
    assert "Warning" not in cli.ok("--scripts", "trusted", "add", "-b", "bad.bpmn").stderr


def test_one_process_twice_stores_nothing(cli: Cli) -> None:
    for name in ("one.bpmn", "two.bpmn"):
        cli.write(name, bpmn(name, process("one", script=f"x = '{name}'")).content)
    refused(cli, "The process one is defined in one.bpmn and in two.bpmn.", "add", "-b", "one.bpmn", "two.bpmn")
    assert not (cli.folder / ".runner").exists()


@pytest.mark.parametrize("reserved", ["Start", "End"])
def test_ids_the_engine_keeps_for_itself_are_refused(cli: Cli, reserved: str) -> None:
    content = ONE.replace(f"one_{reserved.lower()}".encode(), reserved.encode())
    cli.write("one.bpmn", content)
    result = refused(cli, f"one.bpmn:1: The id '{reserved}' is reserved", "add", "-b", "one.bpmn")
    assert "Give the element another id" in result.stderr


def test_flows_that_lead_nowhere_and_missing_starts_are_refused(cli: Cli) -> None:
    cli.write("one.bpmn", ONE.replace(b'targetRef="one_end"', b'targetRef="nowhere"'))
    refused(cli, "a sequence flow leads to an element that does not exist", "add", "-b", "one.bpmn")
    cli.write("one.bpmn", ONE.replace(b"startEvent", b"task"))
    refused(cli, "it has no start event", "add", "-b", "one.bpmn")


# Options


def test_bindings_tags_and_settings_are_checked(one: Cli) -> None:
    refused(one, "'sometimes' is no binding.", "add", "-b", "one.bpmn", "--binding", "sometimes")
    refused(one, "'7' cannot be a tag.", "add", "-b", "one.bpmn", "--tag", "7")
    refused(one, "must be sandbox or trusted or off, not 'perhaps'", "--scripts", "perhaps", "add", "-b", "one.bpmn")
    refused(one, "There is no engine module 'nothing'.", "-e", "nothing", "add", "-b", "one.bpmn")


def test_a_tag_of_another_version_is_not_taken_away(one: Cli) -> None:
    one.ok("tag", "one", "stable")
    one.write("one.bpmn", ONE.replace(b"x = 1", b"x = 2"))
    refused(one, "Tag 'stable' is on one@1.", "add", "-b", "one.bpmn", "--tag", "stable", code=1)
    one.ok("add", "-b", "one.bpmn", "--tag", "stable", "--move")
    assert one.document("show_spec", "one@stable")["spec"]["version"] == 2


def test_references_that_name_nothing_are_refused_by_every_command(one: Cli) -> None:
    for words in (["show_spec"], ["delete_spec", "--yes"], ["suspend"], ["activate"]):
        assert "There are: one" in refused(one, "There is no definition 'nothing'.", *words, "nothing").stderr
    refused(one, "There is no definition 'nothing'.", "tag", "nothing", "stable")
    assert "There are: one@1" in refused(one, "There is no version 7 of 'one'.", "show_spec", "one@7").stderr
    refused(one, "'one@' is no reference", "show_spec", "one@")


def test_a_file_in_place_of_a_definition_has_to_be_added_first(one: Cli) -> None:
    for words in (["show_spec"], ["run", "-s"]):
        result = refused(one, "There is no definition 'one.bpmn'.", *words, "one.bpmn")
        assert "A file has to be added first: runner add -b one.bpmn" in result.stderr


# The store


def test_without_a_store_nothing_is_found(cli: Cli) -> None:
    for words in (["list_specs"], ["show_spec", "one"], ["store", "check"], ["store", "stats"]):
        result = refused(cli, "There is no store at ", *words)
        assert "'runner init' or the first 'runner add' creates one." in result.stderr


def test_a_store_of_a_newer_format_is_left_alone(one: Cli) -> None:
    if one.store == "sqlite":
        with closing(sqlite3.connect(one.folder / "store.db")) as database, database:
            database.execute("UPDATE meta SET value = 99 WHERE name = 'format'")
    else:
        path = one.folder / ".runner" / "format.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    for words in (["list_specs"], ["add", "-b", "one.bpmn"], ["store", "check", "--repair"]):
        result = refused(one, "is in format 99; this version of runner knows formats up to 1.", *words)
        assert "Use the version of runner that wrote it, or a newer one." in result.stderr


def test_what_is_no_store_is_not_taken_for_one(cli: Cli) -> None:
    cli.write("one.bpmn", ONE)
    if cli.store == "sqlite":
        cli.write("store.db", "hello, I am a text and not a database, and I am long enough to be one" * 20)
    else:
        cli.write(".runner/poem.txt", "roses are red")
    refused(cli, "not" if cli.store == "sqlite" else "holds something else than a store", "add", "-b", "one.bpmn")


@pytest.mark.one_store
def test_the_url_of_a_store_is_checked_and_keeps_its_secrets(cli: Cli) -> None:
    cli.write("one.bpmn", ONE)
    refused(cli, "The store 'nothing' is not a URL.", "--store", "nothing", "list_specs")
    result = refused(cli, "There is no store back-end 'mysql:'.", "--store", "mysql://me:secret@host/x", "list_specs")
    assert "secret" not in result.stderr


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder, unwritable even for the superuser where the system lets us make it so."""
    if os.geteuid():
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)
        return
    bind = ["mount", "--bind", str(folder), str(folder)]
    if sys.platform != "linux" or subprocess.run(bind, capture_output=True, check=False).returncode:
        pytest.skip("the superuser can write everywhere, and may not mount here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_folder_can_be_read_and_says_why_not_more(one: Cli) -> None:
    one.write("two.bpmn", bpmn("two.bpmn", process("two")).content)
    with read_only(one.folder):
        assert [each["key"] for each in one.specs()] == ["one"]
        result = one.fails(2, "add", "-b", "two.bpmn")
        assert "read-only" in result.stderr.lower() or "permission denied" in result.stderr.lower()
        assert "writable" in result.stderr or "right to write" in result.stderr
    assert [each["key"] for each in one.specs()] == ["one"]
    one.check()


def test_a_read_only_folder_gets_no_store(cli: Cli) -> None:
    cli.write("one.bpmn", ONE)
    with read_only(cli.folder):
        cli.fails(2, "init")
        cli.fails(2, "add", "-b", "one.bpmn")
    assert [path.name for path in cli.folder.iterdir()] == ["one.bpmn"]


@pytest.mark.parametrize("limit", [0, 2_000, 20_000])
def test_a_full_disk_stores_nothing(one: Cli, limit: int) -> None:
    one.write("big.bpmn", bpmn("big.bpmn", process("big", script="x = 1\n" * 20_000)).content)
    result = one_limited(one, limit, "add", "-b", "big.bpmn")
    assert result.code == 2, str(result)
    assert "Traceback" not in result.stderr
    assert "cannot" in result.stderr
    assert [each["key"] for each in one.specs()] == ["one"]
    one.check()
    one.ok("add", "-b", "big.bpmn")


def one_limited(cli: Cli, limit: int, *arguments: str) -> Result:
    """Run a command that can write no file longer than `limit` bytes, as on a disk that is full."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    with cli.start(*arguments, preexec_fn=limited) as running:
        stdout, stderr = running.communicate(timeout=60)
    return Result(arguments, running.returncode, stdout.decode(), stderr.decode())


@pytest.mark.parametrize("delay", [None, 0, 0.05, 0.1, 0.2])
def test_an_interrupted_add_stores_all_or_nothing(one: Cli, delay: float | None) -> None:
    # A pipe tells when the command has come as far as reading its files, and lets it go on only then.
    pipe, names = one.folder / "many.bpmn", [f"p{number}" for number in range(30)]
    os.mkfifo(pipe)

    def interruptible() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    quiet = {"PYTHONWARNINGS": "ignore"}  # about files that the interruption leaves open
    running = one.start("add", "-b", "many.bpmn", preexec_fn=interruptible, env=quiet)
    with running, pipe.open("wb") as writing:
        if delay is not None:
            writing.write(bpmn("many.bpmn", *map(process, names)).content)
            writing.close()
            time.sleep(delay)
        interrupt(running)
        _, stderr = running.communicate(timeout=60)
    pipe.unlink()
    stored = {each["key"] for each in one.specs()}
    if running.returncode == 130:
        assert stderr.decode().strip().endswith("Interrupted.")
        assert "Traceback" not in stderr.decode()
        assert stored in ({"one"}, {"one", *names})
    elif running.returncode == 0:
        assert stored == {"one", *names}
    else:  # Python itself dies of a signal that meets it before it has begun or while it tidies up
        assert running.returncode == -signal.SIGINT, stderr.decode()
        assert stored in ({"one"}, {"one", *names})
    one.check()


def test_a_decision_alone_can_be_added(cli: Cli) -> None:
    cli.write("prices.dmn", dmn("prices.dmn", "prices").content)
    cli.ok("add", "-d", "prices.dmn")
    cli.write("one.bpmn", bpmn("one.bpmn", process("one", decisions=("prices",))).content)
    assert "bound to prices@1" in cli.ok("add", "-b", "one.bpmn").stderr
