"""From a URL to an open store; a back-end is imported when its scheme is asked for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from msgspec import Struct

from spiffcli.errors import ConfigError
from spiffcli.store.protocol import DocumentStore


class Backend(Struct, frozen=True):
    """Where a back-end is, and how its URL is written.

    Attributes:
        module: The module that has it.
        name: Its class, whose `open` takes the place in the URL.
        form: The URL, in words.
        needs_place: Whether its URL names a place.
    """

    module: str
    name: str
    form: str
    needs_place: bool = True


#: All back-ends by the scheme of their URL.
BACKENDS = {
    "tinydb": Backend("spiffcli.store.tinydb", "TinyDbStore", "tinydb:DIR (a folder of files, the default)"),
    "sqlite": Backend("spiffcli.store.sqlite", "SqliteStore", "sqlite:FILE (one database file)"),
    "memory": Backend("spiffcli.store.memory", "MemoryStore", "memory: (gone when the command ends)", False),
}


def open_store(url: str, *, create: bool = True) -> DocumentStore:
    """Open the store at `url`.

    Args:
        url: `tinydb:DIR`, `sqlite:FILE`, or `memory:` for a new empty one.
        create: Make the store if there is nothing at that place yet.

    Raises:
        ConfigError: No back-end answers to this URL.
        StoreError: The store cannot be opened, or there is none and `create` is false.
        StoreFormatError: What is there is not a store, or one of a newer version of the program.
    """
    scheme, colon, place = url.partition(":")
    if not colon or scheme not in BACKENDS:
        raise _unknown(scheme if colon else "", url)
    backend = BACKENDS[scheme]
    if backend.needs_place and not place:
        raise ConfigError(f"The store URL '{url}' names no place.", hint=f"Write {backend.form}.")
    store: DocumentStore = getattr(import_module(backend.module), backend.name).open(
        Path(place).expanduser().absolute(), create=create
    )
    return store


def _unknown(scheme: str, url: str) -> ConfigError:
    # Only the scheme is repeated: the rest of a database URL may hold a password.
    if scheme in ("postgresql", "postgres"):
        return ConfigError(
            "This version of runner has no PostgreSQL back-end yet.",
            hint=f"Use {BACKENDS['sqlite'].form} meanwhile.",
        )
    problem = f"There is no store back-end '{scheme}:'" if scheme else f"The store '{url}' is not a URL"
    forms = "; ".join(backend.form for backend in BACKENDS.values())
    return ConfigError(f"{problem}.", hint=f"Write one of: {forms}.")
