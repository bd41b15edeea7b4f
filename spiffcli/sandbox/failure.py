"""Why a script failed: the exception that leaves the script engine."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from SpiffWorkflow.bpmn.exceptions import WorkflowTaskException
from SpiffWorkflow.exceptions import WorkflowException

from spiffcli.sandbox.limits import SCRIPT_FILE, TimeLimitExceededError
from spiffcli.sandbox.modes import ScriptProblem
from spiffcli.sandbox.refusal import ScriptRefusalError
from spiffcli.sandbox.vocabulary import REFUSED_BUILTINS


class ScriptFailure(WorkflowTaskException):
    """A script, expression or service failed.

    Attributes:
        kind: Name of the exception class (`KeyError`), or `TimeLimit`, `ScriptRefused`, `ScriptsOff`, `SyntaxError`.
        detail: Its message.
        line: Line in the script, counted from 1, or None where the failure has none.
        source_line: The text of that line.
        hint: The way out, or None.
        source: The script or expression.
        task: The engine's task it ran for, or None where the engine evaluates without one.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        source: str = "",
        line: int | None = None,
        hint: str | None = None,
        task: Any = None,
    ) -> None:
        WorkflowException.__init__(self, f"{kind}: {detail}" if detail else kind, getattr(task, "task_spec", None))
        self.kind = kind
        self.detail = detail
        self.source = source
        self.line = line
        self.hint = hint
        self.source_line = line_of(source, line)
        # The names under which the engine keeps the same.
        self.error_type = kind
        self.line_number = line
        self.error_line = self.source_line
        self.offset = None
        self.task_trace: list[str] = []
        self.task = None
        if task is not None:
            self.happened_in(task)

    def happened_in(self, task: Any) -> None:
        """Note the task whose script failed."""
        self.task = task
        self.task_spec = task.task_spec
        self.task_trace = self.get_task_trace(task)

    def __str__(self) -> str:
        where = f" (line {self.line}: {self.source_line.strip()})" if self.source_line else ""
        return ". ".join([f"{self.args[0]}{where}", *self.notes])


def line_of(source: str, line: int | None) -> str:
    """The text of a line of a script; empty where there is none."""
    lines = source.splitlines()
    return lines[line - 1] if line and line <= len(lines) else ""


def failure_of_problem(source: str, problem: ScriptProblem, *, kind: str = "ScriptRefused") -> ScriptFailure:
    """A script that was not even started."""
    return ScriptFailure(kind, problem.message, source=source, line=problem.line, hint=problem.hint)


def failure_of_error(source: str, error: BaseException, *, time_s: float = 0.0) -> ScriptFailure:
    """A script that ended with an exception.

    Args:
        source: The script or expression.
        error: What it raised.
        time_s: The time limit it ran under.
    """
    line = line_of_error(error)
    if isinstance(error, TimeLimitExceededError):
        detail = f"took longer than {time_s:g} s"
        return ScriptFailure("TimeLimit", detail, source=source, line=line, hint="Look for a loop that does not end.")
    kind = "ScriptRefused" if isinstance(error, ScriptRefusalError) else type(error).__name__
    hint = getattr(error, "hint", None)  # a guard's, or that of an error of ours in a function of an engine module
    return ScriptFailure(kind, describe(error), source=source, line=line, hint=hint if isinstance(hint, str) else None)


def describe(error: BaseException) -> str:
    """The message of an exception, also where making it fails."""
    try:
        return str(error)
    except Exception as another:
        return f"(no message: {type(another).__name__} while making it)"


def line_of_error(error: BaseException) -> int | None:
    """The line of the script that was running when `error` was raised."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == SCRIPT_FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def hint_for_name(name: str, names: Iterable[str], lost: Mapping[str, str]) -> str | None:
    """The way out where a script uses a name that nothing has.

    Args:
        name: The name.
        names: Names it could have used, for suggestions.
        lost: Why names that earlier scripts bound are gone, by name.
    """
    if name in lost:
        return lost[name]
    if name in REFUSED_BUILTINS:
        return REFUSED_BUILTINS[name] or f"The built-in {name} is not available to scripts."
    near = difflib.get_close_matches(name, [n for n in names if isinstance(n, str) and not n.startswith("_")], 3, 0.75)
    return f"Did you mean {' or '.join(near)}?" if near else None
