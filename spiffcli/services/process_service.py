"""What business code uses to start workflows and to talk to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Literal, TypeVar

from spiffcli.values import Instance

A = TypeVar("A")

#: What becomes of a start whose natural id is taken: an error, or the workflow that has it.
OnDuplicate = Literal["reject", "existing"]


class ProcessService(Generic[A]):
    """Starts workflows of one type of aggregate, and talks to them by natural id.

    `Runner.service(Order)` gives one; services that ask for a `ProcessService[Order]` in their constructor get it.
    `change` is called with the aggregate, and what it does is saved together with what the call does; if either
    fails, neither happens.
    """

    def start(self, aggregate: A, *, process_id: str | None = None, on_duplicate: OnDuplicate = "reject") -> Instance:
        """Start a workflow in the newest version of its process, and let it run until it has to wait.

        Args:
            process_id: Which process, where several that nobody calls work on this type of aggregate.
            on_duplicate: `existing` returns the workflow that has the natural id instead of raising.

        Raises:
            DuplicateStart: The natural id is taken.
            IncidentError: A task failed; the workflow is stored in state `error`.
        """
        raise NotImplementedError

    def start_by_message(
        self, aggregate: A, name: str, *, process_id: str | None = None, on_duplicate: OnDuplicate = "reject"
    ) -> Instance:
        """Start a workflow at the start event that waits for a message. What the message says is in the aggregate.

        Raises:
            DuplicateStart: The natural id is taken.
            NotFoundError: No start event of a process of this type of aggregate waits for the message.
            IncidentError: A task failed; the workflow is stored in state `error`.
        """
        raise NotImplementedError

    def correlate_message(self, natural_id: str, name: str, *, change: Callable[[A], object] | None = None) -> Instance:
        """Deliver a message to one workflow.

        Raises:
            NotFoundError: There is no such workflow, or it does not wait for the message.
            StateError: It has ended, or is suspended.
            IncidentError: What followed failed.
        """
        raise NotImplementedError

    def send_signal(self, name: str) -> list[Instance]:
        """Broadcast a signal to everybody who waits for it, whatever their aggregate; the workflows it reached.

        Raises:
            NotFoundError: Nobody waits for it.
        """
        raise NotImplementedError

    def complete_task(self, natural_id: str, task_id: str, *, change: Callable[[A], object] | None = None) -> Instance:
        """Complete a task that its method left open, or one of a person.

        Raises:
            NotFoundError: There is no such workflow or task.
            StateError: The task is not open.
            IncidentError: What followed failed.
        """
        raise NotImplementedError

    def cancel_task(
        self,
        natural_id: str,
        task_id: str,
        code: str,
        name: str | None = None,
        *,
        change: Callable[[A], object] | None = None,
    ) -> Instance:
        """Let a task that its method left open take its error path, as if the method had raised `TaskException`.

        Raises:
            NotFoundError: There is no such workflow or task.
            StateError: The task is not open, or nothing in the model catches the code.
            IncidentError: What followed failed.
        """
        raise NotImplementedError

    def change(self, natural_id: str, change: Callable[[A], object]) -> Instance:
        """Change an aggregate, and let what is due because of it happen.

        Raises:
            NotFoundError: There is no such workflow.
            StateError: It has ended, or is suspended.
        """
        raise NotImplementedError

    def load(self, natural_id: str) -> A:
        """An aggregate to be read; changes to it are kept by `change` alone.

        Raises:
            NotFoundError: There is none.
        """
        raise NotImplementedError

    def instance(self, natural_id: str) -> Instance:
        """The workflow that works on an aggregate.

        Raises:
            NotFoundError: There is none.
        """
        raise NotImplementedError
