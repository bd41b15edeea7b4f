"""Opening instances, and the messages and signals between them.

A message that an instance sends, and its arrival at whoever waits for it, are saved in one transaction: it is
neither lost nor delivered twice, wherever the program dies. What it sets off runs afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from uuid import uuid4

from msgspec import Struct

from spiffcli.catalog import Filter
from spiffcli.catalog.clock import iso
from spiffcli.catalog.instances import OPEN_STATES
from spiffcli.engine import Event, Running
from spiffcli.engine.ports import Start
from spiffcli.errors import (
    AmbiguousError,
    BusyError,
    ConfigError,
    IncidentError,
    InputError,
    NotFoundError,
    RunnerError,
)
from spiffcli.instances.session import Session
from spiffcli.instances.spec_source import specs_of
from spiffcli.text import quoted
from spiffcli.values import Definition, Instance, Subscription, TaskView
from spiffcli.workspace import Workspace

#: Deliveries one command makes before it leaves the rest to the next tick: two instances may answer each other
#: without end.
MOST_DELIVERIES = 1000

#: What travels between instances; errors and escalations do not.
_TRAVELLING = ("message", "signal")


class SendResult(Struct, frozen=True):
    """An event from outside, and the instances it reached, as they are now."""

    event: Event
    instances: tuple[Instance, ...]


def dispatcher_of(workspace: Workspace) -> Dispatcher:
    """Return the dispatcher of a workspace, the same every time."""
    return workspace.shared(Dispatcher)


class Dispatcher:
    """Opens sessions, delivers what their instances send, and lets the receivers go on.

    Attributes:
        on_run: Called with the id of the instance and every node of the model that ran, or None.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.on_run: Callable[[str, TaskView], object] | None = None
        self._sessions: dict[str, Session] = {}
        self._batch: _DeliveryBatch | None = None

    # Sessions

    @contextmanager
    def start(self, definition: Definition, data: Any = None, *, natural_id: str | None = None) -> Iterator[Session]:
        """A new instance of a definition, stored before its first step; arguments and errors as of `prepare`.

        Raises:
            DuplicateError: The natural id is taken.
        """
        with self.prepare(definition, data, natural_id=natural_id) as session:
            session.note_start(definition)
            session.save()
            yield session

    @contextmanager
    def prepare(
        self, definition: Definition, data: Any = None, *, natural_id: str | None = None, start: Start | None = None
    ) -> Iterator[Session]:
        """A new instance of a definition that is not stored before it is saved.

        Args:
            data: Its first data; where business code serves the definition, the aggregate or what makes one.
            start: What starts it, where that is no person and no program.

        Raises:
            DataError: `data` hold a value that cannot be stored.
            InputError: Business code serves the definition, and `data` make no aggregate.
        """
        now = iso(self.workspace.now())
        running = self._started(definition, data, natural_id, start)
        instance = Instance(
            id=str(uuid4()),
            tenant=self.workspace.catalog.tenant,
            definition=definition.id,
            key=definition.key,
            version=definition.version,
            state="running",
            created=now,
            updated=now,
            natural_id=natural_id if running.case is None else running.case.id,
            user=self.workspace.settings.user,
            source=definition.source.without_files(),
        )
        session = Session(self.workspace, self, instance, running, stored=False)
        with self._locked(instance.id, f"start {definition.label}"), self._registered(session):
            yield session

    def _started(self, definition: Definition, data: Any, natural_id: str | None, start: Start | None) -> Running:
        """A new instance in memory, with its aggregate where business code serves it."""
        engine, cache = self.workspace.engine, specs_of(self.workspace).cache
        if self.serves(definition):
            running = engine.start(definition.id, cache)
            assert running.unit is not None
            running.begin_case(running.unit.begin(definition.id, data, natural_id, start))
            return running
        running = engine.start(definition.id, cache, data)
        if running.needs_methods:
            raise ConfigError(
                f"{definition.label} was added with services that do its tasks, and no service serves it now.",
                hint="Name their module: --services MODULE (or RUNNER_SERVICES, or services in runner.toml).",
            )
        return running

    def serves(self, definition: Definition) -> bool:
        """Whether business code serves a definition."""
        business = self.workspace.engine.business
        return business is not None and business.serves(definition.id)

    @contextmanager
    def open(self, instance_id: str, doing: str) -> Iterator[Session]:
        """The instance with exactly this id, locked.

        Args:
            doing: What for, shown to whoever waits for the lock.

        Raises:
            BusyError: Another command holds the instance; the message says which.
            NotFoundError: There is no such instance.
        """
        with self._locked(instance_id, f"{doing} on instance {instance_id}"):
            instance, state = self.workspace.catalog.load(instance_id)
            running = self.workspace.engine.restore(state, specs_of(self.workspace).cache)
            session = Session(self.workspace, self, instance, running)
            with self._registered(session):
                yield session

    @contextmanager
    def _registered(self, session: Session) -> Iterator[None]:
        id = session.instance.id
        self._sessions[id] = session
        try:
            with session.held:
                yield
        finally:
            del self._sessions[id]

    @contextmanager
    def _locked(self, instance_id: str, holder: str) -> Iterator[None]:
        store = self.workspace.catalog.store
        with store.lock(f"instance:{instance_id}", wait=self.workspace.wait, holder=holder):
            yield

    def delete(self, instance_id: str) -> Instance:
        """Forget an instance and its history; return what it was.

        Raises:
            NotFoundError: There is no such instance.
            BusyError: Another command holds it.
        """
        with self._locked(instance_id, f"delete instance {instance_id}"):
            return self.workspace.catalog.delete_instance(instance_id)

    def note_run(self, instance: str, view: TaskView) -> None:
        """Tell `on_run` of a node of the model that ran."""
        if self.on_run is not None:
            self.on_run(instance, view)

    # Events that instances send

    def deliver(self, sender: Session, events: Sequence[Event]) -> None:
        """Save `sender` together with the arrival of what it sent, then let the receivers go on.

        An event whose receiver another command holds stays with the sender; its next run or a tick delivers it. One
        that nobody waits for is noted in the sender's history.
        """
        if self._batch is not None:
            self._batch.add(sender, events)
            return
        with ExitStack() as stack:
            self._batch = _DeliveryBatch(self, stack)
            try:
                self._batch.add(sender, events)
                self._batch.resume()
            finally:
                self._batch = None

    def session_of(self, target: Instance, event: Event, stack: ExitStack) -> Session:
        """The session of a receiver: one that is open already, or one that `stack` holds.

        Raises:
            BusyError: The receiver is suspended, or another command holds it.
        """
        if target.suspended:
            raise BusyError(f"Instance {target.id} is suspended.")
        # The receiver may be an instance this very command has open: an answer to what it sent.
        found = self._sessions.get(target.id)
        return found or stack.enter_context(self.open(target.id, f"deliver {event.kind} {event.name}"))

    def begin_with(self, stack: ExitStack, event: Event) -> list[Session]:
        """New instances that an event starts, in the newest active version of each key, locked and not stored yet.

        Args:
            stack: Holds their locks.

        Raises:
            AmbiguousError: A message would start several; `data["candidates"]` has their labels.
            InputError: The payload of the message lacks what it is correlated by.
        """
        definitions = self.workspace.catalog.started_by(event.kind, event.name)
        if event.kind == "message" and len(definitions) > 1:
            raise _several_start(event, definitions)
        begun = [self._begin(stack, definition, event) for definition in definitions]
        return [session for session in begun if session is not None]

    def _begin(self, stack: ExitStack, definition: Definition, event: Event) -> Session | None:
        given = event.payload if self.serves(definition) else None
        session = stack.enter_context(self.prepare(definition, given, start=Start(event.kind, event.name)))
        if not session.running.begin_with(event):
            return None
        session.note_start(definition, event=event.kind, name=event.name)
        return session

    # Events from outside

    def send_named(self, kind: str | None, name: str, payload: Any, instance: Instance | None) -> SendResult:
        """Deliver the message or signal `name`; see `send`.

        Args:
            kind: `message` or `signal`; None takes what somebody waits for, or what starts something, under this name.

        Raises:
            InputError: The payload is not an object.
            AmbiguousError: Some wait for a message of this name and some for a signal.
        """
        if payload is not None and not isinstance(payload, dict):
            raise InputError(
                "The payload of an event is a JSON object.", hint='Write it as --payload \'{"key": "value"}\'.'
            )
        return self.send(Event(kind or self._kind_waited_for(name, instance), name, payload or {}), instance=instance)

    def _kind_waited_for(self, name: str, instance: Instance | None) -> str:
        kinds = [kind for kind in _TRAVELLING if self._is_waited_for(kind, name, instance)]
        if len(kinds) > 1:
            raise AmbiguousError(
                f"A message '{name}' is waited for, and a signal '{name}' too.",
                hint="Say which with --message or --signal.",
                candidates=kinds,
            )
        return kinds[0] if kinds else "message"

    def _is_waited_for(self, kind: str, name: str, instance: Instance | None) -> bool:
        rows = self.workspace.catalog.waiting_for(kind, name)
        if any(row.ended is None and (instance is None or row.id == instance.id) for row in rows):
            return True
        return instance is None and bool(self.workspace.catalog.started_by(kind, name))

    def send(self, event: Event, *, instance: Instance | None = None) -> SendResult:
        """Deliver an event from outside.

        A signal reaches everyone who waits for it, and starts whatever it starts. A message reaches exactly one
        instance: the one named, or the only one whose correlation fits; where none waits, it starts one.

        Raises:
            NotFoundError: Nobody waits for it, and it starts nothing.
            AmbiguousError: Several instances wait for the message, or it would start several; `data["candidates"]` has
                their ids, or the labels of what would be started.
            InputError: The payload lacks what the message is correlated by.
            StateError: The named instance has ended or is suspended.
            BusyError: Another command holds a receiver; nobody has received anything.
            IncidentError: What it set off failed.
        """
        addressed = self._addressed(event) if instance is None else [instance]
        targets = [row for row in addressed if instance is not None or not row.suspended]
        if event.kind == "message" and len(targets) > 1:
            raise _several_wait(event, targets)
        with ExitStack() as stack:
            sessions = [stack.enter_context(self.open(target.id, f"send {event.name}")) for target in targets]
            moved = [session for session in sessions if _receive(session, event)]
            if instance is None and (event.kind == "signal" or not addressed):
                moved += self.begin_with(stack, event)
            if not moved:
                raise self._nobody_waits(event, instance)
            with self.workspace.catalog.transaction() as catalog:
                for session in moved:
                    session.save_in(catalog)
            _resume_all(moved)
            return SendResult(event, tuple(session.instance for session in moved))

    def _addressed(self, event: Event) -> list[Instance]:
        """The instances an event from outside is for, suspended ones included."""
        sent: dict[str, Mapping[str, Any]] = {}
        for row in self.waiting(event, {}) if event.kind == "message" else ():
            # What a payload is correlated by, the model says; one instance knows it for all of its definition.
            if row.definition not in sent:
                _, state = self.workspace.catalog.load(row.id)
                running = self.workspace.engine.restore(state, specs_of(self.workspace).cache)
                sent[row.definition] = running.correlation(event)
        return [row for row in self.waiting(event, {}) if _is_for(row, event, sent.get(row.definition, {}))]

    def waiting(self, event: Event, sent: Mapping[str, Any]) -> list[Instance]:
        """The instances that wait for an event and whose correlation fits what was sent, oldest first."""
        rows = self.workspace.catalog.waiting_for(event.kind, event.name)
        return [row for row in rows if row.ended is None and _is_for(row, event, sent)]

    def _nobody_waits(self, event: Event, instance: Instance | None) -> NotFoundError:
        if instance is not None:
            who, rows = f"Instance {instance.id} does not wait", [instance]
        else:
            who, rows = "No instance waits", self.waiting(event, {})
        others = [row for row in rows if _subscriptions(row, event)]
        if others:
            suspended = all(row.suspended for row in others)
            return NotFoundError(
                f"{who} for the {event.kind} '{event.name}'{'' if suspended else ' with this payload'}.",
                hint=f"It is waited for by {_listed(others, event)}{', suspended' if suspended else ''}.",
                candidates=[row.id for row in others],
            )
        suspended_starts = self.workspace.catalog.suspended_starts(event.kind, event.name) if instance is None else ()
        if suspended_starts:
            labels = [each.label for each in suspended_starts]
            return NotFoundError(
                f"No instance waits for the {event.kind} '{event.name}', and what it would start is suspended.",
                hint=f"It would start {', '.join(labels)}; let it with: runner activate {labels[0]}.",
                candidates=labels,
            )
        names = self._names_waited_for(event.kind, instance)
        return NotFoundError(
            f"{who} for the {event.kind} '{event.name}'.",
            hint=f"Waited for: {', '.join(names)}." if names else f"Nobody waits for any {event.kind} now.",
            candidates=names,
        )

    def _names_waited_for(self, kind: str, instance: Instance | None) -> list[str]:
        catalog = self.workspace.catalog
        rows = catalog.instances(Filter(states=OPEN_STATES)) if instance is None else [instance]
        starts = catalog.start_names(kind) if instance is None else ()
        return sorted(
            {*starts, *(each.name for row in rows for each in row.subscriptions if each.kind == kind and each.name)}
        )


