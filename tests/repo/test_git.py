"""Git as a program: which repository it looks at, and what of its configuration and its environment is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from spiffcli.config import GitSettings, load_settings
from spiffcli.errors import InputError, NotFoundError
from spiffcli.repo.git import Git, root_of
from spiffcli.repo.repository import Repository
from spiffcli.repo.snapshots import source_of_files, tree_at
from spiffcli.runner import Runner

from ..catalog.models import bpmn, process
from .places import Desk, git


def repository(folder: Path, text: str) -> Path:
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "m.bpmn").write_text(text)
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-q", "-m", text)
    return folder


def enter_hook(monkeypatch: pytest.MonkeyPatch, other: Path) -> None:
    """Set what Git sets for a hook of another repository."""
    for name, value in {
        "GIT_DIR": other / ".git",
        "GIT_WORK_TREE": other,
        "GIT_COMMON_DIR": other / ".git",
        "GIT_INDEX_FILE": other / ".git" / "index",
        "GIT_OBJECT_DIRECTORY": other / ".git" / "objects",
        "GIT_PREFIX": "elsewhere/",
    }.items():
        monkeypatch.setenv(name, str(value))


def test_the_variables_of_a_hook_lead_to_no_other_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, other = repository(tmp_path / "ra", "a"), repository(tmp_path / "rb", "b")
    commit = git(here, "rev-parse", "HEAD")
    enter_hook(monkeypatch, other)
    assert root_of(here) == here
    assert tree_at("HEAD", here).read("m.bpmn") == b"a"
    assert tree_at("", here).read("m.bpmn") == b"a"
    source = source_of_files([str(here / "m.bpmn")])
    assert (source.commit, source.dirty, source.path) == (commit, False, ".")
    found = Repository.open(GitSettings(), "ada", here)
    assert (found.head()[0], found.git_dir, found.common) == (commit, here / ".git", here / ".git")
    assert [each.subject for each in found.log([])] == ["a"]
    assert found.changes() == []


def test_what_is_added_and_compared_in_a_hook_is_of_the_repository_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = bpmn("m.bpmn", process("order")).content.decode()
    here, other = repository(tmp_path / "ra", old), repository(tmp_path / "rb", "b")
    commit = git(here, "rev-parse", "HEAD")
    (here / "m.bpmn").write_bytes(bpmn("m.bpmn", process("order", script="x = 2")).content)
    enter_hook(monkeypatch, other)
    monkeypatch.chdir(here)
    with Runner(load_settings({"store": f"sqlite:{tmp_path / 's.db'}"}, cwd=here).for_running()) as runner:
        runner.deployments.add(["m.bpmn"])
        source = runner.catalog.find("order").source
        assert (source.commit, source.dirty) == (commit, True)
        changes = runner.specs.diff("HEAD:m.bpmn", "m.bpmn").changes
        assert [each.rule for each in changes] == ["script-changed"]


def test_a_look_does_not_run_what_the_repository_configures(tmp_path: Path) -> None:
    here, ran = repository(tmp_path / "ra", "a"), tmp_path / "ran"
    git(here, "config", "core.fsmonitor", f"touch {ran}; false")
    Git(here).ask("status", "--porcelain")
    source_of_files([str(here / "m.bpmn")])
    assert not ran.exists()


def test_what_git_is_asked_through_a_link_or_a_work_tree_is_of_that_place(tmp_path: Path) -> None:
    here = repository(tmp_path / "ra", "a")
    git(here, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side" / "m.bpmn").write_text("side")
    (tmp_path / "link").symlink_to(tmp_path / "side")
    for folder in (tmp_path / "side", tmp_path / "link"):
        source = source_of_files([str(folder / "m.bpmn")])
        assert (source.branch, source.dirty) == ("side", True)
    found = Repository.open(GitSettings(), "ada", tmp_path / "link")
    assert (found.folder, found.common, found.head()[1]) == (tmp_path / "side", here / ".git", "side")


@pytest.mark.parametrize("name", ["a b", "-dash", "$HOME", "~", "große", ":(top)x", "*"])
def test_names_of_folders_and_files_are_names(tmp_path: Path, name: str) -> None:
    here = repository(tmp_path / name, "a")
    (here / name).mkdir()
    (here / name / name).write_text("inside")
    git(here, "add", ".")
    git(here, "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-q", "-m", "b")
    for revision in ("HEAD", ""):
        tree = tree_at(revision, here / name)
        assert tree.full_path(f"./{name}") == f"{name}/{name}"
        assert tree.files(name) == (f"{name}/{name}",)
        assert tree.read(f"{name}/{name}") == b"inside"
    assert source_of_files([str(here / name / name)]).dirty is False


@pytest.mark.parametrize("revision", ["--all", "-n1", "--output=x", "nowhere", "HEAD:m.bpmn"])
def test_a_revision_is_never_an_option(tmp_path: Path, revision: str) -> None:
    here = repository(tmp_path / "ra", "a")
    with pytest.raises(NotFoundError, match="has no revision"):
        tree_at(revision, here)
    with pytest.raises(NotFoundError, match="has no revision"):
        Repository.open(GitSettings(), "ada", here).resolve(revision)
    assert {each.name for each in here.iterdir()} == {".git", "m.bpmn"}


def test_a_folder_that_is_gone_is_no_reason_to_look_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository(tmp_path / "ra", "a"))
    with pytest.raises(InputError, match="gone is gone"):
        Git(tmp_path / "gone").ask("rev-parse", "HEAD")
    with pytest.raises(InputError, match="is not a folder"):
        Git(tmp_path / "ra" / "m.bpmn").ask("rev-parse", "HEAD")


def test_repositories_with_long_ids_are_read_too(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256", "-b", "main", "long")
    desk = Desk(tmp_path / "long")
    desk.model("shop/tax")
    desk.git("add", "-A")
    desk.git("commit", "-q", "-m", "first")
    found = desk.repository()
    assert list(found.snapshot().layout.models) == ["shop/tax"]
    assert len(found.log([])[0].id) == 64
    assert desk.save(message="nothing").commit is None
    desk.model("shop/tax", script="x = 2")
    assert desk.save(message="second").commit == desk.head


def test_without_git_the_way_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = repository(tmp_path / "ra", "a")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="Git is not installed"):
        Git(here).ask("status")
    assert source_of_files([str(here / "m.bpmn")]).commit is None


def test_settings_that_were_given_reach_what_is_read_at_a_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "models")
    desk = Desk(tmp_path / "models")
    desk.write("runner.toml", '[git]\nsubdir = "flows"\n')
    desk.write("flows/tax/tax.bpmn", bpmn("tax.bpmn", process("tax")).content)
    desk.write("flows/tax/process_model.json", '{"primary_process_id": "tax"}')
    desk.git("add", "-A")
    desk.git("commit", "-q", "-m", "first")
    desk.write("flows/tax/tax.bpmn", bpmn("tax.bpmn", process("tax", script="x = 2")).content)
    settings = load_settings({"store": "memory:"}, cwd=desk.folder)
    (desk.folder / "runner.toml").unlink()  # whoever read the settings again would find none
    monkeypatch.chdir(desk.folder)
    with Runner(settings) as runner:
        assert [each.rule for each in runner.specs.diff("HEAD:tax", "flows/tax").changes] == ["script-changed"]
