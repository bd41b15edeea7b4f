"""Workflows of a program that uses the engine beside the runner."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from SpiffWorkflow.specs.Simple import Simple
from SpiffWorkflow.specs.WorkflowSpec import WorkflowSpec
from SpiffWorkflow.workflow import Workflow

from spiffcli.engine import adapter, patches  # noqa: F401 (the adapter installs its overrides)


@pytest.mark.parametrize("enabled", [False, True])
def test_a_workflow_other_than_bpmn_runs_to_its_end(enabled: bool) -> None:
    patches.install(enabled=enabled)
    spec = WorkflowSpec("foreign", addstart=True)
    first, second = Simple(spec, "first"), Simple(spec, "second")
    spec.start.connect(first)
    first.connect(second)
    try:
        workflow = Workflow(spec)
        workflow.run_all()
    finally:
        patches.install()
    assert workflow.is_completed()
    assert workflow.last_task.task_spec.name == "second"


def test_the_data_of_others_are_theirs() -> None:
    """Ours are copied, so that branches share nothing; a program may well count on sharing."""
    patches.install()
    spec = WorkflowSpec("foreign", addstart=True)
    spec.start.connect(Simple(spec, "first"))
    workflow = Workflow(spec)
    shared = [1]
    workflow.task_tree.data["list"] = [shared]
    workflow.run_all()
    assert workflow.last_task.data["list"][0] is shared


def _traces(mode: str, files: list[Path]) -> dict[str, Any]:
    program = Path(__file__).with_name("foreign_trace.py")
    command = [sys.executable, str(program), mode, *map(str, files)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    traces: dict[str, Any] = json.loads(done.stdout)
    return traces


def _assert_same(files: list[Path]) -> None:
    alone, beside = _traces("alone", files), _traces("beside", files)
    assert sum(len(steps) for traces in alone.values() for steps in traces) > 2 * len(files)
    for name, traces in alone.items():
        assert beside[name] == traces, name


def test_processes_of_others_run_as_without_us(root: Path, tutorial: Path) -> None:
    _assert_same([*sorted(tutorial.glob("*.bpmn")), *sorted((root / "tests/models/migration").glob("*.v1.bpmn"))])


def test_processes_of_the_engine_run_as_without_us(reference_models: Path) -> None:
    files = sorted((reference_models / "engine").glob("*.bpmn"))
    if not files:
        pytest.skip("the models of the engine's own tests are not among the reference models")
    _assert_same(files)
