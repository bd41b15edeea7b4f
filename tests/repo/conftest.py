"""Repositories of one test, with nothing of the machine's own configuration of Git in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .places import Desk, Place


@pytest.fixture(autouse=True)
def _plain_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def desk(place: Place) -> Desk:
    """A desk with two models, one of which calls the other, at the remote's first commit."""
    desk = place.desk()
    desk.model("shop/tax")
    desk.model("shop/order", calls=("tax",))
    desk.commit("first")
    return desk
