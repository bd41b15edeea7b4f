"""Instances and data stores as a reader sees them: what `show` shows, and what is left after a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from spiffcli.catalog.data_stores import DataStore
from spiffcli.errors import AmbiguousError, NotFoundError
from spiffcli.instances.session import Session, means_something
from spiffcli.instances.spec_source import CatalogSpecs, specs_of
from spiffcli.values import AggregateRecord, Instance, TaskView
from spiffcli.workspace import Workspace

if TYPE_CHECKING:
    from spiffcli.engine import Running


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


class InstanceView(Struct, frozen=True):
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


class RunResult(Struct, frozen=True):
    """What a command left of an instance.

    Attributes:
        data: As of `InstanceView`.
        waiting: The tasks it waits at.
        ran: What ran, in order.
    """

    instance: Instance
    data: Mapping[str, Any]
    waiting: tuple[TaskView, ...]
    ran: tuple[TaskView, ...] = ()


def view_instance(workspace: Workspace, instance_id: str) -> InstanceView:
    """The instance as it is in the store, read without its lock.

    Raises:
        NotFoundError: There is no such instance.
    """
    specs = specs_of(workspace)
    instance, state = workspace.catalog.load(instance_id)
    plain = workspace.engine.registry.plain
    running = workspace.engine.restore(state, specs.cache)
    waiting = waiting_at(running)
    return InstanceView(
        instance,
        tuple(running.tasks()),
        plain(dict(running.latest_data)),
        plain(dict(running.data_objects)),
        waiting,
        {view.task: plain(dict(view.data)) for view in waiting},
        tuple(_incidents(specs, running)),
        tuple(workspace.catalog.aggregates_of(instance_id)),
    )


def run_result(session: Session, before: Sequence[TaskView] = ()) -> RunResult:
    """What a session left of its instance.

    Args:
        before: What ran in earlier sessions of the same command.
    """
    running = session.running
    data = session.workspace.engine.registry.plain(dict(running.latest_data))
    return RunResult(session.instance, data, waiting_at(running), (*before, *session.ran))


def waiting_at(running: Running) -> tuple[TaskView, ...]:
    """The tasks an instance waits at; none once it has ended."""
    if running.state in ("completed", "cancelled"):
        return ()
    return tuple(view for view in running.active_tasks() if means_something(view))


def _incidents(specs: CatalogSpecs, running: Running) -> list[Incident]:
    found = []
    for details in running.incidents():
        place = specs.place(running.task(details.task).definition, details.element)
        file, line = place or (details.file, None)
        about = (details.message, details.task, details.element, details.name)
        found.append(Incident(*about, file, line, details.script_line, details.hint))
    return found


def find_data_store(workspace: Workspace, ref: str) -> tuple[DataStore, Any]:
    """The data store that a user means, by its id or as `LOCATION/ID`, with its value as JSON has it.

    Raises:
        NotFoundError: None of this name has been written to.
        AmbiguousError: There are several.
    """
    stores = workspace.catalog.data_stores()
    found = [each for each in stores if ref in (each.id, data_store_label(each))]
    if not found:
        raise NotFoundError(
            f"No data store '{ref}' has been written to.",
            hint=f"There are: {_listed(stores)}." if stores else "No task has written to any yet.",
            candidates=[data_store_label(each) for each in stores],
        )
    if len(found) > 1:
        raise AmbiguousError(
            f"{len(found)} data stores are called '{ref}'.",
            hint=f"Name one with its folder: {_listed(found)}.",
            candidates=[data_store_label(each) for each in found],
        )
    (store,) = found
    whole = workspace.catalog.data_store(store.kind, store.location, store.id)
    return whole, workspace.engine.value(whole.content or b"null")


def data_store_label(store: DataStore) -> str:
    """What names a data store: `LOCATION/ID`; just its id at the root."""
    return store.id if store.location == "." else f"{store.location}/{store.id}"


def _listed(stores: Sequence[DataStore]) -> str:
    return ", ".join(map(data_store_label, stores))
