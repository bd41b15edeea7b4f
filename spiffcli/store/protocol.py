"""What a back-end has to do, written down once and checked by one contract suite.

A store holds *documents* and *blobs*. A document is (kind, id) -> revision, a small set of `fields`, and an
optional `body` of bytes. A blob is bytes under their SHA-256 and never changes.

Semantics every back-end keeps:

- **Reading** needs no lock. `get` and `find` show each document whole, before or after a concurrent commit,
  never half of it. `find` may see one document of a concurrent commit and not yet another; inside
  a transaction all reads agree.
- **Writing** happens in a transaction, and transactions of all processes happen one after the other.
  When `with store.transaction()` ends normally everything is durable; when it ends with an exception, or the
  process dies, nothing of it exists.
- **Revisions** grow by one with every `put`. A `put` names the revision it replaces; 0 means "must not exist".
  Anything else raises `ConflictError` and changes nothing. That is how natural ids, version numbers and
  single-writer rules stay true on many machines. The revision of a deleted id starts again at 1.
- **Order**: `find` yields by id, ascending, as text.
- **Fields** are JSON scalars or lists of JSON scalars; those that are not searched may hold any JSON value.
  Only the fields named in `INDEXES` can be searched.
  Key order inside `fields` and every byte of a body come back as they were put.
- **Isolation** inside a transaction: its own writes are visible to its reads.
- **Locks** (`lock`) are advisory, per name, held by one process, released when it dies, independent of
  transactions. Taking one lock twice in the same process is `BusyError` too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from spiffcli.errors import BusyError

#: Version of the layout of every store; a newer one is refused, an older one migrated on open.
FORMAT = 1

Scalar: TypeAlias = str | int | float | bool | None
Fields: TypeAlias = Mapping[str, Any]

#: Kinds of documents, and the fields each can be searched by.
INDEXES: Mapping[str, tuple[str, ...]] = {
    "deployment": ("tenant",),
    "definition": ("tenant", "key", "kind", "deployment"),
    "key": ("tenant",),
    "instance": ("tenant", "key", "definition", "state", "events", "due", "situation", "waiting_at"),
    "history": (),
    "natural": ("instance",),
    "aggregate": ("instance",),
    "situation": ("definition",),
    "meta": (),
    "retired": ("definition",),  # definitions that were deleted, kept for instances that have ended
}


class Document(Struct, frozen=True):
    """A stored document.

    Attributes:
        fields: Small, searchable, listed without reading bodies.
        body: The bytes, or None where there are none or they were not asked for.
    """

    kind: str
    id: str
    revision: int
    fields: Fields
    body: bytes | None = None


class OneOf(Struct, frozen=True):
    """Condition: the field equals one of `values`."""

    values: tuple[Scalar, ...]


class AtMost(Struct, frozen=True):
    """Condition: the field is a number not above `value`; None never matches."""

    value: float


def one_of(*values: Scalar) -> OneOf:
    """Match documents whose field has one of these values."""
    return OneOf(values)


def at_most(value: float) -> AtMost:
    """Match documents whose field is a number not above `value`."""
    return AtMost(value)


Condition: TypeAlias = Scalar | OneOf | AtMost


class Reader(Protocol):
    """What can be read, inside a transaction and outside."""

    def get(self, kind: str, id: str, *, body: bool = True) -> Document | None:
        """The document, with its body unless `body` is False; None if there is none.

        Raises:
            CorruptStoreError: The body is missing or damaged.
        """
        ...

    def find(self, kind: str, where: Mapping[str, Condition] | None = None) -> Iterator[Document]:
        """Documents of a kind that meet every condition, by id, without bodies.

        A field that is a list meets a condition if one of its items does; an empty list meets none.
        A field that a document lacks counts as None. Values are equal where JSON calls them equal: 1 and 1.0
        are, 1 and true are not.

        Raises:
            KeyError: A condition names a field that `INDEXES` does not list (a bug in the caller).
        """
        ...

    def revision(self, kind: str, id: str) -> int:
        """Revision of a document, 0 if there is none: the least that can be asked."""
        ...

    def select(
        self, kind: str, names: Sequence[str], where: Mapping[str, Condition] | None = None
    ) -> list[tuple[Any, ...]]:
        """Of each document that `find` yields id, revision and the fields of these names, in the same order.

        It reads no more of a document than that, so thousands of them cost much less. A field that a document
        lacks is None.

        Raises:
            KeyError: A condition names a field that `INDEXES` does not list (a bug in the caller).
        """
        ...

    def blob(self, hash: str) -> bytes:
        """The bytes under `hash`.

        Raises:
            CorruptStoreError: There are none, or they do not match the hash.
        """
        ...

    def has_blob(self, hash: str) -> bool:
        """Whether there are bytes under `hash`."""
        ...

    def blobs(self) -> Iterator[str]:
        """Hashes of all blobs, in order."""
        ...


class Transaction(Reader, Protocol):
    """A set of writes that happens whole or not at all."""

    def put(self, kind: str, id: str, fields: Fields, body: bytes | None = None, *, expected: int) -> int:
        """Write a document and return its new revision (`expected` + 1).

        `body=None` keeps the body the document has.

        Raises:
            ConflictError: The stored revision is not `expected`.
            DataError: A field is not JSON.
        """
        ...

    def restore(self, document: Document) -> None:
        """Write a document with the revision it had elsewhere, whatever is there: for a copy of a whole store."""
        ...

    def delete(self, kind: str, id: str, *, expected: int) -> None:
        """Remove a document and its body.

        Raises:
            ConflictError: The stored revision is not `expected`.
        """
        ...

    def put_blob(self, content: bytes) -> str:
        """Keep bytes under their hash and return it; does nothing where they are kept already."""
        ...

    def delete_blob(self, hash: str) -> None:
        """Forget the bytes under `hash`, if any. The caller knows that nothing refers to them."""
        ...


class Problem(Struct, frozen=True):
    """One fault `check` found.

    Attributes:
        what: In words, with kind and id.
        repaired: Whether `repair` mended it.
    """

    what: str
    repaired: bool = False


class DocumentStore(Reader, Protocol):
    """A store, open."""

    @property
    def url(self) -> str:
        """How to open it again (`tinydb:/path`, `sqlite:/path/file.db` ...), without secrets."""
        ...

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Begin a transaction; it commits at the end of the `with` block, or not at all.

        Raises:
            BusyError: Another process has been writing for longer than the store waits (10 seconds).
            RuntimeError: This thread is in a transaction of this store already (a bug in the caller).
            StoreError: The place cannot be written (read-only, disk full).
        """
        ...

    def lock(self, name: str, *, wait: float = 2.0, holder: str = "") -> AbstractContextManager[None]:
        """Hold the advisory lock `name`, waiting up to `wait` seconds for it.

        Args:
            holder: What the holder is doing (`complete on instance 4af0...`), shown to whoever waits in vain.

        Raises:
            BusyError: Someone else holds it; the message and `data["holder"]` name who.
        """
        ...

    def lock_each(self, names: Iterable[str], *, holder: str = "") -> AbstractContextManager[Mapping[str, BusyError]]:
        """Hold those of many locks that nobody else holds, without waiting; yields why not for each of the others.

        Much faster than one `lock` for each. Until it ends nobody else can take a lock of this store, so it is for
        the length of a transaction, and the holder takes no further lock meanwhile.

        Raises:
            BusyError: Somebody else held many locks at once all the time.
        """
        ...

    def check(self, *, repair: bool = False) -> list[Problem]:
        """Verify the store itself: every index row has its body, every body its row, every hash is right."""
        ...

    def close(self) -> None:
        """Release files and connections. Closing twice is fine."""
        ...
