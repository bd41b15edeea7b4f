"""Correctness: the engine asks our clock, and no two changes of a workflow happen at the same time."""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any, Self

import SpiffWorkflow.task
from SpiffWorkflow.bpmn.specs.event_definitions import timer
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.clock import now
from spiffcli.engine.patches.overrides import Overrides
from spiffcli.model.details import is_time

FIXES = Overrides()


class _EngineDatetime(datetime):
    """`datetime` as the engine's timer module sees it."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(now(), tz)


# Fault: tasks are stamped, and durations and cycles counted, with the time of the machine.
FIXES.set(SpiffWorkflow.task, "time", SimpleNamespace(time=now))
FIXES.set(timer, "datetime", _EngineDatetime)


def stamp(workflow: Any) -> float:
    """The time, a little later than any earlier stamp of this workflow.

    Joins merge the data of branches in the order in which they ended. With a clock that stands still or is coarse
    that order would be lost.
    """
    time = now()
    last = vars(workflow).get("_last_stamp")
    if last is None:
        last = max((task.last_state_change for task in workflow.tasks.values()), default=-math.inf)
    # A clock that was set back is believed; one that gives the same time again is helped.
    if last - 1 < time <= last:
        time = math.nextafter(last, math.inf)
    workflow._last_stamp = time
    return time


@FIXES.method(Task)
def _set_state(self: Any, value: int) -> None:
    """Fault: two changes can have the same time, after which their order is unknown; every change was described in
    full, with all task data, for a log that nobody may read.
    """
    if value == self._state:
        _log(self, logging.DEBUG, "State set to", value)
        return
    time = stamp(self.workflow)
    elapsed = time - self.last_state_change
    self.last_state_change = time
    self._state = value
    _log(self, logging.INFO, "State changed to", value, {"elapsed": elapsed})


def _log(task: Any, level: int, what: str, state: int, extras: dict[str, Any] | None = None) -> None:
    logger = SpiffWorkflow.task.logger
    if logger.isEnabledFor(level):
        logger.log(level, f"{what} {TaskState.get_name(state)}", extra=task.collect_log_extras(extras))


def _event_value(definition: Any, my_task: Any, start: Any) -> Any:
    """The value a timer was armed with; armed now, by `start(expression)`, where it was not.

    Fault: a time without quotes, as every modeler writes it, was evaluated.
    """
    value = my_task._get_internal_data("event_value")
    if value is None:
        text = (definition.expression or "").strip()
        value = start(
            text if is_time(text) else my_task.workflow.script_engine.evaluate(my_task, definition.expression)
        )
        my_task._set_internal_data(event_value=value)
    return value


def _due(my_task: Any, moment: datetime) -> bool:
    if moment <= datetime.fromtimestamp(now(), UTC):
        my_task._set_internal_data(event_fired=True)
    return bool(my_task._get_internal_data("event_fired", False))


# Fault: a timer fires after its deadline only, so that whoever wakes up exactly then finds nothing to do.


def _date_has_fired(self: Any, my_task: Any) -> bool:
    value = _event_value(self, my_task, start=lambda given: given)
    return _due(my_task, timer.TimerEventDefinition.parse_time_or_duration(value))


def _duration_has_fired(self: Any, my_task: Any) -> bool:
    value = _event_value(self, my_task, start=_after)
    return _due(my_task, timer.TimerEventDefinition.get_datetime(value))


def _after(duration: str) -> str:
    parts = timer.TimerEventDefinition.parse_iso_duration(duration)
    start = datetime.fromtimestamp(now(), UTC)
    return (start + timer.TimerEventDefinition.get_timedelta_from_start(parts, start)).isoformat()


def _cycle_complete(self: Any, my_task: Any) -> bool:
    """Whether the next repetition is due; the last one done, the event itself has fired."""
    value = _event_value(self, my_task, start=_repetition)
    if value["cycles"] == 0:
        my_task._set_internal_data(event_fired=True)
        return False
    due = datetime.fromisoformat(value["next"])
    if due > datetime.fromtimestamp(now(), UTC):
        return False
    value["next"] = (due + timedelta(seconds=value["duration"])).isoformat()
    value["cycles"] -= 1
    return True


def _repetition(expression: str) -> dict[str, Any]:
    cycles, start, duration = timer.TimerEventDefinition.parse_iso_recurring_interval(expression)
    return {"cycles": cycles, "next": start.isoformat(), "duration": duration.total_seconds()}


FIXES.set(timer.TimeDateEventDefinition, "has_fired", _date_has_fired)
FIXES.set(timer.DurationTimerEventDefinition, "has_fired", _duration_has_fired)
FIXES.set(timer.CycleTimerEventDefinition, "cycle_complete", _cycle_complete)
