"""Letting time pass: timers that are due fire, over all instances, found through the index."""

from __future__ import annotations

from dataclasses import dataclass

from spiffcli.errors import BusyError, IncidentError
from spiffcli.running.context import Context
from spiffcli.running.session import Session


@dataclass(frozen=True, slots=True)
class Ticked:
    """What a tick did to one instance.

    Attributes:
        state: State of the instance afterwards.
        reason: Why it could not go on, or None.
    """

    instance: str
    state: str
    reason: str | None = None


def tick(context: Context) -> list[Ticked]:
    """Fire every timer that is due, and what it sets off, until nothing more happens."""
    done: dict[str, Ticked] = {}
    while True:
        due = [row for row in context.catalog.due(context.now()) if row.id not in done or _again(done[row.id])]
        if not due:
            return list(done.values())
        for row in due:
            before = done.get(row.id)
            done[row.id] = _tick_one(context, row.id)
            if before == done[row.id] and row.due is not None and _unchanged(context, row.id, row.revision):
                done[row.id] = Ticked(row.id, done[row.id].state, "its timer does not move on")


def _again(ticked: Ticked) -> bool:
    return ticked.reason is None and ticked.state == "running"


def _unchanged(context: Context, instance: str, revision: int) -> bool:
    return context.catalog.instance(instance).revision == revision


def _tick_one(context: Context, instance: str) -> Ticked:
    try:
        with Session.open(context, instance, "tick") as session:
            if session.instance.state != "running":
                return Ticked(instance, session.instance.state)
            session.note("timer")
            session.advance()
            return Ticked(instance, session.instance.state)
    except BusyError as error:
        return Ticked(instance, "running", error.message)
    except IncidentError as error:
        return Ticked(instance, "error", error.message)
