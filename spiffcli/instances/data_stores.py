"""Data stores as people look at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spiffcli.catalog.data_stores import DataStore
from spiffcli.errors import AmbiguousError, NotFoundError

if TYPE_CHECKING:
    from spiffcli.workspace import Workspace


def find(workspace: Workspace, ref: str) -> tuple[DataStore, Any]:
    """The data store that a user means, by its id or as `LOCATION/ID`, with its value as JSON has it.

    Raises:
        NotFoundError: None of this name has been written to.
        AmbiguousError: There are several.
    """
    stores = workspace.catalog.data_stores()
    found = [each for each in stores if ref in (each.id, label(each))]
    if not found:
        raise NotFoundError(
            f"No data store '{ref}' has been written to.",
            hint=f"There are: {_listed(stores)}." if stores else "No task has written to any yet.",
            candidates=[label(each) for each in stores],
        )
    if len(found) > 1:
        raise AmbiguousError(
            f"{len(found)} data stores are called '{ref}'.",
            hint=f"Name one with its folder: {_listed(found)}.",
            candidates=[label(each) for each in found],
        )
    (store,) = found
    whole = workspace.catalog.data_store(store.kind, store.location, store.id)
    return whole, workspace.engine.value(whole.content or b"null")


def label(store: DataStore) -> str:
    """What names a data store: `LOCATION/ID`; just its id at the root."""
    return store.id if store.location == "." else f"{store.location}/{store.id}"


def _listed(stores: Sequence[DataStore]) -> str:
    return ", ".join(map(label, stores))
