"""The instructions of a task: a Jinja template of the model, rendered over the task's data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spiffcli.sandbox.templates import InstructionEnvironment
from spiffcli.text import one_line, shorten, strip_controls

#: Characters of a template; instructions are a page, not a book.
MOST_SOURCE = 50_000
#: Characters of the result; the rest is cut off.
MOST_OUTPUT = 50_000


def render(template: str, data: Mapping[str, Any]) -> str:
    """The instructions as plain text that is safe on a terminal.

    The template can look at the data and at nothing else; what the data lack is shown as `[no price]`. Escape
    sequences and control characters are removed. A template that cannot be rendered (a fault in it, too long, too
    slow, trying what it may not) gives one line in parentheses that says why: the task itself can still be done.
    """
    if "{" not in template:  # most instructions are plain text: Jinja is not even imported for them
        return _tidy(template)
    if len(template) > MOST_SOURCE:
        return _excuse(f"they are longer than {MOST_SOURCE} characters")
    try:
        return _tidy(_rendered(template, data))
    except Exception as fault:  # whatever somebody else's template does must not stop the task
        return _excuse(_reason(fault))


def _rendered(template: str, data: Mapping[str, Any]) -> str:
    environment = InstructionEnvironment(lambda value: strip_controls(str(value)))
    text = ""
    for piece in environment.from_string(template).generate({str(key): value for key, value in data.items()}):
        environment.clock.look()
        text += piece
        if len(text) > MOST_OUTPUT:
            return text[:MOST_OUTPUT] + "…"
    return text


def _tidy(text: str) -> str:
    lines = [line.rstrip() for line in strip_controls(text[: MOST_OUTPUT + 1]).expandtabs(4).split("\n")]
    return "\n".join(lines).strip("\n")


def _excuse(reason: str) -> str:
    return f"(The instructions cannot be shown: {reason}.)"


def _reason(fault: Exception) -> str:
    words = shorten(one_line(str(fault)) or type(fault).__name__, 200).rstrip(".")
    if isinstance(fault, RecursionError):
        words = "they are nested too deep"
    elif isinstance(fault, MemoryError):
        words = "they make a value that is too large"
    line = _line(fault)
    return f"{words}, in line {line}" if line else words


def _line(fault: Exception) -> int | None:
    """The line of the template at fault: of a syntax error, or where Jinja's traceback enters the template."""
    line: int | None = getattr(fault, "lineno", None)
    trace = fault.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
