"""What holds for any two models: the diff is a difference, both ways, and says everything there is to say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spiffcli.diff import Change, Diff, compare
from spiffcli.model import Model, Process, layout_hash, load, semantic_hash
from spiffcli.model.facts import facts
from spiffcli.values import Resource

from .models import Document, documents, edited

_PARTS = ("nodes", "flows", "data", "associations", "lanes", "artifacts")


def _diff(old: Model, new: Model) -> Diff:
    return compare(old, new, old_process="proc", new_process="proc")


def _meaning(diff: Diff) -> list[Change]:
    return [change for change in diff.changes if change.kind != "layout"]


@given(documents())
def test_a_model_does_not_differ_from_itself(document: Document) -> None:
    model = document.load()

    assert not compare(model, model, dependencies=True)
    assert not compare(model, document.load()).changes


@given(edited())
def test_a_diff_reversed_is_the_diff_the_other_way(pair: tuple[Document, Document]) -> None:
    old, new = (document.load() for document in pair)

    assert compare(old, new).reversed() == compare(new, old, old_label="new", new_label="old")


@given(edited())
def test_a_diff_read_back_from_json_is_the_same(pair: tuple[Document, Document]) -> None:
    diff = compare(*(document.load() for document in pair), dependencies=True)

    assert Diff.from_json(json.loads(json.dumps(diff.to_json()))) == diff


@given(documents(), documents())
def test_unrelated_models_are_compared_the_same_from_both_sides(one: Document, other: Document) -> None:
    old, new = one.load(), other.load()

    assert compare(old, new).reversed() == compare(new, old, old_label="new", new_label="old")


@given(edited(), st.integers(0, 1000))
def test_only_the_order_of_flows_leaving_a_node_counts(pair: tuple[Document, Document], seed: int) -> None:
    old, new = pair
    shuffled = new.shuffled(seed).load()

    assert not compare(new.load(), shuffled).changes or _only_layout(compare(new.load(), shuffled))
    assert _said(_diff(old.load(), new.load())) == _said(_diff(old.load(), shuffled))


def _only_layout(diff: Diff) -> bool:
    return not _meaning(diff)


def _said(diff: Diff) -> set[tuple[Any, ...]]:
    return {
        (change.rule, change.before.id, change.element.id, change.path, str(change.old), str(change.new))
        for change in _meaning(diff)
    }


@given(documents())
def test_fresh_ids_for_everything_are_nothing_but_renames(document: Document) -> None:
    fresh = document.renamed(lambda id: f"x{sum(map(ord, id)) % 7}_{id[::-1]}_new")

    changes = _meaning(_diff(document.load(), fresh.load()))

    assert {change.kind for change in changes} <= {"renamed"}
    assert len(changes) == len(document.elements) + len(document.lanes)


@given(edited())
def test_hashes_are_equal_exactly_when_only_the_drawing_differs(pair: tuple[Document, Document]) -> None:
    old, new = (document.load() for document in pair)
    diff = _diff(old, new)

    same = semantic_hash(old.processes["proc"], old) == semantic_hash(new.processes["proc"], new)
    drawn_alike = layout_hash(old.processes["proc"], old) == layout_hash(new.processes["proc"], new)

    assert same == (not _meaning(diff))
    if same:
        assert drawn_alike == (not diff.changes)


@given(edited())
def test_applying_the_changes_to_the_old_model_gives_the_new_one(pair: tuple[Document, Document]) -> None:
    old, new = (document.load().processes["proc"] for document in pair)
    diff = _diff(pair[0].load(), pair[1].load())

    assert _applied(_table(old), diff) == _table(new)


@given(edited(), st.integers(0, 5))
def test_fingerprints_outlast_unrelated_edits(pair: tuple[Document, Document], lines: int) -> None:
    old, new = pair
    before = _diff(old.load(), new.load())
    padded = new.render().replace("><", ">" + "\n" * lines + "<")

    after = _diff(old.load(), load([Resource("random.bpmn", "bpmn", padded.encode())]))

    assert {change.fingerprint for change in before.changes} == {change.fingerprint for change in after.changes}


@given(edited())
def test_every_change_names_an_element_of_its_model_and_a_line(pair: tuple[Document, Document]) -> None:
    old, new = (document.load().processes["proc"] for document in pair)
    known = ({"proc", *(id for part in _PARTS for id in getattr(side, part))} for side in (old, new))
    before, after = known

    for change in _diff(pair[0].load(), pair[1].load()).changes:
        assert change.kind == "added" or (change.before.id in before and change.old_place.line > 0)
        assert change.kind == "removed" or (change.element.id in after and change.new_place.line > 0)


@settings(max_examples=40)
@given(edited(most=6))
def test_no_element_is_paired_twice_or_lost(pair: tuple[Document, Document]) -> None:
    from spiffcli.diff.align import align_processes

    old, new = (document.load().processes["proc"] for document in pair)
    found = align_processes(old, new)

    assert len(set(found.nodes.values())) == len(found.nodes)
    for before, after in found.nodes.items():
        assert before == after or old.nodes[before].type == new.nodes[after].type
    diff = _diff(pair[0].load(), pair[1].load())
    added = {change.element.id for change in diff.changes if change.kind == "added"}
    removed = {change.element.id for change in diff.changes if change.kind == "removed"}
    assert set(new.nodes) == set(found.nodes.values()) | (added & set(new.nodes))
    assert set(old.nodes) == set(found.nodes) | (removed & set(old.nodes))


# A process as a table of facts, and what changes do to it.

_Table = dict[tuple[str, str], dict[str, Any]]

_KINDS: Mapping[str, str] = {
    "sequenceFlow": "flows",
    "dataObject": "data",
    "dataObjectReference": "data",
    "lane": "lanes",
    "process": "process",
}


def _kind_of(type: str) -> str:
    return _KINDS.get(type, "nodes")


def _table(process: Process) -> _Table:
    table: _Table = {("process", process.id): _values(process)}
    for part in ("nodes", "flows", "data", "lanes"):
        for id, element in getattr(process, part).items():
            table[part, id] = _values(element)
    for id, node in process.nodes.items():
        table["nodes", id]["outgoing"] = list(node.outgoing)
    return table


def _values(element: Any) -> dict[str, Any]:
    return {
        path: list(fact.value) if isinstance(fact.value, tuple) else fact.value for path, fact in facts(element).items()
    }


def _applied(table: _Table, diff: Diff) -> _Table:
    table = _renamed(table, diff)
    _take_moved_flows(table, diff)
    gone = {(_kind_of(c.element.type), c.element.id) for c in diff.changes if c.kind == "removed"}
    for key in gone:
        del table[key]
    for values in table.values():
        if "outgoing" in values:
            values["outgoing"] = [id for id in values["outgoing"] if ("flows", id) not in gone]
    for change in diff.changes:
        if change.kind not in ("added", "removed", "renamed", "layout"):
            _apply(table, change)
    added = [change for change in diff.changes if change.kind == "added"]
    for change in added:
        table[_kind_of(change.element.type), change.element.id] = dict(change.new)
    for key, values in table.items():
        if key[0] == "nodes":
            values.setdefault("outgoing", [])
    # Places are counted in the new model, so flows are put in from the first place to the last.
    for key in sorted((key for key in table if "order" in table[key]), key=lambda key: table[key]["order"]):
        flow = table[key]
        table["nodes", flow["source"]]["outgoing"].insert(flow.pop("order"), key[1])
    return table


def _take_moved_flows(table: _Table, diff: Diff) -> None:
    """Take flows whose source changes from their old source, and note their place at the new one."""
    places = {id: n for values in table.values() for n, id in enumerate(values.get("outgoing", ()))}
    places |= {c.element.id: c.new for c in diff.changes if c.rule == "flow-retargeted" and c.path == "order"}
    for change in diff.changes:
        if change.rule == "flow-retargeted" and change.path == "source":
            id = change.element.id
            leaving = next(v["outgoing"] for v in table.values() if id in v.get("outgoing", ()))
            table["flows", id]["order"] = places[id]
            leaving.remove(id)


def _renamed(table: _Table, diff: Diff) -> _Table:
    new_id = {(_kind_of(c.element.type), c.old): c.new for c in diff.changes if c.kind == "renamed"}
    by_id = {old: new for (_kind, old), new in new_id.items()}
    found: _Table = {}
    for (kind, id), values in table.items():
        mapped = {
            path: by_id.get(value, value) if path in _REFERENCES else value
            for path, value in values.items()
            if path != "outgoing"
        }
        if "outgoing" in values:
            mapped["outgoing"] = [by_id.get(flow, flow) for flow in values["outgoing"]]
        found[kind, new_id.get((kind, id), id)] = mapped
    return found


_REFERENCES = frozenset({"source", "target", "scope", "lane", "default", "attached_to", "parent", "object"})


def _apply(table: _Table, change: Change) -> None:
    values = table[_kind_of(change.element.type), change.element.id]
    if change.rule in ("script-variables-changed", "join-incoming-count-changed"):
        return  # follows from other changes
    if change.rule == "outgoing-order-changed":
        places = [n for n, id in enumerate(values["outgoing"]) if id in change.new]
        for place, id in zip(places, change.new, strict=True):
            values["outgoing"][place] = id
        return
    if change.path == "order":
        return
    _drop(values, change.path, change.old)
    _store(values, change.path, change.new)


def _drop(values: dict[str, Any], path: str, old: Any) -> None:
    values.pop(path, None)
    if isinstance(old, dict):
        for key in [key for key in values if key.startswith(path) and re.match(r"[.\[]", key[len(path) :])]:
            del values[key]


def _store(values: dict[str, Any], path: str, new: Any) -> None:
    if isinstance(new, dict):
        for key, value in new.items():
            values[f"{path}{key}" if key.startswith("[") else f"{path}.{key}"] = value
    elif new is not None and new is not False:
        values[path] = new
