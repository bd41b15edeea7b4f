"""The README does what it says: every command in a `console` block is run, and its output compared.

Ids, times and places differ from run to run. Ids in the README stand for the ids of this run, in order of appearance,
so that a command can name an id that an earlier one printed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?Z?")
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass
class Step:
    command: str
    expected: str


def steps(block: str) -> list[Step]:
    """The commands of a block, each with the output that follows it."""
    found: list[Step] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:], ""))
        elif found and found[-1].command.endswith("\\") and not found[-1].expected:
            found[-1].command += "\n" + line.removeprefix("> ")
        else:
            found[-1].expected += line + "\n"
    return found


def normal(text: str) -> str:
    text = TIME.sub("<time>", UUID.sub("<id>", text))
    return "\n".join(re.sub(r"  +", "  ", line.rstrip()) for line in text.splitlines())


class Shell:
    """Runs commands in one folder, with the ids of this run in place of those of the README."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ids: dict[str, str] = {}

    def run(self, step: Step) -> str:
        command = step.command
        for known, actual in self.ids.items():
            command = command.replace(known, actual).replace(known[:8], actual[:8])
        bin = Path(sys.executable).parent
        environment = {
            "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "RUNNER_USER": "ada",
        }
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120
        )
        actual = (done.stdout + done.stderr).replace(str(self.folder), "/home/ada/shop")
        for known, found in zip(UUID.findall(step.expected), UUID.findall(actual), strict=False):
            self.ids.setdefault(known, found)
        return actual


@pytest.fixture
def shell(tmp_path: Path, root: Path) -> Shell:
    for name in ("bpmn", "examples"):
        shutil.copytree(root / name, tmp_path / name)
    return Shell(tmp_path)


def test_every_console_block_shows_what_happens(shell: Shell, root: Path, request: pytest.FixtureRequest) -> None:
    readme = (root / "README.md").read_text()
    update = request.config.getoption("--update-golden", default=False)
    blocks = CONSOLE.findall(readme)
    assert len(blocks) > 5
    for block in blocks:
        shown = ""
        for step in steps(block):
            actual = shell.run(step)
            shown += f"$ {step.command}\n{actual}" + ("" if actual.endswith("\n") or not actual else "\n")
            if not update:
                assert normal(actual) == normal(step.expected), f"$ {step.command}\n{actual}"
        readme = readme.replace(f"```console\n{block}```", f"```console\n{shown}```")
    if update:
        (root / "README.md").write_text(readme)


def test_every_command_is_in_the_command_table(root: Path) -> None:
    from spiffcli.cli.main import SECTIONS

    readme = (root / "README.md").read_text()
    missing = [name for section in SECTIONS.values() for name in section if f"`{name}" not in readme]
    assert missing == []


def test_every_file_the_readme_links_to_exists(root: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (root / "README.md").read_text())
    assert [link for link in links if not (root / link).exists()] == []
