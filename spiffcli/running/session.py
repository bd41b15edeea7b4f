"""One command on one instance: lock, load, move, save.

A session holds the lock of its instance from start to end, so that commands on one instance happen one after the
other. What it did is saved when the instance comes to rest, and now and then in between, so that a long run that
is interrupted loses little.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from spiffcli.catalog.clock import iso
from spiffcli.errors import IncidentError, StateError
from spiffcli.running.context import Context
from spiffcli.running.rows import row_of
from spiffcli.values import Definition, HistoryEntry, Instance, TaskView

if TYPE_CHECKING:
    from spiffcli.catalog import Catalog
    from spiffcli.engine import Event, Running

#: How often a run that does not stop is saved, in seconds of wall time.
SAVE_INTERVAL_S = 2.0

StepHook = Callable[[TaskView], None]


class Session:
    """An instance, locked and loaded.

    Attributes:
        instance: The row as it is in the store.
        running: The instance in memory.
    """

    def __init__(self, context: Context, instance: Instance, running: Running, *, stored: bool = True) -> None:
        self.context = context
        self.instance = instance
        self.running = running
        self._stored = stored
        self._entries: list[HistoryEntry] = []
        self._incident: str | None = instance.incident
        self._steps = 0

    # Opening

    @classmethod
    @contextmanager
    def begin(
        cls,
        context: Context,
        definition: Definition,
        data: Mapping[str, Any] | None = None,
        *,
        natural_id: str | None = None,
    ) -> Iterator[Session]:
        """A new instance of a definition, stored before its first step.

        Raises:
            DuplicateError: The natural id is taken.
            DataError: `data` hold a value that cannot be stored.
        """
        now = iso(context.now())
        instance = Instance(
            id=str(uuid4()),
            tenant=context.catalog.tenant,
            definition=definition.id,
            key=definition.key,
            version=definition.version,
            state="running",
            created=now,
            updated=now,
            natural_id=natural_id,
            user=context.user,
            source=definition.source,
        )
        with _locked(context, instance.id, f"start {definition.label}"):
            running = context.engine.start(definition.id, context.cache, data)
            session = cls(context, instance, running, stored=False)
            session.note("started", definition=definition.label)
            session.save()
            with session._registered():
                yield session

    @classmethod
    @contextmanager
    def open(cls, context: Context, instance_id: str, doing: str) -> Iterator[Session]:
        """The instance with exactly this id, locked.

        Args:
            doing: What for, shown to whoever waits for the lock.

        Raises:
            BusyError: Another command holds the instance; the message says which.
            NotFoundError: There is no such instance.
        """
        with _locked(context, instance_id, f"{doing} on instance {instance_id}"):
            instance, state = context.catalog.load(instance_id)
            session = cls(context, instance, context.engine.restore(state, context.cache))
            with session._registered():
                yield session

    @contextmanager
    def _registered(self) -> Iterator[None]:
        self.context.sessions[self.instance.id] = self
        try:
            yield
        finally:
            del self.context.sessions[self.instance.id]

    def require_open(self) -> None:
        """Nothing, if the instance has not ended.

        Raises:
            StateError: It has.
        """
        if self.instance.state in ("completed", "cancelled"):
            raise StateError(
                f"Instance {self.instance.id} is {self.instance.state} since {self.instance.ended}; "
                "nothing in it can move any more.",
                hint=f"Look at it with `runner show -w {self.instance.id}`, or start a new one.",
                instance=self.instance.id,
                state=self.instance.state,
            )

    # Moving

    def advance(self, on_step: StepHook | None = None) -> None:
        """Run until people or events are due, deliver what was sent, and save.

        Raises:
            IncidentError: A task failed. The instance is saved in state `error`.
        """
        saved = time.monotonic()
        try:
            for view in self.running.advance(budget=self.context.max_steps):
                self._steps += 1
                if on_step is not None:
                    on_step(view)
                if time.monotonic() - saved > SAVE_INTERVAL_S:
                    self.save()
                    saved = time.monotonic()
        except IncidentError as error:
            self._fail(error)
            raise
        self._incident = None
        self._note_end()
        self._save_and_deliver()

    def complete(self, task_id: str, answers: Mapping[str, Any]) -> TaskView:
        """Complete a task a person does. `advance` runs what follows.

        Raises:
            StateError: The task is not READY.
            IncidentError: Completing it failed; nothing was saved.
        """
        self.require_open()
        view = self.running.complete(task_id, answers)
        self.note("completed-task", task=view.id, name=view.name, answers=sorted(answers))
        return view

    def retry(self, data: Mapping[str, Any]) -> list[TaskView]:
        """Make failed tasks runnable again.

        Raises:
            StateError: None has failed.
        """
        self.require_open()
        views = self.running.retry(data)
        self.note("retried", tasks=[view.id for view in views], data=sorted(data))
        return views

    def cancel(self, reason: str = "") -> None:
        """End the instance without finishing it, and save."""
        self.require_open()
        self.running.cancel()
        self.note("cancelled", reason=reason)
        self.save()

    def receive(self, event: Event, *, task_id: str | None = None) -> int:
        """Deliver a message or signal; how many tasks it reached. `advance` runs what follows."""
        reached = self.running.send(event, task_id=task_id)
        if reached:
            self.note("received", event=event.kind, name=event.name)
        return reached

    def move_to(self, running: Running, definition: Definition) -> None:
        """Go on with another state of the instance, on another version. Nothing is saved yet."""
        self.running = running
        self._incident = None if running.state != "error" else self._incident
        self.instance = replace(
            self.instance,
            definition=definition.id,
            key=definition.key,
            version=definition.version,
            source=definition.source,
        )

    @property
    def instance_label(self) -> str:
        """`key@version` of the instance."""
        return f"{self.instance.key}@{self.instance.version}"

    # Saving

    def note(self, what: str, **details: Any) -> None:
        """Add an entry to the history with the next save."""
        self._entries.append(HistoryEntry(iso(self.context.now()), what, self.context.user, details))

    def save(self, *, keep: Iterable[bytes] = ()) -> None:
        """Store the instance as it is; see `save_in`."""
        self.save_in(self.context.catalog, keep=keep)

    def save_in(self, catalog: Catalog, *, keep: Iterable[bytes] = ()) -> None:
        """Store the instance, as part of a larger change where `catalog` is in a transaction.

        Args:
            keep: Further blobs that belong to the instance from now on.

        Raises:
            ConflictError: Somebody changed it without holding its lock.
            DataError: Task data hold a value that cannot be stored.
        """
        snapshot = self.running.snapshot()
        row = row_of(self.instance, self.running, iso(self.context.now()), self._incident)
        write = catalog.save if self._stored else catalog.create
        self.instance = write(row, snapshot.state, self._entries, keep=(*snapshot.specs.values(), *keep))
        self._stored = True
        self._entries = []

    def _fail(self, error: IncidentError) -> None:
        self._incident = error.message
        error.data["instance"] = self.instance.id
        self.note("error", message=error.message, task=error.data.get("task"), element=error.element)
        if self.running.state == "error":
            self.save()

    def _note_end(self) -> None:
        if self.running.state != "running" and self.instance.ended is None:
            self.note(self.running.state)

    def _save_and_deliver(self) -> None:
        from spiffcli.running.delivery import deliver

        events = self.running.thrown()
        if events:
            deliver(self, events)
        else:
            self.save()


@contextmanager
def _locked(context: Context, instance_id: str, holder: str) -> Iterator[None]:
    with context.catalog.store.lock(f"instance:{instance_id}", wait=context.wait, holder=holder):
        yield
