"""Looking after a store: is everything there, how much is it, and how does it get elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from spiffcli.catalog.integrity import check as check_catalog
from spiffcli.errors import CorruptStoreError
from spiffcli.store import DocumentStore, Problem, copy_store, open_store
from spiffcli.store.copy import CopyReport

_KINDS = ("process", "collaboration", "decision", "form")
_STATES = ("running", "completed", "error", "cancelled")


class Stats(Struct, frozen=True):
    """How much is in a store, over all tenants.

    Attributes:
        definitions: Number of definitions by kind.
        instances: Number of instances by state.
        size: Bytes of all blobs: files of deployments, specs, states kept for going back.
        disk: Bytes on disk, or None where that means nothing.
    """

    url: str
    tenants: tuple[str, ...]
    deployments: int
    definitions: Mapping[str, int]
    instances: Mapping[str, int]
    blobs: int
    size: int
    disk: int | None

    def to_json(self) -> dict[str, Any]:
        """A `runner/stats/1` document."""
        return {
            "schema": "runner/stats/1",
            "url": self.url,
            "tenants": list(self.tenants),
            "deployments": self.deployments,
            "definitions": dict(self.definitions),
            "instances": dict(self.instances),
            "blobs": self.blobs,
            "size": self.size,
            "disk": self.disk,
        }


def check_store(store: DocumentStore, *, repair: bool = False) -> list[Problem]:
    """Verify the files or tables of a store, then everything the catalog keeps in it.

    Args:
        repair: Mend what can be mended.

    Returns:
        What was found; after a repair also what is still found, as not repaired.
    """
    found = _findings(store, repair=repair)
    if not repair or not found:
        return found
    remaining = _findings(store, repair=False)
    left = {problem.what for problem in remaining}
    return [*(Problem(each.what, repaired=True) for each in found if each.what not in left), *remaining]


def _findings(store: DocumentStore, *, repair: bool) -> list[Problem]:
    found = store.check(repair=repair)
    try:
        return [*found, *check_catalog(store, repair=repair)]
    except CorruptStoreError as error:
        # What the catalog stumbles over has usually been found before.
        return found or [Problem(error.message)]


def stats(store: DocumentStore) -> Stats:
    """Count what is in a store.

    Raises:
        CorruptStoreError: Something is missing or damaged.
    """
    definitions = list(store.find("definition"))
    instances = list(store.find("instance"))
    kinds = Counter(row.fields["kind"] for row in definitions)
    states = Counter(row.fields["state"] for row in instances)
    blobs = list(store.blobs())
    return Stats(
        url=store.url,
        tenants=tuple(sorted({row.fields["tenant"] for row in (*definitions, *instances)})),
        deployments=sum(1 for _ in store.find("deployment")),
        definitions={kind: kinds[kind] for kind in _KINDS},
        instances={state: states[state] for state in _STATES},
        blobs=len(blobs),
        size=sum(len(store.blob(hash)) for hash in blobs),
        disk=_disk(store.url),
    )


def _disk(url: str) -> int | None:
    _, _, place = url.partition(":")
    root = Path(place)
    if not place or not root.exists():
        return None
    files = root.rglob("*") if root.is_dir() else root.parent.glob(f"{root.name}*")
    return sum(file.stat().st_size for file in files if file.is_file())


def copy(source: str, target: str) -> CopyReport:
    """Copy the store at one URL to another, which is created if it is not there, and compare the two.

    Raises:
        ConfigError: One of them is not a URL.
        StoreError: There is no store at `source`, or the target cannot be written.
        InputError: The target holds something else.
    """
    before = open_store(source, create=False)
    try:
        after = open_store(target)
        try:
            return copy_store(before, after)
        finally:
            after.close()
    finally:
        before.close()
