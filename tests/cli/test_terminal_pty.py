"""The conversation on a real terminal: echo, hidden answers, editing keys, Ctrl-C and Ctrl-D."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="the system has no pseudo-terminals")

SCRIPT = """
import sys
from spiffcli.cli.prompts import StreamDialog
from spiffcli.cli.prompts import ask_task
from spiffcli.forms import Form
from spiffcli.values import TaskView
form = Form("f", {"properties": {
    "name": {"type": "string", "title": "Name"},
    "pin": {"type": "string", "title": "Pin", "format": "password"},
}, "required": ["name", "pin"]})
task = TaskView(task="1", id="login", name="Log in", type="userTask", state="READY")
print("OUTCOME", ask_task(task, form, "", StreamDialog()))
"""


class Terminal:
    """A program in a pseudo-terminal: what it shows, and what is typed."""

    def __init__(self, code: str, root: Path) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.environ.update(PYTHONPATH=str(root), TERM="xterm", PYTHONWARNINGS="ignore")
            os.environ.pop("NO_COLOR", None)
            os.execv(sys.executable, [sys.executable, "-c", code])
        self.shown = ""
        self._read_up_to = 0

    def wait_for(self, text: str, seconds: float = 20) -> None:
        """Read until `text` was shown after everything waited for before."""
        end = time.monotonic() + seconds
        while text not in self.shown[self._read_up_to :]:
            ready, _, _ = select.select([self._fd], [], [], max(end - time.monotonic(), 0))
            chunk = self._chunk() if ready else ""
            assert chunk, f"{text!r} was never shown; there was: {self.shown!r}"
            self.shown += chunk
        self._read_up_to = self.shown.index(text, self._read_up_to) + len(text)

    def _chunk(self) -> str:
        try:
            return os.read(self._fd, 65536).decode()
        except OSError:  # how Linux says that the other end is gone
            return ""

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def end(self) -> int:
        """Wait for the program and return its exit code."""
        while chunk := self._chunk():
            self.shown += chunk
        _, status = os.waitpid(self.pid, 0)
        os.close(self._fd)
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def start(root: Path) -> Iterator[Callable[[str], Terminal]]:
    return lambda code: Terminal(code, root)


def test_answers_are_typed_with_editing_keys_and_a_secret_stays_hidden(start: Callable[[str], Terminal]) -> None:
    terminal = start(SCRIPT)
    terminal.wait_for("Name: ")
    terminal.type("Adx\x7fa\n")
    terminal.wait_for("Pin: ")
    terminal.type("1234\n")
    terminal.wait_for("Is this right? ")
    terminal.type("yes\n")
    terminal.wait_for("OUTCOME Answered(answers={'name': 'Ada', 'pin': ")
    assert terminal.end() == 0
    before_outcome = terminal.shown.partition("OUTCOME")[0]
    assert "1234" not in before_outcome
    assert "(not shown)" in before_outcome
    assert "\x1b[1m── Log in" in before_outcome


def test_control_d_stops_and_keeps_what_there_is(start: Callable[[str], Terminal]) -> None:
    terminal = start(SCRIPT)
    terminal.wait_for("Name: ")
    terminal.type("\x04")
    terminal.wait_for("OUTCOME Quit()")
    assert terminal.end() == 0


def test_control_c_ends_the_program_with_130(start: Callable[[str], Terminal]) -> None:
    lines = [
        "import click, sys",
        "from spiffcli.cli.main import _Root, run",
        "root = _Root('runner', sections={'S': {}})",
    ]
    lines += ["def act():", *(f"    {line}" for line in SCRIPT.splitlines())]
    lines += ["root.add_command(click.Command('act', callback=act))", "sys.exit(run(['act'], root))"]
    terminal = start("\n".join(lines))
    terminal.wait_for("Name: ")
    time.sleep(0.3)  # Python shows the prompt a moment before it waits; a signal in between stays unnoticed
    terminal.type("\x03")
    terminal.wait_for("Interrupted.")
    assert terminal.end() == 130
    assert "Traceback" not in terminal.shown


def test_talk_stays_off_standard_output_so_that_results_can_be_redirected(
    start: Callable[[str], Terminal], tmp_path: Path
) -> None:
    file = tmp_path / "out.txt"
    terminal = start(f"import os, sys\nsys.stdout = open({str(file)!r}, 'w')\n{SCRIPT}")
    terminal.wait_for("Name: ")
    terminal.type("Ada\n")
    terminal.wait_for("Pin: ")
    terminal.type("1234\n")
    terminal.wait_for("Is this right? ")
    terminal.type("\n")
    assert terminal.end() == 0
    assert file.read_text() == "OUTCOME Answered(answers={'name': 'Ada', 'pin': '1234'})\n"
