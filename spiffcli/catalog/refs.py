"""What the text of a REF means, before anything is looked up.

In this order a REF is a path (`file.bpmn#process`), a path at a revision (`REV:path`), `KEY@VERSION` or
`KEY@TAG`, an exact id, an exact key, a unique id prefix. The first two name files and are read elsewhere;
here they are only recognised.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from msgspec import Struct

from spiffcli.errors import InputError

#: The tag every key has: its highest version.
LATEST = "latest"

_MODEL_FILE = re.compile(r"\.(bpmn|dmn|xml)(#.*)?$", re.IGNORECASE)
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")
_TAG = re.compile(r"[A-Za-z_][A-Za-z0-9_.+-]*")


class ByVersion(Struct, frozen=True):
    """`KEY@3`: a version of a key."""

    key: str
    version: int


class ByTag(Struct, frozen=True):
    """`KEY@stable`: the version of a key that has a tag, or the latest for `KEY@latest`."""

    key: str
    tag: str


class ByName(Struct, frozen=True):
    """An exact id, an exact key or the beginning of an id."""

    text: str


Ref: TypeAlias = ByVersion | ByTag | ByName


def parse_ref(text: str) -> Ref:
    """What `text` refers to.

    Raises:
        InputError: It is empty, or has nothing before or after its `@`.
    """
    text = text.strip()
    if not text:
        raise InputError("An empty reference names no definition.", hint="Give an id, KEY, KEY@VERSION or KEY@TAG.")
    key, at, rest = text.rpartition("@")
    if not at:
        return ByName(text)
    if not key or not rest:
        raise InputError(
            f"'{text}' is no reference: a key, '@' and a version or tag belong together.",
            hint="Write it as order@3 or order@stable.",
        )
    return ByVersion(key, int(rest)) if rest.isascii() and rest.isdigit() else ByTag(key, rest)


def looks_like_revision(text: str) -> bool:
    """Whether `text` has the form `REV:path.bpmn`: a file at a revision of a repository."""
    revision, colon, path = text.partition(":")
    return bool(colon and revision and not _DRIVE.match(text) and _is_path(path))


def looks_like_path(text: str) -> bool:
    """Whether `text` names a model file: `file.bpmn`, `folder/file.bpmn#process`."""
    return _is_path(text) and not looks_like_revision(text)


def split_path(text: str) -> tuple[str, str | None]:
    """The path of `file.bpmn#process` and the process id behind it, or None."""
    path, hash_sign, process = text.partition("#")
    return path, process if hash_sign and process else None


def check_tag(tag: str) -> str:
    """`tag`, if it can be one.

    Raises:
        InputError: It could be taken for a version or for the latest, or has a character that ends a REF.
    """
    if tag == LATEST:
        raise InputError(f"'{LATEST}' is what the highest version is called; choose another tag.")
    if not _TAG.fullmatch(tag):
        raise InputError(
            f"'{tag}' cannot be a tag.",
            hint="A tag begins with a letter and goes on with letters, digits and . _ + - (stable, v2.1).",
        )
    return tag


def _is_path(text: str) -> bool:
    return bool(_MODEL_FILE.search(text)) or "/" in text.partition("@")[0] or "\\" in text
