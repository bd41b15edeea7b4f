"""Workflows of a program that uses the engine beside the runner."""

from __future__ import annotations

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
