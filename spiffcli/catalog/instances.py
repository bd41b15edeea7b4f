"""Rows, states and history of instances.

Every function that writes takes an open transaction, so that one instance or a thousand can change together.
The row holds all of `values.Instance`: lists and searches read no states.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.catalog.aggregates import delete_aggregates
from spiffcli.catalog.blobs import delete_unreferenced
from spiffcli.catalog.documents import (
    document_id,
    event,
    history_from,
    history_lines,
    instance_fields,
    instance_from,
)
from spiffcli.catalog.keys import key_records
from spiffcli.catalog.scope import Scope
from spiffcli.catalog.words import begins_an_id, some
from spiffcli.errors import AmbiguousError, ConflictError, DuplicateError, NotFoundError, StateError
from spiffcli.store.protocol import Condition, Document, Fields, Reader, Transaction, at_most, one_of
from spiffcli.values import HistoryEntry, Instance, InstanceState

#: History entries in one document; the next ones begin another, so that long histories are not written anew.
HISTORY_CHUNK = 200

#: States of instances that can still move on.
OPEN_STATES: tuple[InstanceState, ...] = ("running", "error")


class Situation(Struct, frozen=True):
    """Where an instance stands, described once for all instances that stand there.

    Attributes:
        hash: What the rows of those instances carry.
        definition: Id of the definition.
        body: The description.
    """

    hash: str
    definition: str
    body: bytes


class Filter(Struct, frozen=True):
    """Which instances to list; what is None does not matter.

    Attributes:
        definitions: Ids of definitions.
        states: States of the instance.
        waiting_at: BPMN id of a task it waits at.
        older_than: Only versions below this one.
        created_before: Only those that were started before this time (UTC, ISO 8601).
        situation: Hash of the situation.
        commit: Beginning of the commit its definition came from.
    """

    key: str | None = None
    definitions: tuple[str, ...] | None = None
    states: tuple[InstanceState, ...] | None = None
    waiting_at: str | None = None
    older_than: int | None = None
    created_before: str | None = None
    situation: str | None = None
    commit: str | None = None


def create(
    tx: Transaction,
    instance: Instance,
    state: bytes,
    entries: Sequence[HistoryEntry] = (),
    *,
    situation: Situation | None = None,
    keep: Iterable[bytes] = (),
) -> Instance:
    """Store a new instance and return it with its revision.

    Args:
        state: What the engine needs to go on.
        situation: Where it stands; stored once for all.
        keep: Further blobs that belong to it (specs that running changed).

    Raises:
        DuplicateError: The natural id is taken within (tenant, key); `data["instance"]` says by whom.
        NotFoundError: The definition, or one it has entered, was deleted in between.
        StateError: The definition was suspended in between.
    """
    row = tx.get("definition", instance.definition, body=False)
    if row is None:
        raise NotFoundError(f"The definition of {instance.key}@{instance.version} was deleted.", candidates=[])
    if row.fields.get("suspended", False):
        raise StateError(f"{instance.key}@{instance.version} is suspended, so it cannot be started.")
    _require_called(tx, instance.calls)
    _claim_natural_id(tx, instance)
    blobs = sorted({tx.put_blob(content) for content in keep})
    _append_history(tx, instance.id, 0, entries)
    fields = instance_fields(instance, history=len(entries), blobs=blobs)
    revision = tx.put("instance", instance.id, fields, state, expected=0)
    _keep_situation(tx, situation)
    return replace(instance, revision=revision)


def save(
    tx: Transaction,
    instance: Instance,
    state: bytes | None,
    entries: Sequence[HistoryEntry] = (),
    *,
    expected: int | None = None,
    situation: Situation | None = None,
    keep: Iterable[bytes] = (),
) -> Instance:
    """Store a new revision of an instance and return it with its number.

    Args:
        state: The new state; None keeps the one it has.
        entries: What happened, added to its history.
        expected: Revision the change was made on; by default the one `instance` carries.
        keep: Further blobs that belong to it from now on: the state before a migration, specs that running
            changed.

    Raises:
        ConflictError: Somebody else saved it in between.
        NotFoundError: Somebody else deleted it in between, or the definition it moves to or has entered.
        DuplicateError: It moves to another key, where its natural id is taken.
    """
    expected = instance.revision if expected is None else expected
    before = tx.get("instance", instance.id, body=False)
    if before is None:
        _no_instance(instance.id)
    if before.revision != expected:
        raise ConflictError(
            f"Instance {instance.id} was changed by another command (revision {before.revision}, expected {expected}).",
            hint="Nothing was saved; look at it again with: runner show -w " + instance.id,
            revision=before.revision,
        )
    moved = before.fields["definition"] != instance.definition
    if moved and not tx.revision("definition", instance.definition):
        raise NotFoundError(f"The definition of {instance.key}@{instance.version} was deleted.", candidates=[])
    _require_called(tx, [id for id in instance.calls if id not in before.fields.get("calls", ())])
    _move_natural_id(tx, before, instance)
    blobs = [*before.fields.get("blobs", ()), *(tx.put_blob(content) for content in keep)]
    count = _append_history(tx, instance.id, before.fields.get("history", 0), entries)
    fields = instance_fields(instance, history=count, blobs=list(dict.fromkeys(blobs)))
    revision = tx.put("instance", instance.id, fields, state, expected=expected)
    _keep_situation(tx, situation)
    return replace(instance, revision=revision)


def load(reader: Reader, tenant: str, id: str) -> tuple[Instance, bytes]:
    """An instance and its state.

    Raises:
        NotFoundError: There is none with this id in the tenant.
    """
    document = reader.get("instance", id)
    if document is None or document.fields["tenant"] != tenant:
        _no_instance(id)
    return instance_from(document), document.body or b""


def resolve(reader: Reader, scope: Scope, text: str) -> Instance:
    """The instance a user means: by its id, its natural id, or a unique beginning of its id.

    Raises:
        NotFoundError: There is none.
        AmbiguousError: There are several; `data["candidates"]` has their ids.
    """
    document = reader.get("instance", text, body=False) if text else None
    if document is not None and document.fields["tenant"] == scope.tenant:
        return instance_from(document)
    found = _by_natural_id(reader, scope, text) or _by_prefix(reader, scope.tenant, text)
    if not found:
        _no_instance(text)
    if len(found) > 1:
        listed = some([f"{each.id} ({each.key}@{each.version})" for each in found])
        raise AmbiguousError(
            f"'{text}' means {len(found)} instances.",
            hint=f"Give more of the id: {listed}",
            candidates=[each.id for each in found],
        )
    return found[0]


class Standing(NamedTuple):
    """What of a row says where an instance stands: all that judging many of them reads.

    Attributes:
        situation: Hash of its situation; instances of one definition and situation stand alike.
        waiting_at: Ids of the nodes it waits at.
    """

    id: str
    revision: int
    definition: str
    key: str
    version: int
    state: InstanceState
    situation: str
    waiting_at: tuple[str, ...]

    @classmethod
    def of(cls, instance: Instance) -> Standing:
        """Where an instance stands."""
        waiting = dict.fromkeys(task.id for task in instance.active)
        ids = (instance.id, instance.revision, instance.definition, instance.key, instance.version)
        return cls(*ids, instance.state, instance.situation, tuple(waiting))

    @property
    def label(self) -> str:
        """`key@version` of the instance."""
        return f"{self.key}@{self.version}"


#: What is read of a row for it: the fields of a `Standing` behind its revision, and the time that orders them.
_STANDING = ("definition", "key", "version", "state", "situation", "waiting_at", "created")
_WAITING = 2 + _STANDING.index("waiting_at")
_created = itemgetter(2 + _STANDING.index("created"))


def standings(reader: Reader, tenant: str, filter: Filter | None = None) -> list[Standing]:
    """As `find`, but only what says where the instances stand."""
    filter = filter or Filter()
    names = _STANDING if filter.commit is None else (*_STANDING, "commit")
    rows = reader.select("instance", names, _conditions(tenant, filter))
    if _looks_further(filter):
        rows = [row for row in rows if _passes(dict(zip(names, row[2:], strict=True)), filter)]
    rows.sort(key=_created)
    return [Standing._make((*row[:_WAITING], tuple(row[_WAITING]))) for row in rows]


def find(reader: Reader, tenant: str, filter: Filter | None = None) -> list[Instance]:
    """Instances of a tenant, oldest first."""
    return list(map(instance_from, _found(reader, tenant, filter or Filter())))


def _found(reader: Reader, tenant: str, filter: Filter) -> list[Document]:
    rows: Iterable[Document] = reader.find("instance", _conditions(tenant, filter))
    if _looks_further(filter):
        rows = (row for row in rows if _passes(row.fields, filter))
    # They come by id, and those of the same time stay in that order.
    return sorted(rows, key=lambda row: row.fields["created"])


def _conditions(tenant: str, filter: Filter) -> dict[str, Condition]:
    where: dict[str, Condition] = {"tenant": tenant}
    for name, values in (
        ("key", filter.key),
        ("waiting_at", filter.waiting_at),
        ("situation", filter.situation),
    ):
        if values is not None:
            where[name] = values
    if filter.definitions is not None:
        where["definition"] = one_of(*filter.definitions)
    if filter.states is not None:
        where["state"] = one_of(*filter.states)
    return where


def due(reader: Reader, tenant: str, now: float) -> list[Instance]:
    """Instances with a timer that is due at `now` (seconds since the epoch), the earliest first."""
    rows = reader.find("instance", {"tenant": tenant, "due": at_most(now)})
    return sorted(map(instance_from, rows), key=lambda row: (row.due or 0.0, row.id))


def waiting_for(reader: Reader, tenant: str, kind: str, name: str) -> list[Instance]:
    """Instances that wait for a message or signal of this name, oldest first."""
    rows = reader.find("instance", {"tenant": tenant, "events": event(kind, name)})
    return sorted(map(instance_from, rows), key=lambda row: (row.created, row.id))


def history(reader: Reader, tenant: str, id: str) -> tuple[HistoryEntry, ...]:
    """Everything that happened to an instance, in order.

    Raises:
        NotFoundError: There is none with this id in the tenant.
    """
    document = reader.get("instance", id, body=False)
    if document is None or document.fields["tenant"] != tenant:
        _no_instance(id)
    entries: list[HistoryEntry] = []
    for chunk_id in history_ids(document):
        chunk = reader.get("history", chunk_id)
        entries.extend(history_from(chunk.body or b"") if chunk else ())
    return tuple(entries)


def history_ids(row: Document) -> list[str]:
    """Ids of the history documents of an instance row."""
    chunks = -(-row.fields.get("history", 0) // HISTORY_CHUNK)
    return [_chunk_id(row.id, chunk) for chunk in range(chunks)]


def delete(tx: Transaction, tenant: str, id: str) -> Instance:
    """Forget an instance with everything that is kept for it alone; returns what it was.

    Raises:
        NotFoundError: There is none with this id in the tenant.
    """
    row = tx.get("instance", id, body=False)
    if row is None or row.fields["tenant"] != tenant:
        _no_instance(id)
    delete_rows(tx, [row])
    return instance_from(row)


def delete_rows(tx: Transaction, rows: Iterable[Document]) -> None:
    """Forget the instances of these rows."""
    blobs: set[str] = set()
    for row in rows:
        tx.delete("instance", row.id, expected=row.revision)
        for chunk_id in history_ids(row):
            _delete_document(tx, "history", chunk_id)
        delete_aggregates(tx, row.id)
        tenant, key, natural_id = _claimed(row)
        if natural_id is not None:
            _delete_document(tx, "natural", natural_key(tenant, key, natural_id))
        blobs.update(row.fields.get("blobs", ()))
    delete_unreferenced(tx, blobs | _forget_retired(tx))


def _forget_retired(tx: Transaction) -> set[str]:
    """Delete the definitions that were kept for instances, and for which there are none any more."""
    blobs: set[str] = set()
    retired = list(tx.find("retired"))
    used = set(used_definitions(tx)) if retired else set()
    for row in retired:
        if row.id not in used:
            blobs.update(row.fields.get("blobs", ()))
            tx.delete("retired", row.id, expected=row.revision)
            blobs |= _forget_deployment(tx, str(row.fields["deployment"]), {each.id for each in retired} & used)
    return blobs


def _forget_deployment(tx: Transaction, id: str, retired: set[str]) -> set[str]:
    """Delete a deployment of which nothing is left."""
    row = tx.get("deployment", id, body=False)
    kept = (
        row is None
        or row.fields.get("definitions")
        or any(each.fields["deployment"] == id for each in tx.find("retired") if each.id in retired)
    )
    if row is None or kept:
        return set()
    tx.delete("deployment", id, expected=row.revision)
    return set(row.fields.get("blobs", ()))


def used_definitions(reader: Reader) -> Iterator[str]:
    """Ids of all definitions that instances of any tenant run or have called."""
    for row in reader.find("instance"):
        yield str(row.fields["definition"])
        yield from row.fields.get("calls", ())


def natural_key(tenant: str, key: str, natural_id: str) -> str:
    """Id of the document that holds a natural id for one instance."""
    return document_id(tenant, key, natural_id)


def situation(reader: Reader, hash: str) -> Situation | None:
    """The situation with this hash, or None where no instance ever stood there.

    Situations stay until their definition is deleted: to find out whether the last instance has left one
    would cost a search on every save.
    """
    document = reader.get("situation", hash)
    if document is None:
        return None
    return Situation(hash, document.fields["definition"], document.body or b"")


def _looks_further(filter: Filter) -> bool:
    """Whether a filter looks at what a store does not search by."""
    return (filter.older_than, filter.created_before, filter.commit) != (None, None, None)


def _passes(row: Fields, filter: Filter) -> bool:
    if filter.older_than is not None and row["version"] >= filter.older_than:
        return False
    if filter.created_before is not None and row["created"] >= filter.created_before:
        return False
    return filter.commit is None or (row.get("commit") or "").startswith(filter.commit)


def _require_called(tx: Transaction, ids: Iterable[str]) -> None:
    for id in ids:
        if not tx.revision("definition", id):
            raise NotFoundError(f"A definition that was just entered was deleted ({id}).", candidates=[])


def _claim_natural_id(tx: Transaction, instance: Instance) -> None:
    if instance.natural_id is None:
        return
    id = natural_key(instance.tenant, instance.key, instance.natural_id)
    holder = tx.get("natural", id, body=False)
    if holder is not None:
        raise DuplicateError(
            f"There is an instance of '{instance.key}' with the natural id '{instance.natural_id}' already: "
            f"{holder.fields['instance']}.",
            hint=f"Continue it with: runner run -w {holder.fields['instance']}",
            instance=holder.fields["instance"],
        )
    tx.put("natural", id, {"instance": instance.id}, expected=0)


def _move_natural_id(tx: Transaction, before: Document, after: Instance) -> None:
    """Natural ids are unique per key, so one that moves to another key is claimed there."""
    tenant, key, natural_id = _claimed(before)
    if (key, natural_id) == (after.key, after.natural_id):
        return
    if natural_id is not None:
        _delete_document(tx, "natural", natural_key(tenant, key, natural_id))
    _claim_natural_id(tx, after)


def _claimed(row: Document) -> tuple[str, str, str | None]:
    """What a natural id is unique in, and the id of this row."""
    return row.fields["tenant"], row.fields["key"], row.fields.get("natural_id")


def _append_history(tx: Transaction, id: str, count: int, entries: Sequence[HistoryEntry]) -> int:
    """Add `entries` after the `count` there are; returns how many there are then."""
    rest = list(entries)
    while rest:
        chunk, used = divmod(count, HISTORY_CHUNK)
        now, rest = rest[: HISTORY_CHUNK - used], rest[HISTORY_CHUNK - used :]
        chunk_id = _chunk_id(id, chunk)
        before = tx.get("history", chunk_id) if used else None
        body = (before.body or b"") if before else b""
        tx.put("history", chunk_id, {}, body + history_lines(now), expected=before.revision if before else 0)
        count += len(now)
    return count


def _chunk_id(id: str, chunk: int) -> str:
    return f"{id}.{chunk}" if chunk else id


def _keep_situation(tx: Transaction, situation: Situation | None) -> None:
    if situation is not None and not tx.revision("situation", situation.hash):
        tx.put("situation", situation.hash, {"definition": situation.definition}, situation.body, expected=0)


def _delete_document(tx: Transaction, kind: str, id: str) -> None:
    document = tx.get(kind, id, body=False)
    if document is not None:
        tx.delete(kind, id, expected=document.revision)


def _by_natural_id(reader: Reader, scope: Scope, text: str) -> list[Instance]:
    # Natural ids belong to a key, and the definition of the key may be the default tenant's.
    keys = {record.key for tenant in scope.all_tenants() for record in key_records(reader, tenant)}
    found = []
    for key in keys:
        holder = reader.get("natural", natural_key(scope.tenant, key, text), body=False)
        row = reader.get("instance", holder.fields["instance"], body=False) if holder else None
        if row is not None:
            found.append(instance_from(row))
    return sorted(found, key=lambda each: each.id)


def _by_prefix(reader: Reader, tenant: str, text: str) -> list[Instance]:
    if not begins_an_id(text):
        return []
    rows = reader.find("instance", {"tenant": tenant})
    return [instance_from(row) for row in rows if row.id.startswith(text)]


def _no_instance(text: str) -> NoReturn:
    raise NotFoundError(f"There is no instance '{text}'.", hint="runner list_instances shows them all.", candidates=[])
