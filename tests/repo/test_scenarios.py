"""What a model repository has to do, on real remotes: the scenarios known from the system that invented the layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spiffcli.config import Settings, load_settings
from spiffcli.errors import ConflictError, InputError, ModelError, NotFoundError
from spiffcli.repo.contents import RepoContents, file_at
from spiffcli.repo.create import make
from spiffcli.repo.deploy import SyncResult, add_model, sync
from spiffcli.repo.publish import PublishRequest, publish

from ..catalog.models import bpmn, dmn, process
from .places import Desk, Place, git


def synced(desk: Desk, **options: bool) -> SyncResult:
    with desk.runner() as runner:
        return sync(runner.workspace, repository=desk.repository(), **options)


def settings(desk: Desk, monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in {"RUNNER_GIT_MODELS": str(desk.folder), **variables}.items():
        monkeypatch.setenv(name, value)
    return load_settings({"user": desk.user, "store": "memory:"}, cwd=desk.folder)


def test_g02_a_change_of_the_tool_is_committed_only_where_that_is_set(
    place: Place, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = desk.head
    _, saved = make(settings(desk, monkeypatch), "shop/first")
    assert saved is None
    assert desk.head == before
    names = {"RUNNER_GIT_USERNAME": "bot", "RUNNER_GIT_USER_EMAIL": "bot@example.org"}
    _, saved = make(
        settings(desk, monkeypatch, SPIFFWORKFLOW_BACKEND_GIT_COMMIT_ON_SAVE="true", **names), "shop/second"
    )
    assert saved is not None
    assert place.subjects()[0] == "User: ada created model shop/second"
    assert git(place.origin, "log", "-1", "--format=%an %cn <%ce>") == "ada bot <bot@example.org>"
    assert "shop/first/process_model.json" not in place.files()


def test_g03_the_remote_wins_and_what_was_dirty_or_diverged_is_kept(place: Place, desk: Desk) -> None:
    synced(desk)
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    there = other.commit("theirs")
    desk.model("shop/order", calls=("tax",), script="x = 3")
    desk.git("commit", "-qam", "ours")
    ours = desk.head
    desk.write("shop/tax/notes.md", "mine, never committed")
    desk.model("shop/tax", script="x = 4")
    done = synced(desk, remote_wins=True)
    assert (desk.head, desk.clean, done.pulled.outcome) == (there, True, "replaced")
    assert done.pulled.backup is not None
    assert desk.git("rev-parse", done.pulled.backup) == ours
    assert done.pulled.stash is not None
    assert done.pulled.stash in desk.git("stash", "list")
    assert "mine, never committed" in desk.git("show", "stash^3:shop/tax/notes.md")
    assert "x = 4" in desk.git("show", "stash:shop/tax/tax.bpmn")
    assert done.following is not None
    assert {each.model for each in done.following.deployed} == {"shop/tax", "shop/order"}


def test_g04_nothing_is_put_aside_where_nothing_was_done_here(place: Place, desk: Desk) -> None:
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    there = other.commit()
    done = synced(desk, remote_wins=True)
    assert (desk.head, done.pulled.outcome, done.pulled.stash, done.pulled.backup) == (there, "forward", None, None)
    assert desk.git("stash", "list") == ""
    assert desk.git("branch", "--list", "runner-*") == ""


def test_g05_where_all_is_current_nothing_is_written(desk: Desk) -> None:
    synced(desk)
    with desk.runner() as runner:
        before = runner.catalog.followed()
        done = sync(runner.workspace, repository=desk.repository(), remote_wins=True)
        assert runner.catalog.followed() == before
        assert len(runner.catalog.deployments()) == 2
    assert done.pulled.outcome == "current"
    assert done.following is not None
    assert (done.following.deployed, done.following.unchanged) == ((), ())


def test_g08_a_published_branch_holds_exactly_the_files_of_the_model(place: Place, desk: Desk) -> None:
    desk.git("push", "-q", "origin", "main:staging")
    staging = place.tip("staging")
    desk.model("shop/tax", script="x = 2")
    desk.model("shop/other")
    desk.commit("two changes, of which one is published")
    done = publish(desk.repository(), PublishRequest(("shop/tax",), to="staging"))
    assert done.branch == "publish-shop/tax-to-staging"
    assert done.files == ("shop/tax/tax.bpmn",)
    assert git(place.origin, "diff", "--name-only", "staging", done.branch) == "shop/tax/tax.bpmn"
    assert git(place.origin, "show", f"{done.branch}:shop/tax/tax.bpmn") == desk.git("show", "HEAD:shop/tax/tax.bpmn")
    assert place.tip("staging") == staging


def test_g09_what_changed_meanwhile_is_not_saved_over(desk: Desk) -> None:
    base = desk.head
    desk.model("shop/tax", script="x = 2")
    desk.save("shop/tax", message="first")
    desk.model("shop/tax", script="x = 3")
    with pytest.raises(ConflictError, match=r"somebody else changed shop/tax/tax\.bpmn"):
        desk.save("shop/tax", message="stale", base=base)
    assert desk.save("shop/tax", message="fresh", base="HEAD").commit == desk.head
    assert desk.git("log", "-1", "--format=%s") == "fresh"


@pytest.mark.parametrize("file", ["shop/tax/again.bpmn", "shop/copy/tax.bpmn"])
def test_g09_a_process_that_there_is_already_is_refused(desk: Desk, file: str) -> None:
    desk.model("shop/copy", "copied")
    desk.commit()
    before = desk.head
    desk.write(file, bpmn("again.bpmn", process("tax")).content)
    with pytest.raises(ModelError, match="The process 'tax' is defined in"):
        desk.save(message="twice")
    assert desk.head == before


def test_g09_a_file_that_moved_is_found_and_an_id_that_changed_is_gone(desk: Desk) -> None:
    synced(desk)
    desk.git("mv", "shop/tax", "shop/duty")
    desk.commit("moved")
    contents = RepoContents(desk.repository().snapshot())
    assert contents.closure("shop/order").models == ("shop/duty",)
    done = synced(desk)
    assert done.following is not None
    assert (done.following.removed, done.following.broken) == (("shop/tax",), {})
    desk.write("shop/duty/tax.bpmn", bpmn("tax.bpmn", process("duty")).content)
    desk.commit("another id")
    contents = RepoContents(desk.repository().snapshot())
    assert contents.places(("process", "tax")) == []
    assert contents.places(("process", "duty")) == ["shop/duty/tax.bpmn"]


def test_g10_a_call_is_found_beside_elsewhere_and_where_nothing_was_read_before(desk: Desk) -> None:
    desk.write("shop/order/inner.bpmn", bpmn("inner.bpmn", process("inner")).content)
    desk.write("shop/order/order.bpmn", bpmn("o.bpmn", process("order", calls=("inner", "tax"))).content)
    desk.commit()
    with desk.runner() as runner:  # its catalog has never seen the repository
        _, found = add_model(runner.workspace, "shop/order")
        called = [each.key for each in runner.catalog.dependencies(runner.catalog.find("order"))]
    assert found.closure.models == ("shop/tax",)
    assert sorted(called) == ["inner", "tax"]


@pytest.fixture(autouse=True)
def _here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "desk" in request.fixturenames:
        monkeypatch.chdir(request.getfixturevalue("desk").folder)


def test_a_model_may_call_another_whose_form_is_called_alike(desk: Desk) -> None:
    for model, calls in (("shop/tax", ()), ("shop/order", ("tax",))):
        desk.model(model, calls=calls, forms=("ask.json",))
        desk.write(f"{model}/ask.json", json.dumps({"title": model, "properties": {"a": {"type": "string"}}}))
    desk.commit()
    synced(desk)
    asked = []
    with desk.runner() as runner:
        assert [each.version for each in runner.specs()] == [1, 1]  # the called one is what it is by itself
        with runner.start("order") as session:
            session.advance()
            while session.instance.ended is None:
                (view,) = session.running.human_tasks()
                form = runner.form(view)
                assert form is not None
                asked.append(form.title)
                session.complete(view.task, {"a": "x"})
                session.advance()
        files = {
            each.name for each in runner.export(runner.catalog.find("order").deployment, desk.folder.parent / "out")
        }
        assert {"shop/tax/ask.json", "shop/order/ask.json"} <= files
    assert sorted(asked) == ["shop/order", "shop/tax"]
    desk.write("shop/order/ask.json", json.dumps({"title": "new", "properties": {"a": {"type": "string"}}}))
    desk.commit()
    following = synced(desk).following
    assert following is not None
    assert [each.specs for each in following.deployed] == [("order@2", "shop/order/ask.json@2")]
    with desk.runner() as runner:
        diff = runner.diff_spec("order@1", "order@2", dependencies=True)
        called = {name: each.status for name, each in diff.dependencies.items()}
        assert called == {
            "process:tax": "unchanged", "form:shop/order/ask.json": "changed", "form:shop/tax/ask.json": "unchanged",
        }  # fmt: skip
        alone = runner.diff_spec("tax@1", ["HEAD:shop/tax"], dependencies=True)
        assert {name: each.status for name, each in alone.dependencies.items()} == {"form:ask.json": "unchanged"}


def test_g11_a_form_comes_from_the_time_of_its_instance_whatever_becomes_of_the_history(desk: Desk) -> None:
    form = {"title": "As it was", "type": "object", "properties": {"a": {"type": "string"}}}
    desk.model("shop/ask", decisions=("tariff",), forms=("ask.json",))
    desk.write("shop/ask/ask.json", json.dumps(form))
    desk.write("shop/ask/tariff.dmn", dmn("tariff.dmn", "tariff").content)
    names = ["ask.bpmn", "ask.json", "tariff.dmn"]
    files = {f"shop/ask/{name}": (desk.folder / "shop/ask" / name).read_bytes() for name in names}
    first = desk.commit("a form")
    synced(desk)
    with desk.runner() as runner, runner.start("ask") as session:
        session.advance()
        instance = session.instance.id
    desk.write("shop/ask/ask.json", json.dumps(form | {"title": "As it is"}))
    desk.write("shop/ask/tariff.dmn", dmn("tariff.dmn", "tariff", "2").content)
    desk.model("shop/ask", decisions=("tariff",), forms=("ask.json",), x=500)  # drawn elsewhere
    desk.git("add", "-A")
    desk.git("commit", "-q", "--amend", "-m", "rewritten")
    desk.git("push", "-qf", "origin", "main")
    desk.git("reflog", "expire", "--expire=all", "--all")
    desk.git("gc", "-q", "--prune=now")
    assert file_at(desk.repository().snapshot(), "shop/ask/ask.json") != json.dumps(form).encode()
    with pytest.raises(NotFoundError, match="has no revision"):
        desk.repository().snapshot(first)
    with desk.runner() as runner:
        look = runner.look(instance)
        shown = runner.form(look.open_tasks[0])
        assert shown is not None
        assert shown.title == "As it was"
        assert look.instance.source.commit == first
        runner.export(instance, desk.folder.parent / "then")
    out = desk.folder.parent / "then"
    assert {name: (out / name).read_bytes() for name in files} == files
    assert b"BPMNShape" in files["shop/ask/ask.bpmn"]


def test_names_lead_nowhere_else(desk: Desk, tmp_path: Path) -> None:
    outside = tmp_path / "outside.bpmn"
    outside.write_text("x")
    with pytest.raises(InputError, match="lies outside of the models"):
        desk.save(str(outside))
    with pytest.raises(InputError, match="There is nothing at"):
        desk.save("shop/nothing")
