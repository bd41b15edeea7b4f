"""Text that came from a model, a form or task data, made safe and short enough to show.

Names and values in a model are written by somebody else. On a terminal an escape sequence in them could move
the cursor, rewrite what was printed, or fill the clipboard; marks that turn the reading direction could make a line
say something it does not. Everything untrusted passes through here before it reaches a terminal.
"""

from __future__ import annotations

import re
import unicodedata

# Escape sequences as a whole (CSI, OSC, DCS and the like, then any other two-character one), so that no
# "[31m" is left behind. Every alternative stops at the next escape character: linear on any input.
_ESCAPES = (
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"
    "|(?:\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\\\|\x9c)?"
    "|\x1b[ -/]*[0-~]?"
)
# Control characters, marks that change the reading direction, and separators that terminals take for a line end.
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
_SURROGATES = "[\ud800-\udfff]"  # cannot be encoded, so they could not be written anywhere


def strip_controls(text: str) -> str:
    """`text` without escape sequences and control characters; line ends and tabs stay."""
    if text.isprintable():  # nearly always; and the patterns take longer to compile than a list to write
        return text
    text = re.sub(_ESCAPES, "", text.replace("\r\n", "\n"))
    return re.sub(_SURROGATES, "\ufffd", re.sub(_CONTROLS, "", text))


def one_line(text: str) -> str:
    """`text` as one line that is safe to print: no control characters, runs of white space as one blank."""
    return " ".join(strip_controls(text).split())


def shorten(text: str, width: int) -> str:
    """`text` cut to at most `width` characters, with an ellipsis where something is missing."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def quoted(value: object, width: int = 60) -> str:
    """A value as it reads best inside a message: short, on one line, text in quotation marks."""
    if isinstance(value, str):
        return f"'{shorten(one_line(value), width)}'"
    return shorten(one_line(repr(value) if value is None or isinstance(value, bool) else str(value)), width)


def unwrapped(expression: str) -> str:
    """An expression without the marks of Camunda (`${...}`, `#{...}`) or FEEL (`= ...`) around it."""
    text = expression.strip()
    if text[:2] in ("${", "#{") and text.endswith("}"):
        return text[2:-1].strip()
    return text[1:].strip() if text.startswith("=") and not text.startswith("==") else expression


def joined(*parts: str) -> str:
    """Several texts as one, `a/b/c`; slashes inside a part are escaped, so no two lists give the same."""
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def columns_of(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of_character, text))


def _columns_of_character(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
