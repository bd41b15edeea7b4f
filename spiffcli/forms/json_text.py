"""JSON as people write it: any Unicode encoding, faults reported with line and column, no key twice."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from spiffcli.errors import RunnerError
from spiffcli.text import quoted


def read_json(content: bytes, *, file: str, what: str, error: type[RunnerError]) -> Any:
    """The value in `content`, which may be UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Args:
        file: Name of the file, as the user gave it.
        what: What the file is, for messages (`form`, `file of answers`).
        error: Class of the error to raise.

    Raises:
        RunnerError: (as `error`) Not JSON, not text, a key twice in one object, or nested too deep.
    """
    try:
        return json.loads(_decode(content), object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except json.JSONDecodeError as fault:
        where = f"line {fault.lineno}, column {fault.colno}"
        message = f"The {what} {file} is not valid JSON: {fault.msg} at {where}."
        raise error(message, file=file, line=fault.lineno, column=fault.colno) from fault
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        message = f"The {what} {file} is not text in UTF-8, UTF-16 or UTF-32 (line {line})."
        raise error(message, hint="Save it as UTF-8.", file=file, line=line) from fault
    except RecursionError as fault:
        raise error(f"The {what} {file} is nested too deep to be read.", file=file) from fault
    except ValueError as fault:
        raise error(f"The {what} {file} cannot be used: {fault}.", file=file) from fault


def _decode(content: bytes) -> str:
    return content.decode(json.detect_encoding(content)).removeprefix("\ufeff")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {quoted(twice)} stands twice in one object")
    return result


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")
