"""Models in Git on the command line: every command, what it writes, and how it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from ..catalog.models import bpmn, process
from .commands import Cli

pytestmark = pytest.mark.one_store

ENV = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "RUNNER_USER": "ada"}


class Shop:
    """A clone of a bare remote, in the folder of the command line."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self.folder = cli.folder / "models"
        self.origin = cli.folder / "origin.git"
        self.ok("repo", "init", self.origin, "--bare", at=cli.folder)
        self.ok("repo", "clone", self.origin, self.folder, at=cli.folder)

    def options(self, at: Path | None = None, **env: str) -> dict[str, object]:
        return {"env": ENV | env, "at": at or self.folder}

    def ok(self, *words: str | Path, at: Path | None = None, **env: str) -> str:
        result = self.cli.ok(*words, **self.options(at, **env))
        return result.stdout + result.stderr

    def fails(self, code: int, *words: str | Path, **env: str) -> str:
        return self.cli.fails(code, *words, **self.options(**env)).stderr

    def document(self, *words: str | Path, code: int = 0, **env: str) -> dict[str, object]:
        return self.cli.document(*words, code=code, **self.options(**env))

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@y", *words],
            cwd=self.folder, env=os.environ | ENV, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def model(self, id: str, **about: object) -> None:
        key = id.rpartition("/")[2]
        folder = self.folder / id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{key}.bpmn").write_bytes(bpmn("m", process(key, **about)).content)  # type: ignore[arg-type]
        (folder / "process_model.json").write_text(json.dumps({"display_name": key, "primary_process_id": key}))


@pytest.fixture
def shop(cli: Cli) -> Shop:
    shop = Shop(cli)
    shop.model("shop/tax")
    shop.model("shop/order", calls=("tax",))
    shop.ok("repo", "save", "-m", "first")
    return shop


def test_a_day_with_models_in_git(shop: Shop) -> None:
    made = shop.document("repo", "new", "finance/invoice", "--name", "Pay an invoice")
    assert made["files"][0] == "finance/process_group.json"  # type: ignore[index]
    status = shop.document("repo", "status")
    assert (status["ahead"], status["behind"], status["dirty"]) == (0, 0, True)
    assert shop.document("repo", "save", "finance", "-m", "An invoice")["pushed"]["outcome"] == "pushed"  # type: ignore[index]
    models = shop.document("repo", "ls")["models"]
    assert [each["id"] for each in models] == ["finance/invoice", "shop/order", "shop/tax"]  # type: ignore[attr-defined]
    view = shop.document("repo", "show", "shop/order")
    assert view["calls"] == [{"what": "process tax", "model": "shop/tax"}]
    assert [each["subject"] for each in shop.document("repo", "log")["commits"]] == ["An invoice", "first"]  # type: ignore[attr-defined]
    assert [each["subject"] for each in shop.document("repo", "log", "shop/tax")["commits"]] == ["first"]  # type: ignore[attr-defined]
    added = shop.document("add", "--model", "shop/order")
    assert {each["key"] for each in added["specs"]} == {"order", "tax"}  # type: ignore[attr-defined]
    assert shop.document("repo", "push")["outcome"] == "nothing"
    assert shop.document("repo", "pull")["outcome"] == "current"
    assert shop.document("repo", "sync")["catalog"]["deployed"] == []  # type: ignore[index]
    assert "shop/tax/tax.bpmn" not in shop.ok("repo", "status")
    assert shop.document("repo", "init", shop.folder)["created"] is False


