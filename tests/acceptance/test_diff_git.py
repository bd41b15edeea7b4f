"""Models in Git: revisions as sides, and `git diff`, `git show` and `git log -p` that speak BPMN."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .commands import ROOT, Cli

pytestmark = pytest.mark.one_store

NAMES = {"GIT_AUTHOR_NAME": "ada", "GIT_AUTHOR_EMAIL": "a@x", "GIT_COMMITTER_NAME": "ada", "GIT_COMMITTER_EMAIL": "a@x"}


class Repository:
    """A repository with two versions of a model, and `runner` on its path."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self.folder = cli.folder
        bin = cli.folder.parent / "bin"
        bin.mkdir()
        runner = bin / "runner"
        runner.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m spiffcli "$@"\n')
        runner.chmod(0o755)
        self.environment = {
            **cli.environment(NAMES),
            "PATH": f"{bin}:{os.environ['PATH']}",
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONPATH": str(ROOT),
        }
        self.git("init", "-q", "-b", "main")
        self.commit("models/order.bpmn", "task_types.bpmn")

    def git(self, *arguments: str, ok: bool = True) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode == 0) is ok, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def write(self, name: str, model: str) -> Path:
        return self.cli.write(name, (self.cli.tutorial / model).read_bytes())

    def commit(self, name: str, model: str) -> None:
        self.write(name, model)
        self.git("add", ".")
        self.git("commit", "-q", "-m", f"{model} as {name}")


@pytest.fixture
def repository(cli: Cli) -> Repository:
    return Repository(cli)


def test_a_revision_is_compared_with_the_work_tree_and_with_what_is_staged(repository: Repository) -> None:
    cli = repository.cli
    repository.write("models/order.bpmn", "gateway_types.bpmn")
    old = ("diff_spec", "-o", "HEAD:models/order.bpmn", "-n")
    assert "order_product/offers_colours" in cli.ok(*old, "models/order.bpmn", "--name-only").lines()
    assert "No changes." in cli.ok(*old, ":models/order.bpmn").stdout
    repository.git("add", ".")
    assert "order_product/offers_colours" in cli.ok(*old, ":models/order.bpmn", "--name-only").lines()
    repository.git("commit", "-q", "-m", "gateways")
    document = cli.document("diff_spec", "-o", "HEAD~1:models/", "-n", "main:models/order.bpmn")
    places = {change["source"]["new"]["file"] for change in document["changes"] if change["source"]["new"]}
    assert places == {"main:models/order.bpmn"}
    folders = ("HEAD~1:models", "main:models"), ("HEAD~1:models/", "main:models/")
    names = [cli.ok("diff_spec", "-o", old, "-n", new, "--name-only").lines() for old, new in folders]
    assert names[0] == names[1] != []


def test_paths_count_from_the_root_or_from_here(repository: Repository) -> None:
    cli, models = repository.cli, repository.folder / "models"
    assert "No changes." in cli.ok("diff_spec", "-o", "HEAD:./order.bpmn", "-n", "order.bpmn", at=models).stdout
    assert "No changes." in cli.ok("diff_spec", "-o", "HEAD:models/order.bpmn", "-n", "order.bpmn", at=models).stdout
    wrong = cli.fails(2, "diff_spec", "-o", "HEAD:order.bpmn", "-n", "order.bpmn", at=models)
    assert "Did you mean HEAD:./order.bpmn?" in wrong.stderr


def test_forms_beside_a_model_come_from_the_same_revision(repository: Repository) -> None:
    for name in ("select_product_and_quantity.json", "select_product_and_quantity_ui.json"):
        repository.cli.write(f"models/forms/{name}", (repository.cli.tutorial / "forms" / name).read_bytes())
    repository.git("add", ".")
    repository.git("commit", "-q", "-m", "forms")
    form = repository.folder / "models/forms/select_product_and_quantity.json"
    form.write_text(form.read_text().replace('"title"', '"description"', 1))
    refs = ("HEAD:models/order.bpmn#order_product", "models/order.bpmn#order_product")
    document = repository.cli.document("diff_spec", "-d", "-o", refs[0], "-n", refs[1])
    assert document["dependencies"]["form:select_product_and_quantity.json"]["status"] == "changed"


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        ("nobranch:models/order.bpmn", "has no revision 'nobranch'"),
        ("--all:models/order.bpmn", "has no revision '--all'"),
        ("HEAD:models/nothing.bpmn", "There is no file or folder models/nothing.bpmn in HEAD"),
        ("HEAD:order.bpmn", "Did you mean HEAD:models/order.bpmn?"),
        ("HEAD:models/../../x.bpmn", "There is no file or folder"),
    ],
)
def test_what_a_repository_does_not_have_is_named(repository: Repository, ref: str, says: str) -> None:
    result = repository.cli.fails(2, "diff_spec", "-o", ref, "-n", "models/order.bpmn")
    assert says in result.stderr, str(result)


