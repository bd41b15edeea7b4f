"""Git as a program: which repository it looks at, and what of its configuration is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from spiffcli.repo.git import ask, root_of
from spiffcli.repo.revisions import tree

from .places import git


def repository(folder: Path, text: str) -> Path:
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "m.bpmn").write_text(text)
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-q", "-m", text)
    return folder


def test_the_variables_of_a_hook_lead_to_no_other_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, other = repository(tmp_path / "ra", "a"), repository(tmp_path / "rb", "b")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert root_of(here) == here
    assert tree("HEAD", here).read("m.bpmn") == b"a"


def test_a_look_does_not_run_what_the_repository_configures(tmp_path: Path) -> None:
    here, ran = repository(tmp_path / "ra", "a"), tmp_path / "ran"
    git(here, "config", "core.fsmonitor", f"touch {ran}; false")
    ask(["status", "--porcelain"], here)
    assert not ran.exists()
