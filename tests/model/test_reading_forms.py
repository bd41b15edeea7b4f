from __future__ import annotations

import json
from typing import Any

import pytest

from spiffcli.errors import ModelError
from spiffcli.model import Form
from spiffcli.values import Resource

from ..catalog.models import bpmn, process
from .writing import read


def _form(body: Any, name: str = "forms/order.json") -> Form:
    (form,) = read(json.dumps(body), name).forms.values()
    return form


def test_a_json_schema_field_by_field() -> None:
    form = _form(
        {
            "title": "Order",
            "type": "object",
            "required": ["who"],
            "properties": {
                "who": {"type": "string", "title": "Name"},
                "address": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 9}}},
                "lines": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
            },
        }
    )

    assert (form.key, form.name, form.dialect) == ("order.json", "Order", "json-schema")
    assert list(form.fields) == ["who", "address", "address.city", "lines", "lines[]", "lines[].n"]
    assert (form.fields["who"].name, form.fields["who"].required) == ("Name", True)
    assert dict(form.fields["address.city"].keywords) == {"type": '"string"', "maxLength": "9"}
    assert form.fields["address"].order == 1


def test_a_ui_schema_widget_by_widget() -> None:
    form = _form({"ui:order": ["b", "a"], "a": {"ui:widget": "textarea"}, "g": {"b": {"ui:help": "x"}}})

    assert form.dialect == "ui-schema"
    assert dict(form.keywords) == {"ui:order": '["b", "a"]'}
    assert dict(form.fields["a"].keywords) == {"ui:widget": '"textarea"'}
    assert dict(form.fields["g.b"].keywords) == {"ui:help": '"x"'}


def test_a_camunda_form_component_by_component() -> None:
    form = _form(
        {
            "components": [
                {"type": "textfield", "key": "who", "label": "Name", "id": "f1", "validate": {"required": True}},
                {"type": "group", "key": "g", "components": [{"type": "number", "key": "n"}]},
            ],
            "exporter": {"name": "x"},
        },
        "order.form",
    )

    assert (form.dialect, list(form.fields)) == ("camunda", ["who", "g", "g.n"])
    assert (form.fields["who"].name, form.fields["who"].required) == ("Name", True)


def test_any_other_object_is_kept_as_it_is() -> None:
    assert dict(_form({"a": [1, 2]}).keywords) == {"a": "[1, 2]"}


@pytest.mark.parametrize(
    "schema", [{"properties": {"a": True}}, {"properties": {"a": {"required": 3, "properties": 4}}}]
)
def test_odd_schemas_are_read(schema: dict[str, Any]) -> None:
    assert list(_form(schema).fields) == ["a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{\n oops", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"\xff\xfe\x00", "not"),
        (b"[" * 100_000, "not|nested"),
    ],
)
def test_what_is_no_form_is_an_error(content: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        read(content, "a.json")

    assert caught.value.file == "a.json"


def test_each_model_has_the_form_that_lies_beside_it() -> None:
    from spiffcli.model import load

    model = load(
        [
            asking("one/one.bpmn", "one"), asking("two/two.bpmn", "two"), asking("two/deep/three.bpmn", "three"),
            Resource("one/a.json", "form", b"{}"), Resource("two/forms/a.json", "form", b'{"title": "two"}'),
        ]
    )  # fmt: skip
    assert list(model.forms) == ["one/a.json", "two/forms/a.json"]
    forms = {key: process.references[0].key for key, process in model.processes.items()}
    assert forms == {"one": "one/a.json", "two": "two/forms/a.json", "three": "two/forms/a.json"}


def test_forms_that_say_the_same_are_one() -> None:
    from spiffcli.model import load

    model = load(
        [
            asking("one/one.bpmn", "one"), asking("two/two.bpmn", "two"),
            Resource("one/a.json", "form", b"{}"), Resource("two/a.json", "form", b"{}"),
        ]
    )  # fmt: skip
    assert list(model.forms) == ["a.json"]
    assert {process.references[0].key for process in model.processes.values()} == {"a.json"}


def test_two_forms_of_one_name_of_which_none_lies_beside_the_model_are_an_error() -> None:
    from spiffcli.model import load

    with pytest.raises(ModelError, match=r"one/a\.json and two/a\.json, and none lies beside it") as caught:
        load([asking("m.bpmn", "m"), Resource("one/a.json", "form", b"{}"), Resource("two/a.json", "form", b"{} ")])
    assert (caught.value.file, caught.value.element) == ("m.bpmn", "m_asks_a")


def test_where_the_form_lies_does_not_count() -> None:
    """A model is the same whether or not another one brings a form of the same name."""
    from spiffcli.model import load, semantic_hash

    mine = [asking("one/one.bpmn", "one"), Resource("one/a.json", "form", b"{}")]
    alone, together = load(mine), load([*mine, Resource("two/a.json", "form", b'{"title": "two"}')])
    assert semantic_hash(alone.forms["a.json"], alone) == semantic_hash(together.forms["one/a.json"], together)


def asking(name: str, key: str) -> Resource:
    return bpmn(name, process(key, forms=("a.json",)))