def test_publish_and_promote_with_a_preview(shop: Shop) -> None:
    shop.git("push", "-q", "origin", "main:staging")
    shop.ok("repo", "sync")
    waiting = shop.document("run", "-s", "order", "-a")
    assert waiting["state"] == "completed"
    shop.model("shop/tax", script="x = 2")
    shop.ok("repo", "save", "-m", "Another tax")
    assert shop.document("repo", "publish", "shop/tax", "--to", "staging", "--dry-run")["outcome"] == "planned"
    done = shop.document("repo", "publish", "shop/tax", "--to", "staging", RUNNER_GIT_FORGE="gitlab")
    assert (done["outcome"], done["branch"], done["url"]) == ("published", "publish-shop/tax-to-staging", None)
    preview = shop.document("repo", "promote", "--from", "main", "--to", "staging", "--dry-run")
    assert preview["outcome"] == "not-merged"
    (model,) = preview["models"]  # type: ignore[misc]
    assert (model["model"], model["change"], model["problem"]) == ("shop/tax", "changed", None)
    assert model["diff"]["changes"][0]["rule"] == "script-changed"
    told = shop.ok("repo", "promote", "--from", "main", "--to", "staging")
    assert "shop/tax (changed)" in told
    assert "Merged main into staging" in told
    assert "Nothing to merge" in shop.ok("repo", "promote", "--from", "main", "--to", "staging")
    assert shop.document("repo", "publish", "shop/tax", "--to", "staging", code=1)["outcome"] == "nothing"


def test_the_preview_of_a_promotion_tells_of_running_instances(shop: Shop) -> None:
    shop.model("shop/ask", forms=("ask.json",))
    (shop.folder / "shop/ask/ask.json").write_text("{}")
    shop.ok("repo", "save", "-m", "ask")
    shop.git("push", "-q", "origin", "main:staging")
    shop.ok("repo", "sync")
    instance = shop.document("run", "-s", "ask", "-a")["instance"]
    file = shop.folder / "shop/ask/ask.bpmn"
    file.write_text(file.read_text().replace("userTask", "manualTask"))
    shop.ok("repo", "save", "-m", "by hand")
    words = ("repo", "promote", "--from", "main", "--to", "staging")
    preview = shop.document(*words, "--fail-on", "needs-mapping", code=1)
    (impact,) = preview["models"][0]["impact"]  # type: ignore[index]
    assert [each["id"] for each in impact["instances"]] == [instance]
    assert preview["outcome"] == "not-merged"
    assert "Process" in shop.ok(*words, "--stat", "--dry-run") or "ask" in shop.ok(*words, "--dry-run")
    assert [each["version"] for each in shop.document("list_specs", "ask")["specs"]] == [1]  # type: ignore[attr-defined]


def test_instances_are_found_by_the_commit_of_their_model(shop: Shop) -> None:
    shop.ok("repo", "sync")
    first = shop.git("rev-parse", "HEAD")
    old = shop.document("run", "-s", "tax")["instance"]
    shop.model("shop/tax", script="x = 2")
    shop.ok("repo", "save", "-m", "second")
    shop.ok("repo", "sync")
    new = shop.document("run", "-s", "tax")["instance"]

    def ids(*words: str) -> list[str]:
        return [each["id"] for each in shop.document("list_instances", *words)["instances"]]  # type: ignore[attr-defined]

    assert ids("--rev", first) == ids("--rev", "HEAD~1") == ids("--rev", first[:8]) == [old]
    assert ids("--rev", "main") == [new]
    assert ids("--older-than", "main") == ids("--older-than", "2") == [old]
    assert ids("--older-than", first) == []
    shown = shop.ok("show", "-w", str(old))
    assert f"{first} on main, shop/tax" in shown
    assert first[:12] in shop.ok("list_instances")
    assert first[:12] in shop.ok("list_deployments")
    lines = shop.ok("list_specs", "tax").splitlines()
    second = shop.git("rev-parse", "HEAD")
    assert [line.split()[1::2] for line in lines] == [["tax@1", first[:8]], ["tax@2", second[:8]]]
    assert max(map(len, lines)) <= 80
    assert "no revision 'nowhere'" in shop.fails(2, "list_instances", "--rev", "nowhere")


