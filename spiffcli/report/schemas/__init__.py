"""JSON Schemas of the documents that commands write with `--format json`: one file per kind."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from spiffcli.errors import NotFoundError

_FOLDER = Path(__file__).parent


@cache
def names() -> tuple[str, ...]:
    """Names of all kinds of documents, in order."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.json")))


def read(name: str) -> dict[str, Any]:
    """The schema of a kind of document.

    Args:
        name: `diff`, or as documents name it, `runner/diff/1`.

    Raises:
        NotFoundError: There is no such kind.
    """
    kind = name.removeprefix("runner/").removesuffix("/1")
    if kind not in names():
        raise _unknown(name, kind)
    schema: dict[str, Any] = json.loads((_FOLDER / f"{kind}.json").read_bytes())
    return schema


def violations(document: Any, *, closed: bool = True) -> list[str]:
    """What is wrong with a document by the schema it names; empty where nothing is.

    Args:
        closed: Find keys that the schema does not describe, too. (Readers of documents should not: new keys may
            come within one version.)

    Raises:
        NotFoundError: It names no schema that exists.
    """
    from jsonschema import Draft202012Validator

    schema = read(str(document.get("schema")) if isinstance(document, dict) else "")
    if closed:
        schema = _closed(schema)
    found = Draft202012Validator(schema).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in found]


def _closed(schema: Any) -> Any:
    """The schema with objects that have no keys but those it describes."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        inner.setdefault("additionalProperties", False)
    return inner


def _unknown(name: str, kind: str) -> NotFoundError:
    from difflib import get_close_matches

    near = get_close_matches(kind, names(), n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names())}."
    return NotFoundError(f"There is no kind of document '{name}'.", hint=hint, candidates=near or list(names()))
