"""Which definition an event starts: the newest active version of each key, and no other."""

from __future__ import annotations

from dataclasses import replace

from spiffcli.catalog.definitions import STARTABLE
from spiffcli.catalog.documents import event, starts_of
from spiffcli.catalog.keys import KeyRecord, key_records
from spiffcli.catalog.scope import Scope
from spiffcli.store.protocol import Reader


def with_starts(reader: Reader, record: KeyRecord) -> KeyRecord:
    """The record of a key, read whole, with its start events moved to the newest active version."""
    if record.kind not in STARTABLE:
        return record
    for version in sorted(record.versions, reverse=True):
        row = reader.get("definition", record.versions[version])
        if row is not None and not row.fields.get("suspended", False):
            return replace(record, starts=starts_of(row), starts_id=row.id)
    return replace(record, starts=(), starts_id=None)


def started_by(reader: Reader, scope: Scope, kind: str, name: str) -> tuple[str, ...]:
    """Ids of the definitions that an event starts, one per key at most.

    The default tenant is asked where nothing of the tenant itself starts.

    Args:
        kind: `message`, `signal` or `timer`.
        name: Name of the message or signal; of a timer the id of the start event.
    """
    wanted = event(kind, name)
    for tenant in scope.all_tenants():
        found = [
            record.starts_id
            for record in key_records(reader, tenant)
            if wanted in record.starts and record.starts_id and tenant in scope.tenants(record.key)
        ]
        if found:
            return tuple(found)
    return ()


def start_names(reader: Reader, scope: Scope, kind: str) -> tuple[str, ...]:
    """Names of the messages or signals that start something, in order."""
    prefix = event(kind, "")
    starts = [start for tenant in scope.all_tenants() for each in key_records(reader, tenant) for start in each.starts]
    return tuple(sorted({start.removeprefix(prefix) for start in starts if start.startswith(prefix)}))
