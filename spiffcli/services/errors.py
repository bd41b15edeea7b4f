"""Errors of business code: those it raises, and those about how it is wired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spiffcli.engine.ports import BusinessError
from spiffcli.errors import ConfigError, DuplicateError

if TYPE_CHECKING:
    from spiffcli.services.faults import Fault


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


class WiringError(ConfigError):
    """Services and models do not fit together; nothing has moved.

    Attributes:
        faults: All of them.
    """

    def __init__(self, faults: Sequence[Fault], *, planned: bool = False) -> None:
        """An error with these faults.

        Args:
            planned: The models are not stored yet, and are not stored now.
        """
        from spiffcli.services.faults import fault_text

        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        listed = "\n".join(fault_text(fault) for fault in faults)
        super().__init__(
            f"Services and models do not fit together: {count}.\n{listed}",
            hint="Nothing was stored." if planned else "Nothing was moved. See all of it again with: runner check",
            faults=[fault.to_json() for fault in faults],
        )
        self.faults = tuple(faults)
