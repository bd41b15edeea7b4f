"""The examples run as their readers would run them: `run.sh` with `runner` on the path."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .commands import ROOT, Cli

SCRIPTS = sorted((ROOT / "examples").glob("*/run.sh"))

#: Examples that only read files and Git, and so leave no store behind.
STORELESS = {"ci_gate"}


def run(cli: Cli, script: Path) -> str:
    """Run a script to its end with the store of the test; what it wrote."""
    runner = cli.write("bin/runner", f'#!/bin/sh\nexec "{sys.executable}" -m spiffcli "$@"\n')
    runner.chmod(0o755)
    environment = cli.environment({"RUNNER_STORE": cli.url})
    environment["PATH"] = f"{runner.parent}:{environment['PATH']}"
    shell = script.read_text().partition("\n")[0].removeprefix("#!").split()
    done = subprocess.run(
        [*shell, script], cwd=cli.folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.parent.name)
def test_an_example_runs_to_its_end_and_leaves_a_clean_store(cli: Cli, script: Path) -> None:
    before = files(script.parent)
    run(cli, script)
    if script.parent.name in STORELESS:
        assert "There is no store" in cli.fails(2, "store", "check").stderr
    else:
        cli.check()
    assert files(script.parent) == before


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.suffix != ".pyc" and path.name != "__pycache__"}


def test_the_answers_complete_every_instance_they_are_for(cli: Cli) -> None:
    output = run(cli, ROOT / "examples" / "answers" / "run.sh")
    listed = [line.split()[1] for line in output.splitlines() if "  completed" in line]
    assert listed == [
        "order_product@1",
        "order_product@2",
        "order_product@3",
        "handle_return@1",
        "pack_large_order@1",
        "mix_glaze@1",
        "book_course@1",
    ]


def test_custom_data_are_priced_as_its_page_says(cli: Cli) -> None:
    output = run(cli, ROOT / "examples" / "custom_data" / "run.sh")
    assert "  order_total      105.25\n" in output
    page = (ROOT / "examples" / "custom_data" / "README.md").read_text()
    assert "€ 105.25" in page


def test_an_instance_without_its_engine_module_stops_and_goes_on_with_it(cli: Cli) -> None:
    """What the page of custom data promises at its end."""
    run(cli, ROOT / "examples" / "custom_data" / "run.sh")
    folder = ROOT / "examples" / "custom_data"
    stopped = cli.fails(1, "run", "-s", "order_product", "--answers", folder / "answers.json", at=folder)
    assert "Script task 'Look Up Product Price' failed: NameError: name 'lookup_product_info'" in stopped.stderr
    (row,) = cli.document("list_instances", "--state", "error", at=folder)["instances"]
    left = cli.document("-e", "shop_engine", "retry", "-w", row["id"], at=folder)
    assert left["data"]["product_info"]["title"] == "Vase, 25 cm high"
    answers = ("--answers", folder / "answers.json", "--format", "json")
    ended = cli("-e", "shop_engine", "run", "-w", row["id"], *answers, at=folder).json()
    assert ended["data"]["order_total"] == 105.25
