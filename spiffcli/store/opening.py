"""From a URL to an open store; a back-end is imported when its scheme is asked for."""

from __future__ import annotations

from pathlib import Path

from spiffcli.errors import ConfigError
from spiffcli.store.protocol import DocumentStore

#: Name of the folder that holds the default store of a project.
FOLDER = ".runner"

_FORMS = {
    "tinydb": "tinydb:DIR (a folder of files, the default)",
    "sqlite": "sqlite:FILE (one database file)",
    "memory": "memory: (gone when the command ends)",
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
    if scheme == "memory" and colon:
        from spiffcli.store.memory import MemoryStore

        return MemoryStore()
    if scheme not in _FORMS or not colon:
        raise _unknown(scheme if colon else "", url)
    if not place:
        raise ConfigError(f"The store URL '{url}' names no place.", hint=f"Write {_FORMS[scheme]}.")
    path = Path(place).expanduser().absolute()
    if scheme == "sqlite":
        from spiffcli.store.sqlite import SqliteStore

        return SqliteStore.open(path, create=create)
    from spiffcli.store.tinydb import TinyDbStore

    return TinyDbStore.open(path, create=create)


def locate_store(start: Path) -> str | None:
    """URL of the nearest `.runner` folder in `start` or above it, or None."""
    here = start.absolute()
    for folder in (here, *here.parents):
        if (folder / FOLDER).is_dir():
            return f"tinydb:{folder / FOLDER}"
    return None


def _unknown(scheme: str, url: str) -> ConfigError:
    # Only the scheme is repeated: the rest of a database URL may hold a password.
    if scheme in ("postgresql", "postgres"):
        return ConfigError(
            "This version of runner has no PostgreSQL back-end yet.",
            hint=f"Use {_FORMS['sqlite']} meanwhile.",
        )
    problem = f"There is no store back-end '{scheme}:'" if scheme else f"The store '{url}' is not a URL"
    return ConfigError(f"{problem}.", hint="Write one of: " + "; ".join(_FORMS.values()) + ".")
