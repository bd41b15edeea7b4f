"""Where a store on files keeps what, and what the files look like.

```
format.json              {"store": "runner", "format": 1}
index/KIND/SS.json       TinyDB: one row for each document, in 64 shards by the hash of the id
documents/KIND/SS/HASH   one document: its seal, its header (with the fields), its body; HASH is of the id
blobs/AA/HASH            bytes under their own hash, written once
pending/                 what a transaction has written and not yet committed
redo                     the transaction being put in place; empty between transactions
locks/
```
A document's file says everything that its row says, so that the index can be rebuilt from the documents.
"""

from __future__ import annotations

import hashlib
from io import FileIO
from pathlib import Path
from typing import Any, TypeAlias

import orjson
from msgspec import Struct
from msgspec.structs import replace

from spiffcli.errors import CorruptStoreError
from spiffcli.store.protocol import Document

SHARDS = 64

#: Everything the root of a store may hold; a folder with anything else is not ours.
FORMAT_FILE, REDO, PENDING, LOCKS, IGNORE = "format.json", "redo", "pending", "locks", ".gitignore"
FOLDERS = ("index", "documents", "blobs", PENDING, LOCKS)
NAMES = frozenset((*FOLDERS, FORMAT_FILE, REDO, IGNORE))

#: The table of a shard, under the name TinyDB gives to a table without one.
TABLE = "_default"

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = dict[str, Row]

_SEAL = 64  # hex digits
_MOST_HEADERS = 4096

#: How the file of a shard with rows begins, and ends: with its last row's fields, that row, the table and the file.
_BEGINS, _ENDS = f'{{"{TABLE}":{{'.encode(), b"}}}}"


class Address(Struct, frozen=True):
    """Where a document and its row are, relative to the root of the store.

    Attributes:
        document: The file with everything about the document.
        shard: The shard of the index that has its row.
        number: TinyDB's id of the row, as text.
    """

    document: str
    shard: str
    number: str


def address(kind: str, id: str) -> Address:
    """Compute where a document is; nothing is read for it."""
    hash = hashlib.sha256(id.encode()).digest()
    shard = f"{kind}/{hash[0] % SHARDS:02x}"
    return Address(
        document=f"documents/{shard}/{hash.hex()}",
        shard=f"index/{shard}.json",
        number=row_number(hash.hex()),
    )


def row_number(hash: str) -> str:
    """TinyDB's id of the row of the document whose id has this hash: an integer, as text."""
    return str(int(hash[:30], 16))  # 120 bits: two ids never meet


def blob_name(hash: str) -> str:
    """Where a blob is, relative to the root of the store."""
    return f"blobs/{hash[:2]}/{hash}"


def is_hash(text: str) -> bool:
    """Whether `text` is the hash of a blob; nothing else may become a path."""
    return len(text) == _SEAL and text.isascii() and not text.strip("0123456789abcdef")


def encode(document: Document) -> tuple[bytes, Row]:
    """The file of a document (a seal over the rest, the header, the body), and its row in the index."""
    size = None if document.body is None else len(document.body)
    header = {
        "kind": document.kind,
        "id": document.id,
        "revision": document.revision,
        "size": size,
        "fields": document.fields,
    }
    content = orjson.dumps(header) + b"\n" + (document.body or b"")
    seal = _seal(content)
    return b"%b\n%b" % (seal, content), _row(document, size, seal)


def decode(content: bytes) -> tuple[Document, Row]:
    """The document in the bytes of its file, and its row in the index.

    Raises:
        ValueError: The file is damaged.
    """
    seal, rest = content[:_SEAL], content[_SEAL + 1 :]
    if content[_SEAL : _SEAL + 1] != b"\n" or _seal(rest) != seal:
        raise ValueError("its file does not match its hash")
    header, _, body = rest.partition(b"\n")
    document, size = _header(header)
    if size is not None:
        document = replace(document, body=body)
    return document, _row(document, size, seal)


def _row(document: Document, size: int | None, seal: bytes) -> Row:
    return {
        "id": document.id,
        "revision": document.revision,
        "size": size,
        "seal": seal.decode(),
        "fields": document.fields,
    }


def _seal(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _header(line: bytes) -> tuple[Document, int | None]:
    try:
        values = orjson.loads(line)
        return Document(values["kind"], values["id"], values["revision"], values["fields"]), values["size"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError("its file has no header") from error


def read_document(path: Path, *, body: bool) -> Document:
    """The document in the file `path`; without its body only the beginning of the file is read.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged.
    """
    with FileIO(path) as file:
        content = file.readall() if body else file.read(_MOST_HEADERS)
        if body:
            return decode(content)[0]
        if content.count(b"\n", 0) < 2:
            content += file.readall()
    header, end, _ = content[_SEAL + 1 :].partition(b"\n")
    if not end:
        raise ValueError("its file ends inside its header")
    return _header(header)[0]


def has_row(path: Path, number: str) -> bool:
    """Whether a shard has the row with TinyDB's id `number`; of a whole file that has not, nothing is parsed.

    Raises:
        CorruptStoreError: As `read_rows`.
    """
    content = shard_content(path)
    if content is None:
        return False
    # A key stands in quotes, which no text inside a row can hold unescaped.
    if content.startswith(_BEGINS) and content.endswith(_ENDS) and f'"{number}"'.encode() not in content:
        return False
    return number in parse_rows(path, content)


def read_rows(path: Path) -> Rows:
    """The rows of a shard by TinyDB's ids as text; none where there is no such file.

    Raises:
        CorruptStoreError: The file is not one of ours, or damaged.
    """
    return parse_rows(path, shard_content(path))


def shard_content(path: Path) -> bytes | None:
    """The bytes of a shard, or None where there is no such file."""
    try:
        with FileIO(path) as file:
            return file.readall()
    except FileNotFoundError:
        return None


def parse_rows(path: Path, content: bytes | None) -> Rows:
    """The rows in the bytes of the shard `path`.

    Raises:
        CorruptStoreError: As `read_rows`.
    """
    if content is None:
        return {}
    try:
        rows: Rows = orjson.loads(content)[TABLE]
        rows.values()
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CorruptStoreError(
            f"The index file {path} is damaged.", hint="runner store check --repair rebuilds it."
        ) from error
    return rows
