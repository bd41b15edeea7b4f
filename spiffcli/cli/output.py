"""What the program writes: data to standard output, talk to standard error.

Text of models (names, values, reasons) is written by other people, so everything that goes out as text is stripped of
control characters here, and JSON is written with those that a terminal could act on escaped.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TextIO

import click
from msgspec import Struct

from spiffcli.cli.options import Invocation
from spiffcli.config import load_surroundings
from spiffcli.text import columns_of, one_line, strip_controls

#: Columns of text that is not written to a terminal.
WIDTH = 80


class Column(Struct, frozen=True):
    """A column of a table.

    Attributes:
        title: What stands above it.
        align: Where its cells stand.
        style: How it looks on a terminal, in the words of `rich` (`bold`, `cyan` ...).
    """

    title: str
    align: Literal["left", "right"] = "left"
    style: str = ""


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
        import base64

        return base64.b64encode(value).decode()
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def emit_text(text: str) -> None:
    """Write text to standard output, without control characters and with a line end."""
    write(sys.stdout, strip_controls(text).rstrip("\n") + "\n")


def emit_table(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
    """Write a table: coloured and fitted to the width on a terminal, plain aligned columns elsewhere."""
    if sys.stdout.isatty() and load_surroundings().color:
        _rich_table(columns, rows)
    else:
        write(sys.stdout, table_text(columns, rows))


def table_text(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> str:
    """A table as plain text: columns two blanks apart, nothing cut off, no tabs, no blanks at line ends."""
    lines = [[column.title.upper() for column in columns], *([one_line(str(cell)) for cell in row] for row in rows)]
    widths = [max(columns_of(line[place]) for line in lines) for place in range(len(columns))]
    return "".join(_aligned(columns, widths, line) for line in lines)


def emit_lines(rows: Sequence[Sequence[object]]) -> None:
    """Write aligned columns without a head, the same on a terminal and elsewhere: one line for each row."""
    write(sys.stdout, lines_text(rows))


def lines_text(rows: Sequence[Sequence[object]]) -> str:
    """Rows of the same length as aligned lines."""
    lines = [[one_line(str(cell)) for cell in row] for row in rows]
    widths = [max(map(columns_of, cells)) for cells in zip(*lines, strict=True)]
    return "".join(_aligned([Column("")] * len(widths), widths, line) for line in lines)


def _aligned(columns: Sequence[Column], widths: Sequence[int], line: Sequence[str]) -> str:
    cells = []
    for column, width, cell in zip(columns, widths, line, strict=True):
        blanks = " " * (width - columns_of(cell))
        cells.append(blanks + cell if column.align == "right" else cell + blanks)
    return "  ".join(cells).rstrip() + "\n"


def _rich_table(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column.title, justify=column.align, style=column.style, overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(str(cell))) for cell in row))
    Console(file=sys.stdout, highlight=False, emoji=False, markup=False).print(table)


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
    import logging

    class Telling(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warn(record.getMessage())

    logger = logging.getLogger("spiffcli")
    if not any(type(each).__name__ == "Telling" for each in logger.handlers):
        logger.addHandler(Telling(logging.WARNING))


def _verbosity() -> int:
    context = click.get_current_context(silent=True)
    invocation = context.find_object(Invocation) if context else None
    return invocation.verbosity if invocation else 0


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
