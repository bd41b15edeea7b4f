"""Models in a temporary folder, and environments of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spiffcli.testing import WorkflowEnvironment

from .models import write

Make = Callable[..., WorkflowEnvironment]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes an environment of one file with these processes, with these services."""

    def make(
        *processes: str,
        services: Any,
        errors: tuple[str, ...] = (),
        messages: tuple[str, ...] = (),
        **options: Any,
    ) -> WorkflowEnvironment:
        model = write(tmp_path / "model.bpmn", *processes, errors=errors, messages=messages)
        return WorkflowEnvironment(model, services=services, **options)

    return make
