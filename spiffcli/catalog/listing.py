"""The list of definitions as their rows tell it, for commands that load nothing else of the catalog.

What is listed are JSON objects, the entries of `specs` in a `runner/specs/1` document. Like `documents`, this module
knows the field names of stored rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from spiffcli.store.protocol import Condition, Reader, one_of

Entry: TypeAlias = dict[str, Any]

#: Kinds that are listed, in this order: what can be started.
LISTED = ("process", "collaboration")

_STATES = ("running", "completed", "error", "cancelled")

#: States of instances that have not ended.
OPEN = ("running", "error")


def entries(store: Reader, tenant: str, key: str | None = None, *, latest: bool = False) -> list[Entry]:
    """Processes and collaborations of a tenant, by kind, key and version.

    Args:
        key: Only those of this key.
        latest: Only the highest version of every key.
    """
    wanted: dict[str, Condition] = {"tenant": tenant, "kind": one_of(*LISTED)}
    if key is not None:
        wanted["key"] = key
    found = [entry(row.id, row.fields) for row in store.find("definition", wanted)]
    found.sort(key=lambda each: (LISTED.index(each["kind"]), each["key"], each["version"]))
    return list({(each["kind"], each["key"]): each for each in found}.values()) if latest else found


def entry(id: str, fields: Mapping[str, Any]) -> Entry:
    """A definition as lists show it."""
    tags = fields.get("tags", [])
    return {
        "id": id,
        "kind": fields["kind"],
        "key": fields["key"],
        "version": fields["version"],
        "tenant": fields["tenant"],
        "name": fields["name"],
        "file": fields["file"],
        "tag": tags[0] if tags else None,
        "tags": list(tags),
        "hash": fields["hash"],
        "deployment": fields["deployment"],
        "suspended": fields.get("suspended", False),
        "created": fields["created"],
        "user": fields.get("user", ""),
        "source": {name: fields.get(name) for name in ("commit", "branch", "dirty", "path")},
    }


def add_counts(listed: Iterable[Entry], store: Reader, tenant: str) -> None:
    """Give every entry its counts.

    `instances` is how many there are by state, `waiting_at` how many wait at which task, and `entered` how many that
    have not ended have entered it by a call.
    """
    counted = {each["id"]: each for each in listed}
    for each in counted.values():
        each["instances"], each["waiting_at"], each["entered"] = dict.fromkeys(_STATES, 0), {}, 0
    for row in store.find("instance", {"tenant": tenant}):
        _count(counted, row.fields)


def _count(counted: Mapping[str, Entry], fields: Mapping[str, Any]) -> None:
    own = counted.get(fields["definition"])
    if own is not None:
        own["instances"][fields["state"]] += 1
        for task in fields.get("waiting_at", ()):
            own["waiting_at"][task] = own["waiting_at"].get(task, 0) + 1
    if fields["state"] in OPEN:
        for id in fields.get("calls", ()):
            if id in counted:
                counted[id]["entered"] += 1


def outdated(listed: Iterable[Entry]) -> list[Entry]:
    """Of entries with counts, and of whole keys: those below the latest version that instances still need."""
    entries = list(listed)
    latest = {(each["kind"], each["key"]): each["version"] for each in entries}
    return [each for each in entries if each["version"] < latest[each["kind"], each["key"]] and _open(each)]


def _open(entry: Entry) -> bool:
    return entry["entered"] > 0 or any(entry["instances"][state] for state in OPEN)
