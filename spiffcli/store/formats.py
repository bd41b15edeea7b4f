"""The version of a store's layout, and the way from older ones to ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from spiffcli.errors import NoStoreError, StoreFormatError
from spiffcli.store.protocol import FORMAT, Transaction

Step: TypeAlias = Callable[[Transaction], None]

#: What brings a store from a format to the next one, by the format it starts from.
STEPS: dict[int, Step] = {}


def check_format(found: object, place: str) -> int:
    """The format a store is in.

    Raises:
        StoreFormatError: It is newer than ours, or not a format at all.
    """
    if not isinstance(found, int) or isinstance(found, bool):
        raise StoreFormatError(f"{place} does not say which format it is in, so it is not a store of runner.")
    if found > FORMAT:
        raise StoreFormatError(
            f"The store {place} is in format {found}; this version of runner knows formats up to {FORMAT}.",
            hint="Use the version of runner that wrote it, or a newer one.",
            found=found,
            known=FORMAT,
        )
    return found


def upgrade(transaction: Transaction, found: int, place: str) -> None:
    """Bring the documents of a store from format `found` to ours, inside its transaction.

    Raises:
        StoreFormatError: There is no way from that format.
    """
    for number in range(found, FORMAT):
        if number not in STEPS:
            raise StoreFormatError(
                f"The store {place} is in format {found}, which this version of runner cannot read any more."
            )
        STEPS[number](transaction)


def nothing_there(place: str) -> NoStoreError:
    """The error for a store that was expected and is not there."""
    return NoStoreError(f"There is no store at {place}.", hint="'runner init' or the first 'runner add' creates one.")
