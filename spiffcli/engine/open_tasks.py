"""Tasks that methods have left open: who completes them, and who is told when they are given up."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine import views
from spiffcli.engine.catching import take
from spiffcli.engine.places import place_of
from spiffcli.engine.ports import OPEN, Place
from spiffcli.engine.wired import is_alive, is_open
from spiffcli.engine.workflow import RunnerWorkflow


class Untold(Struct, frozen=True):
    """A method that could not be told that its task was cancelled.

    Attributes:
        reason: What it raised, in words.
    """

    place: Place
    reason: str


class OpenTasks:
    """The open tasks of one instance in memory."""

    def __init__(self, workflow: RunnerWorkflow) -> None:
        self._workflow = workflow
        self._known: dict[UUID, Place] | None = None
        self._untold: list[Untold] = []

    def before_step(self) -> None:
        """Learn which tasks are open, once: a step may take them away."""
        if self._known is None and self._workflow.unit is not None:
            self._known = {task.id: place_of(task) for task in views.tasks(self._workflow) if is_open(task)}

    def after_step(self) -> None:
        """Take the error paths of what raised errors, and tell the methods of tasks that are gone."""
        raised, self._workflow.raised = self._workflow.raised, []
        for each in raised:
            take(self._workflow, each)
        if self._known is None:
            return
        opened, self._workflow.opened = self._workflow.opened, {}
        self._known.update(opened)
        for task_id in [id for id in self._known if not self._is_open(id)]:
            self._tell(task_id, self._known.pop(task_id))

    def close(self, task_id: UUID) -> None:
        """Forget a task that somebody completes."""
        task = self._workflow.task(task_id)
        if task is not None:
            task.internal_data.pop(OPEN, None)
        if self._known is not None:
            self._known.pop(task_id, None)

    def untold(self) -> list[Untold]:
        """What could not be told since the last call."""
        untold, self._untold = self._untold, []
        return untold

    def _is_open(self, task_id: UUID) -> bool:
        task = self._workflow.task(task_id)
        return task is not None and is_open(task) and is_alive(task)

    def _tell(self, task_id: UUID, place: Place) -> None:
        task = self._workflow.task(task_id)
        if task is not None and task.has_state(TaskState.COMPLETED | TaskState.ERROR):
            return  # what failed is as it was before, once it is loaded anew or tried again
        unit = self._workflow.unit
        assert unit is not None
        try:
            unit.perform(place, "cancelled").keep()
        except Exception as error:  # the task is gone all the same
            self._untold.append(Untold(place, f"{type(error).__name__}: {error}"))
