"""Deleting definitions and deployments: first what would go, then the doing; never more than was named."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.catalog.blobs import delete_unreferenced
from spiffcli.catalog.definitions import definitions, get_definition
from spiffcli.catalog.documents import (
    definition_from,
    deployment_body,
    deployment_fields,
    deployment_from,
    instance_from,
)
from spiffcli.catalog.instances import OPEN_STATES, delete_rows, used_definitions
from spiffcli.catalog.keys import key_records, read_key, write_key
from spiffcli.catalog.scope import Scope
from spiffcli.catalog.start_events import with_starts
from spiffcli.catalog.timers import forget_timers
from spiffcli.catalog.words import some
from spiffcli.errors import StateError
from spiffcli.store.protocol import Document, Reader, Transaction
from spiffcli.values import Definition, Deployment, Instance


class Deletion(Struct, frozen=True):
    """What a deletion takes away.

    Attributes:
        deployments: Those of which nothing is left; their files go with them.
        running: Instances that have not ended: without `cascade` they forbid the deletion.
        ended: Instances that have ended: without `cascade` their rows and history stay.
        others: How many instances of other tenants forbid it, whatever is asked for.
        callers: Definitions that stay and are bound to one that would go: they forbid it too.
        called: What they are bound to.
    """

    definitions: tuple[Definition, ...]
    deployments: tuple[str, ...]
    running: tuple[Instance, ...]
    ended: tuple[Instance, ...]
    others: int
    callers: tuple[Definition, ...]
    called: tuple[Definition, ...]

    def check(self, *, cascade: bool = False) -> None:
        """Nothing, if it may happen.

        Raises:
            StateError: Instances run (without `cascade`), or other definitions are bound to it.
        """
        _refuse(self, cascade)


def plan_deletion(reader: Reader, tenant: str, chosen: Sequence[Definition]) -> Deletion:
    """What deleting these definitions of the tenant would take away."""
    return _plan(reader, tenant, chosen, frozenset())


def plan_deployment_deletion(reader: Reader, deployment: Deployment) -> Deletion:
    """What deleting a deployment would take away: the versions it made, not those it only lists."""
    own = [get_definition(reader, entry.id) for entry in deployment.definitions if entry.new]
    made = [each for each in own if each is not None]
    return _plan(reader, deployment.tenant, made, frozenset((deployment.id,)))


def delete(tx: Transaction, tenant: str, deletion: Deletion, *, cascade: bool = False) -> Deletion:
    """Delete what `deletion` names, looked at again now; returns what went.

    Version numbers are not given again. The events that start the key go to its newest version that remains. What
    instances have run that have ended and stay is kept for them, out of every list.

    Args:
        cascade: Delete all instances of the tenant too.

    Raises:
        StateError: Instances run, or other definitions are bound to it; `data` has counts and ids.
    """
    deletion = _plan(tx, tenant, deletion.definitions, frozenset(deletion.deployments))
    _refuse(deletion, cascade)
    ids = {each.id for each in deletion.definitions}
    if cascade:
        gone = (*deletion.running, *deletion.ended)
        rows = [tx.get("instance", instance.id, body=False) for instance in gone]
        delete_rows(tx, (row for row in rows if row is not None))
    forget_timers(tx, ids)
    kept = ids.intersection(used_definitions(tx))
    blobs = _delete_definitions(tx, deletion.definitions, kept)
    holders = {each.deployment for each in deletion.definitions if each.id in kept}
    blobs |= _delete_deployments(tx, tenant, ids, [each for each in deletion.deployments if each not in holders])
    _mend_keys(tx, tenant, set(deletion.deployments))
    delete_unreferenced(tx, blobs)
    return deletion


def _plan(reader: Reader, tenant: str, chosen: Sequence[Definition], deployments: frozenset[str]) -> Deletion:
    ids = frozenset(each.id for each in chosen)
    rows = [row for row in reader.find("instance") if _uses(row, ids)] if ids else []
    own = [instance_from(row) for row in rows if row.fields["tenant"] == tenant]
    open_now = [each for each in own if each.state in OPEN_STATES]
    others = [r for r in rows if r.fields["tenant"] != tenant and r.fields["state"] in OPEN_STATES]
    callers = [definition_from(row) for row in _callers(reader, chosen)]
    targets = {each.id for each in chosen if any(_is_bound(caller, each) for caller in callers)}
    return Deletion(
        definitions=tuple(chosen),
        deployments=tuple(sorted({*deployments, *_emptied(reader, tenant, ids)})),
        running=tuple(open_now),
        ended=tuple(each for each in own if each.state not in OPEN_STATES and each.definition in ids),
        others=len(others),
        callers=tuple(callers),
        called=tuple(each for each in chosen if each.id in targets),
    )


def _uses(row: Document, ids: frozenset[str]) -> bool:
    return row.fields["definition"] in ids or not ids.isdisjoint(row.fields.get("calls", ()))


def _emptied(reader: Reader, tenant: str, ids: frozenset[str]) -> list[str]:
    rows = reader.find("deployment", {"tenant": tenant}) if ids else ()
    return [row.id for row in rows if ids.issuperset(row.fields.get("definitions", ()))]


def _callers(reader: Reader, chosen: Sequence[Definition]) -> list[Document]:
    """Definitions that stay and are bound to one of these, by its id, its version, or a tag that only it has."""
    ids = {each.id for each in chosen}
    rows = (reader.get("definition", row.id) for row in list(reader.find("definition")) if row.id not in ids)
    found = [row for row in rows if row is not None] if ids else []
    return [row for row in found if any(_is_bound(definition_from(row), each) for each in chosen)]


def _is_bound(caller: Definition, target: Definition) -> bool:
    named = {f"version:{target.version}", *(f"tag:{tag}" for tag in target.tags)}
    return any(
        each.target == target.id or ((each.kind, each.key) == (target.kind, target.key) and each.binding in named)
        for each in caller.references
    )


def _refuse(deletion: Deletion, cascade: bool) -> None:
    names = some([each.label for each in deletion.definitions])
    if deletion.callers:
        callers, called = [each.label for each in deletion.callers], [each.label for each in deletion.called]
        them = "it" if len(called) == 1 else "them"
        raise StateError(
            f"{some(called)} cannot be deleted: {some(callers)} {_is_are(callers)} bound to {them}.",
            hint="Delete those first.",
            callers=[each.id for each in deletion.callers],
        )
    if deletion.others:
        whose = "instance of another tenant uses" if deletion.others == 1 else "instances of other tenants use"
        raise StateError(
            f"{names} cannot be deleted: {deletion.others} running {whose} it.",
            hint="They have to end, or migrate, first.",
            count=deletion.others,
        )
    if deletion.running and not cascade:
        ids = [each.id for each in deletion.running]
        noun = "instance uses" if len(ids) == 1 else "instances use"
        raise StateError(
            f"{names} cannot be deleted: {len(ids)} running {noun} it: {some(ids)}.",
            hint="Migrate or finish them, or delete them as well with --cascade.",
            count=len(ids),
            instances=ids,
        )


def _delete_definitions(tx: Transaction, gone: Iterable[Definition], kept: Collection[str]) -> set[str]:
    blobs: set[str] = set()
    for definition in gone:
        row = tx.get("definition", definition.id)
        if row is None:
            continue
        if row.id in kept:
            tx.put("retired", row.id, row.fields, row.body, expected=tx.revision("retired", row.id))
        blobs.update(row.fields.get("blobs", ()))
        tx.delete("definition", row.id, expected=row.revision)
        record = read_key(tx, definition.tenant, definition.kind, definition.key)
        write_key(tx, with_starts(tx, record.without_version(definition.version)))
        for situation in list(tx.find("situation", {"definition": row.id})):
            tx.delete("situation", situation.id, expected=situation.revision)
    return blobs


def _delete_deployments(tx: Transaction, tenant: str, ids: set[str], gone: Sequence[str]) -> set[str]:
    """Take the definitions out of every deployment that lists them; delete those named."""
    blobs: set[str] = set()
    for row in list(tx.find("deployment", {"tenant": tenant})):
        if row.id in gone:
            blobs.update(row.fields.get("blobs", ()))
            tx.delete("deployment", row.id, expected=row.revision)
        elif not ids.isdisjoint(row.fields.get("definitions", ())):
            _shorten(tx, row.id, ids)
    return blobs


def _shorten(tx: Transaction, id: str, ids: set[str]) -> None:
    row = tx.get("deployment", id)
    if row is None:
        return
    whole = deployment_from(row)
    rest = replace(whole, definitions=tuple(each for each in whole.definitions if each.id not in ids))
    tx.put("deployment", id, deployment_fields(rest), deployment_body(rest), expected=row.revision)


def _mend_keys(tx: Transaction, tenant: str, gone: set[str]) -> None:
    """Let no key name a deployment that is gone as its last one."""
    for record in [each for each in key_records(tx, tenant) if each.deployment in gone]:
        whole = read_key(tx, tenant, record.kind, record.key)
        versions = definitions(tx, Scope(tenant, fallback=False), record.key, (record.kind,))
        write_key(tx, replace(whole, deployment=versions[-1].deployment if versions else None))


def _is_are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