class _DeliveryBatch:
    """What one command delivers: the receivers, locked, and which of them are still to go on."""

    def __init__(self, dispatcher: Dispatcher, stack: ExitStack) -> None:
        self._dispatcher = dispatcher
        self._stack = stack
        self._resuming: deque[Session] = deque()
        self._deliveries = 0

    def add(self, sender: Session, events: Sequence[Event]) -> None:
        """Save `sender` together with the arrival of what it sent."""
        receivers: dict[str, Session] = {}
        for event in events:
            if event.kind not in _TRAVELLING:
                sender.note("not-caught", event=event.kind, name=event.name)
            elif reason := self._deliver(sender, event, receivers):
                sender.running.put_back(event)
                sender.note("not-delivered-yet", event=event.kind, name=event.name, reason=reason)
        with self._dispatcher.workspace.catalog.transaction() as catalog:
            sender.save_in(catalog)
            for session in receivers.values():
                session.save_in(catalog)
        self._resuming.extend(receivers.values())

    def resume(self) -> None:
        """Run what the arrivals set off, and what that sets off."""
        while self._resuming:
            # What goes wrong in a receiver is its own incident, and saved as such.
            with suppress(IncidentError):
                self._resuming.popleft().advance()

    def _deliver(self, sender: Session, event: Event, receivers: dict[str, Session]) -> str | None:
        """Why the event cannot be delivered yet; None if it was, or if nobody waits for it."""
        if self._deliveries == MOST_DELIVERIES:
            return f"{MOST_DELIVERIES:,} events went back and forth in one command; the next tick goes on"
        self._deliveries += 1
        try:
            reached = self._arrive(sender, event)
        except RunnerError as error:
            return error.message
        sender.note("sent", event=event.kind, name=event.name, reached=[session.instance.id for session in reached])
        receivers.update({session.instance.id: session for session in reached})
        return None

    def _arrive(self, sender: Session, event: Event) -> list[Session]:
        dispatcher, stack = self._dispatcher, self._stack
        waiting = dispatcher.waiting(event, self._carried(event))
        targets = [row for row in waiting if row.id != sender.instance.id]
        if event.kind == "signal":
            sessions = [dispatcher.session_of(target, event, stack) for target in targets]
            return [*(each for each in sessions if each.receive(event)), *dispatcher.begin_with(stack, event)]
        for target in targets:
            session = dispatcher.session_of(target, event, stack)
            if session.receive(event):
                return [session]
        return dispatcher.begin_with(stack, event)

    def _carried(self, event: Event) -> dict[str, Any]:
        """The correlation values that an event of the engine carries, as rows hold them."""
        encode = self._dispatcher.workspace.engine.registry.encode
        return {prop: encode(value) for values in event.correlations.values() for prop, value in values.items()}


