"""Messages and signals between instances.

A message that an instance sends, and its arrival at whoever waits for it, are saved in one transaction: it is
neither lost nor delivered twice, wherever the program dies. What it sets off runs afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from spiffcli.catalog import Filter
from spiffcli.catalog.instances import OPEN_STATES
from spiffcli.errors import AmbiguousError, BusyError, IncidentError, NotFoundError, RunnerError
from spiffcli.instances.session import Session
from spiffcli.instances.starting import begin_with
from spiffcli.text import quoted
from spiffcli.values import Instance, Subscription

if TYPE_CHECKING:
    from spiffcli.engine import Event
    from spiffcli.instances.context import Context

#: Deliveries one command makes before it leaves the rest to the next tick: two instances may answer each other
#: without end.
MOST_DELIVERIES = 1000

#: What travels between instances; errors and escalations do not.
_TRAVELLING = ("message", "signal")


def deliver(sender: Session, events: Sequence[Event]) -> None:
    """Save `sender` together with the arrival of what it sent, then let the receivers go on.

    An event whose receiver another command holds stays with the sender; its next run or a tick delivers it. One that
    nobody waits for is noted in the sender's history.
    """
    context = sender.context
    if context.post is not None:
        context.post.take(sender, events)
        return
    with ExitStack() as stack:
        context.post = Post(stack)
        try:
            context.post.take(sender, events)
            context.post.let_go_on()
        finally:
            context.post = None


class Delivered(Struct, frozen=True):
    """An event from outside, and the instances it reached, as they are now."""

    event: Event
    instances: tuple[Instance, ...]


class Post:
    """What is delivered by one command: the receivers, locked, and which of them are still to go on."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._going_on: deque[Session] = deque()
        self._deliveries = 0

    def take(self, sender: Session, events: Sequence[Event]) -> None:
        """Save `sender` together with the arrival of what it sent."""
        receivers: dict[str, Session] = {}
        for event in events:
            if event.kind not in _TRAVELLING:
                sender.note("not-caught", event=event.kind, name=event.name)
            elif reason := self._deliver(sender, event, receivers):
                sender.running.put_back(event)
                sender.note("not-delivered-yet", event=event.kind, name=event.name, reason=reason)
        with sender.context.catalog.transaction() as catalog:
            sender.save_in(catalog)
            for session in receivers.values():
                session.save_in(catalog)
        self._going_on.extend(receivers.values())

    def let_go_on(self) -> None:
        """Run what the arrivals set off, and what that sets off."""
        while self._going_on:
            # What goes wrong in a receiver is its own incident, and saved as such.
            with suppress(IncidentError):
                self._going_on.popleft().advance()

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
        context = sender.context
        targets = [row for row in _waiting(context, event, _carried(context, event)) if row.id != sender.instance.id]
        if event.kind == "signal":
            sessions = [self._session(context, target, event) for target in targets]
            return [*(each for each in sessions if each.receive(event)), *begin_with(context, self._stack, event)]
        for target in targets:
            session = self._session(context, target, event)
            if session.receive(event):
                return [session]
        return begin_with(context, self._stack, event)

    def _session(self, context: Context, target: Instance, event: Event) -> Session:
        if target.suspended:
            raise BusyError(f"Instance {target.id} is suspended.")
        # The receiver may be an instance this very command has open: an answer to what it sent.
        found = context.sessions.get(target.id)
        return found or self._stack.enter_context(
            Session.open(context, target.id, f"deliver {event.kind} {event.name}")
        )


def send(context: Context, event: Event, *, instance: Instance | None = None) -> Delivered:
    """Deliver an event from outside.

    A signal reaches everyone who waits for it, and starts whatever it starts. A message reaches exactly one instance:
    the one named, or the only one whose correlation fits; where none waits, it starts one.

    Raises:
        NotFoundError: Nobody waits for it, and it starts nothing.
        AmbiguousError: Several instances wait for the message, or it would start several; `data["candidates"]` has
            their ids, or the labels of what would be started.
        InputError: The payload lacks what the message is correlated by.
        StateError: The named instance has ended or is suspended.
        BusyError: Another command holds a receiver; nobody has received anything.
        IncidentError: What it set off failed.
    """
    addressed = _addressed(context, event) if instance is None else [instance]
    targets = [row for row in addressed if instance is not None or not row.suspended]
    if event.kind == "message" and len(targets) > 1:
        raise _several_wait(event, targets)
    with ExitStack() as stack:
        sessions = [stack.enter_context(Session.open(context, t.id, f"send {event.name}")) for t in targets]
        moved = [session for session in sessions if _receive(session, event)]
        if instance is None and (event.kind == "signal" or not addressed):
            moved += begin_with(context, stack, event)
        if not moved:
            raise _nobody_waits(context, event, instance)
        with context.catalog.transaction() as catalog:
            for session in moved:
                session.save_in(catalog)
        _let_go_on(moved)
        return Delivered(event, tuple(session.instance for session in moved))


