"""One command on one instance: lock, load, move, save.

A session holds the lock of its instance from start to end, so that commands on one instance happen one after the
other. What it did is saved when the instance comes to rest, and now and then in between, so that a long run that
is interrupted loses little.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.structs import replace

from spiffcli.catalog.clock import iso
from spiffcli.catalog.data_stores import DataStore
from spiffcli.catalog.instances import Situation
from spiffcli.errors import ConfigError, DuplicateError, IncidentError, StateError
from spiffcli.instances.spec_source import specs_of
from spiffcli.services.errors import DuplicateStart
from spiffcli.values import ActiveTask, Definition, HistoryEntry, Instance, TaskView, digest
from spiffcli.workspace import Workspace

if TYPE_CHECKING:
    from spiffcli.catalog import Catalog
    from spiffcli.catalog.resolving import Resolution
    from spiffcli.engine import Event, Running
    from spiffcli.engine.data_stores import StoredData
    from spiffcli.engine.ports import BusinessError

#: How often a run that does not stop is saved, in seconds of wall time.
SAVE_INTERVAL_S = 2.0

#: Time between two such saves, as a multiple of the time that the first of them took: a state of many megabytes is
#: saved less often.
SAVE_SHARE = 10.0

#: How long a step waits for a data store that a step of another instance works on, in seconds.
STORE_WAIT_S = 30.0

StepHook = Callable[[TaskView], None]


class Outbox(Protocol):
    """What a session hands on: the events its instance threw, and what ran in it."""

    def deliver(self, sender: Session, events: Sequence[Event]) -> None:
        """Save `sender` together with the arrival of what it sent, then let the receivers go on."""

    def note_run(self, instance: str, view: TaskView) -> None:
        """Take note of a node of the model that ran."""


class Session:
    """An instance, locked and loaded; the `Dispatcher` opens it.

    Attributes:
        instance: The row as it is in the store.
        running: The instance in memory.
        held: Locks on the data stores that a step works on, which are let go when that is saved.
        ran: Nodes of the model that ran in this session, in order.
    """

    def __init__(
        self, workspace: Workspace, outbox: Outbox, instance: Instance, running: Running, *, stored: bool = True
    ) -> None:
        self.workspace = workspace
        self._specs = specs_of(workspace)
        self._outbox = outbox
        self.instance = instance
        self.held = ExitStack()
        self.running = self._guarded(running)
        self._stored = stored
        self._entries: list[HistoryEntry] = []
        self._failure: IncidentError | None = None
        self.ran: list[TaskView] = []
        self._resolved: dict[tuple[str, str, str], str] = {}

    def _guarded(self, running: Running) -> Running:
        """`running`, which keeps others from the data stores that a step works on, until that is saved."""
        running.data_stores.guard = self._hold
        return running

    def _hold(self, found: StoredData) -> None:
        name = f"data-store:{self.workspace.catalog.tenant}:{found.place}"
        holder = f"step of instance {self.instance.id} on the data store '{found.id}'"
        self.held.enter_context(self.workspace.catalog.store.lock(name, wait=STORE_WAIT_S, holder=holder))

    def require_open(self) -> None:
        """Raise StateError unless the instance can move.

        Raises:
            StateError: It has ended, or it is suspended.
        """
        if self.instance.state in ("completed", "cancelled"):
            raise self._refusal(
                f"{self.instance.ending}; nothing in it can move any more.",
                f"Look at it with: runner show -w {self.instance.id}",
            )
        if self.instance.suspended:
            raise self._refusal(
                "is suspended: nothing moves it.",
                f"Let it go on with: runner activate {self.instance_label} --with-instances",
            )

    def require_served(self) -> None:
        """Raise ConfigError unless the business code is there that the instance needs.

        Raises:
            ConfigError: It works on an aggregate, and no service serves it.
        """
        case, business = self.running.case, self.workspace.engine.business
        if case is None or (business is not None and business.serves(self.instance.definition)):
            return
        raise ConfigError(
            f"Instance {self.instance.id} keeps its state in the aggregate '{case.id}', and no service serves "
            f"{self.instance_label}.",
            hint="Name the module of its services: --services MODULE (or RUNNER_SERVICES, or services in runner.toml).",
            instance=self.instance.id,
        )

    def require_sound(self) -> None:
        """Raise StateError unless the instance can move and no task of it has failed.

        Raises:
            StateError: It has ended, is suspended, or is in state `error`.
        """
        self.require_open()
        if self.instance.state == "error":
            raise self._refusal(
                f"is in state error: {self.instance.incident}",
                f"Mend the cause, then run: runner retry -w {self.instance.id}",
            )

    def _refusal(self, why: str, hint: str) -> StateError:
        return StateError(
            f"Instance {self.instance.id} {why}", hint=hint, instance=self.instance.id, state=self.instance.state
        )

    # Moving

    def advance(self, on_step: StepHook | None = None, *, save_steps: bool = False) -> None:
        """Run until people or events are due, deliver what was sent, and save.

        Args:
            on_step: Called with each task after it ran. What it raises ends the run where it is.
            save_steps: Save after each task, before `on_step` is called, and not only now and then.

        Raises:
            IncidentError: A task failed. The instance is saved in state `error`.
        """
        self.require_served()
        self._failure = None
        next_save = time.monotonic() + SAVE_INTERVAL_S
        try:
            for view in self.running.advance(budget=self.workspace.max_steps):
                self._note_run(view)
                if save_steps or self._has_changes() or time.monotonic() > next_save:
                    next_save = self._save_in_between()
                else:
                    self._let_go()
                if on_step is not None:
                    on_step(view)
        except IncidentError as error:
            self._stop_at(error)
            raise
        self._note_end()
        self._save_and_deliver()
        if self._failure is not None:  # an answer to what was sent came back, and failed here
            raise self._failure

    def _stop_at(self, error: IncidentError) -> None:
        self._explain(error)
        self._note_followed()
        self.note("error", message=error.message, task=error.data["task"], element=error.element)
        self.save()
        self._failure = error

    def _save_in_between(self) -> float:
        """Save; returns when to do so again: the longer it takes, the later."""
        began = time.monotonic()
        self.save()
        ended = time.monotonic()
        return ended + max(SAVE_INTERVAL_S, SAVE_SHARE * (ended - began))

    def complete(self, task_id: str, answers: Mapping[str, Any]) -> TaskView:
        """Complete a task a person does. `advance` runs what follows.

        Raises:
            StateError: The task is not READY, or the instance cannot move.
            IncidentError: Completing it failed, and the instance is as it was; or what comes next could not be
                reached, and the instance is saved in state `error`.
        """
        self.require_open()
        self.require_served()
        try:
            self.running.complete(task_id, answers)
        except IncidentError as error:
            if error.data["task"] != task_id:
                self._note_completed(self.running.task(task_id), answers)
                self._stop_at(error)
                raise
            self._explain(error, hint="Nothing was saved: the task is open as before.")
            self._reload()
            raise
        view = self.running.task(task_id)
        self._note_completed(view, answers)
        self._save_changes()
        return view

    def raise_error(self, task_id: str, error: BusinessError) -> TaskView:
        """Let a task that was left open end with a business error. `advance` runs its error path.

        Raises:
            StateError: The task is not open, nothing catches the error, or the instance cannot move.
        """
        self.require_open()
        view = self.running.raise_error(task_id, error)
        self.note("raised-error", task=view.id, name=view.name, error=error.code)
        self._save_changes()
        return view

    def _has_changes(self) -> bool:
        """Whether an aggregate or data store changed: that is saved with the step that did it, not with later ones."""
        unit = self.running.unit
        return self.running.data_stores.has_changes or (unit is not None and unit.has_changes)

    def _save_changes(self) -> None:
        if self._has_changes():
            self.save()
        else:
            self._let_go()

    def _note_completed(self, view: TaskView, answers: Mapping[str, Any]) -> None:
        self.note("completed-task", task=view.id, name=view.name, answers=sorted(answers))
        self._note_run(view)
        for form in self._specs.late_forms(view.definition, view.id):
            self._note_resolved(view.definition, form)

    def _note_run(self, view: TaskView) -> None:
        if view.type != "internal":
            self.ran.append(view)
            self._outbox.note_run(self.instance.id, view)

    def _reload(self) -> None:
        self._let_go()
        instance, state = self.workspace.catalog.load(self.instance.id)
        self.instance, self._entries = instance, []
        self.running = self._guarded(self.workspace.engine.restore(state, self._specs.cache))

    def retry(self, data: Mapping[str, Any]) -> list[TaskView]:
        """Make failed tasks runnable again.

        Raises:
            StateError: None has failed.
            IncidentError: One cannot be reached, as before; the instance is saved in state `error`.
        """
        self.require_open()
        self.require_served()
        failed = [incident.element for incident in self.running.incidents()]
        try:
            views = self.running.retry(data)
        except IncidentError as error:
            self.note("retried", tasks=failed, data=sorted(data))
            self._stop_at(error)
            raise
        self.note("retried", tasks=[view.id for view in views], data=sorted(data))
        return views

    def cancel(self, reason: str = "") -> None:
        """End the instance without finishing it, and save."""
        self.require_open()
        self.running.cancel()
        self.note("cancelled", reason=reason)
        self.save()

    def receive(self, event: Event, *, task_id: str | None = None) -> int:
        """Deliver a message or signal; how many tasks it reached. `advance` runs what follows.

        Raises:
            InputError: The payload of a message lacks what it is correlated by.
        """
        self.require_served()
        reached = self.running.send(event, task_id=task_id)
        if reached:
            self.note("received", event=event.kind, name=event.name)
        return reached

    def move_to(self, running: Running, definition: Definition) -> None:
        """Go on with another state of the instance, on another version. Nothing is saved yet."""
        self.running = self._guarded(running)
        self.instance = replace(
            self.instance,
            definition=definition.id,
            key=definition.key,
            version=definition.version,
            source=definition.source.without_files(),
        )

    @property
    def instance_label(self) -> str:
        """`key@version` of the instance."""
        return f"{self.instance.key}@{self.instance.version}"

    # Saving

    def note_start(self, definition: Definition, **details: Any) -> None:
        """Note that the instance begins, and whether the default tenant had to help."""
        found = {"fallback": True, "tenant": definition.tenant} if definition.tenant != self.instance.tenant else {}
        self.note("started", definition=definition.label, **details, **found)

    def note(self, what: str, **details: Any) -> None:
        """Add an entry to the history with the next save."""
        self._entries.append(HistoryEntry(iso(self.workspace.now()), what, self.workspace.settings.user, details))

    def save(self, *, keep: Iterable[bytes] = ()) -> None:
        """Store the instance as it is; see `save_in`."""
        if self._has_changes():
            with self.workspace.catalog.transaction() as catalog:
                self.save_in(catalog, keep=keep)
        else:
            self.save_in(self.workspace.catalog, keep=keep)
        self._let_go()

    def save_in(self, catalog: Catalog, *, keep: Iterable[bytes] = ()) -> None:
        """Store the instance, as part of a larger change where `catalog` is in a transaction.

        Args:
            keep: Further blobs that belong to the instance from now on.

        Raises:
            ConflictError: Somebody changed it without holding its lock.
            DataError: Task data hold a value that cannot be stored.
        """
        self._note_followed()
        snapshot = self.running.snapshot()
        row, situation = row_of(self.instance, self.running, iso(self.workspace.now()))
        write = catalog.save if self._stored else catalog.create
        kept = (*snapshot.specs.values(), *keep)
        with self._duplicates_told():
            self.instance = write(row, snapshot.state, self._entries, situation=situation, keep=kept)
            if self.running.unit is not None:
                self.running.unit.save(self.instance.id, catalog.put_aggregate, catalog.after_commit)
            self._save_data_stores(catalog)
        self._stored = True
        self._entries = []

    def _save_data_stores(self, catalog: Catalog) -> None:
        for each in self.running.data_stores.changes():
            place = (each.id, each.kind, each.location)
            catalog.put_data_store(
                DataStore(*place, each.content, each.revision, iso(self.workspace.now()), self.workspace.settings.user)
            )
        self.running.data_stores.stored()

    def _let_go(self) -> None:
        """Let others write to the data stores that were read."""
        self.running.data_stores.let_go()
        self.held.close()

    @contextmanager
    def _duplicates_told(self) -> Iterator[None]:
        """A context in which a natural id that is taken is told with the aggregate it belongs to."""
        try:
            yield
        except DuplicateError as error:
            case = self.running.case
            if case is None or isinstance(error, DuplicateStart):
                raise
            raise DuplicateStart(case.process, case.id, error.data["instance"]) from error

    def _note_followed(self) -> None:
        """Note what calls and decisions were found to mean; in a loop, once for each."""
        for followed in self.running.followed():
            self._note_resolved(followed.caller, self._specs.resolution(followed))
        for untold in self.running.untold():
            self.note("not-told", task=untold.place.element, reason=untold.reason)

    def _note_resolved(self, caller: str, found: Resolution) -> None:
        place = (caller, found.reference.element, found.reference.key)
        if self._resolved.get(place) != found.definition.id:
            self._resolved[place] = found.definition.id
            self.note("resolved", **found.to_json())

    def _explain(self, error: IncidentError, hint: str | None = None) -> None:
        """Say where the model stands that failed, and how to go on."""
        view = self.running.task(error.data["task"])
        error.file, error.line = self._specs.place(view.definition, view.id) or (error.file, None)
        error.data["instance"] = self.instance.id
        data = "corrects the data of the task" if self.running.case is None else "goes into the aggregate"
        retry = f"Then run: runner retry -w {self.instance.id} (--data {data})"
        error.hint = "\n".join(filter(None, [error.hint or "Mend the cause.", hint or retry]))

    def _note_end(self) -> None:
        self._note_followed()
        if self.running.state != "running" and self.instance.ended is None:
            self.note(self.running.state)

    def _save_and_deliver(self) -> None:
        events = self.running.thrown()
        if events:
            self._outbox.deliver(self, events)
        else:
            self.save()


#: Kinds of nodes whose tasks only hold others; a reader looks for what they hold.
_CONTAINERS = frozenset({"callActivity", "subProcess", "transaction", "adHocSubProcess"})


def row_of(instance: Instance, running: Running, now: str) -> tuple[Instance, Situation | None]:
    """`instance` brought up to date with `running` at the time `now`, and where it stands unless it has ended."""
    state = running.state
    ended = None
    if state in ("completed", "cancelled"):
        ended = instance.ended or now
    subscriptions = tuple(running.subscriptions()) if ended is None else ()
    body = running.situation() if ended is None else b""
    due = min((each.due for each in subscriptions if each.due is not None), default=None)
    row = replace(
        instance,
        state=state,
        updated=now,
        ended=ended,
        active=tuple(_active(view) for view in running.active_tasks() if means_something(view)),
        subscriptions=subscriptions,
        due=0.0 if running.has_work() else due,
        situation=digest(body) if body else "",
        incident=running.incidents()[0].message if state == "error" else None,
        stuck=running.stuck(),
        calls=running.definitions,
    )
    return row, Situation(row.situation, row.definition, body) if body else None


def means_something(view: TaskView) -> bool:
    """Whether a reader who asks what an instance waits for wants to see an active task."""
    if view.state == "ERROR":
        return True
    if view.type.endswith("Gateway"):
        return view.type == "eventBasedGateway"
    return view.state != "STARTED" or (view.type not in _CONTAINERS and view.loop is None)


def _active(view: TaskView) -> ActiveTask:
    return ActiveTask(view.task, view.id, view.name, view.state)
