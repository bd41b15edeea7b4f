"""Models that another tool read and wrote again: what is reported is real."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from spiffcli.diff import Change, Diff, compare
from spiffcli.model import Model, load
from spiffcli.values import Resource


def _model(path: Path) -> Model:
    return load([Resource(path.name, "bpmn", path.read_bytes())])


def _pairs(folder: Path, ending: str) -> Iterator[tuple[str, Diff]]:
    for path in sorted((folder / "miwg" / "reference").glob("*.bpmn")):
        other = folder / "miwg" / "camunda-modeler" / f"{path.stem}-{ending}.bpmn"
        if other.exists():
            yield path.stem, compare(_model(path), _model(other))


@pytest.fixture(scope="module")
def round_trips(reference_models: Path) -> dict[str, Diff]:
    found = dict(_pairs(reference_models, "roundtrip"))
    assert len(found) > 15
    return found


#: What the other tool really lost or broke: model, rule, how often.
_LOST = {
    ("C.1.0", "name-changed"): 1,  # an umlaut of a name was written in the wrong encoding
    ("C.1.1", "name-changed"): 1,  # the same
    ("C.8.1", "definition-changed"): 3,  # operations lost the message they answer with
    ("C.9.0", "process-setting-changed"): 1,  # quotes inside an embedded form lost their backslashes
    ("C.9.2", "process-setting-changed"): 1,  # the same
}


def _meaning(diff: Diff) -> list[Change]:
    return [change for change in diff.changes if change.kind != "layout"]


def test_only_what_was_really_lost_is_reported(round_trips: dict[str, Diff]) -> None:
    found = Counter((name, change.rule) for name, diff in round_trips.items() for change in _meaning(diff))

    assert found == _LOST


def test_moved_shapes_are_drawings_and_nothing_else(round_trips: dict[str, Diff]) -> None:
    drawn = {name: len(diff.changes) - len(_meaning(diff)) for name, diff in round_trips.items()}

    assert {name: n for name, n in drawn.items() if n} == {"B.1.0": 5, "B.2.0": 14}


def test_models_drawn_anew_with_other_ids_are_recognized(reference_models: Path) -> None:
    redrawn = dict(_pairs(reference_models, "export"))

    for name in ("A.1.0", "A.2.0", "A.3.0", "C.9.1", "C.9.2"):
        kinds = {change.kind for change in redrawn[name].changes}
        assert not kinds & {"added", "removed"}
        assert "renamed" in kinds
