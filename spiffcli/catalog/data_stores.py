"""Values of data stores: of one tenant, shared by all its instances, written with the instance that wrote them."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from spiffcli.catalog.documents import document_id
from spiffcli.errors import ConflictError
from spiffcli.store.protocol import Document, Reader, Transaction

_PREFIX = "data-store/"


class DataStore(Struct, frozen=True):
    """A data store of a tenant.

    Attributes:
        kind: `json`, `json_file`, `kkv` or `typeahead`.
        location: Folder of the model repository that describes it, `.` for the topmost.
        content: Its value as JSON; None where nothing has been written.
        revision: How often it was written.
        updated: When it was written last, and by whom.
    """

    id: str
    kind: str
    location: str
    content: bytes | None = None
    revision: int = 0
    updated: str = ""
    user: str = ""


def place_of(tenant: str, kind: str, location: str, id: str) -> str:
    """What a data store is stored under."""
    return document_id("data-store", tenant, kind, location, id)


def data_store(reader: Reader, tenant: str, kind: str, location: str, id: str) -> DataStore:
    """A data store with its value, written to yet or not."""
    document = reader.get("meta", place_of(tenant, kind, location, id))
    return DataStore(id, kind, location) if document is None else _from(document)


def data_stores(reader: Reader, tenant: str) -> Iterator[DataStore]:
    """All that have been written to, without their values, by location and id."""
    rows = [row for row in reader.find("meta") if row.id.startswith(_PREFIX) and row.fields["tenant"] == tenant]
    yield from sorted(map(_from, rows), key=lambda each: (each.location, each.id, each.kind))


def put_data_store(tx: Transaction, tenant: str, found: DataStore) -> None:
    """Store a value; the revision is that of what it replaces.

    Raises:
        ConflictError: Somebody else wrote to it in between.
    """
    place = place_of(tenant, found.kind, found.location, found.id)
    fields = {
        "tenant": tenant,
        "kind": found.kind,
        "location": found.location,
        "id": found.id,
        "updated": found.updated,
        "user": found.user,
    }
    try:
        tx.put("meta", place, fields, found.content, expected=found.revision)
    except ConflictError as error:
        raise ConflictError(
            f"Another command wrote to the data store '{found.id}' meanwhile; nothing was saved.", hint="Try again."
        ) from error


def _from(document: Document) -> DataStore:
    fields = document.fields
    return DataStore(
        fields["id"],
        fields["kind"],
        fields["location"],
        document.body,
        document.revision,
        fields["updated"],
        fields["user"],
    )
