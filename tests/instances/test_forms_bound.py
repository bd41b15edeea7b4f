"""Which form a task shows: the one its definition is bound to."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from spiffcli.errors import ModelError
from spiffcli.forms import Form
from spiffcli.instances.forms import secret_fields
from spiffcli.values import Resource

from .bench import Bench
from .models import call, process, user


def form(bench: Bench, id: str) -> Form | None:
    runner = bench.runner()
    (view,) = runner.look(id).open_tasks
    return runner.form(view)


def fields(bench: Bench, id: str) -> list[str]:
    found = form(bench, id)
    assert found is not None
    return list(found.schema["properties"])


def test_a_task_without_a_form_has_none(bench: Bench) -> None:
    bench.add("shop", process("shop", user("ask")))
    assert form(bench, bench.start("shop")) is None


def test_a_task_shows_the_form_of_its_own_deployment_whatever_came_later(bench: Bench) -> None:
    bench.form("ask.json", colour={"type": "string"})
    bench.add("shop", process("shop", user("ask", form="ask.json")))
    old = bench.start("shop")
    bench.form("ask.json", street={"type": "string"})
    bench.add("shop", process("shop", user("ask", form="ask.json")))
    assert (fields(bench, old), fields(bench, bench.start("shop"))) == (["colour"], ["street"])


def test_a_task_of_a_called_process_shows_the_form_of_that_process(bench: Bench) -> None:
    bench.form("ask.json", inner={"type": "string"})
    bench.add("called", process("called", user("ask", form="ask.json")))
    (bench.folder / "ask.json").unlink()
    bench.add("shop", process("shop", call("inside", "called")))
    assert fields(bench, bench.start("shop")) == ["inner"]


def test_a_form_that_was_missing_is_found_once_it_is_added(bench: Bench) -> None:
    bench.add("shop", process("shop", user("ask", form="ask.json")))
    id = bench.start("shop")
    with pytest.raises(ModelError, match=r"Task 'Ask' needs the form 'ask\.json', which was never added") as caught:
        form(bench, id)
    assert caught.value.element == "ask"
    bench.form("ask.json", late={"type": "string"})
    bench.add("other", process("other", user("ask", form="ask.json")))
    assert fields(bench, id) == ["late"]


def test_a_form_may_stand_in_the_folder_of_the_engine_module(bench: Bench) -> None:
    bench.add("shop", process("shop", user("ask", form="ask.json")))
    id = bench.start("shop")
    bench.form("ask.json", beside={"type": "string"})
    runner = bench.runner()
    (view,) = runner.look(id).open_tasks
    object.__setattr__(runner.engine, "config", replace(runner.engine.config, forms=bench.folder))
    found = runner.form(view)
    assert found is not None
    assert list(found.schema["properties"]) == ["beside"]


def test_secret_fields_are_those_a_schema_or_a_ui_schema_marks(bench: Bench) -> None:
    schema = {"properties": {"pin": {"format": "password"}, "name": {}, "card": {"properties": {"code": {}}}}}
    ui = {"name": {"ui:widget": "text"}, "card": {"code": {"ui:options": {"widget": "password"}}}}
    resources = [
        Resource("a.json", "form", json.dumps(schema).encode()),
        Resource("a_ui.json", "form", json.dumps(ui).encode()),
        Resource("broken.json", "form", b"{"),
    ]
    assert secret_fields(resources) == {"pin", "code"}