def test_outside_a_repository_a_revision_is_refused(cli: Cli) -> None:
    file = cli.tutorial / "task_types.bpmn"
    environment = {"GIT_CEILING_DIRECTORIES": str(cli.folder.parent)}
    result = cli.fails(2, "diff_spec", "-o", "HEAD:order.bpmn", "-n", file, env=environment)
    assert "a revision of a Git repository, and there is none around" in result.stderr


def test_git_diff_show_and_log_speak_bpmn(repository: Repository) -> None:
    cli = repository.cli
    assert "Added *.bpmn and *.dmn" in cli.ok("repo", "install-diff").stdout
    assert cli.ok("repo", "install_diff").stdout == "Everything is set up already.\n"
    assert cli.document("repo", "install-diff")["settings"] == {}
    repository.write("models/order.bpmn", "gateway_types.bpmn")
    changed = repository.git("diff")
    assert "runner diff a/models/order.bpmn b/models/order.bpmn" in changed
    assert '+ offers_colours "Comes in colours?" (exclusiveGateway)' in changed
    assert "models/order.bpmn:32" in changed
    repository.git("add", ".")
    repository.git("commit", "-q", "-m", "gateways")
    for command in (("show",), ("log", "-p", "-1")):
        shown = repository.git(*command)
        assert '+  exclusiveGateway offers_colours "Comes in colours?"' in shown
        assert "bpmndi" not in shown


def test_git_diff_shows_files_that_come_go_and_move(repository: Repository) -> None:
    repository.cli.ok("repo", "install-diff")
    repository.write("models/kiln.bpmn", "timers.bpmn")
    repository.git("add", ".")
    assert "+ fire_kiln" in repository.git("diff", "--cached")
    repository.git("commit", "-q", "-m", "kiln")
    repository.git("mv", "models/kiln.bpmn", "models/oven.bpmn")
    repository.cli.write(
        "models/oven.bpmn", (repository.folder / "models/oven.bpmn").read_text().replace("kiln", "oven")
    )
    assert re.search(r"\nmodels/kiln.bpmn@\w{7} -> models/oven.bpmn\n", repository.git("diff", "-M", "HEAD"))
    repository.git("rm", "-q", "-f", "models/oven.bpmn")
    assert "- fire_kiln" in repository.git("diff", "--cached", "HEAD")


def test_git_diff_falls_back_to_text_and_never_fails(repository: Repository) -> None:
    repository.cli.ok("repo", "install-diff")
    repository.cli.write("models/order.bpmn", "<broken")
    shown = repository.git("diff")
    assert "+<broken" in shown
    repository.git("add", ".")
    repository.git("commit", "-q", "-m", "broken")
    assert "+<broken" in repository.git("show")
    assert repository.cli.ok("git-textconv", "models/order.bpmn").stdout == "<broken"
    assert repository.cli.ok("git-diff").code == 0
    assert "Unmerged path x.bpmn" in repository.cli.ok("git_diff", "x.bpmn").stdout


def test_colours_reach_the_pager_of_git_and_nobody_else(repository: Repository) -> None:
    repository.cli.ok("repo", "install-diff")
    repository.write("models/order.bpmn", "gateway_types.bpmn")
    assert "\x1b[" not in repository.git("diff")
    repository.environment["GIT_PAGER_IN_USE"] = "true"
    assert "\x1b[32m" in repository.git("diff")
    repository.environment["NO_COLOR"] = "1"
    assert "\x1b[" not in repository.git("diff")


def test_another_driver_of_the_same_name_is_left_alone(repository: Repository) -> None:
    repository.git("config", "diff.bpmn.command", "mine")
    result = repository.cli.fails(2, "repo", "install-diff")
    assert "has another driver already: diff.bpmn.command is 'mine'" in result.stderr
    assert not (repository.folder / ".gitattributes").exists()


def test_attributes_that_are_there_are_kept(repository: Repository) -> None:
    repository.cli.write(".gitattributes", "*.png binary\n*.bpmn diff=bpmn text")
    assert "Added *.dmn to" in repository.cli.ok("repo", "install-diff").stdout
    attributes = (repository.folder / ".gitattributes").read_text()
    assert attributes == "*.png binary\n*.bpmn diff=bpmn text\n*.dmn diff=bpmn\n"


def test_installing_needs_a_repository(cli: Cli) -> None:
    environment = {"GIT_CEILING_DIRECTORIES": str(cli.folder.parent)}
    assert "does not lie in the work tree" in cli.fails(2, "repo", "install-diff", env=environment).stderr
