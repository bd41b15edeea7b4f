"""How catalog values are laid out as documents. Nothing else knows a field name of a stored document.

`fields` hold what lists show and searches need; the rest is in the body. Fields are scalars or flat lists of
scalars, so tasks and subscriptions of an instance are written one after the other in groups. Fields that are
not searched are left out where they hold nothing, which keeps rows small.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from spiffcli.store.protocol import Document, Fields
from spiffcli.text import joined
from spiffcli.values import (
    ActiveTask,
    Definition,
    DeployedDefinition,
    Deployment,
    HistoryEntry,
    Instance,
    Reference,
    ResourceEntry,
    Source,
    Subscription,
)

_DEFINITION_INDEX = ("tenant", "key", "kind", "deployment")
_ACTIVE = 4
_SUBSCRIPTION = 6


def document_id(*parts: str) -> str:
    """An id made of several texts, `a/b/c`; slashes inside a part are escaped, so no two lists collide."""
    return joined(*parts)


_encode = json.JSONEncoder(separators=(",", ":")).encode


def to_bytes(value: object) -> bytes:
    """JSON as it is stored: compact, ASCII, keys in the order they have."""
    return _encode(value).encode("ascii")


def from_body(document: Document) -> dict[str, Any]:
    """The JSON object a document has as its body; empty where it has none."""
    return json.loads(document.body) if document.body else {}


# Deployments


def deployment_fields(deployment: Deployment) -> Fields:
    """The row of a deployment; `definitions` and `blobs` name everything it refers to."""
    return _without_empty(
        {
            "tenant": deployment.tenant,
            "name": deployment.name,
            "created": deployment.created,
            "user": deployment.user,
            **_source_fields(deployment.source),
            "definitions": [definition.id for definition in deployment.definitions],
            "blobs": sorted({resource.hash for resource in deployment.resources}),
        },
        keep=("tenant",),
    )


def deployment_body(deployment: Deployment) -> bytes:
    """The rest of a deployment: its resources and definitions, line by line."""
    return to_bytes(
        {
            "resources": [[entry.name, entry.kind, entry.hash] for entry in deployment.resources],
            "definitions": [
                [entry.id, entry.kind, entry.key, entry.version, entry.new] for entry in deployment.definitions
            ],
        }
    )


def deployment_from(document: Document) -> Deployment:
    """The deployment of a document; without its body the lists of resources and definitions are empty."""
    fields, body = document.fields, from_body(document)
    return Deployment(
        id=document.id,
        tenant=fields["tenant"],
        name=fields.get("name"),
        created=fields["created"],
        user=fields.get("user", ""),
        source=_source_from(fields),
        resources=tuple(ResourceEntry(*entry) for entry in body.get("resources", ())),
        definitions=tuple(DeployedDefinition(*entry) for entry in body.get("definitions", ())),
    )


# Definitions


def definition_fields(definition: Definition, layout: str = "") -> Fields:
    """The row of a definition.

    Args:
        layout: Hash of its drawing, by which an edit of nothing but the drawing is recognised.
    """
    return _without_empty(
        {
            "tenant": definition.tenant,
            "key": definition.key,
            "kind": definition.kind,
            "deployment": definition.deployment,
            "version": definition.version,
            "name": definition.name,
            "hash": definition.hash,
            "own_hash": definition.own_hash,
            "layout": layout,
            "file": definition.file,
            "created": definition.created,
            "user": definition.user,
            **_source_fields(definition.source),
            "tags": list(definition.tags),
            "suspended": definition.suspended,
            "targets": sorted({r.target for r in definition.references if r.target is not None}),
            "blobs": sorted(set(definition.specs.values())),
        },
        keep=_DEFINITION_INDEX,
    )


def definition_body(definition: Definition, starts: Sequence[str] = ()) -> bytes:
    """The rest of a definition.

    Args:
        starts: Events that start it, as `message:NAME`, `signal:NAME` or `timer:ELEMENT`.
    """
    return to_bytes(
        {
            "specs": dict(definition.specs),
            "references": [_reference(each) for each in definition.references],
            "starts": list(starts),
        }
    )


def _reference(reference: Reference) -> list[Any]:
    items = [
        reference.element,
        reference.kind,
        reference.key,
        reference.binding,
        reference.target,
        reference.pinned,
        reference.fallback,
    ]
    return items if reference.fallback is not None else items[:-1]


def definition_from(document: Document) -> Definition:
    """The definition of a document; without its body it has no specs and no references."""
    fields, body = document.fields, from_body(document)
    return Definition(
        id=document.id,
        tenant=fields["tenant"],
        kind=fields["kind"],
        key=fields["key"],
        version=fields["version"],
        name=fields["name"],
        hash=fields["hash"],
        own_hash=fields["own_hash"],
        deployment=fields["deployment"],
        file=fields["file"],
        created=fields["created"],
        user=fields.get("user", ""),
        source=_source_from(fields),
        specs=body.get("specs", {}),
        references=tuple(Reference(*reference) for reference in body.get("references", ())),
        tags=tuple(fields.get("tags", ())),
        suspended=fields.get("suspended", False),
        revision=document.revision,
    )


def with_tags(document: Document, tags: Iterable[str]) -> Fields:
    """The row of a definition with other tags."""
    return {**document.fields, "tags": sorted(tags)}


def with_suspended(document: Document, suspended: bool) -> Fields:
    """The row of a definition or instance, suspended or active."""
    return {**document.fields, "suspended": suspended}


def layout_of(document: Document) -> str:
    """Hash of the drawing of the definition in `document`."""
    return str(document.fields.get("layout", ""))


def starts_of(document: Document) -> tuple[str, ...]:
    """Events that start the definition in `document`, which must have its body."""
    return tuple(from_body(document).get("starts", ()))


# Instances


def instance_fields(instance: Instance, *, history: int = 0, blobs: Sequence[str] = ()) -> Fields:
    """The row of an instance.

    Args:
        history: How many history entries it has.
        blobs: Hashes of blobs that are kept for it: pre-images, specs that running changed.
    """
    return _without_empty(
        {
            "tenant": instance.tenant,
            "key": instance.key,
            "definition": instance.definition,
            "state": instance.state,
            "events": sorted({event(s.kind, s.name) for s in instance.subscriptions if s.kind != "timer"}),
            "due": instance.due,
            "situation": instance.situation,
            "waiting_at": list(dict.fromkeys(task.id for task in instance.active)),
            "version": instance.version,
            "created": instance.created,
            "updated": instance.updated,
            "ended": instance.ended,
            "natural_id": instance.natural_id,
            "user": instance.user,
            **_source_fields(instance.source),
            "active": [item for task in instance.active for item in (task.task, task.id, task.name, task.state)],
            "subscriptions": [item for s in instance.subscriptions for item in _flat_subscription(s)],
            "incident": instance.incident,
            "stuck": instance.stuck,
            "suspended": instance.suspended,
            "calls": list(instance.calls),
            "history": history,
            "blobs": list(blobs),
        },
        keep=("tenant", "key", "definition", "state", "events", "due", "situation", "waiting_at"),
    )


def instance_from(document: Document) -> Instance:
    """The instance of a document; its state is the document's body."""
    fields = document.fields
    return Instance(
        id=document.id,
        tenant=fields["tenant"],
        definition=fields["definition"],
        key=fields["key"],
        version=fields["version"],
        state=fields["state"],
        created=fields["created"],
        updated=fields["updated"],
        ended=fields.get("ended"),
        natural_id=fields.get("natural_id"),
        user=fields.get("user", ""),
        source=_source_from(fields),
        active=tuple(ActiveTask(*group) for group in _groups(fields.get("active", ()), _ACTIVE)),
        subscriptions=tuple(_subscription(*group) for group in _groups(fields.get("subscriptions", ()), _SUBSCRIPTION)),
        due=fields["due"],
        situation=fields["situation"],
        incident=fields.get("incident"),
        stuck=fields.get("stuck"),
        suspended=fields.get("suspended", False),
        calls=tuple(fields.get("calls", ())),
        revision=document.revision,
    )