def _receive(session: Session, event: Event) -> bool:
    session.require_open()
    return session.receive(event) > 0


def _let_go_on(sessions: Sequence[Session]) -> None:
    """Advance all of them, whatever fails in one; then say what failed first."""
    failures = []
    for session in sessions:
        try:
            session.advance()
        except IncidentError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _addressed(context: Context, event: Event) -> list[Instance]:
    """The instances an event from outside is for, suspended ones included."""
    sent: dict[str, Mapping[str, Any]] = {}
    for row in _waiting(context, event, {}) if event.kind == "message" else ():
        # What a payload is correlated by, the model says; one instance knows it for all of its definition.
        if row.definition not in sent:
            _, state = context.catalog.load(row.id)
            sent[row.definition] = context.engine.restore(state, context.cache).correlation(event)
    rows = _waiting(context, event, {})
    return [row for row in rows if _is_for(row, event, sent.get(row.definition, {}))]


def _waiting(context: Context, event: Event, sent: Mapping[str, Any]) -> list[Instance]:
    """The instances that wait for an event and whose correlation fits what was sent, oldest first."""
    rows = context.catalog.waiting_for(event.kind, event.name)
    return [row for row in rows if row.ended is None and _is_for(row, event, sent)]


def _is_for(row: Instance, event: Event, sent: Mapping[str, Any]) -> bool:
    return any(
        all(sent[prop] == value for prop, value in each.correlation.items() if prop in sent)
        for each in _subscriptions(row, event)
    )


def _subscriptions(row: Instance, event: Event) -> list[Subscription]:
    return [each for each in row.subscriptions if (each.kind, each.name) == (event.kind, event.name)]


def _carried(context: Context, event: Event) -> dict[str, Any]:
    """The correlation values that an event of the engine carries, as rows hold them."""
    encode = context.engine.registry.encode
    return {prop: encode(value) for values in event.correlations.values() for prop, value in values.items()}


def _several_wait(event: Event, targets: Sequence[Instance]) -> AmbiguousError:
    return AmbiguousError(
        f"{len(targets)} instances wait for the message '{event.name}': {_listed(targets, event)}.",
        hint="Name one with -w, or send what tells them apart with --payload.",
        candidates=[target.id for target in targets],
    )


def _nobody_waits(context: Context, event: Event, instance: Instance | None) -> NotFoundError:
    if instance is not None:
        who, rows = f"Instance {instance.id} does not wait", [instance]
    else:
        who, rows = "No instance waits", _waiting(context, event, {})
    others = [row for row in rows if _subscriptions(row, event)]
    if others:
        suspended = all(row.suspended for row in others)
        return NotFoundError(
            f"{who} for the {event.kind} '{event.name}'{'' if suspended else ' with this payload'}.",
            hint=f"It is waited for by {_listed(others, event)}{', suspended' if suspended else ''}.",
            candidates=[row.id for row in others],
        )
    suspended_starts = context.catalog.suspended_starts(event.kind, event.name) if instance is None else ()
    if suspended_starts:
        labels = [each.label for each in suspended_starts]
        return NotFoundError(
            f"No instance waits for the {event.kind} '{event.name}', and what it would start is suspended.",
            hint=f"It would start {', '.join(labels)}; let it with: runner activate {labels[0]}.",
            candidates=labels,
        )
    names = _names_waited_for(context, event.kind, instance)
    return NotFoundError(
        f"{who} for the {event.kind} '{event.name}'.",
        hint=f"Waited for: {', '.join(names)}." if names else f"Nobody waits for any {event.kind} now.",
        candidates=names,
    )


def _names_waited_for(context: Context, kind: str, instance: Instance | None) -> list[str]:
    rows = context.catalog.instances(Filter(states=OPEN_STATES)) if instance is None else [instance]
    starts = context.catalog.start_names(kind) if instance is None else ()
    return sorted({*starts, *(each.name for row in rows for each in row.subscriptions if each.kind == kind)})


def _listed(rows: Sequence[Instance], event: Event) -> str:
    named = [f"{row.id} ({row.key}@{row.version}{_told_apart(row, event)})" for row in rows[:10]]
    return ", ".join([*named, "…"] if len(rows) > len(named) else named)


def _told_apart(row: Instance, event: Event) -> str:
    values = {prop: value for each in _subscriptions(row, event) for prop, value in each.correlation.items()}
    return "".join(f", {prop} = {quoted(value)}" for prop, value in values.items())
