"""Lists of instances and of what happened to them, as JSON documents and as the cells of aligned lines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from spiffcli.report.lines import listed
from spiffcli.text import one_line, shorten
from spiffcli.values import ActiveTask, HistoryEntry, Instance, JsonObject, Source

#: Digits of a commit that people read.
_COMMIT = 12

#: What the history lists of a migration.
_MOVED = ("skipped", "armed", "disarmed", "wrapped", "unwrapped", "started", "reset")

#: Characters of a value inside a line.
_WIDEST = 200


def instances_json(rows: Sequence[Instance]) -> JsonObject:
    """A `runner/instances/1` document."""
    return {"schema": "runner/instances/1", "instances": [instance_json(row) for row in rows]}


def instance_json(row: Instance) -> JsonObject:
    """An entry of a `runner/instances/1` document."""
    return {
        "id": row.id,
        "key": row.key,
        "version": row.version,
        "spec": row.definition,
        "tenant": row.tenant,
        "natural_id": row.natural_id,
        "state": row.state,
        "suspended": row.suspended,
        "active": [_active_json(task) for task in row.active],
        "created": row.created,
        "updated": row.updated,
        "ended": row.ended,
        "user": row.user,
        "revision": row.revision,
        "incident": row.incident,
        "stuck": row.stuck,
        "due": row.due,
        "source": {
            "commit": row.source.commit,
            "branch": row.source.branch,
            "dirty": row.source.dirty,
            "path": row.source.path,
        },
    }


def _active_json(task: ActiveTask) -> JsonObject:
    return {"task": task.task, "id": task.id, "name": task.name, "state": task.state}


def instance_cells(rows: Iterable[Instance]) -> list[list[str]]:
    """Id, label, created, updated, state, where each instance waits, and the commit of its model."""
    return [
        [
            row.id,
            label(row),
            when(row.created),
            when(row.updated),
            state_in_words(row),
            _waiting_at(row),
            commit_in_words(row.source),
        ]
        for row in rows
    ]


def commit_in_words(source: Source) -> str:
    """The beginning of the commit, and whether files differed from it; empty outside of a repository."""
    if source.commit is None:
        return ""
    return f"{source.commit[:_COMMIT]}{' with changes' if source.dirty else ''}"


def source_in_words(source: Source) -> str:
    """The whole commit with its branch, where the files lie in it, and whether they differed from it."""
    changed = ", with changes" if source.dirty else ""
    place = f", {one_line(source.path)}" if source.path not in (None, ".") else ""
    return f"{source.commit} on {one_line(source.branch or 'no branch')}{place}{changed}"


def label(row: Instance) -> str:
    """`key@version` of an instance."""
    return f"{row.key}@{row.version}"


def state_in_words(row: Instance) -> str:
    """The state of an instance, and whether it is suspended, or stuck."""
    return ", ".join([row.state, *["stuck"] * bool(row.stuck), *["suspended"] * (row.suspended and row.ended is None)])


def _waiting_at(row: Instance) -> str:
    return ", ".join(counted(one_line(task.name or task.id) for task in row.active))


def counted(names: Iterable[str]) -> list[str]:
    """Each name once, in the order of their first appearance, with how often it comes: `Pack Box (x3)`."""
    return [name if count == 1 else f"{name} (x{count})" for name, count in Counter(names).items()]


def history_json(instance: str, entries: Sequence[HistoryEntry]) -> JsonObject:
    """A `runner/history/1` document."""
    shown = [{"at": e.at, "what": e.what, "user": e.user, "details": dict(e.details)} for e in entries]
    return {"schema": "runner/history/1", "instance": instance, "entries": shown}


def history_cells(entries: Iterable[HistoryEntry]) -> list[list[str]]:
    """When, what, by whom, and details in words."""
    return [[when(entry.at), entry.what, entry.user, _told(entry)] for entry in entries]


def _told(entry: HistoryEntry) -> str:
    if entry.what == "resolved":
        return _resolved(entry.details)
    if entry.what == "migrated":
        return _migrated(entry.details)
    if entry.what == "started" and entry.details.get("fallback"):
        own = {name: value for name, value in entry.details.items() if name not in ("fallback", "tenant")}
        return f"{_details(own)}, {_of(entry.details['tenant'])}"
    return _details(entry.details)


def _resolved(found: Mapping[str, Any]) -> str:
    """What a reference was found to mean: `calculate_tax: process tax@2 (latest)`."""
    how = "bound when it was added" if found["pinned"] else found["binding"]
    where = f", {_of(found['tenant'])}" if found["fallback"] else ""
    return one_line(f"{found['element']}: {found['kind']} {found['key']}@{found['version']} ({how}{where})")


def _migrated(found: Mapping[str, Any]) -> str:
    """From where to where, what was asked for and what was allowed; JSON has the tasks and hashes too."""
    policies = found.get("policies", {})
    told = {
        "allowed": [f"{each['rule']}:{each['element']}" for each in found.get("overridden", ())],
        "mapped": [f"{old}={new}" for old, new in policies.get("mapping", {}).items()],
        "moved": [f"{old} to {new}" for _, old, new in found.get("moves", ()) if old != new],
        **{name: found.get(name) for name in _MOVED},
        **{name: policies.get(name) for name in ("timers", "events", "data", "script")},
        "changed what is meant by": [each["element"] for each in found.get("rebound", ())],
        "plan": found.get("plan"),
    }
    return ", ".join(filter(None, (one_line(f"{found['from']} to {found['to']}"), _details(told))))


def _of(tenant: str) -> str:
    return one_line(f"of tenant {tenant}") if tenant else "of the default tenant"


def _details(details: Mapping[str, Any]) -> str:
    parts = [f"{name} {_detail(value)}" for name, value in details.items() if value not in (None, "", [], {})]
    return ", ".join(parts)


def _detail(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return one_line(listed(value))
    return value_text(value)


def value_text(value: Any, width: int = _WIDEST) -> str:
    """A value of task data on one line: text as it is, everything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return shorten(one_line(text), width)


def when(at: str) -> str:
    """A stored time as a person reads it, in UTC and to the second: `2026-05-01 09:00:00Z`."""
    return f"{at[:10]} {at[11:19]}Z"


def moment(seconds: float) -> str:
    """Seconds since the epoch as ISO text in UTC, as documents have it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
