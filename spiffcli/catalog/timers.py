"""Timers that start instances: which there are, and when each is due next.

They are armed by whoever lets time pass, since only the engine can tell what their expressions mean.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from msgspec import Struct

from spiffcli.catalog.documents import document_id
from spiffcli.catalog.keys import key_records
from spiffcli.store.protocol import Document, Reader, Transaction

_PREFIX = "timer/"
_EVENT = "timer:"

#: `new`: never armed; `armed`: waits for its date; `done`: starts nothing any more; `resting`: another version of the
#: key has taken its place.
TimerState = Literal["new", "armed", "done", "resting"]


class TimerStart(Struct, frozen=True):
    """A timer at a start event of a definition.

    Attributes:
        due: When it starts the next instance, in seconds since the epoch; None unless it is armed.
        cycles: How often it still does so; None without end.
        period: Seconds from one time to the next; 0 for timers that do not repeat.
    """

    definition: str
    element: str
    state: TimerState = "new"
    due: float | None = None
    cycles: int | None = None
    period: float = 0.0
    revision: int = 0


def timers(reader: Reader, tenant: str) -> tuple[list[TimerStart], list[TimerStart]]:
    """The timers of the newest active versions, and those that were armed and whose version is not that any more."""
    known = {(each.definition, each.element): each for each in _known(reader, tenant)}
    wanted = [
        (record.starts_id, start.removeprefix(_EVENT))
        for record in key_records(reader, tenant)
        for start in record.starts
        if start.startswith(_EVENT) and record.starts_id is not None
    ]
    current = [known.get(place, TimerStart(*place)) for place in wanted]
    return current, [each for place, each in known.items() if place not in wanted and each.state == "armed"]


def put_timer(tx: Transaction, tenant: str, timer: TimerStart) -> None:
    """Store what has become of a timer.

    Raises:
        ConflictError: Somebody else did so since it was read.
    """
    fields = {
        "tenant": tenant,
        "definition": timer.definition,
        "element": timer.element,
        "state": timer.state,
        "due": timer.due,
        "cycles": timer.cycles,
        "period": timer.period,
    }
    tx.put("meta", document_id("timer", timer.definition, timer.element), fields, expected=timer.revision)


def forget_timers(tx: Transaction, definitions: Collection[str]) -> None:
    """Forget the timers of definitions that go."""
    rows = [row for row in tx.find("meta") if row.id.startswith(_PREFIX)] if definitions else []
    for row in rows:
        if row.fields["definition"] in definitions:
            tx.delete("meta", row.id, expected=row.revision)


def _known(reader: Reader, tenant: str) -> list[TimerStart]:
    rows = [row for row in reader.find("meta") if row.id.startswith(_PREFIX)]
    return [_timer(row) for row in rows if row.fields["tenant"] == tenant]


def _timer(row: Document) -> TimerStart:
    fields = row.fields
    return TimerStart(
        definition=fields["definition"],
        element=fields["element"],
        state=fields["state"],
        due=fields["due"],
        cycles=fields["cycles"],
        period=fields["period"],
        revision=row.revision,
    )