def test_every_form_of_a_reference_takes_a_revision(shop: Shop) -> None:
    shop.model("shop/tax", script="x = 2")
    shop.ok("repo", "save", "-m", "second")
    shop.ok("add", "-b", "HEAD~1:shop/tax/tax.bpmn")
    shop.ok("add", "--model", "HEAD:shop/tax")
    shop.ok("add", "--model", "shop/tax", "--rev", "HEAD~1", "--force-new")
    specs = shop.document("list_specs", "tax")["specs"]
    commits = [each["source"]["commit"] for each in specs]  # type: ignore[attr-defined]
    assert commits == [shop.git("rev-parse", rev) for rev in ("HEAD~1", "HEAD", "HEAD~1")]
    diff = shop.document("diff_spec", "-d", "-o", "HEAD~1:shop/order", "-n", "HEAD:shop/order")
    assert diff["dependencies"]["process:tax"]["status"] == "changed"  # type: ignore[index]
    assert "name a model" in shop.fails(2, "add", "-b", "shop/tax/tax.bpmn", "--rev", "HEAD")
    assert "leave files" in shop.fails(2, "add", "--model", "shop/tax", "-b", "shop/tax/tax.bpmn")
    assert "Did you mean shop/tax?" in shop.fails(2, "add", "--model", "shop/taxx")
    assert "from one revision" in shop.fails(2, "add", "-b", "HEAD:shop/tax/tax.bpmn", "shop/order/order.bpmn")


def test_every_command_that_takes_a_spec_takes_a_revision(shop: Shop) -> None:
    shop.model("shop/tax", script="x = 2")
    shop.ok("repo", "save", "-m", "second")
    shop.ok("init")
    refused = shop.fails(2, "show_spec", "HEAD~1:shop/tax")
    assert "has not been added" in refused
    assert "runner add --model shop/tax --rev HEAD~1" in refused
    old, new = shop.git("rev-parse", "HEAD~1"), shop.git("rev-parse", "HEAD")
    shop.ok("run", "-s", "HEAD~1:shop/order", "-a")
    (instance,) = shop.document("list_instances", "HEAD~1:shop/order")["instances"]  # type: ignore[misc]
    assert instance["source"]["commit"] == old
    assert "Added" in shop.ok("run", "-s", "HEAD:shop/tax/tax.bpmn", "-a")
    assert "Added" not in shop.ok("run", "-s", f"{new[:10]}:shop/tax", "-a")  # what is stored is not stored again
    shown = shop.document("show_spec", "HEAD:shop/tax")["spec"]
    assert (shown["version"], shown["source"]["commit"]) == (2, new)  # type: ignore[index]
    for ref, version in (("HEAD~1:shop/tax/tax.bpmn", 1), ("HEAD:shop/tax#tax", 2)):
        assert shop.document("show_spec", ref)["spec"]["version"] == version  # type: ignore[index]
    assert "tax@1" in shop.ok("why", "HEAD:shop/tax")
    assert [each["version"] for each in shop.document("list_instances", "HEAD:shop/tax")["instances"]] == [2, 2]  # type: ignore[attr-defined]
    shop.ok("tag", "HEAD~1:shop/tax", "first")
    assert "tax@1" in shop.ok("show_spec", "tax@first")
    shop.ok("suspend", "HEAD:shop/tax")
    assert "is suspended" in shop.fails(1, "run", "-s", "HEAD:shop/tax")
    shop.ok("activate", "HEAD:shop/tax")
    assert "class Tax" in shop.ok("stubs", "HEAD:shop/tax")
    shop.ok("add", "--from", "HEAD~1:shop/tax", "--force-new")
    shop.ok("delete_spec", "HEAD:shop/tax", "--cascade", "--yes")
    assert "has not been added" in shop.fails(2, "show_spec", "HEAD:shop/tax")
    assert "There is no model or file shop/taxx" in shop.fails(2, "show_spec", "HEAD:shop/taxx")
    assert "no revision 'nowhere'" in shop.fails(2, "run", "-s", "nowhere:shop/tax")


