"""`runner` in a pseudo-terminal: what it shows, and what is typed."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from pathlib import Path

from .commands import Cli

_STYLES = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A command with a person in front of it.

    Attributes:
        shown: Everything shown so far, styles left out.
    """

    def __init__(self, cli: Cli, *arguments: str | Path, columns: int = 100) -> None:
        command, environment = cli.command(arguments), cli.environment({"TERM": "xterm", "COLUMNS": str(columns)})
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(cli.folder)
            os.execvpe(command[0], command, environment)
        self.raw = ""
        self._read_up_to = 0
        self._ended = False

    @property
    def shown(self) -> str:
        return _STYLES.sub("", self.raw).replace("\r\n", "\n")

    def wait_for(self, text: str, seconds: float = 20) -> str:
        """Read until `text` is shown after everything waited for before; what was shown up to there."""
        end = time.monotonic() + seconds
        while text not in self.shown[self._read_up_to :]:
            ready, _, _ = select.select([self._fd], [], [], max(end - time.monotonic(), 0))
            chunk = self._chunk() if ready else ""
            assert chunk, f"{text!r} was never shown; there was:\n{self.shown}"
            self.raw += chunk
        begin = self._read_up_to
        self._read_up_to = self.shown.index(text, begin) + len(text)
        return self.shown[begin : self._read_up_to]

    def say(self, prompt: str, answer: str) -> str:
        """Wait for a prompt and type an answer; what was shown up to the prompt."""
        shown = self.wait_for(prompt)
        self.type(f"{answer}\n")
        return shown

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C."""
        time.sleep(0.3)  # Python shows a prompt a moment before it waits; a signal in between stays unnoticed
        self.type("\x03")

    def end(self) -> int:
        """Wait for the command and return its exit code."""
        self._ended = True
        while chunk := self._chunk():
            self.raw += chunk
        _, status = os.waitpid(self.pid, 0)
        os.close(self._fd)
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """End the command if it has not ended."""
        if not self._ended:
            os.kill(self.pid, signal.SIGKILL)
            self.end()

    def _chunk(self) -> str:
        try:
            return os.read(self._fd, 65536).decode()
        except OSError:  # how Linux says that the other end is gone
            return ""