def event(kind: str, name: str) -> str:
    """How an event is written in the `events` field and among the starts of a definition: `message:paid`."""
    return f"{kind}:{name}"


def _flat_subscription(subscription: Subscription) -> tuple[str | float | None, ...]:
    correlation = to_bytes(dict(subscription.correlation)).decode() if subscription.correlation else None
    return (
        subscription.kind,
        subscription.name,
        subscription.task,
        subscription.element,
        correlation,
        subscription.due,
    )


def _subscription(
    kind: Any, name: str | None, task: str, element: str, correlation: str | None, due: float | None
) -> Subscription:
    # Rows of events that name nothing were written with None once.
    return Subscription(kind, name or "", task, element, json.loads(correlation) if correlation else {}, due)


# History


def history_lines(entries: Iterable[HistoryEntry]) -> bytes:
    """History entries as JSON lines, so that more can be appended without reading the ones before."""
    return b"".join(to_bytes([entry.at, entry.what, entry.user, dict(entry.details)]) + b"\n" for entry in entries)


def history_from(body: bytes) -> tuple[HistoryEntry, ...]:
    """The entries that `history_lines` wrote."""
    return tuple(HistoryEntry(*json.loads(line)) for line in body.splitlines())


# Shared


def _source_fields(source: Source) -> dict[str, Any]:
    return {
        "commit": source.commit,
        "branch": source.branch,
        "dirty": source.dirty,
        "path": source.path,
        "files": list(source.files),
    }


def _source_from(fields: Mapping[str, Any]) -> Source:
    return Source(
        files=tuple(fields.get("files", ())),
        commit=fields.get("commit"),
        branch=fields.get("branch"),
        dirty=fields.get("dirty"),
        path=fields.get("path"),
    )


def _without_empty(fields: dict[str, Any], keep: tuple[str, ...]) -> Fields:
    # `dirty: False` says something (the files equal the commit), `suspended: False` is the default.
    empty: tuple[Any, ...] = (None, "", [], 0)
    return {
        name: value
        for name, value in fields.items()
        if name in keep or (name == "dirty" and value is not None) or value not in empty
    }


def _groups(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
