"""Somebody to talk with: two text streams, or a terminal with its editing keys."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Protocol, TextIO

from spiffcli.cli.output import WIDTH, write
from spiffcli.config import load_surroundings
from spiffcli.text import strip_controls


class Dialog(Protocol):
    """Somebody to talk with."""

    @property
    def width(self) -> int:
        """Columns a line may have."""
        ...

    def say(self, text: str = "") -> None:
        """Show text and a line end."""
        ...

    def title(self, text: str) -> None:
        """Show a heading."""
        ...

    def ask(self, prompt: str, *, secret: bool = False) -> str:
        """Show a prompt and return the line that is typed, without showing it if it is `secret`.

        Raises:
            EOFError: There is no more input.
        """
        ...


class StreamDialog:
    """A dialog on two text streams; talk goes to standard error by default, since standard output is for data.

    Args:
        source: Where lines come from (default: standard input).
        target: Where everything is shown (default: standard error).
    """

    def __init__(self, source: TextIO | None = None, target: TextIO | None = None) -> None:
        self._source = source or sys.stdin
        self._target = target or sys.stderr
        self._typed = self._source.isatty()
        self._bold = self._target.isatty() and load_surroundings().color

    @property
    def width(self) -> int:
        """Columns of the terminal, at most 80; 80 elsewhere."""
        import os

        try:
            columns = os.get_terminal_size(self._target.fileno()).columns
        except (OSError, ValueError):
            columns = 0
        return max(min(columns, WIDTH), 20) if columns else WIDTH  # some terminals do not know, and say 0

    def say(self, text: str = "") -> None:
        """Show text and a line end."""
        self._write(f"{text}\n")

    def title(self, text: str) -> None:
        """Show a heading, in bold where that is possible."""
        self._write(f"\x1b[1m{text}\x1b[0m\n" if self._bold else f"{text}\n")

    def ask(self, prompt: str, *, secret: bool = False) -> str:
        """Show a prompt and read a line.

        Raises:
            EOFError: There is no more input.
        """
        if self._typed and secret:
            from getpass import getpass

            return getpass(prompt, self._target)
        if self._typed and self._source is sys.stdin and sys.stdout.isatty():
            return _edited_line(prompt)
        self._write(prompt)
        self._target.flush()
        line = self._source.readline()
        if not line:
            self._write("\n")
            raise EOFError
        answer = line.rstrip("\r\n")
        if not self._typed:  # what came through a pipe is repeated, so that a log can be read
            self._write(f"{'' if secret else strip_controls(answer)}\n")
        return answer

    def _write(self, text: str) -> None:
        write(self._target, text)


def _edited_line(prompt: str) -> str:
    """A line with the editing keys people expect, where Python has them."""
    with suppress(ImportError):
        import readline  # noqa: F401  # importing it is what gives `input` its keys
    return input(prompt)