def test_a_revision_means_what_is_called_there_too(shop: Shop) -> None:
    """A file that was added alone is bound to what there was, and is not what the repository had then."""
    shop.model("shop/tax", script="x = 2")
    shop.ok("repo", "save", "-m", "second")
    shop.ok("add", "--model", "shop/tax")
    shop.ok("add", "-b", "HEAD~1:shop/order/order.bpmn")  # with the tax of the second commit
    assert "has not been added" in shop.fails(2, "show_spec", "HEAD~1:shop/order")
    assert "Added HEAD~1:shop/order: " in shop.ok("run", "-s", "HEAD~1:shop/order")
    shop.ok("add", "--model", "shop/order", "--binding", "latest")
    assert "order@2" in shop.ok("show_spec", "HEAD~1:shop/order")
    assert "order@1" in shop.ok("show_spec", "HEAD:shop/order")  # which does what the whole model does


def test_a_tenant_runs_what_the_default_tenant_has(shop: Shop) -> None:
    shop.ok("add", "--model", "shop/tax")
    assert "Added" not in shop.ok("--tenant", "acme", "run", "-s", "HEAD:shop/tax")
    assert "Added" in shop.ok("--tenant", "acme", "--no-fallback-default-tenant", "run", "-s", "HEAD:shop/tax")
    assert [each["tenant"] for each in shop.document("--tenant", "acme", "list_specs")["specs"]] == ["acme"]  # type: ignore[attr-defined]


def test_a_revision_is_named_from_the_root_or_from_the_folder_of_the_models(shop: Shop) -> None:
    shop.model("bpmn/shop/fee")
    shop.ok("repo", "save", "-m", "below")
    below = {"RUNNER_GIT_SUBDIR": "bpmn"}
    shop.ok("init")
    assert "runner add --model shop/fee --rev HEAD" in shop.fails(2, "show_spec", "HEAD:shop/fee", **below)
    shop.ok("run", "-s", "HEAD:shop/fee", **below)
    for ref in ("HEAD:bpmn/shop/fee", "HEAD:bpmn/shop/fee/fee.bpmn", "HEAD:shop/fee/fee.bpmn", "HEAD:shop/fee"):
        assert "fee@1" in shop.ok("show_spec", ref, **below)
        assert "No changes" in shop.ok("diff_spec", "-o", ref, "-n", "HEAD:bpmn/shop/fee/fee.bpmn", **below)
    assert "Added" in shop.ok("run", "-s", "HEAD:shop/tax/tax.bpmn")  # in a model, with the settings that find it
    shop.model("alone")
    shop.ok("repo", "save", "-m", "at the root")
    assert "Added HEAD:alone: alone@1" in shop.ok("run", "-s", "HEAD:alone")
    assert "alone@1" in shop.ok("show_spec", "HEAD:alone")
    assert "There is no definition 'HEAD:nothing'" in shop.fails(2, "run", "-s", "HEAD:nothing")


def test_instances_go_to_a_revision(shop: Shop) -> None:
    """Judging wants it stored; moving stores it."""
    shop.model("shop/tax", script="x = 1", forms=("sum.json",))
    shop.ok("repo", "save", "-m", "waits")
    shop.model("shop/tax", script="x = 2", forms=("sum.json",))
    shop.ok("repo", "save", "-m", "waits longer")
    shop.ok("run", "-s", "HEAD~1:shop/tax#tax", "-a")
    judge = ("diff_workflow", "-s", "HEAD:shop/tax", "--from", "HEAD~1:shop/tax")
    assert "runner add --model shop/tax --rev HEAD" in shop.fails(2, *judge)
    move = ("migrate", "-s", "HEAD:shop/tax", "--from", "HEAD~1:shop/tax")
    assert "runner add --model shop/tax --rev HEAD" in shop.fails(2, *move, "--dry-run")
    assert "Added" in shop.ok(*move)
    (moved,) = shop.document("list_instances", "HEAD:shop/tax")["instances"]  # type: ignore[misc]
    assert moved["source"]["commit"] == shop.git("rev-parse", "HEAD")
    assert "There is no open instance" in shop.ok(*judge)


