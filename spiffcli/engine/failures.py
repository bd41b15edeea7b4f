"""Why a task failed, in words, with file, line and element."""

from __future__ import annotations

import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from SpiffWorkflow.exceptions import SpiffWorkflowException
from SpiffWorkflow.task import Task

from spiffcli.engine.views import bpmn_id, element_type
from spiffcli.engine.workflow import Failure
from spiffcli.errors import RunnerError


class IncidentDetails(Struct, frozen=True):
    """A failed task, explained.

    Attributes:
        phase: `run` where the task itself failed, `reach` where it failed while being reached
            (pre-script, timer, loop collection, called process).
        script_line: Line inside the script, counted from 1.
    """

    message: str
    hint: str | None
    task: str
    element: str
    name: str | None
    type: str
    phase: str
    file: str | None = None
    script_line: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As kept in the task's internal data."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> IncidentDetails:
        """What `to_json` gave."""
        return cls(**document)


def explain(failure: Failure) -> IncidentDetails:
    """A failure in words."""
    task, error = failure.task, failure.error
    reason, line, source = _reason(error)
    verb = "failed" if failure.phase == "run" else "could not be reached"
    return IncidentDetails(
        **_about(task),
        message=f"{_title(element_type(task))} '{_label(task)}' {verb}: {reason}{_where(line, source)}",
        hint=getattr(error, "hint", None),
        phase=failure.phase,
        script_line=line,
    )


def _where(line: int | None, source: str) -> str:
    if not line:
        return ""
    return f" (script line {line}: {source.strip()})" if source.strip() else f" (script line {line})"


def endless(task: Task, budget: int) -> IncidentDetails:
    """An instance that took `budget` steps without coming to rest, and was stopped before `task`."""
    return IncidentDetails(
        **_about(task),
        message=f"The instance took {budget:,} steps without stopping, the last one at '{_label(task)}': "
        "a loop or a process that calls itself does not end.",
        hint="Mend what ends the loop, or allow more steps with --max-steps.",
        phase="run",
    )


def incident_of(task: Task) -> IncidentDetails:
    """Why a task is in ERROR, as noted when it failed."""
    noted = task.internal_data.get("incident")
    if noted is not None:
        return IncidentDetails.from_json(noted)
    message = f"{_title(element_type(task))} '{_label(task)}' failed"  # by the engine's own doing, which says no more
    return IncidentDetails(**_about(task), message=message, hint=None, phase="run")


def _about(task: Task) -> dict[str, Any]:
    return {
        "task": str(task.id),
        "element": bpmn_id(task.task_spec),
        "name": task.task_spec.bpmn_name,
        "type": element_type(task),
        "file": task.workflow.spec.file,
    }


def _label(task: Task) -> str:
    label: str = task.task_spec.bpmn_name or bpmn_id(task.task_spec)
    return label


def _title(kind: str) -> str:
    words = "".join(" " + c.lower() if c.isupper() else c for c in kind)
    return words[0].upper() + words[1:]


def _reason(error: BaseException) -> tuple[str, int | None, str]:
    if isinstance(error, RunnerError):
        return error.message, None, ""
    kind = getattr(error, "kind", None)
    if kind is not None:
        detail = getattr(error, "detail", "")
        return (
            (f"{kind}: {detail}" if detail else kind),
            getattr(error, "line", None),
            getattr(error, "source_line", "") or "",
        )
    if isinstance(error, SpiffWorkflowException):
        text = str(error.args[0]) if error.args else str(error)
        return text.rstrip(". "), getattr(error, "line_number", None), getattr(error, "error_line", "") or ""
    return in_words(error), None, ""


#: Where code is that no user wrote: this program, the standard library, and what is installed.
_NOT_THEIRS = (Path(__file__).parents[1], *(Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")))


def in_words(error: BaseException) -> str:
    """What code of somebody else raised, and where in it."""
    message = str(error)
    return f"{type(error).__name__}{': ' if message else ''}{message}{_raised_at(error)}"


def _raised_at(error: BaseException) -> str:
    """Where in somebody else's code an error was raised."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.suffix == ".py" and not any(file.is_relative_to(folder) for folder in _NOT_THEIRS):
            place = f" ({file.name}:{trace.tb_lineno})"
        trace = trace.tb_next
    return place