def _receive(session: Session, event: Event) -> bool:
    session.require_open()
    return session.receive(event) > 0


def _resume_all(sessions: Sequence[Session]) -> None:
    """Advance all of them, whatever fails in one; then raise what failed first."""
    failures = []
    for session in sessions:
        try:
            session.advance()
        except IncidentError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _is_for(row: Instance, event: Event, sent: Mapping[str, Any]) -> bool:
    return any(
        all(sent[prop] == value for prop, value in each.correlation.items() if prop in sent)
        for each in _subscriptions(row, event)
    )


def _subscriptions(row: Instance, event: Event) -> list[Subscription]:
    return [each for each in row.subscriptions if (each.kind, each.name) == (event.kind, event.name)]


def _several_wait(event: Event, targets: Sequence[Instance]) -> AmbiguousError:
    return AmbiguousError(
        f"{len(targets)} instances wait for the message '{event.name}': {_listed(targets, event)}.",
        hint="Name one with -w, or send what tells them apart with --payload.",
        candidates=[target.id for target in targets],
    )


def _several_start(event: Event, definitions: Sequence[Definition]) -> AmbiguousError:
    labels = [each.label for each in definitions]
    return AmbiguousError(
        f"The message '{event.name}' would start {len(labels)} specs: {', '.join(labels)}.",
        hint=f"A message starts one. Start the one you mean by hand (runner run -s {labels[0]}), then send it.",
        candidates=labels,
    )


def _listed(rows: Sequence[Instance], event: Event) -> str:
    named = [f"{row.id} ({row.key}@{row.version}{_correlation(row, event)})" for row in rows[:10]]
    return ", ".join([*named, "…"] if len(rows) > len(named) else named)


def _correlation(row: Instance, event: Event) -> str:
    values = {prop: value for each in _subscriptions(row, event) for prop, value in each.correlation.items()}
    return "".join(f", {prop} = {quoted(value)}" for prop, value in values.items())