def test_data_stores_are_listed_and_shown(shop: Shop) -> None:
    (shop.folder / "shop/process_group.json").write_text(
        json.dumps({"data_store_specifications": {"json": {"rates": {"schema": {"type": "object"}}}}})
    )
    text = (
        '<dataStore id="rates" name="JSONDataStore"/><process id="rate" isExecutable="true">'
        '<dataStoreReference id="r" dataStoreRef="rates"/><startEvent id="s"/><scriptTask id="t">'
        "<dataOutputAssociation id='o'><targetRef>r</targetRef></dataOutputAssociation>"
        '<script>rates = {"EUR": 1, "CHF": 0.97}</script></scriptTask><endEvent id="e"/>'
        '<sequenceFlow id="f" sourceRef="s" targetRef="t"/><sequenceFlow id="g" sourceRef="t" targetRef="e"/></process>'
    )
    shop.model("shop/rate")
    (shop.folder / "shop/rate/rate.bpmn").write_bytes(bpmn("m", text).content)
    refused = shop.fails(2, "add", "-b", "shop/rate/rate.bpmn")
    assert "shop/rate/rate.bpmn:1: " in refused
    assert "no group around the model describes it" in refused
    shop.ok("repo", "save", "-m", "rates")
    shop.ok("init")
    assert "No task has written" in shop.ok("repo", "data")
    assert "No task has written" in shop.fails(2, "repo", "data", "rates")
    shop.ok("run", "-s", "HEAD:shop/rate")
    assert shop.ok("repo", "data").split()[:3] == ["shop", "rates", "json"]
    (found,) = shop.document("repo", "data", "shop/rates")["stores"]  # type: ignore[misc]
    assert (found["value"], found["revision"], found["user"]) == ({"EUR": 1, "CHF": 0.97}, 1, "ada")
    assert json.loads(shop.ok("repo", "data", "rates")) == found["value"]
    assert "There are: shop/rates" in shop.fails(2, "repo", "data", "prices")


#: Commands that change models, in the repository or in the store.
CHANGES = (
    ("add", "-b", "shop/tax/tax.bpmn"),
    ("add", "--model", "shop/tax"),
    ("add", "--from", "tax"),
    ("delete_spec", "tax", "--cascade", "--yes"),
    ("tag", "tax", "stable"),
    ("repo", "new", "shop/more"),
    ("repo", "save", "-m", "x"),
    ("repo", "push"),
    ("repo", "pull"),
    ("repo", "sync", "--remote-wins"),
    ("repo", "publish", "shop/tax", "--to", "main"),
    ("repo", "promote", "--from", "main", "--to", "staging"),
    ("repo", "init", "elsewhere"),
    ("repo", "clone", "x", "y"),
    ("repo", "install-diff"),
)


def test_read_only_refuses_every_change_of_models(shop: Shop) -> None:
    shop.ok("add", "--model", "shop/tax")
    shop.git("push", "-q", "origin", "main:staging")
    before = shop.git("for-each-ref"), shop.git("status", "--porcelain"), shop.ok("list_specs")
    for words in CHANGES:
        assert "read-only" in shop.fails(1, "--read-only", *words), words
    assert "read-only" in shop.fails(1, "repo", "new", "shop/more", RUNNER_READ_ONLY="true")
    assert (shop.git("for-each-ref"), shop.git("status", "--porcelain"), shop.ok("list_specs")) == before
    shop.ok("--read-only", "run", "-s", "tax")


def test_a_push_that_fails_is_told_and_exits_with_1(shop: Shop) -> None:
    hook = shop.origin / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    shop.model("shop/tax", script="x = 2")
    result = shop.cli.fails(1, "repo", "save", "-m", "stays here", **shop.options())
    assert "could not be pushed and waits here" in result.stdout
    assert "Stranded" in shop.ok("repo", "status")


