"""Why a task failed, in words, with file, line and element."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from SpiffWorkflow.exceptions import SpiffWorkflowException

from spiffcli.engine.views import bpmn_id, element_type
from spiffcli.engine.workflow import Failure
from spiffcli.errors import RunnerError


@dataclass(frozen=True, slots=True)
class IncidentDetails:
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
    line: int | None = None
    script_line: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As kept in the task's internal data and shown by `show`."""
        return asdict(self)


def explain(failure: Failure) -> IncidentDetails:
    """A failure in words."""
    task, error = failure.task, failure.error
    name = task.task_spec.bpmn_name
    element = bpmn_id(task.task_spec)
    reason, line, source = _reason(error)
    where = f", line {line}: {source.strip()}" if line and source else (f", line {line}" if line else "")
    verb = "failed" if failure.phase == "run" else "could not be reached"
    return IncidentDetails(
        message=f"{_title(element_type(task))} '{name or element}' {verb}: {reason}{where}",
        hint=getattr(error, "hint", None)
        or "Mend the cause and run `runner retry -w INSTANCE`, with --data to correct task data.",
        task=str(task.id),
        element=element,
        name=name,
        type=element_type(task),
        phase=failure.phase,
        file=task.workflow.spec.file,
        script_line=line,
    )


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
    return f"{type(error).__name__}: {error}", None, ""
