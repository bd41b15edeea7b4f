"""The example of a gate does what its page says."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from .commands import ROOT, Cli

pytestmark = pytest.mark.one_store

FOLDER = ROOT / "examples" / "ci_gate"


def test_the_hook_stops_what_its_page_says_and_nothing_else(cli: Cli) -> None:
    runner = cli.write("bin/runner", f'#!/bin/sh\nexec "{sys.executable}" -m spiffcli "$@"\n')
    runner.chmod(0o755)
    environment = cli.environment()
    environment["PATH"] = f"{runner.parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", FOLDER / "run.sh"], cwd=cli.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("The commit was stopped.") == 2
    assert "::warning file=models/top_level.bpmn,line=37,title=script-changed" in done.stdout
    assert "#### Process `order_product`" in done.stdout
    assert done.stdout.endswith("exit code 1\n")


def test_every_command_of_the_job_is_understood(cli: Cli) -> None:
    job = (FOLDER / "models.yml").read_text()
    commands = re.findall(r"runner (diff_spec [^\n>]*)", job)
    assert len(commands) == 3
    for name in ("old", "new"):
        cli.write(f"{name}/order.bpmn", (cli.tutorial / "task_types.bpmn").read_bytes())
    for command in commands:
        words = command.replace('"origin/$GITHUB_BASE_REF:models/"', "old/").replace("models/", "new/").split()
        assert "No changes." in cli.ok(*words).stdout
