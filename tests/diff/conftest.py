"""The other tools that ours is compared with."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .bpmn_js import AbsentError, Differ, install


@pytest.fixture(scope="session")
def differ(request: pytest.FixtureRequest) -> Iterator[Differ]:
    """bpmn-js-differ; where it is not to be had, tests that need it are skipped, and fail in CI."""
    try:
        found = Differ(install(request.config.cache.mkdir("bpmn-js-differ")))
    except AbsentError as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    yield found
    found.close()
