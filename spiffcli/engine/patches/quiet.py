"""Speed: nothing is put together for a log that nobody reads.

The engine describes a task or workflow in full, its data included, for every record, and does so before it asks
whether there is anybody to read it.
"""

from __future__ import annotations

import logging
from typing import Any

import SpiffWorkflow.task
import SpiffWorkflow.workflow
from SpiffWorkflow.task import Task
from SpiffWorkflow.workflow import Workflow

from spiffcli.engine.patches.overrides import Overrides

SPEED = Overrides()

_engine_task_extras = Task.collect_log_extras
_engine_workflow_extras = Workflow.collect_log_extras


def _task_extras(self: Any, dct: dict[str, Any] | None = None) -> dict[str, Any]:
    """Fault: the level set on the logger itself was asked, which is hardly ever set, not the one in force."""
    logger = SpiffWorkflow.task.logger
    return _engine_task_extras(self, dct) if logger.isEnabledFor(logging.INFO) else {}


def _workflow_extras(self: Any, dct: dict[str, Any] | None = None) -> dict[str, Any]:
    """Fault: as above; besides, all tasks are listed."""
    logger = SpiffWorkflow.workflow.logger
    return _engine_workflow_extras(self, dct) if logger.isEnabledFor(logging.INFO) else {}


SPEED.set(Task, "collect_log_extras", _task_extras)
SPEED.set(Workflow, "collect_log_extras", _workflow_extras)
