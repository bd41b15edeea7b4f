"""Whether everything the catalog refers to is there, over all tenants; mended where there is only one way to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.catalog.blobs import references as blob_references
from spiffcli.catalog.documents import definition_from, instance_from
from spiffcli.catalog.instances import OPEN_STATES, history_ids, natural_key
from spiffcli.catalog.keys import KeyRecord, all_keys, read_key, write_key
from spiffcli.catalog.start_events import with_starts
from spiffcli.store.protocol import Document, DocumentStore, Problem, Reader, Transaction
from spiffcli.values import Definition, DefinitionKind, Instance

_Key: TypeAlias = tuple[str, DefinitionKind, str]


class _Finding(Struct, frozen=True):
    what: str
    mend: Callable[[Transaction], None] | None = None


def check(store: DocumentStore, *, repair: bool = False) -> list[Problem]:
    """Follow every reference between documents and blobs.

    Repaired are key documents (from the definitions; the highest number never goes down), natural ids, and
    situations of definitions that are gone. What else is missing cannot be made up.

    Args:
        repair: Mend what can be mended, in one transaction.
    """
    if not repair:
        return [Problem(finding.what) for finding in _findings(store)]
    with store.transaction() as tx:
        found = list(_findings(tx))
        for finding in found:
            if finding.mend is not None:
                finding.mend(tx)
    return [Problem(finding.what, repaired=finding.mend is not None) for finding in found]


def _findings(reader: Reader) -> Iterator[_Finding]:
    there = {kind: {row.id for row in reader.find(kind)} for kind in ("deployment", "definition", "instance")}
    yield from _blobs(reader)
    yield from _deployments(reader, there["definition"])
    yield from _definitions(reader, there["deployment"], there["definition"])
    yield from _keys(reader, there["deployment"])
    yield from _instances(reader, there["definition"])
    yield from _natural_ids(reader)
    yield from _situations(reader, there["definition"])
    yield from _histories(reader, there["instance"])
    yield from _aggregates(reader, there["instance"])


def _blobs(reader: Reader) -> Iterator[_Finding]:
    for kind, id, hash in blob_references(reader):
        if not reader.has_blob(hash):
            yield _Finding(f"The blob {hash} that {kind} {id} refers to is missing.")


def _deployments(reader: Reader, definitions: set[str]) -> Iterator[_Finding]:
    for row in reader.find("deployment"):
        for id in row.fields.get("definitions", ()):
            if id not in definitions:
                yield _Finding(f"Deployment {row.id} lists the definition {id}, which is missing.")


def _definitions(reader: Reader, deployments: set[str], definitions: set[str]) -> Iterator[_Finding]:
    for row in reader.find("definition"):
        name = f"Definition {row.id} ({row.fields['key']}@{row.fields['version']})"
        if row.fields["deployment"] not in deployments:
            yield _Finding(f"{name} belongs to the deployment {row.fields['deployment']}, which is missing.")
        for target in row.fields.get("targets", ()):
            if target not in definitions:
                yield _Finding(f"{name} is bound to the definition {target}, which is missing.")


def _keys(reader: Reader, deployments: set[str]) -> Iterator[_Finding]:
    by_key: dict[_Key, list[Definition]] = {}
    for row in reader.find("definition"):
        definition = definition_from(row)
        by_key.setdefault((definition.tenant, definition.kind, definition.key), []).append(definition)
    for record in all_keys(reader):
        by_key.setdefault((record.tenant, record.kind, record.key), [])
    for key, versions in by_key.items():
        yield from _twice(versions)
        record = read_key(reader, *key)
        right = _rebuilt(reader, record, versions, deployments)
        if right != record:
            yield _Finding(f"The key document of {key[1]} '{key[2]}' does not fit its definitions.", _Write(right))


def _twice(versions: Iterable[Definition]) -> Iterator[_Finding]:
    seen: dict[int, str] = {}
    for each in versions:
        other = seen.setdefault(each.version, each.id)
        if other != each.id:
            yield _Finding(f"The definitions {other} and {each.id} are both {each.label}.")


def _rebuilt(reader: Reader, record: KeyRecord, definitions: list[Definition], deployments: set[str]) -> KeyRecord:
    versions = {each.version: each.id for each in definitions}
    latest = max(versions, default=0)
    right = replace(
        record,
        versions=versions,
        tags={tag: each.version for each in definitions for tag in each.tags},
        latest=latest,
        latest_id=versions.get(latest),
        highest=max(record.highest, latest),
        deployment=record.deployment if record.deployment in deployments else None,
    )
    return with_starts(reader, right)


class _Write(Struct, frozen=True):
    record: KeyRecord

    def __call__(self, tx: Transaction) -> None:
        write_key(tx, self.record)


class _Delete(Struct, frozen=True):
    row: Document

    def __call__(self, tx: Transaction) -> None:
        tx.delete(self.row.kind, self.row.id, expected=self.row.revision)


class _Claim(Struct, frozen=True):
    natural_key: str
    instance: str

    def __call__(self, tx: Transaction) -> None:
        tx.put("natural", self.natural_key, {"instance": self.instance}, expected=0)


def _instances(reader: Reader, definitions: set[str]) -> Iterator[_Finding]:
    claimed: set[str] = set()
    for row in reader.find("instance"):
        instance = instance_from(row)
        if instance.state in OPEN_STATES:
            # Those that have ended outlive their definition.
            for id in (instance.definition, *instance.calls):
                if id not in definitions:
                    yield _Finding(f"Instance {row.id} runs on the definition {id}, which is missing.")
        for chunk in history_ids(row):
            if reader.get("history", chunk, body=False) is None:
                yield _Finding(f"A part of the history of instance {row.id} is missing ({chunk}).")
        if instance.natural_id is not None:
            yield from _natural_id_of(reader, row, instance.natural_id, claimed)
        if instance.definition in definitions and not _has_situation(reader, instance):
            yield _Finding(f"The situation {instance.situation} of instance {row.id} is missing.")


def _has_situation(reader: Reader, instance: Instance) -> bool:
    return not instance.situation or reader.get("situation", instance.situation, body=False) is not None


def _natural_id_of(reader: Reader, row: Document, natural_id: str, claimed: set[str]) -> Iterator[_Finding]:
    id = natural_key(row.fields["tenant"], row.fields["key"], natural_id)
    holder = reader.get("natural", id, body=False)
    if holder is None:
        mend = None if id in claimed else _Claim(id, row.id)
        claimed.add(id)
        yield _Finding(f"The natural id '{natural_id}' of instance {row.id} is not reserved for it.", mend)
    elif holder.fields["instance"] != row.id:
        yield _Finding(
            f"The natural id '{natural_id}' of instance {row.id} is reserved for {holder.fields['instance']}."
        )


def _natural_ids(reader: Reader) -> Iterator[_Finding]:
    for row in reader.find("natural"):
        instance = reader.get("instance", row.fields["instance"], body=False)
        natural_id = None if instance is None else instance.fields.get("natural_id")
        if instance is None or natural_id is None or _natural_key_of(instance, natural_id) != row.id:
            what = f"A natural id is reserved for instance {row.fields['instance']}, which does not have it ({row.id})."
            yield _Finding(what, _Delete(row))


def _natural_key_of(instance: Document, natural_id: str) -> str:
    return natural_key(instance.fields["tenant"], instance.fields["key"], natural_id)


def _situations(reader: Reader, definitions: set[str]) -> Iterator[_Finding]:
    for row in reader.find("situation"):
        if row.fields["definition"] not in definitions:
            what = f"Situation {row.id} belongs to the definition {row.fields['definition']}, which is missing."
            yield _Finding(what, _Delete(row))


def _histories(reader: Reader, instances: set[str]) -> Iterator[_Finding]:
    for row in reader.find("history"):
        if row.id.partition(".")[0] not in instances:
            yield _Finding(f"The history {row.id} belongs to no instance.")


def _aggregates(reader: Reader, instances: set[str]) -> Iterator[_Finding]:
    for row in reader.find("aggregate"):
        if row.fields["instance"] not in instances:
            yield _Finding(f"The aggregate {row.id} belongs to instance {row.fields['instance']}, which is missing.")
