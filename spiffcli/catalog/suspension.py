"""Suspending and activating definitions: now, or at a date that `tick` looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.catalog.definitions import STARTABLE, definitions, get_definition
from spiffcli.catalog.documents import document_id, instance_from, with_suspended
from spiffcli.catalog.instances import OPEN_STATES, save
from spiffcli.catalog.keys import read_key, write_key
from spiffcli.catalog.scope import Scope
from spiffcli.catalog.start_events import with_starts
from spiffcli.errors import InputError
from spiffcli.store.protocol import Condition, Document, Reader, Transaction, one_of
from spiffcli.values import Definition, HistoryEntry

_PREFIX = "suspension/"

Action = Literal["suspend", "activate"]


class Suspended(Struct, frozen=True):
    """What a suspension or activation changed.

    Attributes:
        definitions: Ids of the definitions that were not so before.
        instances: Ids of the instances that were not so before.
    """

    definitions: tuple[str, ...]
    instances: tuple[str, ...]


class Scheduled(Struct, frozen=True):
    """A suspension or activation that waits for its date.

    Attributes:
        definition: Id of the definition, or of any one of the key.
        whole_key: Whether all versions that exist then are meant.
        instances: Whether their instances are meant too.
        at: Seconds since the epoch.
    """

    id: str
    action: Action
    definition: str
    whole_key: bool
    instances: bool
    at: float
    user: str


def set_suspended(
    tx: Transaction,
    tenant: str,
    chosen: Sequence[Definition],
    action: Action,
    *,
    instances: bool,
    entry: HistoryEntry,
) -> Suspended:
    """Suspend or activate definitions, and on request their instances that have not ended.

    Suspended definitions start nothing and are not entered by calls; their instances go on unless they are
    suspended too. What is so already is left alone.

    Args:
        entry: Goes into the history of every instance that changes.

    Raises:
        InputError: A decision or form: only what can be started can be suspended.
    """
    suspended = action == "suspend"
    changed = [each for each in chosen if _set_definition(tx, each, suspended)]
    for tenant_kind_key in dict.fromkeys((each.tenant, each.kind, each.key) for each in changed):
        record = read_key(tx, *tenant_kind_key)
        write_key(tx, with_starts(tx, record))
    rows = _open_rows(tx, tenant, chosen) if instances else []
    moved = [row for row in rows if row.fields.get("suspended", False) != suspended]
    for row in moved:
        save(tx, replace(instance_from(row), suspended=suspended), None, [entry])
    return Suspended(tuple(each.id for each in changed), tuple(row.id for row in moved))


def whole_key(reader: Reader, definition: Definition) -> list[Definition]:
    """Every version of the definition's key, as their rows show them."""
    own = Scope(definition.tenant, fallback=False)
    return definitions(reader, own, definition.key, (definition.kind,))


def schedule(tx: Transaction, tenant: str, plan: Scheduled) -> None:
    """Note down what to do later."""
    fields = {
        "tenant": tenant,
        "action": plan.action,
        "definition": plan.definition,
        "whole_key": plan.whole_key,
        "instances": plan.instances,
        "at": plan.at,
        "user": plan.user,
    }
    tx.put("meta", document_id("suspension", plan.id), fields, expected=0)


def unschedule(tx: Transaction, tenant: str, definition: Definition, action: Action) -> list[Scheduled]:
    """Forget the suspensions, or activations, noted down for a definition or for all of its key; returns them."""
    versions = {each.id for each in whole_key(tx, definition)}
    gone = [
        plan
        for plan in scheduled(tx, tenant)
        if plan.action == action
        and (plan.definition == definition.id or (plan.whole_key and plan.definition in versions))
    ]
    for plan in gone:
        row = tx.get("meta", document_id("suspension", plan.id), body=False)
        if row is not None:
            tx.delete("meta", row.id, expected=row.revision)
    return gone


def scheduled(reader: Reader, tenant: str) -> list[Scheduled]:
    """What waits for its date, the earliest first."""
    rows = (row for row in reader.find("meta") if row.id.startswith(_PREFIX))
    plans = [_scheduled(row) for row in rows if row.fields["tenant"] == tenant]
    return sorted(plans, key=lambda plan: (plan.at, plan.id))


def run_scheduled(tx: Transaction, tenant: str, plan: Scheduled, entry: HistoryEntry) -> Suspended:
    """Do what was noted down, and forget it; nothing happens where its definition is gone."""
    row = tx.get("meta", document_id("suspension", plan.id), body=False)
    definition = get_definition(tx, plan.definition)
    if row is not None:
        tx.delete("meta", row.id, expected=row.revision)
    if row is None or definition is None:
        return Suspended((), ())
    chosen = whole_key(tx, definition) if plan.whole_key else [definition]
    return set_suspended(tx, tenant, chosen, plan.action, instances=plan.instances, entry=entry)


def _scheduled(row: Document) -> Scheduled:
    fields = row.fields
    return Scheduled(
        id=row.id.removeprefix(_PREFIX),
        action=fields["action"],
        definition=fields["definition"],
        whole_key=fields["whole_key"],
        instances=fields["instances"],
        at=fields["at"],
        user=fields["user"],
    )


def _set_definition(tx: Transaction, definition: Definition, suspended: bool) -> bool:
    if definition.kind not in STARTABLE:
        raise InputError(
            f"{definition.label} is a {definition.kind}; only processes and collaborations can be suspended."
        )
    row = tx.get("definition", definition.id, body=False)
    if row is None or row.fields.get("suspended", False) == suspended:
        return False
    tx.put("definition", row.id, with_suspended(row, suspended), expected=row.revision)
    return True


def _open_rows(reader: Reader, tenant: str, chosen: Sequence[Definition]) -> list[Document]:
    where: dict[str, Condition] = {
        "tenant": tenant,
        "definition": one_of(*(each.id for each in chosen)),
        "state": one_of(*OPEN_STATES),
    }
    return list(reader.find("instance", where))
