"""Aggregates: the domain objects that carry the state of workflows, kept beside their instances.

They are written in the transaction that saves their instance, and forgotten with it.
"""

from __future__ import annotations

from msgspec.structs import replace

from spiffcli.catalog.documents import document_id
from spiffcli.errors import ConflictError, DuplicateError
from spiffcli.store.protocol import Document, Reader, Transaction
from spiffcli.values import AggregateRecord


def aggregate(reader: Reader, tenant: str, process: str, natural_id: str) -> AggregateRecord | None:
    """The aggregate of a process with this natural id, or None."""
    document = reader.get("aggregate", document_id(tenant, process, natural_id))
    return None if document is None else _record(document)


def aggregates_of(reader: Reader, instance: str) -> list[AggregateRecord]:
    """The aggregates that an instance works on: its own first, then those of the processes it called."""
    rows = [row.id for row in reader.find("aggregate", {"instance": instance})]
    documents = [reader.get("aggregate", id) for id in rows]
    return sorted((_record(each) for each in documents if each is not None), key=lambda each: each.root is not None)


def put_aggregate(tx: Transaction, tenant: str, record: AggregateRecord) -> AggregateRecord:
    """Store an aggregate, and return it with its new revision; revision 0 means that it is new.

    Raises:
        DuplicateError: A new one whose natural id is taken; `data["instance"]` says by whom.
        ConflictError: Somebody else changed it in between.
    """
    id = document_id(tenant, record.process, record.natural_id)
    before = tx.get("aggregate", id, body=False)
    if record.revision == 0 and before is not None:
        raise DuplicateError(
            f"The process '{record.process}' has an aggregate with the natural id '{record.natural_id}' already.",
            instance=before.fields["instance"],
        )
    if before is not None and before.revision != record.revision:
        raise ConflictError(
            f"{record.type} '{record.natural_id}' was changed by another command "
            f"(revision {before.revision}, expected {record.revision}).",
            hint="Nothing was saved; try again.",
        )
    fields = {
        "tenant": tenant,
        "process": record.process,
        "natural_id": record.natural_id,
        "type": record.type,
        "version": record.version,
        "definition": record.definition,
        "instance": record.instance,
        **({} if record.root is None else {"root": record.root}),
        **({} if record.kept_as is None else {"kept_as": record.kept_as}),
    }
    return replace(record, revision=tx.put("aggregate", id, fields, record.body, expected=record.revision))


def delete_aggregates(tx: Transaction, instance: str) -> None:
    """Forget the aggregates of an instance."""
    for row in list(tx.find("aggregate", {"instance": instance})):
        tx.delete("aggregate", row.id, expected=row.revision)


def _record(document: Document) -> AggregateRecord:
    fields = document.fields
    return AggregateRecord(
        process=fields["process"],
        natural_id=fields["natural_id"],
        type=fields["type"],
        version=fields["version"],
        definition=fields["definition"],
        instance=fields["instance"],
        root=fields.get("root"),
        revision=document.revision,
        body=document.body or b"",
        kept_as=fields.get("kept_as"),
    )
