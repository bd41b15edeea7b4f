"""The schemas as a page for people: every key of every document, what it holds and means.

`python -m spiffcli.report.schemas.pages docs/json.md` brings the page up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spiffcli.report.schemas import names, read

_TYPES = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "object",
    "null": "null",
}
_MANY = {"string": "texts", "integer": "integers", "number": "numbers", "object": "objects", "array": "lists"}


#: Where the part of the page begins that is made from the schemas.
MARK = "<!-- From here on made from the schemas: see spiffcli/report/schemas/pages.py. -->\n"


def refreshed(page: str) -> str:
    """The page with everything after the mark made anew."""
    written, mark, _ = page.partition(MARK)
    return f"{written}{mark}\n{reference()}"


def reference() -> str:
    """Markdown with one section for each kind of document; parts that are named have a table of their own."""
    return "\n".join(line for name in names() for line in _section(read(name)))


def _section(schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"## `{schema['properties']['schema']['const']}`: {schema['title']}"
    yield ""
    yield schema["description"]
    yield ""
    yield from _table(schema)
    for name, part in schema.get("$defs", {}).items():
        yield f"Each *{name}*:{' ' + part['description'] if 'description' in part else ''}"
        yield ""
        yield from _table(part)


def _table(part: Mapping[str, Any]) -> Iterator[str]:
    yield "| key | holds | meaning |"
    yield "|---|---|---|"
    for path, each, optional in _keys(part, ""):
        if path != "schema":
            yield f"| `{path}` | {_holds(each)}{', or left out' if optional else ''} | {each.get('description', '')} |"
    yield ""


def _keys(part: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Every key below `part` with its path, its schema, and whether it may be missing."""
    for choice in part.get("oneOf", ()):
        yield from _keys(choice, path)
    for name, each in part.get("properties", {}).items():
        key = f"{path}.{name}" if path else name
        yield key, each, name not in part.get("required", ())
        yield from _keys(each, key)
    if isinstance(part.get("items"), dict):
        yield from _keys(part["items"], f"{path}[]")
    if isinstance(part.get("additionalProperties"), dict):
        yield from _keys(part["additionalProperties"], f"{path}.NAME")


def _holds(part: Mapping[str, Any]) -> str:
    if "oneOf" in part:
        return " or ".join(sorted(map(_holds, part["oneOf"]), key=lambda each: each == "null"))
    if "$ref" in part:
        return f"*{part['$ref'].removeprefix('#/$defs/')}*"
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{value}`" if isinstance(value, str) else "null" for value in part["enum"])
    given = part.get("type", [])
    types = [given] if isinstance(given, str) else list(given)
    return " or ".join(_word(each, part) for each in types) or "any value"


def _word(type: str, part: Mapping[str, Any]) -> str:
    if type == "string" and part.get("format") == "date-time":
        return "time"
    if type == "array" and isinstance(part.get("items"), dict):
        items = part["items"]
        return f"list of {_holds(items) if '$ref' in items else _MANY.get(str(items.get('type')), 'values')}"
    if type == "object" and isinstance(part.get("additionalProperties"), dict):
        return f"object by name, each {_holds(part['additionalProperties'])}"
    return _TYPES[type]


def main(path: Path) -> None:
    """Bring the page in a file up to date."""
    path.write_text(refreshed(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
