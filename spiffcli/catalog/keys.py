"""One small document per (tenant, kind, key): which versions there are and which number is next.

It makes "the latest of a key" one read, whatever the number of versions and instances, and it remembers the
highest number ever given after the version that had it is gone. Apart from that number and the last
deployment, everything in it can be rebuilt from the definitions (see `checking`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from spiffcli.catalog.documents import document_id, from_body, to_bytes
from spiffcli.store.protocol import Document, Reader, Transaction
from spiffcli.values import DefinitionKind


class KeyRecord(Struct, frozen=True):
    """What is known of one key.

    Attributes:
        latest: Highest version that exists; 0 where none does.
        latest_id: Id of that definition, or None.
        highest: Highest version ever given.
        deployment: Id of the last deployment that was made for the sake of the key, or None.
        starts: Events that start the newest active version, as `message:NAME` ...
        starts_id: Id of the definition they start, or None.
        versions: Definition id by version; only where the record was read whole.
        tags: Version by tag; only where the record was read whole.
        revision: 0 for a key that was never deployed.
    """

    tenant: str
    kind: DefinitionKind
    key: str
    latest: int = 0
    latest_id: str | None = None
    highest: int = 0
    deployment: str | None = None
    starts: tuple[str, ...] = ()
    starts_id: str | None = None
    versions: Mapping[int, str] = field(default_factory=dict)
    tags: Mapping[str, int] = field(default_factory=dict)
    revision: int = 0

    @property
    def id(self) -> str:
        """Id of the document."""
        return key_id(self.tenant, self.kind, self.key)

    def with_version(self, version: int, id: str) -> KeyRecord:
        """The record after `version` was added."""
        versions = {**self.versions, version: id}
        return replace(self._with_versions(versions), highest=max(self.highest, version))

    def without_version(self, version: int) -> KeyRecord:
        """The record after `version` was deleted: its tags are free again, its number is not."""
        versions = {number: id for number, id in self.versions.items() if number != version}
        tags = {tag: number for tag, number in self.tags.items() if number != version}
        return replace(self._with_versions(versions), tags=tags)

    def with_tag(self, tag: str, version: int | None) -> KeyRecord:
        """The record after `tag` was put on `version`, or taken off where that is None."""
        tags = {**self.tags, tag: version}
        return replace(self, tags={name: number for name, number in tags.items() if number is not None})

    def _with_versions(self, versions: Mapping[int, str]) -> KeyRecord:
        latest = max(versions, default=0)
        return replace(self, versions=versions, latest=latest, latest_id=versions.get(latest))


def key_id(tenant: str, kind: DefinitionKind, key: str) -> str:
    """Id of the document of a key."""
    return document_id(tenant, kind, key)


def read_key(reader: Reader, tenant: str, kind: DefinitionKind, key: str, *, whole: bool = True) -> KeyRecord:
    """The record of a key, empty where it was never deployed.

    Args:
        whole: Read versions and tags too; without them the cost does not depend on their number.
    """
    document = reader.get("key", key_id(tenant, kind, key), body=whole)
    return KeyRecord(tenant, kind, key) if document is None else _record(document)


def key_records(reader: Reader, tenant: str) -> Iterator[KeyRecord]:
    """The records of a tenant, without versions and tags."""
    return (_record(document) for document in reader.find("key", {"tenant": tenant}))


def all_keys(reader: Reader) -> Iterator[KeyRecord]:
    """The records of all tenants, without versions and tags."""
    return (_record(document) for document in reader.find("key"))


def write_key(tx: Transaction, record: KeyRecord) -> None:
    """Store a record that was read whole and changed.

    Raises:
        ConflictError: Somebody else changed it in between.
    """
    fields = {
        "tenant": record.tenant,
        "kind": record.kind,
        "key": record.key,
        "latest": record.latest,
        "latest_id": record.latest_id,
        "highest": record.highest,
        "deployment": record.deployment,
        "starts": list(record.starts),
        "starts_id": record.starts_id,
    }
    body = to_bytes(
        {
            "versions": [[version, record.versions[version]] for version in sorted(record.versions)],
            "tags": {tag: record.tags[tag] for tag in sorted(record.tags)},
        }
    )
    tx.put("key", record.id, fields, body, expected=record.revision)


def _record(document: Document) -> KeyRecord:
    fields, body = document.fields, from_body(document)
    return KeyRecord(
        tenant=fields["tenant"],
        kind=fields["kind"],
        key=fields["key"],
        latest=fields["latest"],
        latest_id=fields["latest_id"],
        highest=fields["highest"],
        deployment=fields["deployment"],
        starts=tuple(fields["starts"]),
        starts_id=fields["starts_id"],
        versions=dict(body.get("versions", ())),
        tags=body.get("tags", {}),
        revision=document.revision,
    )