def test_settings_of_the_other_system_are_taken(shop: Shop, tmp_path: Path) -> None:
    env = {
        "SPIFFWORKFLOW_BACKEND_BPMN_SPEC_ABSOLUTE_DIR": str(shop.folder),
        "SPIFFWORKFLOW_BACKEND_GIT_COMMIT_ON_SAVE": "true",
        "SPIFFWORKFLOW_BACKEND_GIT_USERNAME": "automation-user",
        "SPIFFWORKFLOW_BACKEND_GIT_USER_EMAIL": "automation-user@example.com",
        "SPIFFWORKFLOW_BACKEND_GIT_SOURCE_BRANCH": "main",
    }
    result = shop.cli.ok("repo", "new", "shop/more", **shop.options(tmp_path, **env))
    assert "Pushed 1 commit to main." in result.stderr
    assert shop.git("log", "-1", "--format=%an|%cn|%ce|%s") == (
        "ada|automation-user|automation-user@example.com|User: ada created model shop/more"
    )
    env["SPIFFWORKFLOW_BACKEND_GIT_SOURCE_BRANCH"] = "sandbox"
    wrong = shop.cli.fails(1, "repo", "save", "-m", "x", **shop.options(tmp_path, **env))
    assert "the source branch is 'sandbox'" in wrong.stderr
    wrong = shop.cli.fails(2, "repo", "ls", **shop.options(tmp_path, RUNNER_GIT_TIMEOUT="soon"))
    assert "RUNNER_GIT_TIMEOUT must be a number of seconds" in wrong.stderr


def test_wrong_input_is_answered_with_a_way_out(shop: Shop, tmp_path: Path) -> None:
    assert "lies in no Git repository" in shop.cli.fails(
        2, "repo", "ls", env=ENV | {"GIT_CEILING_DIRECTORIES": str(tmp_path)}, at=tmp_path
    ).stderr  # fmt: skip
    assert "There is a model 'shop/tax' already." in shop.fails(1, "repo", "new", "shop/tax")
    assert "is a model; it cannot hold others" in shop.fails(2, "repo", "new", "shop/tax/inner")
    assert "cannot be the id of a model" in shop.fails(2, "repo", "show", "../x")
    assert "needs a message" in shop.fails(2, "repo", "save", "-m", " ")
    assert "There is nothing at nothing" in shop.fails(2, "repo", "save", "nothing", "-m", "x")
    assert "secret of the webhook is not set" in shop.fails(2, "serve", "--webhook")
    assert "Say what to serve" in shop.fails(2, "serve")
    assert "It is not set which branch to publish to" in shop.fails(2, "repo", "publish", "shop/tax")
    assert "cannot be merged into itself" in shop.fails(2, "repo", "promote", "--from", "main", "--to", "main")
    shop.git("remote", "remove", "origin")
    assert "has no remote 'origin'" in shop.fails(2, "repo", "pull")


def test_serving_without_its_extra_names_it(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "starlette.py").write_text("raise ModuleNotFoundError(\"No module\", name='starlette')")
    env = {"RUNNER_GIT_WEBHOOK_SECRET": "s", "PYTHONPATH": f"{tmp_path}:{shop.cli.root}"}
    assert "pip install 'spiffcli[web]'" in shop.fails(2, "serve", "--webhook", **env)


def test_a_server_ends_with_a_word_when_it_is_interrupted(shop: Shop) -> None:
    env = ENV | {"RUNNER_GIT_WEBHOOK_SECRET": "s"}
    with shop.cli.start("serve", "--webhook", "--port", "0", env=env, at=shop.folder) as process:
        assert process.stderr is not None
        line = process.stderr.readline().decode()
        assert line.startswith("Listening at http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    assert b"Traceback" not in rest
