"""Bindings in a file of their own, for models that cannot be edited.

The file is a JSON object. Its keys name elements that refer to something, as `ELEMENT` or `PROCESS#ELEMENT`; its
values say how they are bound: `"latest"`, or `{"binding": "latest", "fallback": false}`, where `fallback` tells
whether the default tenant may be looked in. What the file says goes before what the model says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from spiffcli.errors import InputError

_EXAMPLE = 'Write it as {"calculate_tax": "latest"} or {"order#calculate_tax": {"fallback": false}}.'


class Bindings(Struct, frozen=True):
    """What is said about elements, by `ELEMENT` or `PROCESS#ELEMENT`.

    Attributes:
        bindings: How they are bound.
        fallbacks: Whether the default tenant may be looked in.
    """

    bindings: Mapping[str, str] = field(default_factory=dict)
    fallbacks: Mapping[str, bool] = field(default_factory=dict)


def read_bindings(path: str | Path) -> Bindings:
    """The bindings in a file.

    Raises:
        InputError: It cannot be read, or says something that is no binding.
    """
    from spiffcli.forms.schema import read_json
    from spiffcli.specs.files import read_bytes

    document = read_json(read_bytes(path), file=str(path), what="file of bindings", error=InputError)
    if not isinstance(document, dict):
        raise InputError(f"The file of bindings {path} holds no JSON object.", hint=_EXAMPLE, file=str(path))
    entries = {element: _entry(str(path), element, said) for element, said in document.items()}
    return Bindings(
        {element: entry["binding"] for element, entry in entries.items() if "binding" in entry},
        {element: entry["fallback"] for element, entry in entries.items() if "fallback" in entry},
    )


def _entry(path: str, element: str, said: Any) -> dict[str, Any]:
    from spiffcli.deployments.request import check_binding

    entry = {"binding": said} if isinstance(said, str) else said
    if not isinstance(entry, dict) or not entry or not entry.keys() <= {"binding", "fallback"}:
        raise _wrong(path, element, "must be a binding, or an object with 'binding' or 'fallback'")
    if not isinstance(entry.get("binding", ""), str) or not isinstance(entry.get("fallback", True), bool):
        raise _wrong(path, element, "must have a text as 'binding' and true or false as 'fallback'")
    try:
        check_binding(entry.get("binding", "latest"))
    except InputError as error:
        raise InputError(f"{path}, '{element}': {error.message}", hint=error.hint, file=path) from error
    return entry


def _wrong(path: str, element: str, what: str) -> InputError:
    return InputError(f"What {path} says about '{element}' {what}.", hint=_EXAMPLE, file=path)
