"""What a command left of an instance: the `runner/run/1` document and the summary that people read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from spiffcli.report.instances import counted, instance_json, label, moment, value_text, when
from spiffcli.report.lines import EMPTY, Line, Span, fold, line
from spiffcli.text import columns_of, one_line
from spiffcli.values import Definition, Instance, JsonObject, Subscription, TaskView

if TYPE_CHECKING:
    from spiffcli.catalog.suspension import Action
    from spiffcli.engine import Event
    from spiffcli.instances.start_events import TickResult
    from spiffcli.instances.view import RunResult

#: A suspension or activation whose date came: what, and the definitions and instances that are so now.
Changed: TypeAlias = "tuple[Action, Sequence[Definition], Sequence[str]]"

#: What is told of what ran: what does something, and not the ways between.
_DOES_SOMETHING = ("Task", "task", "callActivity", "Process", "transaction", "Event")
_QUIET = ("startEvent", "endEvent")

#: Names told of what ran; a loop of ten thousand passes is not read.
_MOST_RAN = 30

_ENDINGS: Mapping[str, str] = {
    "completed": "has completed",
    "cancelled": "was cancelled",
    "error": "is in state error",
    "running": "is running",
}


def run_json(outcome: RunResult) -> JsonObject:
    """A `runner/run/1` document."""
    return {
        "schema": "runner/run/1",
        "instance": outcome.instance.id,
        "key": outcome.instance.key,
        "version": outcome.instance.version,
        "state": outcome.instance.state,
        "incident": outcome.instance.incident,
        "stuck": outcome.instance.stuck,
        "data": dict(outcome.data),
        "tasks": [task_json(view) for view in outcome.waiting],
    }


def task_json(view: TaskView) -> JsonObject:
    """A task an instance waits at, as documents have it."""
    return {
        "id": view.id,
        "task": view.task,
        "name": view.name,
        "type": view.type,
        "state": view.state,
        "lane": view.lane,
        "form": view.form,
    }


def run_lines(outcome: RunResult, secrets: Collection[str]) -> Iterator[Line]:
    """The summary of a run: the state, what ran, the data, and what the instance waits for.

    Args:
        secrets: Names of fields whose values are not shown.
    """
    instance = outcome.instance
    yield line(f"Instance {instance.id} of {label(instance)} {_ENDINGS[instance.state]}.", _look(instance.state))
    for reason in filter(None, (instance.incident, instance.stuck)):
        yield from fold(reason, 100, "  ")
    yield from section("Ran", ([name] for name in _names(outcome.ran)))
    yield from section("Data", data_rows(outcome.data, secrets))
    yield from section("Waits for", waiting_rows(outcome.waiting, instance.subscriptions))


def _look(state: str) -> Any:
    return {"completed": "good", "error": "error"}.get(state, "title")


def _names(ran: Sequence[TaskView]) -> list[str]:
    told = counted(one_line(view.name or view.id) for view in ran if _is_told(view))
    more = len(told) - _MOST_RAN
    return told if more <= 0 else [*told[:_MOST_RAN], f"and {more} more"]


def _is_told(view: TaskView) -> bool:
    return view.type not in _QUIET and view.type.endswith(_DOES_SOMETHING)


def data_rows(data: Mapping[str, Any], secrets: Collection[str]) -> Iterator[list[str]]:
    """Names and values of task data, values of secret fields hidden at any depth."""
    for name, value in data.items():
        yield [one_line(str(name)), "(not shown)" if name in secrets else value_text(_hidden(value, secrets))]


def _hidden(value: Any, secrets: Collection[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: "(not shown)" if name in secrets else _hidden(item, secrets) for name, item in value.items()}
    return [_hidden(item, secrets) for item in value] if isinstance(value, list) else value


def waiting_rows(waiting: Sequence[TaskView], subscriptions: Sequence[Subscription]) -> Iterator[list[str]]:
    """What an instance waits for: tasks for people with lane and progress, then timers, messages and signals."""
    names = {view.task: one_line(view.name or view.id) for view in waiting}
    armed = {each.task for each in subscriptions}
    for view in waiting:
        if view.task not in armed:
            yield [names[view.task], _circumstances(view)]
    for each in subscriptions:
        yield [names.get(each.task, each.element), subscription_in_words(each)]


def _circumstances(view: TaskView) -> str:
    state = "failed" if view.state == "ERROR" else "" if view.manual else view.state.lower()
    parts = [kind_in_words(view.type), state, f"for {view.lane}" if view.lane else "", view.loop or ""]
    return ", ".join(one_line(part) for part in parts if part)


def kind_in_words(type: str) -> str:
    """An element name of BPMN as a person says it: `user task`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type)


def subscription_in_words(each: Subscription) -> str:
    """What an armed event waits for: `timer, due 2026-05-01 09:00:00Z`, `message order_paid with number = 7`."""
    if each.kind == "timer":
        return "timer" if each.due is None else f"timer, due {when(moment(each.due))}"
    values = ", ".join(f"{name} = {value_text(value)}" for name, value in each.correlation.items())
    return f"{each.kind} {one_line(each.name)}" + (f" with {values}" if values else "")


def section(title: str, rows: Iterable[Sequence[str]]) -> Iterator[Line]:
    """A title and aligned rows under it; nothing where there are no rows."""
    cells = [list(row) for row in rows]
    if cells:
        yield EMPTY
        yield line(title, "title")
        yield from aligned(cells, "  ")


def aligned(rows: Sequence[Sequence[str]], indent: str = "") -> Iterator[Line]:
    """Rows of the same length as lines whose cells stand below each other."""
    widths = [max(map(columns_of, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell + " " * (width - columns_of(cell)) for cell, width in zip(row, widths, strict=True)]
        yield (Span(indent + "  ".join(cells).rstrip()),)


def sent_json(event: Event, instances: Sequence[Instance]) -> JsonObject:
    """A `runner/sent/1` document."""
    return {
        "schema": "runner/sent/1",
        "event": {"kind": event.kind, "name": event.name},
        "instances": [instance_json(each) for each in instances],
    }


def ticked_json(ticked: Sequence[TickResult], changed: Sequence[Changed] = ()) -> JsonObject:
    """A `runner/ticked/1` document."""
    shown = [{"id": each.instance, "state": each.state, "reason": each.reason} for each in ticked]
    scheduled = [
        {"action": action, "specs": [spec.id for spec in specs], "instances": list(instances)}
        for action, specs, instances in changed
    ]
    return {"schema": "runner/ticked/1", "instances": shown, "scheduled": scheduled}
