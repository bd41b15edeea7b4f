"""The tree of errors that a user can meet, each with its exit code and a way out.

Inner layers raise these; only the command line prints them. Anything else that escapes is a bug (exit code 3).
"""

from __future__ import annotations

from typing import Any, ClassVar


class RunnerError(Exception):
    """Something the user can understand and act on.

    Attributes:
        message: What is wrong, in one or two sentences.
        hint: What to do about it, or None where the message says it all.
        file: Name of the resource at fault, as the user gave it.
        line: Line in `file`, counted from 1.
        element: Id of the BPMN or DMN element at fault.
        data: Further JSON values for `--format json` (candidates, holders, counts ...).
    """

    exit_code: ClassVar[int] = 2

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        file: str | None = None,
        line: int | None = None,
        element: str | None = None,
        **data: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.file = file
        self.line = line
        self.element = element
        self.data = data

    @property
    def type(self) -> str:
        """Stable name of the kind of error: the class name without `Error`, in kebab case."""
        name = type(self).__name__.removesuffix("Error")
        return "".join("-" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))

    def where(self) -> str:
        """`file:line`, `file` or the empty string."""
        if self.file is None:
            return ""
        return f"{self.file}:{self.line}" if self.line else self.file

    def to_json(self) -> dict[str, Any]:
        """The `error` object of a `runner/error/1` document."""
        return {
            "type": self.type,
            "message": self.message,
            "hint": self.hint,
            "file": self.file,
            "line": self.line,
            "element": self.element,
            **self.data,
        }


# Exit code 2: wrong input or environment.


class InputError(RunnerError):
    """An argument, option or input file that cannot be used as it is."""


class NotFoundError(RunnerError):
    """A reference that names nothing. `data["candidates"]` lists near matches."""


class AmbiguousError(RunnerError):
    """A reference that names more than one thing. `data["candidates"]` lists them."""


class ModelError(RunnerError):
    """A BPMN, DMN or form file that cannot be read or executed."""


class ConfigError(RunnerError):
    """A configuration file, environment variable or engine module that cannot be used."""


class StoreError(RunnerError):
    """The document store cannot be opened, read or written (permissions, disk full, not a store ...)."""


class NoStoreError(StoreError):
    """There is no store at this place yet."""


class StoreFormatError(StoreError):
    """The store was written by a newer version of the program, or by something else."""


class CorruptStoreError(StoreError):
    """A stored document or body is missing or does not match its hash."""


class DataError(RunnerError):
    """A value that task data cannot hold. The message names the path of the value and its type."""


class AnswerError(RunnerError):
    """An answer to a human task that is missing or does not match its form.

    `data["task"]`, `data["field"]` and `data["rule"]` name the task, the field and the schema rule.
    """


# Exit code 1: refused because of state.


class StateError(RunnerError):
    """The instance or definition is in a state that does not allow this (finished, suspended, in error ...)."""

    exit_code = 1


class ReadOnlyError(StateError):
    """Models cannot be changed, because the installation is set so."""

    def __init__(self) -> None:
        super().__init__(
            "Models cannot be changed here: this installation is read-only.",
            hint="That is set by --read-only, RUNNER_READ_ONLY or read_only in the configuration file.",
        )


class BusyError(RunnerError):
    """Another command holds the lock. `data["holder"]` says which."""

    exit_code = 1


class ConflictError(RunnerError):
    """The document was changed by somebody else since it was read."""

    exit_code = 1


class DuplicateError(RunnerError):
    """A thing with this natural id or key exists already."""

    exit_code = 1


class IncidentError(RunnerError):
    """A script, expression, service or budget failed while an instance ran; the instance is in state `error`.

    `data["task"]` is the failed task and `data["instance"]` the instance, from which `retry` works.
    """

    exit_code = 1


def as_bug(error: Exception) -> RunnerError:
    """Return what nobody expected as an error of one item, so that the others of a fleet go on."""
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    return RunnerError(f"This is a bug in runner: {said}.", hint="Please report it with the model and this message.")
