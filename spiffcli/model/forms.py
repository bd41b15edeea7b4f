"""Reads forms: JSON schemas, ui-schemas and the form files of other engines, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from spiffcli.errors import ModelError
from spiffcli.model.tables import Form, FormField

#: Keywords that describe the form and not one of its fields.
_STRUCTURE = frozenset({"properties", "required", "items"})

#: How deep fields may be nested.
_MAX_DEPTH = 100


def form_key(name: str) -> str:
    """Key of a form resource: its file name without folders."""
    return name.replace("\\", "/").rpartition("/")[2]


def read_form(content: bytes, name: str) -> Form:
    """Read a form.

    Args:
        content: The bytes of the file: JSON in UTF-8, -16 or -32.
        name: Name of the file; what follows its last slash is the key.

    Raises:
        ModelError: It is not JSON, or not an object.
    """
    body = _parse(content, name)
    dialect = _dialect(body, name)
    fields = {field.id: field for field in _FIELDS[dialect](body)}
    title = body.get("title") or body.get("name")
    return Form(
        key=form_key(name),
        name=title if isinstance(title, str) else None,
        dialect=dialect,
        keywords=_keywords(body, _HEADER_SKIPS[dialect]),
        fields=fields,
        file=name,
        line=1,
    )


def _parse(content: bytes, name: str) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except json.JSONDecodeError as error:
        raise ModelError(f"The form is not JSON: {error.msg}.", file=name, line=error.lineno) from error
    except UnicodeDecodeError as error:
        raise ModelError(f"The form is not text in UTF-8: {error.reason}.", file=name) from error
    except RecursionError as error:
        raise ModelError("The form is nested too deep.", file=name) from error
    if not isinstance(body, dict):
        raise ModelError("The form is not a JSON object.", file=name, line=1)
    return body


def _dialect(body: Mapping[str, Any], name: str) -> str:
    if isinstance(body.get("components"), list):
        return "camunda"
    if isinstance(body.get("properties"), dict) or "$schema" in body:
        return "json-schema"
    if any(key.startswith("ui:") for key in body) or any(
        isinstance(value, dict) and any(key.startswith("ui:") for key in value) for value in body.values()
    ):
        return "ui-schema"
    return "json"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _keywords(schema: Mapping[str, Any], skipped: frozenset[str]) -> dict[str, str]:
    return {str(key): _text(value) for key, value in schema.items() if key not in skipped}


def _schema_fields(body: Mapping[str, Any]) -> Iterator[FormField]:
    # Depth first with a stack, in the order of the file.
    pending = [iter(enumerate(_children("", body)))]
    while pending:
        found = next(pending[-1], None)
        if found is None:
            pending.pop()
            continue
        order, (id, child, required) = found
        yield _schema_field(id, child, required, order)
        if isinstance(child, dict) and len(pending) < _MAX_DEPTH:
            pending.append(iter(enumerate(_children(id, child))))


def _children(prefix: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    required = schema.get("required")
    required = required if isinstance(required, list) else []
    properties = schema.get("properties")
    if isinstance(properties, dict):
        for name, child in properties.items():
            yield f"{prefix}.{name}" if prefix else name, child, name in required
    items = schema.get("items")
    if isinstance(items, dict):
        yield f"{prefix}[]", items, False


def _schema_field(id: str, schema: Any, required: bool, order: int) -> FormField:
    if not isinstance(schema, dict):
        return FormField(id, required=required, keywords={"schema": _text(schema)}, order=order)
    title = schema.get("title")
    name = title if isinstance(title, str) else None
    return FormField(id, name, required, _keywords(schema, _STRUCTURE | {"title"}), order)


def _ui_fields(body: Mapping[str, Any]) -> Iterator[FormField]:
    pending: list[tuple[str, Mapping[str, Any], int]] = [("", body, 0)]
    while pending:
        prefix, schema, depth = pending.pop()
        inner = []
        named = [(key, child) for key, child in schema.items() if _is_ui_field(key, child)]
        for order, (key, child) in enumerate(named):
            id = f"{prefix}.{key}" if prefix else key
            nested = frozenset(name for name, value in child.items() if _is_ui_field(name, value))
            yield FormField(id, keywords=_keywords(child, nested), order=order)
            if depth < _MAX_DEPTH:
                inner.append((id, child, depth + 1))
        pending += reversed(inner)


def _is_ui_field(key: str, value: Any) -> bool:
    return isinstance(value, dict) and not key.startswith("ui:")


def _camunda_fields(body: Mapping[str, Any]) -> Iterator[FormField]:
    pending: list[tuple[str, Any]] = [("", body)]
    while pending:
        prefix, group = pending.pop()
        components = group.get("components")
        for order, item in enumerate(components if isinstance(components, list) else ()):
            if not isinstance(item, dict):
                continue
            id = prefix + str(item.get("key") or item.get("id") or f"{item.get('type')}~{order}")
            name = item.get("label")
            validate = item.get("validate")
            required = isinstance(validate, dict) and validate.get("required") is True
            keywords = _keywords(item, frozenset({"components", "label", "key", "layout"}))
            yield FormField(id, name if isinstance(name, str) else None, required, keywords, order)
            pending.append((id + ".", item))


def _no_fields(body: Mapping[str, Any]) -> Iterator[FormField]:
    return iter(())


_FIELDS = {
    "json-schema": _schema_fields,
    "ui-schema": _ui_fields,
    "camunda": _camunda_fields,
    "json": _no_fields,
}
_CAMUNDA_NOISE = frozenset({"components", "exporter", "executionPlatform", "executionPlatformVersion"})


class _UiSkips(frozenset[str]):
    """Everything that is not a `ui:` keyword of the form itself."""

    def __contains__(self, key: object) -> bool:
        return not str(key).startswith("ui:")


_HEADER_SKIPS: Mapping[str, frozenset[str]] = {
    "json-schema": _STRUCTURE | {"title"},
    "ui-schema": _UiSkips(),
    "camunda": _CAMUNDA_NOISE | {"name"},
    "json": frozenset({"title", "name"}),
}
