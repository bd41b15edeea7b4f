"""The index of a store on files: one row for each document, in shards that are databases of TinyDB."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import orjson
from msgspec import Struct, field
from tinydb import where
from tinydb.storages import Storage
from tinydb.table import Document as TinyDocument
from tinydb.table import Table

from spiffcli.errors import CorruptStoreError
from spiffcli.store.protocol import INDEXES, Document, Fields, Problem
from spiffcli.store.tinydb_files import Row, address, blob_name, decode, encode, is_hash, row_number
from spiffcli.values import digest

Rows: TypeAlias = dict[str, Row]

#: The table of a shard, under the name TinyDB gives to a table without one.
TABLE = "_default"


class ShardStorage(Storage):  # type: ignore[misc]  # untyped upstream
    """A TinyDB storage for one shard, whose writes become durable with the commit they belong to.

    TinyDB's own storage rewrites its file in place, so that a crash or a second writer destroys it. This
    one keeps what is written; the commit writes `content` to a new file, syncs it and moves it in place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables: dict[str, Any] | None = None

    def read(self) -> dict[str, Any] | None:
        """Return the tables as written last, else as they are in the file; None where there is none.

        Raises:
            CorruptStoreError: The file is not one of ours, or damaged.
        """
        if self._tables is None:
            try:
                tables = orjson.loads(self._path.read_bytes())
                tables[TABLE].values()
            except FileNotFoundError:
                return None
            except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
                raise damaged_index(self._path) from error
            self._tables = tables
        return self._tables

    def write(self, data: dict[str, Any]) -> None:
        """Keep the tables for the commit."""
        self._tables = data

    def content(self) -> bytes:
        """Return the file of the shard, as the commit has to write it."""
        return orjson.dumps(self._tables)


class Shard(Table):  # type: ignore[misc]  # untyped upstream
    """The rows of a shard, by the text that their ids are in the file."""

    document_id_class = str

    def __init__(self, path: Path) -> None:
        super().__init__(ShardStorage(path), TABLE, cache_size=0)


def find_rows(path: Path, meets: Callable[[Fields], bool] | None) -> list[Row]:
    """Return the rows of a shard, those alone whose fields meet a condition, in no order.

    Raises:
        CorruptStoreError: The shard is damaged.
    """
    shard = Shard(path)
    try:
        rows: list[Row] = shard.search(where("fields").test(meets)) if meets else shard.all()
    except (TypeError, AttributeError, ValueError) as error:
        raise damaged_index(path) from error
    return rows


def changed_shard(path: Path, rows: Mapping[str, Row | None]) -> bytes:
    """Return the new content of a shard after some of its rows were replaced, added or (None) removed.

    Args:
        rows: The changed rows by TinyDB's ids.

    Raises:
        CorruptStoreError: The shard is damaged.
    """
    shard = Shard(path)
    # All rows at once, and with ids of our own: TinyDB makes the whole table anew for every call.
    old = [number for number in rows if shard.contains(doc_id=number)]
    if old:
        shard.remove(doc_ids=old)
    shard.insert_multiple(TinyDocument(row, number) for number, row in rows.items() if row is not None)
    content: bytes = shard.storage.content()
    return content


def damaged_index(path: Path) -> CorruptStoreError:
    """Return the error for a shard that cannot be read."""
    return CorruptStoreError(f"The index file {path} is damaged.", hint="runner store check --repair rebuilds it.")


class Findings(Struct):
    """What is wrong with a store.

    Attributes:
        lasting: Faults that nothing in the store can mend, in words.
        mendable: Faults that `repairs` mends, in words.
        repairs: Files to write, relative to the root of the store.
    """

    lasting: list[str] = field(default_factory=list)
    mendable: list[str] = field(default_factory=list)
    repairs: dict[str, bytes] = field(default_factory=dict)

    def problems(self, *, repaired: bool) -> list[Problem]:
        """The faults as `check` returns them."""
        return [*map(Problem, self.lasting), *(Problem(what, repaired) for what in self.mendable)]


def inspect(root: Path) -> Findings:
    """Read everything in the store at `root`. The caller holds its lock."""
    findings = Findings()
    for kind in INDEXES:
        names = {path.name for path in _folders(root, f"documents/{kind}", findings)}
        names |= {path.stem for path in _files(root / "index" / kind) if path.suffix == ".json"}
        for name in sorted(names):
            _inspect_shard(root, f"{kind}/{name}", findings)
    _inspect_blobs(root, findings)
    return findings


