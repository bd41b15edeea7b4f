"""The example of a gate does what its page says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize(
    ("content", "there", "says"),
    [
        ("<definitions", True, "A model could not be compared: mend it, or commit"),
        ("<definitions", False, "Nobody looked at the models: activate the environment of runner, or commit"),
    ],
)
def test_the_hook_says_why_it_stops(cli: Cli, content: str, there: bool, says: str) -> None:
    runner = cli.write("bin/runner", f'#!/bin/sh\nexec "{sys.executable}" -m spiffcli "$@"\n')
    runner.chmod(0o755)
    programs = [shutil.which(program) for program in ("git", "sh")]
    for program in filter(None, programs):
        (runner.parent / Path(program).name).symlink_to(program)
    if not there:
        runner.unlink()
    environment = {**cli.environment(), "PATH": str(runner.parent)}
    cli.write("order.bpmn", (cli.tutorial / "task_types.bpmn").read_bytes())

    def git(*arguments: str) -> None:
        author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        subprocess.run(["git", *author, *arguments], cwd=cli.folder, env=environment, check=True)

    git("init", "-q", ".")
    git("add", "order.bpmn")
    git("commit", "-q", "-m", "Order a product")
    cli.write("order.bpmn", content)
    git("add", "order.bpmn")
    hook = ["/bin/sh", FOLDER / "pre-commit"]
    done = subprocess.run(hook, cwd=cli.folder, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, says in done.stderr) == (1, True), done.stderr


def test_every_command_of_the_job_is_understood(cli: Cli) -> None:
    job = (FOLDER / "models.yml").read_text()
    commands = re.findall(r"runner (diff_spec [^\n>]*)", job)
    assert len(commands) == 3
    for name in ("old", "new"):
        cli.write(f"{name}/order.bpmn", (cli.tutorial / "task_types.bpmn").read_bytes())
    for command in commands:
        words = command.replace('"origin/$GITHUB_BASE_REF:models/"', "old/").replace("models/", "new/").split()
        assert "No changes." in cli.ok(*words).stdout
