from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest

import spiffcli
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.lazy import Entry, LazyGroup
from spiffcli.cli.main import SECTIONS, _Root, run
from spiffcli.cli.params import JsonParam
from spiffcli.errors import BusyError, ModelError

PROGRAM = [sys.executable, "-c", "from spiffcli.cli.main import main; main()"]
HEAVY = ["SpiffWorkflow", "git", "jinja2", "jsonschema", "filelock", "tomllib", "lxml", "rich", "tinydb", "sqlite3"]


def group(*commands: click.Command) -> click.Group:
    root = _Root("runner", sections={"Section": {}})
    for command in commands:
        root.add_command(command)
    return root


def command(action: Any, name: str = "act") -> click.Command:
    return click.Command(name, callback=action)


def failing(error: BaseException) -> click.Group:
    def act() -> None:
        raise error

    return group(command(act))


def test_help_lists_every_command_in_its_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    places = [out.index(f"{title}:\n") for title in SECTIONS]
    assert places == sorted(places)
    for section in SECTIONS.values():
        for name, entry in section.items():
            assert re.search(rf"^  {name} +{re.escape(entry.help)}$", out, re.MULTILINE)


def test_without_arguments_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert capsys.readouterr().out.startswith("Usage: runner")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom spiffcli.cli.main import run\nrun(['--help'])\n"
        f"print([name for name in {HEAVY!r} + ['spiffcli.config', 'json'] if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr == "[]\n"


def test_every_command_has_help_of_one_line() -> None:
    for section in SECTIONS.values():
        for name, entry in section.items():
            assert re.fullmatch(r"[a-z_]+", name)
            assert re.fullmatch(r"[A-Z][^\n]{5,60}\.", entry.help)
            assert re.fullmatch(r"spiffcli\.cli\.[a-z_]+:[a-z_]+", entry.target)


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"runner {spiffcli.__version__}\n"


