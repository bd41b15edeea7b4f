"""One workflow under test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spiffcli.engine import Event
from spiffcli.engine.ports import BusinessError, CaseKey
from spiffcli.instances.select import find_task
from spiffcli.values import Instance, InstanceState, TaskView

if TYPE_CHECKING:
    from spiffcli.runner import Runner


class Workflow:
    """A workflow under test.

    Attributes:
        id: Id of its instance.
        trace: BPMN ids of what ran, in order.
    """

    def __init__(self, runner: Runner, instance: str, trace: list[str]) -> None:
        self.id = instance
        self.trace = trace
        self._runner = runner

    @property
    def instance(self) -> Instance:
        """Its row, as it is now."""
        return self._runner.catalog.instance(self.id)

    @property
    def state(self) -> InstanceState:
        """Whether it is running, completed, cancelled or in error."""
        return self.instance.state

    @property
    def aggregate(self) -> Any:
        """Its aggregate, as it is stored now."""
        records = self._runner.catalog.aggregates_of(self.id)
        services = self._runner.services
        if not records or services is None:
            raise ValueError("No services serve the workflow, so it has no aggregate.")
        return services.unit().reading(CaseKey(records[0].process, records[0].natural_id))

    @property
    def waiting_at(self) -> list[str]:
        """BPMN ids of the tasks and events it waits at, sorted; events on the border of a task are left out."""
        return sorted(view.id for view in self._runner.look(self.id).waiting if view.type != "boundaryEvent")

    def assert_waiting_at(self, *tasks: str) -> None:
        """It waits at these tasks and events and no others; name one as often as it waits there.

        Raises:
            AssertionError: It does not; the message says where it waits.
        """
        waiting = self.waiting_at
        if waiting != sorted(tasks):
            instance = self.instance
            where = ", ".join(waiting) or "nothing"
            why = f" ({instance.incident})" if instance.incident else ""
            raise AssertionError(
                f"The workflow {instance.natural_id or self.id} is {instance.state}{why} and waits at {where}, "
                f"not at {', '.join(sorted(tasks)) or 'nothing'}."
            )

    def complete(self, task: str, answers: Mapping[str, Any] | None = None) -> None:
        """Complete an open task: one of a person, or one that its method left open. What follows runs.

        Args:
            task: Id of the task, or BPMN id or name where one such task is open.
            answers: What a form gives.

        Raises:
            NotFoundError: No such task is open.
            IncidentError: What followed failed.
        """
        view = self._open(task)
        with self._runner.session(self.id, "complete") as session:
            session.complete(view.task, answers or {})
            session.advance()

    def fail(self, task: str, code: str) -> None:
        """Let a task that its method left open take its error path.

        Raises:
            StateError: Nothing catches the code.
        """
        view = self._open(task)
        with self._runner.session(self.id, "fail") as session:
            session.raise_error(view.task, BusinessError(code))
            session.advance()

    def send(self, message: str, payload: Mapping[str, Any] | None = None) -> None:
        """Deliver a message to it.

        Raises:
            NotFoundError: It does not wait for it.
        """
        self._runner.dispatcher.send(Event("message", message, dict(payload or {})), instance=self.instance)

    def retry(self) -> None:
        """Try again what failed.

        Raises:
            StateError: Nothing has failed.
            IncidentError: It fails again.
        """
        with self._runner.session(self.id, "retry") as session:
            session.retry({})
            session.advance()

    def cancel(self) -> None:
        """End it."""
        with self._runner.session(self.id, "cancel") as session:
            session.cancel()

    def _open(self, task: str) -> TaskView:
        return find_task(self._runner.look(self.id), task)
