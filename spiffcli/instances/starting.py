"""Instances that nobody starts by hand: a message or signal does, or a date that has come."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from msgspec.structs import replace

from spiffcli.catalog.timers import TimerStart
from spiffcli.engine.ports import Start
from spiffcli.errors import AmbiguousError, ConflictError, IncidentError, RunnerError
from spiffcli.instances.session import Session
from spiffcli.values import Definition

if TYPE_CHECKING:
    from spiffcli.engine import Event
    from spiffcli.instances.context import Context
    from spiffcli.instances.ticking import Ticked


def begin_with(context: Context, stack: ExitStack, event: Event) -> list[Session]:
    """New instances that an event starts, in the newest active version of each key, locked and not stored yet.

    Args:
        stack: Holds their locks.

    Raises:
        AmbiguousError: A message would start several; `data["candidates"]` has their labels.
        InputError: The payload of the message lacks what it is correlated by.
    """
    definitions = context.catalog.started_by(event.kind, event.name)
    if event.kind == "message" and len(definitions) > 1:
        raise _several_start(event, definitions)
    begun = [_begin(context, stack, definition, event) for definition in definitions]
    return [session for session in begun if session is not None]


def _begin(context: Context, stack: ExitStack, definition: Definition, event: Event) -> Session | None:
    served = context.engine.business is not None and context.engine.business.serves(definition.id)
    given = event.payload if served else None
    session = stack.enter_context(Session.prepare(context, definition, given, start=Start(event.kind, event.name)))
    if not session.running.begin_with(event):
        return None
    session.note_start(definition, event=event.kind, name=event.name)
    return session


def _several_start(event: Event, definitions: tuple[Definition, ...]) -> AmbiguousError:
    labels = [each.label for each in definitions]
    return AmbiguousError(
        f"The message '{event.name}' would start {len(labels)} specs: {', '.join(labels)}.",
        hint=f"A message starts one. Start the one you mean by hand (runner run -s {labels[0]}), then send it.",
        candidates=labels,
    )


def start_due(context: Context) -> list[Ticked]:
    """Start an instance for every timer start event that is due.

    A version's timers count from when it was added. One that missed several dates starts one instance; dates that
    were past when the version was added start none. Where another version takes the place of the newest, its timers
    take the place of the others.
    """
    current, former = context.catalog.timers()
    for timer in former:
        _rest(context, timer)
    found = [_tick_timer(context, timer) for timer in current if timer.state != "done"]
    return [each for each in found if each is not None]


def _rest(context: Context, timer: TimerStart) -> None:
    with context.catalog.transaction() as catalog:
        catalog.put_timer(replace(timer, state="resting", due=None))


def _tick_timer(context: Context, timer: TimerStart) -> Ticked | None:
    from spiffcli.instances.ticking import Ticked

    definition = context.specs.definition(timer.definition)
    try:
        armed = timer if timer.state == "armed" else _armed(context, definition, timer)
        if armed.due is None or armed.due > context.now():
            return None
        return _start(context, definition, armed)
    except ConflictError:  # another tick was faster
        return None
    except RunnerError as error:
        reason = f"the timer '{timer.element}' of {definition.label} starts nothing: {error.message}"
        return Ticked(definition.id, "error", reason)


def _armed(context: Context, definition: Definition, timer: TimerStart) -> TimerStart:
    """The timer with its first date, stored."""
    since = _seconds(definition.created) if timer.state == "new" else context.now()
    running = context.engine.at(since).start(definition.id, context.cache)
    found = next((each for each in running.start_timers() if each.element == timer.element), None)
    if found is None or found.due <= since:
        armed = replace(timer, state="done", due=None)
    else:
        armed = replace(timer, state="armed", due=found.due, cycles=found.cycles, period=found.period)
    with context.catalog.transaction() as catalog:
        catalog.put_timer(armed)
    return replace(armed, revision=timer.revision + 1)


def _start(context: Context, definition: Definition, timer: TimerStart) -> Ticked:
    from spiffcli.instances.ticking import Ticked

    with Session.prepare(context, definition, start=Start("timer", timer.element)) as session:
        session.running.begin_at(timer.element)
        session.note_start(definition, timer=timer.element)
        with context.catalog.transaction() as catalog:
            catalog.put_timer(_next(timer, context.now()))
            session.save_in(catalog)
        try:
            session.advance()
        except IncidentError as error:
            return Ticked(session.instance.id, "error", error.message)
        return Ticked(session.instance.id, session.instance.state)


def _next(timer: TimerStart, now: float) -> TimerStart:
    """The timer after it has fired: its next date is the first that is not past."""
    due, cycles = timer.due or 0.0, timer.cycles
    while due <= now and cycles != 0 and timer.period > 0:
        due += timer.period
        cycles = None if cycles is None else cycles - 1
    if timer.period <= 0 or cycles == 0:
        return replace(timer, state="done", due=None, cycles=0)
    return replace(timer, due=due, cycles=cycles)


def _seconds(iso: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(iso).timestamp()