@pytest.mark.parametrize(
    ("name", "advice"),
    [("diff-spc", "Did you mean diff_spec"), ("list_instance", "Did you mean list_instances"), ("xyzzy", "'xyzzy'.")],
)
def test_an_unknown_command_is_refused_with_the_nearest(
    name: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: No such command")
    assert advice in err
    assert err.endswith("Try 'runner --help'.\n")


def test_escape_sequences_in_a_wrong_name_are_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    run(["\x1b[2Jx"])
    assert "\x1b" not in capsys.readouterr().err


def test_hyphens_in_names_are_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    table = {"Section": {"two_words": Entry("spiffcli.cli.completion:completion", "Help.")}}
    root = LazyGroup("runner", sections=table)
    assert run(["two-words", "bash"], root) == 0
    assert "_RUNNER_COMPLETE" in capsys.readouterr().out
    context = click.Context(root)
    assert root.get_command(context, "two-words") is root.get_command(context, "two_words") is not None


def test_names_complete_without_importing_the_commands() -> None:
    table = {"Section": {"diff_spec": Entry("does.not:exist", "Compare."), "add": Entry("does.not:exist", "Add.")}}
    root = LazyGroup("runner", sections=table)
    context = root.make_context("runner", [], resilient_parsing=True)
    assert [(item.value, item.help) for item in root.shell_complete(context, "")] == [
        ("diff_spec", "Compare."),
        ("add", "Add."),
    ]
    assert [item.value for item in root.shell_complete(context, "diff-")] == ["diff-spec"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# ")
    assert f"_RUNNER_COMPLETE={shell}_complete" in out


def test_the_shell_gets_completions_from_the_program() -> None:
    environ = {**os.environ, "_RUNNER_COMPLETE": "bash_complete", "COMP_WORDS": "runner list", "COMP_CWORD": "1"}
    result = subprocess.run(PROGRAM, env=environ, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["plain,list_specs", "plain,list_deployments", "plain,list_instances"]


def test_global_options_reach_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spiffcli.cli.main import cli

    monkeypatch.chdir(tmp_path)
    seen: list[Invocation] = []

    @click.command("probe")
    @pass_invocation
    def probe(invocation: Invocation) -> None:
        seen.append(invocation)

    monkeypatch.setitem(cli.commands, "probe", probe)
    assert run(["-e", "my.engine", "--store", "memory:", "--tenant", "t", "--scripts", "off", "-vv", "probe"]) == 0
    settings = seen[0].settings()
    assert (settings.engine, settings.store, settings.tenant, settings.scripts) == ("my.engine", "memory:", "t", "off")
    assert seen[0].verbosity == 2
    assert run(["-q", "probe"]) == 0
    assert seen[1].verbosity == -1


def test_what_a_command_returns_is_the_exit_code() -> None:
    assert run(["act"], group(command(lambda: 1))) == 1
    assert run(["act"], group(command(lambda: None))) == 0


def test_an_error_is_shown_with_its_place_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    error = ModelError("A gateway has no way out.", hint="Draw one.", file="a.bpmn", line=3, element="gw")
    assert run(["act"], failing(error)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "Error: a.bpmn:3: A gateway has no way out. (element gw)\nDraw one.\n"


def test_a_place_the_message_names_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    run(["act"], failing(ModelError("In a.bpmn:3, gw is alone.", file="a.bpmn", line=3, element="gw")))
    assert capsys.readouterr().err == "Error: In a.bpmn:3, gw is alone.\n"


def test_an_error_refused_because_of_a_state_ends_with_1() -> None:
    assert run(["act"], failing(BusyError("Somebody else is at it."))) == 1


def test_text_of_models_in_errors_cannot_reach_the_terminal_raw(capsys: pytest.CaptureFixture[str]) -> None:
    run(["act"], failing(ModelError("Bad \x1b[2Jname", hint="Fix \x1b]0;x\x07it", element="e\x1bx")))
    assert "\x1b" not in capsys.readouterr().err


def test_an_error_is_json_where_json_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    error = ModelError("Bad.", hint="Fix.", file="a.bpmn", line=3, element="gw", candidates=["x"])
    for arguments in (["act", "--format", "json"], ["act", "--format=json"]):
        root = failing(error)
        root.commands["act"].params.append(click.Option(["--format"], expose_value=False))
        assert run(arguments, root) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert json.loads(err) == {
            "schema": "runner/error/1",
            "error": {
                "type": "model",
                "message": "Bad.",
                "hint": "Fix.",
                "file": "a.bpmn",
                "line": 3,
                "element": "gw",
                "candidates": ["x"],
            },
        }


def test_wrong_usage_is_json_too_where_json_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nope", "--format", "json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["type"] == "input"
    run(["nope", "--", "--format", "json"])
    assert capsys.readouterr().err.startswith("Error: ")


@pytest.mark.parametrize("arguments", [["--store"], ["--nope"], ["completion"], ["completion", "tcsh"]])
def test_wrong_usage_ends_with_2_and_one_way_to_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    assert len(err.splitlines()) == 2
    assert "--help" in err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupted_command_ends_with_130(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["act"], failing(error)) == 130
    assert capsys.readouterr().err.split() == ["Interrupted."]


def test_a_bug_ends_with_3_and_a_log_only_its_owner_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNNER_LOG_DIR", str(tmp_path))
    secret = ["act", "--data", '{"pin": "1234"}', "--store", "postgresql://me:pass@host/db"]
    root = failing(ZeroDivisionError("oops\x1b[2J"))
    root.commands["act"].params += [click.Option(["--data"], expose_value=False), click.Option(["--store"])]
    root.commands["act"].params[1].expose_value = False
    assert run(secret, root) == 3
    out, err = capsys.readouterr()
    (log,) = tmp_path.iterdir()
    assert out == ""
    assert err == f"Error: This is a bug in runner: ZeroDivisionError: oops\nPlease report it with the file {log}.\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    text = log.read_text()
    assert "Traceback" in text
    assert f"runner {spiffcli.__version__}" in text
    assert "SpiffWorkflow 3." in text
    assert "arguments: act --data {...} --store postgresql://...@host/db\n" in text
    assert "1234" not in text


def test_a_bug_is_reported_even_where_no_log_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNNER_LOG_DIR", str(tmp_path / "none"))
    assert run(["act", "--format=json"], failing(ZeroDivisionError("oops"))) == 2  # the command has no --format
    assert run(["act"], failing(ZeroDivisionError("oops"))) == 3
    assert "could not be written (No such file or directory); set RUNNER_LOG_DIR" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_reason_to_complain(tmp_path: Path) -> None:
    code = (
        "import click, sys\nfrom spiffcli.cli.main import _Root, run\n"
        "root = _Root('runner', sections={'S': {}})\n"
        "def act():\n    for _ in range(100000): print('x' * 100)\n"
        "root.add_command(click.Command('act', callback=act))\nsys.exit(run(['act'], root))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_result_that_cannot_be_written_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run([*PROGRAM, "--version"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 2
    assert result.stderr == "Error: The result cannot be written: No space left on device.\n"


def test_control_c_stops_a_running_command_with_one_word() -> None:
    code = (
        "import click, sys, time\nfrom spiffcli.cli.main import _Root, run\n"
        "root = _Root('runner', sections={'S': {}})\n"
        "def act():\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "root.add_command(click.Command('act', callback=act))\nsys.exit(run(['act'], root))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.05)  # from printing to sleeping
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.split() == [b"Interrupted."]


@pytest.mark.parametrize("text", ['{"a": [1]}', '  {"a": [1]}  '])
def test_json_on_the_command_line_is_read(text: str) -> None:
    assert JsonParam().convert(text, None, None) == {"a": [1]}


def test_json_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text('{"a": 1}', encoding="utf-16")
    assert JsonParam().convert(f"@{file}", None, None) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a: 1}", "--data on the command line is not valid JSON"),
        ("[1]", "--data must be a JSON object"),
        ("@nowhere.json", "Cannot read nowhere.json: No such file or directory"),
    ],
)
def test_what_is_not_json_is_refused(text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    act = click.Command("act", callback=lambda data: None, params=[click.Option(["--data"], type=JsonParam())])
    assert run(["act", "--data", text], group(act)) == 2
    assert message in capsys.readouterr().err
