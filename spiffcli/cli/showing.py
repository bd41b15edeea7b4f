"""Reports on standard output: with colours on a terminal that takes them, plain elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from spiffcli.cli.output import WIDTH, write
from spiffcli.config import load_surroundings

if TYPE_CHECKING:
    from spiffcli.report.lines import Line, Style

_LOOKS: dict[str, dict[str, Any]] = {
    "title": {"bold": True},
    "dim": {"dim": True},
    "added": {"fg": "green"},
    "removed": {"fg": "red"},
    "changed": {"fg": "yellow"},
    "moved": {"fg": "cyan"},
    "error": {"fg": "red", "bold": True},
    "warn": {"fg": "yellow", "bold": True},
    "good": {"fg": "green", "bold": True},
}

#: Widest text on a terminal: longer lines are hard to read.
_MOST = 120
_LEAST = 40


def width() -> int:
    """Columns a report on standard output may take: those of the terminal, 80 elsewhere."""
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError, AttributeError):  # not a terminal
        columns = 0
    return max(min(columns, _MOST), _LEAST) if columns else WIDTH


def emit_report(lines: Iterable[Line], *, paged: bool = False) -> None:
    """Write lines of a report.

    Args:
        paged: Git calls this command; the terminal is behind its pager, which takes colours too.
    """
    from spiffcli.report.lines import painted, plain

    surroundings = load_surroundings()
    colored = surroundings.color and (sys.stdout.isatty() or (paged and surroundings.git_pager))
    write(sys.stdout, painted(lines, _painted) if colored else plain(lines))


def _painted(text: str, style: Style) -> str:
    return click.style(text, **_LOOKS[style]) if style in _LOOKS else text
