"""Instances as a reader sees them: everything `show` shows, and what is left after a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from spiffcli.instances.rows import means_something
from spiffcli.values import AggregateRecord, Instance, TaskView

if TYPE_CHECKING:
    from spiffcli.engine import Running
    from spiffcli.instances.context import Context
    from spiffcli.instances.session import Session


class Incident(Struct, frozen=True):
    """A failed task.

    Attributes:
        task: Id of the task inside the instance.
        element: BPMN id of its node.
        file: Name of the model file, if known.
        line: Line of the element in `file`, if known.
        script_line: Line inside the script, counted from 1, where a script failed.
        hint: The way out, or None.
    """

    message: str
    task: str
    element: str
    name: str | None
    file: str | None = None
    line: int | None = None
    script_line: int | None = None
    hint: str | None = None

    def where(self) -> str:
        """`file:line`, `file` or the empty string."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file or ""


class Look(Struct, frozen=True):
    """An instance with everything in it.

    Attributes:
        tasks: Every task, parents first.
        data: Data of the process once it has ended, until then what the task that is due sees; as JSON types.
        data_objects: Data objects of the process that have a value.
        waiting: The tasks it waits at.
        waiting_data: What those tasks see, by task id, as JSON types.
        aggregates: The domain objects it works on, its own first; for processes that business code serves.
    """

    instance: Instance
    tasks: tuple[TaskView, ...]
    data: Mapping[str, Any]
    data_objects: Mapping[str, Any]
    waiting: tuple[TaskView, ...]
    waiting_data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    aggregates: tuple[AggregateRecord, ...] = ()

    @property
    def open_tasks(self) -> tuple[TaskView, ...]:
        """The tasks that somebody can complete now: those of people, and those that methods left open."""
        return tuple(view for view in self.waiting if view.open or (view.manual and view.state == "READY"))


class Outcome(Struct, frozen=True):
    """What a command left of an instance.

    Attributes:
        data: As of `Look`.
        waiting: The tasks it waits at.
        ran: What ran, in order.
    """

    instance: Instance
    data: Mapping[str, Any]
    waiting: tuple[TaskView, ...]
    ran: tuple[TaskView, ...] = ()


def look(context: Context, instance_id: str) -> Look:
    """The instance as it is in the store, read without its lock.

    Raises:
        NotFoundError: There is no such instance.
    """
    instance, state = context.catalog.load(instance_id)
    plain = context.engine.registry.plain
    running = context.engine.restore(state, context.cache)
    waiting = waiting_at(running)
    return Look(
        instance,
        tuple(running.tasks()),
        plain(dict(running.latest_data)),
        plain(dict(running.data_objects)),
        waiting,
        {view.task: plain(dict(view.data)) for view in waiting},
        tuple(_incidents(context, running)),
        tuple(context.catalog.aggregates_of(instance_id)),
    )


def outcome(session: Session, before: Sequence[TaskView] = ()) -> Outcome:
    """What a session left of its instance.

    Args:
        before: What ran in earlier sessions of the same command.
    """
    running = session.running
    data = session.context.engine.registry.plain(dict(running.latest_data))
    return Outcome(session.instance, data, waiting_at(running), (*before, *session.ran))


def waiting_at(running: Running) -> tuple[TaskView, ...]:
    """The tasks an instance waits at; none once it has ended."""
    if running.state in ("completed", "cancelled"):
        return ()
    return tuple(view for view in running.active_tasks() if means_something(view))


def _incidents(context: Context, running: Running) -> list[Incident]:
    found = []
    for details in running.incidents():
        place = context.specs.place(running.task(details.task).definition, details.element)
        file, line = place or (details.file, None)
        about = (details.message, details.task, details.element, details.name)
        found.append(Incident(*about, file, line, details.script_line, details.hint))
    return found
