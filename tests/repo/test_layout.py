from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from spiffcli.errors import InputError
from spiffcli.repo.layout import check_id, model_ids, model_json, owner, read_layout, to_bytes


def layout_of(files: dict[str, bytes]):  # type: ignore[no-untyped-def]
    return read_layout(files, files)


def test_folders_are_what_their_files_say() -> None:
    layout = layout_of(
        {
            "shop/process_group.json": b'{"display_name": "The shop", "messages": {}}',
            "shop/order/process_model.json": b'{"display_name": "", "primary_process_id": "order", "unknown": 1}',
            "shop/order/order.bpmn": b"",
            "shop/order/forms/a.json": b"",
            "shop/.git/process_model.json": b"{}",
            "loose.bpmn": b"",
        }
    )
    assert list(layout.groups) == ["shop"]
    assert layout.groups["shop"].name == "The shop"
    model = layout.models["shop/order"]
    assert (model.name, model.primary_process, model.primary_file) == ("order", "order", None)
    assert model.files == ("forms/a.json", "order.bpmn", "process_model.json")
    assert model.properties["unknown"] == 1
    assert (layout.owner("shop/order/forms/a.json"), layout.owner("loose.bpmn")) == ("shop/order", None)


def test_the_root_itself_may_be_a_model() -> None:
    layout = layout_of({"process_model.json": b"{}", "a.bpmn": b""})
    assert layout.models["."].files == ("a.bpmn", "process_model.json")
    assert model_ids(["process_model.json", "x/process_model.json"]) == {".", "x"}


def test_a_file_that_cannot_be_read_spoils_nothing_else() -> None:
    layout = layout_of({"a/process_model.json": b"\xff", "b/process_model.json": b"[]", "c/process_model.json": b"{}"})
    assert layout.problems == {
        "a/process_model.json": "a/process_model.json is not text in UTF-8.",
        "b/process_model.json": "b/process_model.json holds no JSON object.",
    }
    assert layout.models["c"].problem is None


def test_json_is_written_so_that_a_change_is_a_line() -> None:
    written = model_json("x", primary_file="x.bpmn", primary_process="x")
    assert written == to_bytes(json.loads(written))
    assert written.startswith(b'{\n    "description": "",\n')


@given(st.text(max_size=30))
def test_an_id_is_a_path_that_stays_below_or_it_is_refused(text: str) -> None:
    try:
        id = check_id(text)
    except InputError:
        return
    parts = id.split("/")
    assert all(part and part not in (".", "..", ".git") and ":" not in part and "\\" not in part for part in parts)
    assert not id.startswith("/")


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=5))
def test_the_owner_is_the_deepest_model_above(parts: list[str]) -> None:
    path = "/".join([*parts, "file"])
    above = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    assert owner(frozenset(above), path) == above[-1]
    assert owner(frozenset(above[:1]), path) == above[0]
    assert owner(frozenset(), path) is None
