"""A look at the index of a store on files; `tinydb_layout` says what it looks like."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import orjson

from spiffcli.store.version import FORMAT


def rows(root: str, kind: str) -> list[tuple[str, Mapping[str, Any]]] | None:
    """Id and fields of all documents of a kind; None if the folder is not a store at rest."""
    try:
        if orjson.loads(_content(f"{root}/format.json")) != {"store": "runner", "format": FORMAT}:
            return None
        if os.stat(f"{root}/redo").st_size:  # noqa: PTH116  # pathlib alone takes longer to load than all of this
            return None
        return [(row["id"], row["fields"]) for shard in _shards(f"{root}/index/{kind}") for row in shard.values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # the store itself says what is wrong


def _shards(folder: str) -> list[dict[str, Any]]:
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except FileNotFoundError:
        return []
    return [orjson.loads(_content(f"{folder}/{name}"))["_default"] for name in names]


def _content(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read()