def _inspect_shard(root: Path, shard: str, findings: Findings) -> None:
    """Compare the rows of a shard with its documents; where they differ, the documents are right."""
    name = f"index/{shard}.json"
    rows = _sound_rows(root, name, findings)
    documents, damaged = _read_documents(root, f"documents/{shard}", findings)
    right = dict(documents)
    for number, row in rows.items():
        if number not in documents:
            right[number] = _keep_row(shard, row, number in damaged, findings)
        elif orjson.dumps(row) != orjson.dumps(documents[number]):
            findings.mendable.append(f"the index does not match {_label(shard, documents[number])}")
    for number in documents.keys() - rows.keys():
        findings.mendable.append(f"{_label(shard, documents[number])} is missing in the index")
    for number in damaged.keys() - rows.keys():
        findings.lasting.append(f"the file {damaged[number]} is damaged, and no row tells what it was")
    if orjson.dumps(right, option=orjson.OPT_SORT_KEYS) != orjson.dumps(rows, option=orjson.OPT_SORT_KEYS):
        findings.repairs[name] = orjson.dumps({TABLE: right})


def _label(shard: str, row: Row) -> str:
    return f"{shard.partition('/')[0]} '{row['id']}'"


def _sound_rows(root: Path, name: str, findings: Findings) -> Rows:
    """The rows of a shard that are what rows must be; none where the file is damaged."""
    try:
        rows: Rows = (ShardStorage(root / name).read() or {TABLE: {}})[TABLE]
    except CorruptStoreError:
        findings.mendable.append(f"the index file {name} is damaged")
        findings.repairs[name] = orjson.dumps({TABLE: {}})  # unless there is more to write
        return {}
    kind = name.split("/")[1]
    sound = {number: row for number, row in rows.items() if _is_sound(kind, number, row)}
    for number in rows.keys() - sound.keys():
        findings.mendable.append(f"row {number} of the index file {name} is damaged")
        findings.repairs[name] = orjson.dumps({TABLE: sound})
    return sound


def _is_sound(kind: str, number: str, row: Row) -> bool:
    return (
        isinstance(row, dict)
        and set(row) == {"id", "revision", "size", "seal", "fields"}
        and isinstance(row["id"], str)
        and isinstance(row["revision"], int)
        and isinstance(row["fields"], dict)
        and str(address(kind, row["id"]).number) == number
    )


def _read_documents(root: Path, folder: str, findings: Findings) -> tuple[Rows, dict[str, str]]:
    """The rows that the documents of a shard should have, and the names of damaged files, by row number."""
    rows: Rows = {}
    damaged: dict[str, str] = {}
    for path in _files(root / folder):
        name = f"{folder}/{path.name}"
        if not is_hash(path.name):
            findings.lasting.append(_stray(name))
            continue
        number = row_number(path.name)
        try:
            document, row = decode(path.read_bytes())
        except (ValueError, OSError):
            damaged[number] = name
            continue
        if address(document.kind, document.id).document == name:
            rows[number] = row
        else:
            findings.lasting.append(f"the file {name} holds {document.kind} '{document.id}', which is kept elsewhere")
    return rows, damaged


def _keep_row(shard: str, row: Row, damaged: bool, findings: Findings) -> Row:
    """What to do with a row whose document cannot be read: it stays, and tells what is lost."""
    label = _label(shard, row)
    if damaged:
        findings.lasting.append(f"the body of {label} does not match its hash")
    elif row["size"] is not None:
        findings.lasting.append(f"the body of {label} is missing")
    else:
        findings.mendable.append(f"the file of {label} is missing; its row tells all of it")
        kind = shard.partition("/")[0]
        content, row = encode(Document(kind, row["id"], row["revision"], row["fields"]))
        findings.repairs[address(kind, row["id"]).document] = content
    return row


def _inspect_blobs(root: Path, findings: Findings) -> None:
    for path in (file for folder in _folders(root, "blobs", findings) for file in _files(folder)):
        name = path.relative_to(root).as_posix()
        if not is_hash(path.name) or name != blob_name(path.name):
            findings.lasting.append(_stray(name))
        elif not _matches(path):
            findings.lasting.append(f"blob {path.name} does not match its hash")


def _matches(path: Path) -> bool:
    try:
        return digest(path.read_bytes()) == path.name
    except OSError:
        return False


def _folders(root: Path, name: str, findings: Findings) -> list[Path]:
    paths = _files(root / name)
    findings.lasting += [_stray(f"{name}/{path.name}") for path in paths if not path.is_dir()]
    return [path for path in paths if path.is_dir()]


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def _stray(name: str) -> str:
    return f"the file {name} does not belong to the store"
