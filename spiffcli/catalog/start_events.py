"""Which definition an event starts: the newest active version of each key, and no other."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

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

    The default tenant is asked where nothing of the tenant itself starts, and only for keys the tenant does not have.

    Args:
        kind: `message`, `signal` or `timer`.
        name: Name of the message or signal; of a timer the id of the start event.
    """
    wanted = event(kind, name)
    found = [each for each in _visible(reader, scope) if wanted in each.starts and each.starts_id]
    own = [each for each in found if each.tenant == scope.tenant]
    return tuple(each.starts_id for each in own or found if each.starts_id)


def suspended_starts(reader: Reader, scope: Scope, kind: str, name: str) -> tuple[str, ...]:
    """Ids of the definitions that an event would start if they were not suspended: the newest of each key.

    Args:
        kind, name: As of `started_by`.
    """
    wanted = event(kind, name)
    found = []
    for record in _visible(reader, scope):
        row = reader.get("definition", record.latest_id) if record.latest_id and record.kind in STARTABLE else None
        if row is not None and row.fields.get("suspended", False) and wanted in starts_of(row):
            found.append(row.id)
    return tuple(found)


def start_names(reader: Reader, scope: Scope, kind: str) -> tuple[str, ...]:
    """Names of the messages or signals that start something, in order."""
    prefix = event(kind, "")
    starts = [start for each in _visible(reader, scope) for start in each.starts]
    return tuple(sorted({start.removeprefix(prefix) for start in starts if start.startswith(prefix)}))


def _visible(reader: Reader, scope: Scope) -> Iterator[KeyRecord]:
    """The record of every key that the tenant sees: its own, else that of the key's default tenant."""
    had = set()
    for tenant in scope.all_tenants():
        for record in key_records(reader, tenant):
            place = (record.kind, record.key)
            if record.latest and place not in had and tenant in scope.tenants(record.key):
                had.add(place)
                yield record
