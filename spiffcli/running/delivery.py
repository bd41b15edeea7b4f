"""Messages and signals between instances.

A message that an instance sends, and its arrival at whoever waits for it, are saved in one transaction: it is
neither lost nor delivered twice, wherever the program dies. What it sets off runs afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spiffcli.errors import AmbiguousError, BusyError, IncidentError, NotFoundError
from spiffcli.running.session import Session
from spiffcli.values import Instance, Subscription

if TYPE_CHECKING:
    from spiffcli.engine import Event
    from spiffcli.running.context import Context


@dataclass(frozen=True, slots=True)
class Delivered:
    """An event, and the ids of the instances it reached."""

    event: Event
    instances: tuple[str, ...]


def deliver(sender: Session, events: Sequence[Event]) -> None:
    """Save `sender` together with the arrival of what it sent, then let the receivers go on.

    An event whose receiver another command holds stays with the sender; its next run or a tick delivers it. One that
    nobody waits for is noted in the sender's history.
    """
    with ExitStack() as stack:
        receivers: dict[str, Session] = {}
        for event in events:
            try:
                reached = _arrive(stack, sender, event, receivers)
            except BusyError as error:
                sender.running.put_back(event)
                sender.note("not-delivered-yet", event=event.kind, name=event.name, reason=error.message)
            else:
                sender.note("sent", event=event.kind, name=event.name, reached=reached)
        with sender.context.catalog.transaction() as catalog:
            sender.save_in(catalog)
            for session in receivers.values():
                session.save_in(catalog)
        for session in receivers.values():
            # What goes wrong in a receiver is its own incident, and saved as such.
            with suppress(IncidentError):
                session.advance()


def _arrive(stack: ExitStack, sender: Session, event: Event, receivers: dict[str, Session]) -> list[str]:
    targets = _targets(sender.context, event, exclude=sender.instance.id)
    sessions = [_session(stack, sender.context, target, event) for target in targets]
    reached = [session for session in sessions if session.receive(event)]
    receivers.update({session.instance.id: session for session in reached})
    return [session.instance.id for session in reached]


def _session(stack: ExitStack, context: Context, target: Instance, event: Event) -> Session:
    # The receiver may be an instance this very command has open: an answer to what it sent.
    found = context.sessions.get(target.id)
    return found or stack.enter_context(Session.open(context, target.id, f"deliver {event.kind} {event.name}"))


def send(context: Context, event: Event, *, instance: Instance | None = None, task_id: str | None = None) -> Delivered:
    """Deliver an event from outside.

    A signal reaches everyone who waits for it. A message reaches exactly one instance: the one named, or the only
    one whose correlation fits.

    Raises:
        NotFoundError: Nobody waits for it.
        AmbiguousError: Several instances wait for the message; `data["candidates"]` has their ids.
        BusyError: Another command holds a receiver; nobody has received anything.
        IncidentError: What it set off failed.
    """
    targets = [instance] if instance is not None else _targets(context, event)
    if not targets:
        raise _nobody_waits(context, event)
    if event.kind == "message" and len(targets) > 1:
        listed = ", ".join(target.id for target in targets[:10])
        raise AmbiguousError(
            f"{len(targets)} instances wait for the message '{event.name}': {listed}.",
            hint="Name one with -w, or send the values it is correlated by with --payload.",
            candidates=[target.id for target in targets],
        )
    reached = []
    with ExitStack() as stack:
        sessions = [stack.enter_context(Session.open(context, t.id, f"send {event.name}")) for t in targets]
        moved = [session for session in sessions if _receive(session, event, task_id)]
        if not moved:
            raise _nobody_waits(context, event, instance)
        with context.catalog.transaction() as catalog:
            for session in moved:
                session.save_in(catalog)
        for session in moved:
            reached.append(session.instance.id)
            session.advance()
    return Delivered(event, tuple(reached))


def _receive(session: Session, event: Event, task_id: str | None) -> bool:
    session.require_open()
    return session.receive(event, task_id=task_id) > 0


def _targets(context: Context, event: Event, *, exclude: str | None = None) -> list[Instance]:
    waiting = [
        instance
        for instance in context.catalog.waiting_for(event.kind, event.name)
        if instance.id != exclude and instance.state in ("running", "error")
    ]
    if event.kind == "signal":
        return waiting
    fitting = [instance for instance in waiting if any(_correlates(s, event) for s in instance.subscriptions)]
    return fitting[:1] if exclude is not None else fitting


def _correlates(subscription: Subscription, event: Event) -> bool:
    if subscription.kind != event.kind or subscription.name != event.name:
        return False
    sent = {prop: value for values in event.correlations.values() for prop, value in values.items()}
    if not sent and isinstance(event.payload, dict):
        sent = event.payload
    return all(sent[prop] == value for prop, value in subscription.correlation.items() if prop in sent)


def _nobody_waits(context: Context, event: Event, instance: Instance | None = None) -> NotFoundError:
    names = sorted(
        {
            subscription.name
            for found in ([instance] if instance is not None else context.catalog.instances())
            for subscription in found.subscriptions
            if subscription.kind == event.kind
        }
    )
    who = f"Instance {instance.id} does not wait" if instance is not None else "No instance waits"
    return NotFoundError(
        f"{who} for the {event.kind} '{event.name}'.",
        hint=f"Waited for: {', '.join(names)}." if names else f"Nobody waits for any {event.kind} now.",
        candidates=names,
    )
