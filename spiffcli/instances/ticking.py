"""Letting time pass: timers that are due fire, over all instances, found through the index."""

from __future__ import annotations

from msgspec import Struct

from spiffcli.errors import IncidentError, RunnerError
from spiffcli.instances.context import Context
from spiffcli.instances.session import Session
from spiffcli.instances.starting import start_due
from spiffcli.values import Instance

#: How often one tick lets the same instance go on before it leaves the rest to the next: some never come to rest.
MOST_ROUNDS = 1000


class Ticked(Struct, frozen=True):
    """What a tick did to one instance.

    Attributes:
        state: State of the instance afterwards.
        reason: Why it could not go on, or None.
    """

    instance: str
    state: str
    reason: str | None = None


def tick(context: Context) -> list[Ticked]:
    """Fire every timer that is due, and what it sets off, until nothing more happens; those that start instances first.

    Instances in state `error` and suspended ones rest. What goes wrong in one instance does not stop the others.
    """
    done: dict[str, Ticked] = {each.instance: each for each in start_due(context)}
    rounds: dict[str, int] = {}
    while due := [row for row in _due(context) if row.id not in done or done[row.id].reason is None]:
        for row in due:
            rounds[row.id] = rounds.get(row.id, 0) + 1
            done[row.id] = _tick_one(context, row) if rounds[row.id] <= MOST_ROUNDS else _restless(row)
    return list(done.values())


def _due(context: Context) -> list[Instance]:
    rows = context.catalog.due(context.now())
    return [row for row in rows if row.state != "error" and not row.suspended]


def _restless(row: Instance) -> Ticked:
    reason = f"it does not come to rest: something was due {MOST_ROUNDS:,} times; the next tick goes on"
    return Ticked(row.id, row.state, reason)


def _stuck(before: Instance, after: Instance) -> str | None:
    if after.due is None or (before.due, before.situation) != (after.due, after.situation):
        return None
    return f"what is due cannot happen yet; see: runner history -w {after.id}"


def _tick_one(context: Context, row: Instance) -> Ticked:
    try:
        with Session.open(context, row.id, "tick") as session:
            if row.due:  # nothing, where only a command broke off or could not deliver
                session.note("timer")
            session.advance()
            return Ticked(row.id, session.instance.state, _stuck(row, session.instance))
    except IncidentError as error:
        return Ticked(row.id, "error", error.message)
    except RunnerError as error:
        return Ticked(row.id, row.state, error.message)
