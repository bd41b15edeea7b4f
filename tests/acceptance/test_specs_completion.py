"""What the shell completes: commands, files, and what the store holds."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ..catalog.models import bpmn, process
from .commands import Cli


def completed(cli: Cli, *words: str) -> list[str]:
    """What is offered for the last of these words, as fish asks for it."""
    *before, last = words
    asked = {"_RUNNER_COMPLETE": "fish_complete", "COMP_WORDS": " ".join(["runner", *before]), "COMP_CWORD": last}
    command = [cli.command([])[0], "-c", "from spiffcli.cli.main import cli; cli(prog_name='runner')"]
    result = subprocess.run(
        command, cwd=cli.folder, env=cli.environment(asked), capture_output=True, text=True, check=False
    )
    assert result.stderr == ""
    return [line.split(",", 1)[1].split("\t")[0] for line in result.stdout.splitlines() if line]


@pytest.fixture
def filled(cli: Cli) -> Cli:
    """A store with order@1, order@2 (#stable) and packing@1."""
    for script in ("x = 1", "x = 2"):
        cli.write("models.bpmn", bpmn("models.bpmn", process("order", script=script), process("packing")).content)
        cli.ok("add", "-b", "models.bpmn")
    cli.ok("tag", "order@2", "stable")
    return cli


def store(cli: Cli) -> list[str]:
    return ["--store", cli.url]


def test_commands_are_completed_in_both_spellings(cli: Cli) -> None:
    assert completed(cli, "list_s") == ["list_specs"]
    assert completed(cli, "list-s") == ["list-specs"]


def test_references_are_completed_from_the_store(filled: Cli) -> None:
    words = [*store(filled), "show_spec"]
    assert completed(filled, *words, "") == ["order", "packing"]
    assert completed(filled, *words, "order@") == ["order@1", "order@2", "order@stable"]
    id = filled.specs()[0]["id"]
    assert id in completed(filled, *words, id[:3])
    assert completed(filled, *store(filled), "list_specs", "p") == ["packing"]


def test_instances_are_completed_from_the_store(filled: Cli) -> None:
    instance = filled.document("run", "-s", "order")["instance"]
    assert completed(filled, *store(filled), "show", "-w", "") == [instance]


def test_nothing_is_completed_where_there_is_no_store(cli: Cli) -> None:
    assert completed(cli, *store(cli), "show_spec", "") == []


@pytest.mark.one_store
def test_names_of_schemas_are_completed(cli: Cli) -> None:
    assert completed(cli, "schema", "spec") == ["spec", "specs"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_a_version_as_one_word(filled: Cli, tmp_path: Path) -> None:
    script = tmp_path / "completion.bash"
    script.write_text(filled.ok("completion", "bash").stdout)
    runner = tmp_path / "runner"
    runner.write_text(f'#!/bin/sh\nexec {filled.command([])[0]} -c "from spiffcli.cli.main import main; main()" "$@"\n')
    runner.chmod(0o755)
    asked = (
        f"source {script}; [[ $COMP_WORDBREAKS != *@* ]] || echo broken; "
        f"COMP_WORDS=(runner --store {filled.url} show_spec order@); COMP_CWORD=4; "
        '_runner_completion runner; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environment = filled.environment({"PATH": f"{tmp_path}:/usr/bin:/bin"})
    result = subprocess.run(
        ["bash", "-c", asked], cwd=filled.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert result.stdout.split() == ["order@1", "order@2", "order@stable"]
