from __future__ import annotations

import json

import pytest

from spiffcli.errors import ModelError
from spiffcli.forms import Form, check_form, read_form


def test_a_form_is_its_schema_and_its_ui_schema() -> None:
    form = read_form("a.json", b'{"title": "Order", "properties": {}}', b'{"ui:order": ["*"]}')
    assert form == Form("a.json", {"title": "Order", "properties": {}}, {"ui:order": ["*"]})
    assert form.title == "Order"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_unicode_encoding_is_read(encoding: str) -> None:
    assert read_form("a.json", '{"title": "Größe"}'.encode(encoding)).title == "Größe"


def test_broken_json_is_reported_with_file_and_line() -> None:
    with pytest.raises(ModelError, match=r"form forms/a\.json is not valid JSON: .* at line 3, column 1") as caught:
        read_form("forms/a.json", b'{\n"title": "x",\n}')
    assert caught.value.where() == "forms/a.json:3"


def test_a_broken_ui_schema_is_reported_under_its_own_name() -> None:
    with pytest.raises(ModelError, match=r"ui-schema a_ui\.json is not valid JSON") as caught:
        read_form("a.json", b"{}", b"[", ui_name="a_ui.json")
    assert caught.value.where() == "a_ui.json:1"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"title": "\xff"}', "not text in UTF-8"),
        (b"[1]", "is not a JSON object"),
        (b'{"type": "array"}', "describes something of type array"),
        (b'{"a": 1, "b": {"x": 1, "x": 2}}', "the key 'x' stands twice"),
        (b'{"minimum": NaN}', "NaN is not a JSON value"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"minimum": ' + b"1" * 5000 + b"}", "cannot be used"),
    ],
)
def test_what_is_not_a_form_is_refused_with_the_reason(content: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        read_form("a.json", content)
    assert caught.value.file == "a.json"


def test_a_valid_schema_passes_the_check() -> None:
    check_form(Form("a.json", {"$defs": {"x": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/x"}}}))


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"properties": {"a": {"type": "strnig"}}}, "not a valid JSON Schema, at properties/a/type"),
        ({"properties": {"a": {"minimum": "1"}}}, "at properties/a/minimum"),
        ({"properties": {"a": {"$ref": "https://example.org/x.json"}}}, "not a place inside the form"),
        ({"properties": {"a": {"$ref": "other.json#/a"}}}, "not a place inside the form"),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}}, r"refers to #/\$defs/none, which it does not contain"),
    ],
)
def test_a_schema_that_cannot_work_is_refused_before_anyone_is_asked(schema: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_form(read_form("a.json", json.dumps(schema).encode()))


def test_a_property_called_ref_is_not_a_reference() -> None:
    check_form(Form("a.json", {"properties": {"$ref": {"type": "string"}}}))
