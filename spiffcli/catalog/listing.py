"""The list of definitions as their rows tell it, for commands that load nothing else of the catalog.

What is listed are JSON objects, the entries of `specs` in a `runner/specs/1` document. Like `documents`, this module
knows the field names of stored rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Entry: TypeAlias = dict[str, Any]

#: Kinds that are listed, in this order: what can be started.
LISTED = ("process", "collaboration")

_STATES = ("running", "completed", "error", "cancelled")


def entries(
    rows: Iterable[tuple[str, Mapping[str, Any]]], tenant: str, key: str | None = None, *, latest: bool = False
) -> list[Entry]:
    """Processes and collaborations of a tenant, by kind, key and version.

    Args:
        rows: Id and fields of all definitions.
        key: Only those of this key.
        latest: Only the highest version of every key.
    """
    found = [
        entry(id, fields)
        for id, fields in rows
        if fields["tenant"] == tenant and fields["kind"] in LISTED and key in (None, fields["key"])
    ]
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
        "source": {name: fields.get(name) for name in ("commit", "branch", "dirty")},
    }


def add_counts(listed: Iterable[Entry], rows: Iterable[tuple[str, Mapping[str, Any]]], tenant: str) -> None:
    """Give every entry its `instances`: how many there are by state.

    Args:
        rows: Id and fields of all instances.
    """
    counts = {each["id"]: each.setdefault("instances", dict.fromkeys(_STATES, 0)) for each in listed}
    for _, fields in rows:
        if fields["tenant"] == tenant and fields["definition"] in counts:
            counts[fields["definition"]][fields["state"]] += 1
