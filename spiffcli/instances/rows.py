"""The row of an instance from what it is in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from spiffcli.catalog.instances import Situation
from spiffcli.values import ActiveTask, Instance, TaskView, digest

if TYPE_CHECKING:
    from spiffcli.engine import Running

#: Kinds of nodes whose tasks only hold others; a reader looks for what they hold.
_CONTAINERS = frozenset({"callActivity", "subProcess", "transaction", "adHocSubProcess"})


def row_of(instance: Instance, running: Running, now: str) -> tuple[Instance, Situation | None]:
    """`instance` brought up to date with `running` at the time `now`, and where it stands unless it has ended."""
    state = running.state
    ended = None
    if state in ("completed", "cancelled"):
        ended = instance.ended or now
    subscriptions = tuple(running.subscriptions()) if ended is None else ()
    body = running.situation() if ended is None else b""
    due = min((each.due for each in subscriptions if each.due is not None), default=None)
    row = replace(
        instance,
        state=state,
        updated=now,
        ended=ended,
        active=tuple(_active(view) for view in running.active_tasks() if means_something(view)),
        subscriptions=subscriptions,
        due=0.0 if running.has_work() else due,
        situation=digest(body) if body else "",
        incident=running.incidents()[0].message if state == "error" else None,
        calls=running.definitions,
    )
    return row, Situation(row.situation, row.definition, body) if body else None


def means_something(view: TaskView) -> bool:
    """Whether a reader who asks what an instance waits for wants to see an active task."""
    if view.state == "ERROR":
        return True
    if view.type.endswith("Gateway"):
        return view.type == "eventBasedGateway"
    return view.state != "STARTED" or (view.type not in _CONTAINERS and view.loop is None)


def _active(view: TaskView) -> ActiveTask:
    return ActiveTask(view.task, view.id, view.name, view.state)
