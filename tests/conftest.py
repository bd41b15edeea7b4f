"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("RUNNER_TRUST", "all")  # the settings files of the tests are ours; tests of trust say otherwise


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def tutorial(root: Path) -> Path:
    """The folder of the sample models."""
    return root / "bpmn" / "tutorial"


@pytest.fixture(scope="session")
def reference_models(root: Path) -> Path:
    """Real models that are not part of the project; tests that need them are skipped where they are absent."""
    folder = Path(os.environ.get("RUNNER_TEST_MODELS", root.parent / "shared" / "bpmn"))
    if not folder.is_dir():
        pytest.skip(f"no reference models at {folder} (set RUNNER_TEST_MODELS)")
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes what tests compare with; look at the difference before committing it."""
    parser.addoption("--update-golden", action="store_true", help="write golden files and README output anew")


def pytest_configure() -> None:
    """Let what the tests start be interrupted, also where this run was started in the background.

    A shell makes its background jobs ignore Ctrl-C, and their children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
