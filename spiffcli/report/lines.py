"""Text with styles: lines of spans, so that one report can be plain, coloured, or measured.

What models say is untrusted; `plain` and `painted` strip control characters from every span.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct

from spiffcli.text import one_line, strip_controls

Style = Literal["", "title", "dim", "added", "removed", "changed", "moved", "error", "warn", "good"]

#: Columns of a report that is not made for a terminal of known width.
WIDTH = 80

#: Narrowest room a folded text gets, however far it is indented.
_LEAST = 24


class Span(Struct, frozen=True):
    """A piece of a line in one style."""

    text: str
    style: Style = ""


Line = tuple[Span, ...]

EMPTY: Line = ()

#: Gives a text the look of a style.
Paint = Callable[[str, Style], str]


def line(text: str, style: Style = "") -> Line:
    """A line in one style."""
    return (Span(text, style),)


def plain(lines: Iterable[Line]) -> str:
    """The lines as text without styles."""
    return painted(lines, lambda text, _style: text)


def painted(lines: Iterable[Line], paint: Paint) -> str:
    """The lines as text, each span painted in its style."""
    return "".join(_painted(spans, paint) + "\n" for spans in lines)


def _painted(spans: Line, paint: Paint) -> str:
    texts = [strip_controls(span.text) for span in spans]
    end = len(texts)
    while end and not texts[end - 1].strip():
        end -= 1
    if end:
        texts[end - 1] = texts[end - 1].rstrip()
    return "".join(
        paint(text, span.style) if span.style else text for text, span in zip(texts[:end], spans, strict=False)
    )


def fold(text: str, width: int, indent: str = "", first: str | None = None, style: Style = "") -> Iterator[Line]:
    """`text` as one paragraph in lines of at most `width` columns.

    Args:
        first: What the first line begins with, where that is not `indent`.
    """
    first = indent if first is None else first
    room = max(width, len(indent) + _LEAST)
    folded = textwrap.wrap(
        one_line(text),
        room,
        initial_indent=first,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,  # ids and paths are copied from here
    )
    for each in folded or [first.rstrip()]:
        yield line(each, style)


def fold_code(text: str, width: int, mark: str, style: Style = "") -> Iterator[Line]:
    """A line of code or text with its blanks kept, cut where it is too long; every part begins with `mark`."""
    room = max(width - len(mark), _LEAST)
    text = strip_controls(text).expandtabs(4).rstrip()
    continued = " " * len(mark)
    parts = list(_cut(text, room))
    for place, part in enumerate(parts):
        yield line((mark if place == 0 else continued) + part, style)


def _cut(text: str, room: int) -> Iterator[str]:
    """The text in parts of at most `room` characters, cut at a blank where there is one."""
    inner = " " * min(len(text) - len(text.lstrip()) + 2, room // 2)
    prefix = ""
    while len(prefix) + len(text) > room:
        place = text.rfind(" ", 1, room - len(prefix) + 1)
        place = place if text[:place].strip() else -1
        at = place if place > 0 else room - len(prefix)
        yield (prefix + text[:at]).rstrip()
        text, prefix = text[at:].lstrip(" "), inner
    yield prefix + text


def indented(lines: Iterable[Line], by: int) -> Iterator[Line]:
    """The lines with `by` blanks before each that is not empty."""
    blanks = Span(" " * by)
    return ((blanks, *spans) if spans else spans for spans in lines)


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 change`, `2 changes`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
