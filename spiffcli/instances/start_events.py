"""What time brings: timers that are due fire, over all instances, and dates that have come start new ones."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.catalog.timers import TimerStart
from spiffcli.engine.ports import Start
from spiffcli.errors import ConflictError, IncidentError, RunnerError, as_bug
from spiffcli.instances.dispatcher import Dispatcher, dispatcher_of
from spiffcli.instances.spec_source import specs_of
from spiffcli.values import Definition, Instance
from spiffcli.workspace import Workspace

#: How often one tick lets the same instance go on before it leaves the rest to the next: some never come to rest.
MOST_ROUNDS = 1000


class TickResult(Struct, frozen=True):
    """What a tick did to one instance.

    Attributes:
        state: State of the instance afterwards.
        reason: Why it could not go on, or None.
    """

    instance: str
    state: str
    reason: str | None = None


def tick(workspace: Workspace) -> list[TickResult]:
    """Fire every timer that is due, and what it sets off, until nothing more happens; those that start instances first.

    Instances in state `error` and suspended ones rest. What goes wrong in one instance does not stop the others.
    """
    dispatcher = dispatcher_of(workspace)
    done: dict[str, TickResult] = {each.instance: each for each in _start_due(dispatcher)}
    rounds: dict[str, int] = {}
    while due := [row for row in _due(workspace) if row.id not in done or done[row.id].reason is None]:
        for row in due:
            rounds[row.id] = rounds.get(row.id, 0) + 1
            done[row.id] = _tick_one(dispatcher, row) if rounds[row.id] <= MOST_ROUNDS else _restless(row)
    return list(done.values())


def _due(workspace: Workspace) -> list[Instance]:
    rows = workspace.catalog.due(workspace.now())
    return [row for row in rows if row.state != "error" and not row.suspended]


def _restless(row: Instance) -> TickResult:
    reason = f"it does not come to rest: something was due {MOST_ROUNDS:,} times; the next tick goes on"
    return TickResult(row.id, row.state, reason)


def _stuck(before: Instance, after: Instance) -> str | None:
    if after.due is None or (before.due, before.situation) != (after.due, after.situation):
        return None
    return f"what is due cannot happen yet; see: runner history -w {after.id}"


def _tick_one(dispatcher: Dispatcher, row: Instance) -> TickResult:
    try:
        with dispatcher.open(row.id, "tick") as session:
            if row.due:  # nothing, where only a command broke off or could not deliver
                session.note("timer")
            session.advance()
            return TickResult(row.id, session.instance.state, _stuck(row, session.instance))
    except IncidentError as error:
        return TickResult(row.id, "error", error.message)
    except RunnerError as error:
        return TickResult(row.id, row.state, error.message)
    except Exception as error:  # whatever is wrong with one instance, the timers of the others fire
        return TickResult(row.id, row.state, as_bug(error).message)


def _start_due(dispatcher: Dispatcher) -> list[TickResult]:
    """Start an instance for every timer start event that is due.

    A version's timers count from when it was added. One that missed several dates starts one instance; dates that
    were past when the version was added start none. Where another version takes the place of the newest, its timers
    take the place of the others.
    """
    current, former = dispatcher.workspace.catalog.timers()
    for timer in former:
        _store(dispatcher.workspace, replace(timer, state="resting", due=None))
    found = [_tick_timer(dispatcher, timer) for timer in current if timer.state != "done"]
    return [each for each in found if each is not None]


def _store(workspace: Workspace, timer: TimerStart) -> None:
    with workspace.catalog.transaction() as catalog:
        catalog.put_timer(timer)


def _tick_timer(dispatcher: Dispatcher, timer: TimerStart) -> TickResult | None:
    workspace = dispatcher.workspace
    definition = specs_of(workspace).definition(timer.definition)
    try:
        armed = timer if timer.state == "armed" else _armed(workspace, definition, timer)
        if armed.due is None or armed.due > workspace.now():
            return None
        return _start(dispatcher, definition, armed)
    except ConflictError:  # another tick was faster
        return None
    except RunnerError as error:
        reason = f"the timer '{timer.element}' of {definition.label} starts nothing: {error.message}"
        return TickResult(definition.id, "error", reason)


def _armed(workspace: Workspace, definition: Definition, timer: TimerStart) -> TimerStart:
    """The timer with its first date, stored."""
    since = datetime.fromisoformat(definition.created).timestamp() if timer.state == "new" else workspace.now()
    running = workspace.engine.at(since).start(definition.id, specs_of(workspace).cache)
    found = next((each for each in running.start_timers() if each.element == timer.element), None)
    if found is None or found.due <= since:
        armed = replace(timer, state="done", due=None)
    else:
        armed = replace(timer, state="armed", due=found.due, cycles=found.cycles, period=found.period)
    _store(workspace, armed)
    return replace(armed, revision=timer.revision + 1)


def _start(dispatcher: Dispatcher, definition: Definition, timer: TimerStart) -> TickResult:
    workspace = dispatcher.workspace
    with dispatcher.prepare(definition, start=Start("timer", timer.element)) as session:
        session.running.begin_at(timer.element)
        session.note_start(definition, timer=timer.element)
        with workspace.catalog.transaction() as catalog:
            catalog.put_timer(_next(timer, workspace.now()))
            session.save_in(catalog)
        try:
            session.advance()
        except IncidentError as error:
            return TickResult(session.instance.id, "error", error.message)
        return TickResult(session.instance.id, session.instance.state)


def _next(timer: TimerStart, now: float) -> TimerStart:
    """The timer after it has fired: its next date is the first that is not past."""
    due, cycles = timer.due or 0.0, timer.cycles
    while due <= now and cycles != 0 and timer.period > 0:
        due += timer.period
        cycles = None if cycles is None else cycles - 1
    if timer.period <= 0 or cycles == 0:
        return replace(timer, state="done", due=None, cycles=0)
    return replace(timer, due=due, cycles=cycles)
