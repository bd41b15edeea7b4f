"""What the program writes: data and reports to standard output, talk to standard error.

Text of models (names, values, reasons) is written by other people, so everything that goes out as text is stripped of
control characters here, and JSON is written with those that a terminal could act on escaped.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import click

from spiffcli.config import load_surroundings
from spiffcli.report.lines import Line, Style, painted, plain
from spiffcli.text import columns_of, one_line, strip_controls

#: Columns of text that is not written to a terminal.
WIDTH = 80


def emit_json(document: Mapping[str, Any]) -> None:
    """Write one JSON document and a line end to standard output.

    Dates become ISO text, decimals text, bytes Base64, sets lists; numbers JSON does not have become null.
    """
    write(sys.stdout, json_text(document) + "\n")


def json_text(document: Mapping[str, Any]) -> str:
    """The document as `emit_json` writes it."""
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        text = json.dumps(_plain(document), indent=2, ensure_ascii=False)
    if text.isascii() and "\x7f" not in text:
        return text
    return re.sub(_UNSAFE_IN_JSON, lambda found: f"\\u{ord(found[0]):04x}", text)


# JSON escapes the control characters below 32 by itself; these a terminal could act on too.
_UNSAFE_IN_JSON = "[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None  # infinities and "not a number" are not JSON
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=repr)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(item) for item in value]
    return _text_of(value)


def _text_of(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def emit_text(text: str) -> None:
    """Write text to standard output, without control characters and with a line end."""
    write(sys.stdout, clean_text(text))


def clean_text(text: str) -> str:
    """Return text without control characters and with one line end."""
    return strip_controls(text).rstrip("\n") + "\n"


def emit_lines(rows: Sequence[Sequence[object]]) -> None:
    """Write aligned columns without a head, the same on a terminal and elsewhere: one line for each row."""
    write(sys.stdout, lines_text(rows))


def lines_text(rows: Sequence[Sequence[object]]) -> str:
    """Rows of the same length as aligned lines."""
    lines = [[one_line(str(cell)) for cell in row] for row in rows]
    widths = [max(map(columns_of, cells)) for cells in zip(*lines, strict=True)]
    padded = (
        [cell + " " * (width - columns_of(cell)) for width, cell in zip(widths, cells, strict=True)] for cells in lines
    )
    return "".join("  ".join(cells).rstrip() + "\n" for cells in padded)


def talk(message: str, *, level: int = 0) -> None:
    """Say something to the person at the terminal, on standard error.

    Args:
        message: One or more lines.
        level: 0 is kept back by `-q`; 1 and 2 are said with `-v` and `-vv` only.
    """
    if _verbosity() >= level:
        write(sys.stderr, strip_controls(message).rstrip("\n") + "\n")


def warn(message: str) -> None:
    """Say something on standard error that `-q` does not keep back."""
    write(sys.stderr, f"Warning: {strip_controls(message)}".rstrip("\n") + "\n")


def tell_warnings() -> None:
    """Say what the library logs as a warning as `warn` does."""

    logger = logging.getLogger("spiffcli")
    if not any(isinstance(each, _WarningHandler) for each in logger.handlers):
        logger.addHandler(_WarningHandler(logging.WARNING))


class _WarningHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        warn(record.getMessage())


def _verbosity() -> int:
    context = click.get_current_context(silent=True)
    return getattr(context.obj, "verbosity", 0) if context else 0  # that of the `Invocation`


def paint(text: str, color: str, stream: TextIO | None = None, *, bold: bool = False) -> str:
    """`text` in a colour, if `stream` (default: standard output) is a terminal that takes colours."""
    stream = stream or sys.stdout
    return click.style(text, fg=color, bold=bold or None) if stream.isatty() and load_surroundings().color else text


def write(stream: TextIO, text: str) -> None:
    """Write `text` as it is, with marks for characters the stream cannot show."""
    try:
        stream.write(text)
    except UnicodeEncodeError:  # a terminal that is not Unicode: better marks than nothing
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


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
    surroundings = load_surroundings()
    colored = surroundings.color and (sys.stdout.isatty() or (paged and surroundings.git_pager))
    write(sys.stdout, painted(lines, _painted) if colored else plain(lines))


def _painted(text: str, style: Style) -> str:
    return click.style(text, **_LOOKS[style]) if style in _LOOKS else text
