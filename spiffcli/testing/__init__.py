"""What tests of models and business code need: an environment in memory with a clock that tests set.

See docs/services.md, "Testing".
"""

from __future__ import annotations

from spiffcli.testing.environment import WorkflowEnvironment
from spiffcli.testing.workflow import Workflow

__all__ = ["Workflow", "WorkflowEnvironment"]
