"""Errors of business code: those that it raises, and that of a service declared wrongly."""

from __future__ import annotations

from spiffcli.engine.ports import BusinessError
from spiffcli.errors import ConfigError, DuplicateError


class TaskException(BusinessError):  # noqa: N818 - an outcome that the model handles, not an error of the program
    """Raised by a task method for an outcome that the model handles.

    What the method changed in its aggregate is kept, and the error path of this one task is taken: the boundary event
    for `code` on it, or on what is around it. Where the model has none, it is an incident and nothing is kept.

    Attributes:
        code: Error code that a boundary event catches.
        name: What happened, in words, or None.
    """


class DuplicateStart(DuplicateError):  # noqa: N818 - the name that its users know
    """A process was started a second time with one natural id.

    Attributes:
        process: Id of the process.
        natural_id: The id that is taken.
        instance: Id of the instance that has it.
    """

    def __init__(self, process: str, natural_id: str, instance: str) -> None:
        super().__init__(
            f"There is an instance of '{process}' with the natural id '{natural_id}' already: {instance}.",
            hint=f"Look at it with: runner show -w {instance}",
            instance=instance,
            process=process,
            natural_id=natural_id,
        )
        self.process = process
        self.natural_id = natural_id
        self.instance = instance


class ServiceError(ConfigError):
    """A service that is not declared as it has to be."""
