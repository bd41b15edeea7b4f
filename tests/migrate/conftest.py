"""Fixtures for tests of migration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


@pytest.fixture(autouse=True)
def added_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let models be added that `add` refuses by now: instances of versions that were stored before it did still move."""
    monkeypatch.setattr("spiffcli.deployments.add.require_executable", lambda *_: None)
