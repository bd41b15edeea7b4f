"""Files of a store on TinyDB: where what is kept, what it looks like, and how many change at once.

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

A commit first writes every new file to `pending/` and syncs it. Then it writes the redo record: what has to
be moved where, and what has to be removed. That record, synced, is the commit: before it nothing has
happened, after it everything will. Putting in place is only moving and removing, needs no space, and can be
repeated, so whoever comes next finishes what a dead process began.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import orjson
from msgspec import Struct
from msgspec.structs import replace

from spiffcli.errors import StoreError
from spiffcli.store.locks import unusable
from spiffcli.store.protocol import Document

SHARDS = 64

#: Everything the root of a store may hold; a folder with anything else is not ours.
FORMAT_FILE, REDO, PENDING, LOCKS, IGNORE = "format.json", "redo", "pending", "locks", ".gitignore"
FOLDERS = ("index", "documents", "blobs", PENDING, LOCKS)
NAMES = frozenset((*FOLDERS, FORMAT_FILE, REDO, IGNORE))

Row: TypeAlias = dict[str, Any]

_SEAL = 64  # hex digits, as of every checksum
_MOST_HEADERS = 4096
_THREADS = 16


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


class Record(Struct, frozen=True):
    """What a commit does to the files of the store.

    Attributes:
        moves: Names in `pending/` and the paths they move to, in this order.
        removals: Paths that go away after that.
    """

    moves: tuple[tuple[str, str], ...]
    removals: tuple[str, ...]


class Commits:
    """The commits of one store. The caller holds the store's lock around everything but `is_clean`.

    Args:
        root: Folder of the store; all other paths are relative to it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pending = root / PENDING
        self._redo = root / REDO

    def is_clean(self) -> bool:
        """Whether no record is there: neither of a commit under way nor of a dead process."""
        try:
            return self._redo.stat().st_size == 0
        except FileNotFoundError:
            return True

    def commit(self, files: Mapping[str, bytes], removals: Iterable[str] = ()) -> None:
        """Replace or create `files` in the order given, then remove `removals`: all of it or nothing.

        Raises:
            StoreError: The system refused to write; if that was before the commit point, nothing happened.
        """
        # No name is used twice: an old record that survives a power failure must not find new files.
        token = os.urandom(6).hex()
        record = Record(
            moves=tuple((f"{token}-{number}", target) for number, target in enumerate(files)),
            removals=tuple(removals),
        )
        try:
            self._prepare(record, files)
            self._write_record(record)
        except BaseException as error:
            self._abandon(record)
            if isinstance(error, OSError):
                raise unusable(self._root, error) from error
            raise
        try:
            self._finish(record)
        except OSError as error:
            raise StoreError(
                f"The change is kept in {self._redo} but could not be put in place: {error}.",
                hint="The next command finishes it; make sure that it can write to the store.",
            ) from error
        except BaseException:
            self._finish(record)  # interrupted; what was decided is done first
            raise

    def recover(self) -> None:
        """Finish the commit of a dead process, and forget what it had only prepared.

        Raises:
            OSError: The system does not allow it.
        """
        record = self.record()
        if record is not None:
            self._finish(record)
        elif not self.is_clean():
            os.truncate(self._redo, 0)
        for leftover in self._pending.iterdir():
            leftover.unlink(missing_ok=True)

    def record(self) -> Record | None:
        """The record of a commit that is to be finished; None if there is none, or only a torn one."""
        try:
            content = self._redo.read_bytes()
        except FileNotFoundError:
            return None
        payload = content[_SEAL + 1 :]
        if _seal(payload) != content[:_SEAL]:
            return None
        return msgspec.json.decode(payload, type=Record)

    def _prepare(self, record: Record, files: Mapping[str, bytes]) -> None:
        """Write the new files aside and make the folders they move to; all of it is on the disk then."""
        written = [self._pending]
        for name, target in record.moves:
            written.append(self._pending / name)
            written[-1].write_bytes(files[target])
        for folder in {(self._root / target).parent for _, target in record.moves}:
            written += make_folder(folder)
        sync(written)

    def _write_record(self, record: Record) -> None:
        payload = msgspec.json.encode(record)
        # In place, since the checksum tells a torn one: a new file would need its folder synced as well.
        self._redo.write_bytes(_seal(payload) + b"\n" + payload)
        sync([self._redo])

    def _abandon(self, record: Record) -> None:
        with suppress(OSError):
            # The record first: one that stays must find its files.
            if not self.is_clean():
                self._redo.write_bytes(b"")
                sync([self._redo])
            for name, _ in record.moves:
                (self._pending / name).unlink(missing_ok=True)

    def _finish(self, record: Record) -> None:
        for name, target in record.moves:
            with suppress(FileNotFoundError):  # moved already
                (self._pending / name).replace(self._root / target)
        for path in record.removals:
            (self._root / path).unlink(missing_ok=True)
        targets = (*(target for _, target in record.moves), *record.removals)
        folders = {(self._root / path).parent for path in targets}
        sync([folder for folder in folders if folder.is_dir()])
        os.truncate(self._redo, 0)


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it where they are missing; returns what is to be synced for it."""
    if folder.is_dir():
        return []
    above = make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    return [*above, folder.parent]


def sync(paths: Collection[Path]) -> None:
    """Wait until files, and the names in folders, are on the disk.

    Several at once take hardly longer than one, since the file system writes its journal for all of them.

    Raises:
        OSError: The system could not write one of them.
    """
    waiting = list(dict.fromkeys(paths))
    errors: list[OSError] = []

    def work() -> None:
        while not errors:
            try:
                _sync(waiting.pop())
            except IndexError:  # nothing left
                return
            except OSError as error:
                errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(min(len(waiting), _THREADS) - 1)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _sync(path: Path) -> None:
    windows = sys.platform == "win32"
    if windows and path.is_dir():  # there is no such thing
        return
    descriptor = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
