"""Everything bpmn-js-differ reports, ours reports too, by element and by cause; and where it errs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from spiffcli.diff import compare
from spiffcli.model import Model, load
from spiffcli.values import Resource

from .bpmn_js import Differ
from .bpmn_js_causes import Explaining
from .make import bpmn, ends, model

Pair = tuple[Path, Path]


def _model(path: Path) -> Model:
    return load([Resource("model.bpmn", "bpmn", path.read_bytes())])


def _any_two(*files: Path) -> Iterator[Pair]:
    return itertools.permutations(sorted(files), 2)


def _there_and_back(folder: Path, before: str, after: str) -> Iterator[Pair]:
    for old in sorted(folder.rglob("*.bpmn")):
        new = old.with_name(old.name.replace(before, after))
        if old != new and new.exists():
            yield from ((old, new), (new, old))


#: What it says and we do not: corpus -> (new file, attribute, element) -> why.
_ERRORS: dict[str, dict[tuple[str, str, str], str]] = {
    "migration": {
        (
            "data_object_added_read_by_a_future_task.v2.bpmn",
            "added",
            "undefined",
        ): "it lists what has no id as one thing",
        ("data_object_added_read_by_a_future_task.v1.bpmn", "removed", "undefined"): "the same",
    },
    "differ": {
        ("new.bpmn", "eventDefinitions[0]", "_6-219"): "only the XML type of an empty expression was written out",
        ("old.bpmn", "eventDefinitions[0]", "_6-219"): "the same",
    },
}


def _pairs(corpus: str, request: pytest.FixtureRequest) -> list[Pair]:
    root: Path = request.getfixturevalue("root")
    if corpus == "tutorial":
        return list(_any_two(*(root / "bpmn" / "tutorial").glob("*.bpmn")))
    if corpus == "examples":
        folders = [path for path in (root / "examples").iterdir() if path.is_dir()]
        return [pair for folder in folders for pair in _any_two(*folder.rglob("*.bpmn"))]
    if corpus == "migration":
        return list(_there_and_back(root / "tests" / "models" / "migration", ".v1.", ".v2."))
    folder = request.getfixturevalue("reference_models") / "differ"
    found = [_there_and_back(folder, *words) for words in (("before", "after"), ("old", "new"))]
    collapsed = folder / "signavio-collapsed"
    return [*itertools.chain(*found), *_any_two(*collapsed.glob("*.bpmn"))]


@pytest.mark.parametrize(
    ("corpus", "at_least"), [("tutorial", 180), ("examples", 150), ("migration", 30), ("differ", 40)]
)
def test_everything_it_reports_is_ours(
    differ: Differ, request: pytest.FixtureRequest, corpus: str, at_least: int
) -> None:
    pairs = _pairs(corpus, request)

    missing = set()
    for old, new in pairs:
        sides = _model(old), _model(new)
        said = differ.compare(old.read_bytes(), new.read_bytes())
        missing |= {(new.name, *each) for each in Explaining(compare(*sides), *sides).unexplained(said)}

    assert missing == _ERRORS.get(corpus, {}).keys()
    assert len(pairs) >= at_least


@pytest.mark.parametrize("corpus", ["tutorial", "examples", "migration", "differ"])
def test_its_values_are_ours_the_right_way_round(differ: Differ, request: pytest.FixtureRequest, corpus: str) -> None:
    checked = 0
    for old, new in _pairs(corpus, request):
        sides = _model(old), _model(new)
        said = differ.compare(old.read_bytes(), new.read_bytes())
        for id, path, values, ours in Explaining(compare(*sides), *sides).values(said):
            assert values in ours, f"{id}.{path} of {new}"
            checked += 1

    assert checked


# Its errors


def test_a_collaboration_without_pools_is_compared(differ: Differ) -> None:
    beside = '<collaboration id="c"/>'
    old, new = (bpmn(ends(), "s>e", beside=beside, attributes=f'name="{name}"') for name in ("A", "B"))

    assert differ.compare(old, new).error
    (change,) = compare(model(old), model(new)).changes
    assert (change.rule, change.old, change.new) == ("name-changed", "A", "B")


def test_a_drawing_of_nothing_is_compared(differ: Differ) -> None:
    def drawn(x: int) -> bytes:
        shape = f'<di:BPMNShape id="x"><dc:Bounds x="{x}" y="0" width="9" height="9"/></di:BPMNShape>'
        plane = f'<di:BPMNPlane id="p" bpmnElement="proc">{shape}</di:BPMNPlane>'
        return bpmn(ends(), "s>e", beside=f'<di:BPMNDiagram id="d">{plane}</di:BPMNDiagram>')

    old, new = drawn(1), drawn(2)

    assert differ.compare(old, new).error
    assert compare(model(old), model(new)).changes == ()


def test_two_thousand_renamed_tasks_are_recognized(differ: Differ) -> None:
    def chain(prefix: str) -> bytes:
        ids = [f"{prefix}{n}" for n in range(2_000)]
        tasks = "".join(f'<task id="{id}" name="Task {n}"/>' for n, id in enumerate(ids))
        return bpmn(ends(tasks), ">".join(["s", *ids, "e"]))

    old, new = chain("old"), chain("new")

    assert "stack" in differ.compare(old, new).error
    kinds = {change.kind for change in compare(model(old), model(new)).changes}
    assert kinds == {"renamed"}
