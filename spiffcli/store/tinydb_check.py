"""Verifying a store on files: does every row have its document, every document its row, every hash its bytes?"""

from __future__ import annotations

from pathlib import Path

import orjson
from msgspec import Struct, field

from spiffcli.errors import CorruptStoreError
from spiffcli.store.protocol import INDEXES, Document, Problem
from spiffcli.store.tinydb_layout import (
    TABLE,
    Row,
    Rows,
    address,
    blob_name,
    decode,
    encode,
    is_hash,
    read_rows,
    row_number,
)
from spiffcli.values import digest


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
        rows = read_rows(root / name)
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
