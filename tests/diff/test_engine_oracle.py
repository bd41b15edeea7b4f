"""Everything the engine's own spec diff reports, ours reports too, by element and by cause; and where it errs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from lxml import etree

from spiffcli.diff import Diff, compare
from spiffcli.model import Model, Process, load
from spiffcli.values import Resource

from ..property.models import Document, edited
from .oracle import parse, read, report, spec_differences, unexplained, unexplained_differences

_EVOLUTION = [
    ("task_types.bpmn", "gateway_types.bpmn"),
    ("top_level.bpmn", "top_level_script.bpmn"),
    ("call_activity.bpmn", "call_activity_script.bpmn"),
]


def _model(files: list[tuple[str, bytes]]) -> Model:
    return load([Resource(name, "dmn" if name.endswith(".dmn") else "bpmn", content) for name, content in files])


def _processes(model: Model) -> list[str]:
    return [process.id for process in model.processes.values() if process.executable]


def _check(old_specs: dict[str, Any], new_specs: dict[str, Any], diff: Diff, sides: tuple[Model, Model]) -> list[str]:
    """What is unexplained in a process, its sub-processes and the processes it calls."""
    found = []
    for name, old in old_specs.items():
        if name in new_specs:
            called = name in sides[0].processes and name in sides[1].processes
            key = name if called else next(iter(sides[0].processes))
            processes = [side.processes[key] for side in sides]
            dependency = diff.dependencies[f"process:{name}"].diff if called else diff
            found += unexplained(report(old, new_specs[name]), dependency, *processes)
    return found


@pytest.mark.parametrize(("old_file", "new_file"), _EVOLUTION)
def test_everything_the_engine_reports_on_the_tutorial_is_ours(tutorial: Path, old_file: str, new_file: str) -> None:
    decisions = read(*sorted(tutorial.glob("*.dmn")))
    old_files, new_files = read(tutorial / old_file) + decisions, read(tutorial / new_file) + decisions
    called = _called(tutorial, old_file, new_file)
    old, new = _model([*old_files, *called[0]]), _model([*new_files, *called[1]])
    (process,) = _processes(_model(read(tutorial / old_file)))
    diff = compare(old, new, old_process=process, dependencies=True)

    specs = [parse([*files, *more], process) for files, more in zip((old_files, new_files), called, strict=True)]

    assert _check(*specs, diff, (old, new)) == []
    assert diff


def _called(tutorial: Path, old_file: str, new_file: str) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    if "top_level" not in old_file:
        return [], []
    return read(tutorial / "call_activity.bpmn"), read(tutorial / "call_activity_script.bpmn")


def test_everything_the_engine_reports_on_any_two_tutorial_models_is_ours(tutorial: Path) -> None:
    everything = list(_all_processes(tutorial))

    faults = {}
    for (name, old, old_spec), (other, new, new_spec) in itertools.permutations(everything, 2):
        missing = unexplained(
            report(old_spec, new_spec),
            compare(old, new, old_process=name, new_process=other, dependencies=True),
            old.processes[name],
            new.processes[other],
        )
        if missing:
            faults[name, other] = missing

    assert faults == {}
    assert len(everything) > 10


def _all_processes(tutorial: Path) -> Iterator[tuple[str, Model, Any]]:
    decisions = read(*sorted(tutorial.glob("*.dmn")))
    for path in sorted(tutorial.glob("*.bpmn")):
        model = _model(read(path) + decisions)
        called = read(tutorial / "call_activity.bpmn") if path.name.startswith("top_level") else []
        for process in _processes(model):
            yield process, model, parse([*read(path), *decisions, *called], process)[""]


def _migration_pairs() -> list[str]:
    folder = Path(__file__).parent.parent / "models" / "migration"
    return sorted(path.name.removesuffix(".v2.bpmn") for path in folder.glob("*.v2.bpmn"))


@pytest.mark.parametrize("case", _migration_pairs())
def test_everything_the_engine_reports_on_the_migration_models_is_ours(root: Path, case: str) -> None:
    folder = root / "tests" / "models" / "migration"
    old_files, new_files = read(folder / f"{case}.v1.bpmn"), read(folder / f"{case}.v2.bpmn")
    old, new = _model(old_files), _model(new_files)

    specs = parse(old_files, "proc"), parse(new_files, "proc")

    diff = compare(old, new, old_process="proc", dependencies=True)

    assert _check(*specs, diff, (old, new)) == []


def test_everything_the_engine_reports_on_foreign_models_it_can_read_is_ours(reference_models: Path) -> None:
    compared = dropped = 0
    for old_file, new_file in _foreign_pairs(reference_models):
        files = [_executable(old_file), _executable(new_file)]
        old, new = map(_model, files)
        for process in old.processes.keys() & new.processes.keys():
            specs = [_parsed(each, process) for each in files]
            if specs[0] is None or specs[1] is None:
                continue
            diff = compare(old, new, old_process=process, dependencies=True)
            sides = old.processes[process], new.processes[process]
            missing = set(unexplained(report(specs[0][""], specs[1][""]), diff, *sides))
            unreached = missing & set(_only_reached_on_one_side(*sides))
            assert missing == unreached, f"{process} of {new_file}"
            compared, dropped = compared + 1, dropped + len(unreached)

    assert compared > 10
    assert dropped > 10


def _foreign_pairs(folder: Path) -> Iterator[tuple[Path, Path]]:
    words = [("before", "after"), ("old", "new")]
    for old in sorted((folder / "differ").rglob("*.bpmn")):
        for before, after in [*words, *(pair[::-1] for pair in words)]:
            new = old.with_name(old.name.replace(before, after))
            if new != old and new.exists():
                yield old, new


def _only_reached_on_one_side(old: Process, new: Process) -> Iterator[str]:
    """What the engine calls added and removed, and both files have: it drops what no path leads to."""
    for id in old.nodes.keys() & new.nodes.keys():
        if old.nodes[id].reachable != new.nodes[id].reachable:
            yield f"{id} {'added' if new.nodes[id].reachable else 'removed'}"


def _executable(path: Path) -> list[tuple[str, bytes]]:
    """A file with all its processes executable: the engine reads no others."""
    root = etree.fromstring(path.read_bytes())
    for process in root.findall("{*}process"):
        process.set("isExecutable", "true")
    return [(path.name, etree.tostring(root))]


def _parsed(files: list[tuple[str, bytes]], process: str) -> dict[str, Any] | None:
    try:
        return parse(files, process)
    except Exception:  # it raises whatever comes up; most of these models are drawings
        return None


@settings(max_examples=100, deadline=None)
@given(edited())
def test_everything_the_engine_reports_on_random_edits_is_ours(pair: tuple[Document, Document]) -> None:
    old, new = (document.load() for document in pair)
    specs = [parse([("random.bpmn", document.render().encode())], "proc") for document in pair]

    assert _check(*specs, compare(old, new, old_process="proc"), (old, new)) == []


def test_no_difference_between_specs_of_the_tutorial_is_unexplained(tutorial: Path) -> None:
    everything = list(_all_processes(tutorial))

    faults = {}
    for (name, old, old_spec), (other, new, new_spec) in itertools.permutations(everything, 2):
        diff = compare(old, new, old_process=name, new_process=other, dependencies=True)
        sides = old.processes[name], new.processes[other]
        missing = unexplained_differences(spec_differences(old_spec, new_spec), diff, *sides)
        if missing:
            faults[name, other] = missing

    assert faults == {}


@settings(max_examples=100, deadline=None)
@given(edited())
def test_no_difference_between_specs_of_random_edits_is_unexplained(pair: tuple[Document, Document]) -> None:
    old, new = (document.load() for document in pair)
    specs = [parse([("random.bpmn", document.render().encode())], "proc") for document in pair]
    diff = compare(old, new, old_process="proc")

    for name in specs[0].keys() & specs[1].keys():
        found = spec_differences(specs[0][name], specs[1][name])
        assert unexplained_differences(found, diff, old.processes["proc"], new.processes["proc"]) == []
