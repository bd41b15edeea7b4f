"""Every edit on every kind of model: it is said with both values, nothing else is, and nobody sees more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from spiffcli.diff import Change, compare
from spiffcli.model import Model

from .bpmn_js import Differ
from .bpmn_js_causes import Explaining
from .drafts import Draft
from .edits import ANY, EDITS, Edit, Expected
from .make import bpmn, ends, model
from .oracle import parse, report, unexplained

Files = Mapping[str, bytes]

#: A short order; lanes; a collaboration with messages; sub-processes that events start; boundary events and timers;
#: repeated tasks; and a model of two events, without a drawing.
_MODELS = ["gateway_types", "lanes", "collaboration", "event_subprocess", "timers", "multi_instance", "bare"]

#: The engine reads no process that is not executable.
_NOT_FOR_THE_ENGINE = {"executable"}

_every_edit = pytest.mark.parametrize("edit", EDITS, ids=[edit.name for edit in EDITS])


@dataclass(frozen=True)
class Made:
    """An edit that was made on a model.

    Attributes:
        process: Id of the process it was made in.
        old, new: Contents of the files by name.
        expected: What we have to say.
    """

    process: str
    old: Files
    new: Files
    expected: tuple[Expected, ...]

    def sides(self) -> tuple[Model, Model]:
        return model(*self.old.items()), model(*self.new.items())


@pytest.fixture
def made(tutorial: Path, edit: Edit) -> dict[str, Made]:
    """The edit made on every model."""
    decisions = {path.name: path.read_bytes() for path in sorted(tutorial.glob("*.dmn"))}
    found = {}
    for name in _MODELS:
        content = bpmn(ends(), "s>e") if name == "bare" else (tutorial / f"{name}.bpmn").read_bytes()
        draft = Draft(content, decisions)
        expected = edit.make(draft)
        found[name] = Made(draft.process.get("id"), *draft.versions(), tuple(expected))
    return found


def _meets(change: Change, expected: Expected) -> bool:
    said = (change.rule, change.element.id, change.old, change.new)
    wanted = (expected.rule, expected.element, expected.old, expected.new)
    return all(value is ANY or value == ours for ours, value in zip(said, wanted, strict=True))


def test_there_are_the_edits_of_a_working_day() -> None:
    assert len(EDITS) > 51
    assert len({edit.name for edit in EDITS}) == len(EDITS)


@_every_edit
def test_an_edit_is_said_and_nothing_else(edit: Edit, made: dict[str, Made]) -> None:
    for name, each in made.items():
        changes = compare(*each.sides()).changes

        unsaid = [one for one in each.expected if not any(_meets(change, one) for change in changes)]
        assert unsaid == [], name
        wanted = {(one.rule, one.element) for one in each.expected}
        besides = {(change.rule, change.element.id) for change in changes} - wanted
        assert {rule for rule, _ in besides} <= set(edit.also), name


@_every_edit
def test_what_the_other_differ_says_is_ours(edit: Edit, made: dict[str, Made], differ: Differ) -> None:
    for name, each in made.items():
        said = differ.compare(each.old["model.bpmn"], each.new["model.bpmn"])

        assert bool(said.added or said.removed or said.changed or said.layout) == ("J" in edit.seen_by), name
        if each.expected:  # else it errs
            sides = each.sides()
            assert Explaining(compare(*sides), *sides).unexplained(said) == [], name


@pytest.mark.parametrize("edit", [e for e in EDITS if e.name not in _NOT_FOR_THE_ENGINE], ids=lambda edit: edit.name)
def test_what_the_engine_says_is_ours(edit: Edit, made: dict[str, Made]) -> None:
    for name, each in made.items():
        sides = each.sides()
        old, new = _specs(each.old, each.process), _specs(each.new, each.process)
        diff = compare(*sides, old_process=each.process, dependencies=True)

        seen = old.keys() != new.keys()
        for spec in old.keys() & new.keys():
            key = spec if spec in sides[0].processes else each.process
            found = report(old[spec], new[spec])
            seen = seen or bool(found.added or found.removed or found.changed or found.paired)
            assert unexplained(found, diff, sides[0].processes[key], sides[1].processes[key]) == [], name
        assert seen == ("S" in edit.seen_by), name


def _specs(files: Files, process: str) -> dict[str, Any]:
    return parse([each for each in files.items() if not each[0].endswith(".json")], process)
