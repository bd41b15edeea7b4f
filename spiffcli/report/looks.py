"""One instance with everything in it: what `show` and `tasks` show."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from spiffcli.report.instances import instance_json, label, moment, source_in_words, state_in_words, when
from spiffcli.report.lines import EMPTY, Line, fold, line
from spiffcli.report.outcomes import data_rows, kind_in_words, section, subscription_in_words, task_json
from spiffcli.text import one_line
from spiffcli.values import AggregateRecord, Instance, JsonObject, Subscription, TaskView

if TYPE_CHECKING:
    from spiffcli.instances.view import Incident, InstanceView

#: States of tasks the engine only expects; which of them come depends on what happens.
_EXPECTED = frozenset({"MAYBE", "LIKELY", "FUTURE"})

#: Columns messages are folded to.
_WIDTH = 100


def look_json(look: InstanceView, *, everything: bool) -> JsonObject:
    """A `runner/instance/1` document.

    Args:
        everything: Helpers of the engine and expected tasks too.
    """
    return {
        "schema": "runner/instance/1",
        "instance": instance_json(look.instance),
        "tasks": [_task_json(view) for view in shown_tasks(look.tasks, everything=everything)],
        "data": dict(look.data),
        "data_objects": dict(look.data_objects),
        "waits_for": [_subscription_json(each) for each in look.instance.subscriptions],
        "incidents": [_incident_json(each) for each in look.incidents],
        "aggregates": [_aggregate_json(each) for each in look.aggregates],
    }


def _aggregate_json(each: AggregateRecord) -> JsonObject:
    return {
        "process": each.process,
        "natural_id": each.natural_id,
        "type": each.type,
        "version": each.version,
        "root": each.root,
        "revision": each.revision,
        "data": json.loads(each.body) if each.body else None,
    }


def tasks_json(look: InstanceView, views: Sequence[TaskView]) -> JsonObject:
    """A `runner/tasks/1` document; tasks that are due come with their data."""
    return {
        "schema": "runner/tasks/1",
        "instance": look.instance.id,
        "state": look.instance.state,
        "tasks": [_task_json(view) | _data_json(look, view) for view in views],
    }


def _data_json(look: InstanceView, view: TaskView) -> JsonObject:
    data = look.waiting_data.get(view.task)
    return {} if data is None else {"data": dict(data)}


def _task_json(view: TaskView) -> JsonObject:
    return task_json(view) | {
        "process": view.process,
        "spec": view.definition,
        "parent": view.parent,
        "depth": view.depth,
        "loop": view.loop,
        "manual": view.manual,
        "changed": moment(view.changed),
    }


def _subscription_json(each: Subscription) -> JsonObject:
    return {
        "kind": each.kind,
        "name": each.name,
        "task": each.task or None,
        "element": each.element,
        "correlation": dict(each.correlation),
        "due": None if each.due is None else moment(each.due),
    }


def _incident_json(each: Incident) -> JsonObject:
    return {
        "message": each.message,
        "hint": each.hint,
        "task": each.task,
        "element": each.element,
        "name": each.name,
        "file": each.file,
        "line": each.line,
        "script_line": each.script_line,
    }


def shown_tasks(tasks: Iterable[TaskView], *, everything: bool) -> list[TaskView]:
    """The tasks a reader wants to see: of the model, and not merely expected; or all of them."""
    return [view for view in tasks if everything or (view.type != "internal" and view.state not in _EXPECTED)]


def look_lines(look: InstanceView, secrets: Collection[str], *, everything: bool) -> Iterator[Line]:
    """An instance as text.

    Args:
        secrets: Names of fields whose values are not shown.
        everything: Helpers of the engine and expected tasks too, and the ids of all tasks.
    """
    yield line(f"{label(look.instance)}  {look.instance.id}", "title")
    yield from list(section("", _facts(look.instance)))[2:]
    for incident in look.incidents:
        yield from _incident(incident)
    if look.instance.stuck:
        yield from fold(look.instance.stuck, _WIDTH, "  ")
    yield from section("Tasks", _task_rows(shown_tasks(look.tasks, everything=everything), with_ids=everything))
    yield from section("Waits for", _event_rows(look))
    for each in look.aggregates:
        data = json.loads(each.body) if each.body else {}
        rows = data_rows(data, secrets) if each.kept_as is None else [("kept elsewhere", f"revision {each.kept_as}")]
        yield from section(f"{one_line(each.type)} {one_line(each.natural_id)}", rows)
    yield from section("Data", data_rows(_own_data(look), secrets))
    yield from section("Data objects", data_rows(look.data_objects, secrets))


def _own_data(look: InstanceView) -> dict[str, Any]:
    """Data of the process without the key of its aggregate, which is shown itself."""
    return {name: value for name, value in look.data.items() if name != "aggregate" or not look.aggregates}


def _facts(row: Instance) -> Iterator[list[str]]:
    yield ["state", state_in_words(row)]
    yield ["started", f"{when(row.created)} by {row.user or 'unknown'}"]
    yield ["updated", f"{when(row.updated)}, revision {row.revision}"]
    if row.ended:
        yield ["ended", when(row.ended)]
    if row.natural_id:
        yield ["natural id", one_line(row.natural_id)]
    if row.source.commit:
        yield ["commit", source_in_words(row.source)]


def _incident(incident: Incident) -> Iterator[Line]:
    where = f"{incident.where()}: " if incident.where() else ""
    yield EMPTY
    yield line("Incident", "error")
    yield from fold(f"{where}{incident.message} (element {incident.element})", _WIDTH, "  ")
    if incident.hint:
        yield from fold(incident.hint, _WIDTH, "  ")


def _task_rows(views: Sequence[TaskView], *, with_ids: bool) -> Iterator[list[str]]:
    for view in views:
        name = "  " * view.depth + one_line(view.name or view.id)
        about = ", ".join(one_line(part) for part in (view.lane, view.loop) if part)
        yield [view.state, name, one_line(view.id), kind_in_words(view.type), about] + ([view.task] if with_ids else [])


def _event_rows(look: InstanceView) -> Iterator[list[str]]:
    names = {view.task: one_line(view.name or view.id) for view in look.tasks}
    for each in look.instance.subscriptions:
        yield [names.get(each.task, one_line(each.element)), subscription_in_words(each)]


def task_cells(views: Iterable[TaskView]) -> list[list[str]]:
    """Task id, BPMN id, name, state, type, and lane or progress."""
    return [
        [
            view.task,
            view.id,
            view.name or "",
            view.state,
            kind_in_words(view.type),
            ", ".join(filter(None, (view.lane, view.loop))),
        ]
        for view in views
    ]
