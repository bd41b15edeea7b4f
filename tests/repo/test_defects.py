"""Defects of the system that invented the layout, each shown to be absent here, on real remotes."""

from __future__ import annotations

import itertools
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spiffcli.config import GitSettings
from spiffcli.errors import BusyError, ConflictError, InputError, NotFoundError, RunnerError
from spiffcli.repo import repository as repository_module
from spiffcli.repo.deploy import SyncResult, sync
from spiffcli.repo.git import access, compare_url, same_repository
from spiffcli.repo.promote import carry_out, plan
from spiffcli.repo.publish import PublishRequest, publish
from spiffcli.repo.save import push_all

from ..catalog.models import bpmn, process
from .backends import over_http
from .places import Desk, Place, git

TOKEN = "glpat-averysecrettoken"


def synced(desk: Desk, **options: bool) -> SyncResult:
    with desk.runner() as runner:
        return sync(runner.workspace, repository=desk.repository(), **options)


def with_staging(desk: Desk) -> None:
    desk.git("push", "-q", "origin", "main:staging")


def test_w01_no_secret_in_a_page_or_an_error(place: Place, desk: Desk) -> None:
    with_staging(desk)
    desk.model("shop/tax", script="x = 2")
    desk.commit()
    with over_http(place.origin, token=TOKEN) as web:
        url = web.url.replace("http://", f"http://{TOKEN}:{TOKEN}@")
        done = publish(
            desk.repository(publish_clone_url=url, forge="github"), PublishRequest(("shop/tax",), to="staging")
        )
        assert done.outcome == "published"
        assert done.url is not None
        assert "/compare/staging...publish-shop/tax-to-staging" in done.url
        assert TOKEN not in str(done)
        with pytest.raises(RunnerError) as caught:
            publish(desk.repository(publish_clone_url=f"{url}x"), PublishRequest(("shop/tax",), to="staging"))
    assert TOKEN not in f"{caught.value} {caught.value.hint} {caught.value.to_json()}"


def test_w02_a_token_in_the_remote_or_a_missing_ending_is_no_other_repository() -> None:
    assert same_repository(f"https://{TOKEN}@github.com/team/models", "https://github.com/team/models.git")


@pytest.mark.parametrize("user", ["O'Brien", "R&D; team", "nc", "curl"])
def test_w03_no_name_is_taken_for_a_command(place: Place, desk: Desk, user: str) -> None:
    odd = Desk(desk.folder, user)
    odd.write("shop/tax/sales & mkt.md", "x")
    saved = odd.save(message=f"User: {user} changed `this` $(that)")
    assert saved.files == ("shop/tax/sales & mkt.md",)
    assert git(place.origin, "log", "-1", "--format=%an") == user


def test_w04_a_conflict_never_leaves_a_rebase_behind(place: Place, desk: Desk) -> None:
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    other.commit()
    desk.model("shop/tax", script="x = 3")
    desk.git("commit", "-qam", "ours")
    with pytest.raises(ConflictError):
        synced(desk)
    assert desk.git("symbolic-ref", "--short", "HEAD") == "main"
    assert "<<<<<<<" not in (desk.folder / "shop/tax/tax.bpmn").read_text()
    assert not (desk.folder / ".git/rebase-merge").exists()
    desk.model("shop/order", calls=("tax",), script="x = 4")
    saved = desk.save(message="the next save is like any other")
    assert saved.commit == desk.head


def test_w05_a_dirty_tree_does_not_stop_pulls(place: Place, desk: Desk) -> None:
    desk.write("shop/stock_datastore.json", '{"written": "by an instance"}')
    desk.write("shop/order/process_model.json", '{"primary_process_id": "order", "dirty": true}')
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    theirs = other.commit()
    assert synced(desk).pulled.after == theirs == desk.head
    assert "by an instance" in (desk.folder / "shop/stock_datastore.json").read_text()


def test_w06_a_save_without_a_change_pushes_what_waits(place: Place, desk: Desk) -> None:
    desk.model("shop/tax", script="x = 2")
    desk.save(message="left here", push=False)
    assert desk.repository().status().ahead == 1
    saved = desk.save(message="nothing")
    assert saved.commit is None
    assert saved.pushed is not None
    assert saved.pushed.outcome == "pushed"
    assert place.tip() == desk.head


def test_w07_only_what_is_named_is_committed(place: Place, desk: Desk) -> None:
    desk.model("shop/tax", script="x = 2")
    desk.write("shop/order/order.bpmn", "half done by somebody else")
    desk.write("staged.md", "prepared by somebody else")
    desk.git("add", "staged.md")
    saved = desk.save("shop/tax", message="tax alone")
    assert saved.files == ("shop/tax/tax.bpmn",)
    assert desk.git("diff", "--name-only") == "shop/order/order.bpmn"
    assert desk.git("diff", "--cached", "--name-only") == "staged.md"


def test_w07_one_lock_for_all_that_change_the_repository(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository_module, "PATIENCE", 0.2)
    with_staging(desk)
    held, merge = desk.repository(), plan(desk.repository(), "main", "staging")
    attempts = (
        lambda: desk.save(message="x"),
        lambda: synced(desk),
        lambda: push_all(desk.repository()),
        lambda: publish(desk.repository(), PublishRequest(("shop/tax",), to="staging")),
        lambda: carry_out(desk.repository(), merge),
    )
    with held.locked("a test"):
        for attempt in attempts:
            with pytest.raises(BusyError, match="in use by a test"):
                attempt()


def test_w08_the_stamp_is_read_with_the_files_and_tells_of_changes(desk: Desk) -> None:
    synced(desk)
    desk.model("shop/tax", script="x = 2")  # never committed
    done = synced(desk)
    assert done.following is not None
    assert done.following.deployed == ()
    with desk.runner() as runner:
        source = runner.catalog.find("tax").source
    assert (source.commit, source.dirty, len(source.commit or "")) == (desk.head, False, 40)


@pytest.mark.parametrize(
    ("model", "to"),
    [(":etc", "staging"), ("/etc", "staging"), ("../x", "staging"), ("shop/tax", "-f"), ("shop/tax", "a..b")],
)
def test_w09_publishing_takes_no_path_and_no_branch_that_is_none(desk: Desk, model: str, to: str) -> None:
    with_staging(desk)
    before = desk.git("for-each-ref")
    with pytest.raises(InputError):
        publish(desk.repository(), PublishRequest((model,), to=to))
    with pytest.raises(NotFoundError):
        publish(desk.repository(), PublishRequest(("shop/nothing",), to="staging"))
    with pytest.raises(NotFoundError, match="has no branch 'nowhere'"):
        publish(desk.repository(), PublishRequest(("shop/tax",), to="nowhere"))
    after = [line for line in desk.git("for-each-ref").splitlines() if "refs/runner" not in line]
    assert after == before.splitlines()


def test_w10_what_is_called_comes_along_and_nothing_is_claimed_where_nothing_differs(place: Place, desk: Desk) -> None:
    git(place.origin, "branch", "empty", "main")
    desk.git("fetch", "-q")
    with_staging(desk)
    desk.model("shop/duty/base")
    desk.write("shop/tax/tax.bpmn", bpmn("t.bpmn", process("tax", calls=("base",))).content)
    desk.commit()
    done = publish(desk.repository(forge="gitea"), PublishRequest(("shop/order",), to="staging"))
    assert done.models == ("shop/duty/base", "shop/tax")
    assert "shop/duty/process_group.json" in done.files
    assert publish(desk.repository(), PublishRequest(("shop/order",), to="main")).outcome == "nothing"


def test_w10_publishing_at_the_same_time_ends_in_one_branch_with_both(place: Place, desk: Desk) -> None:
    with_staging(desk)
    other = place.desk("bob")
    desk.model("shop/tax", script="x = 2")
    desk.commit()
    other.git("pull", "-q")
    other.model("shop/order", calls=("tax",), script="x = 3")
    other.git("commit", "-qam", "order")
    done: list[str] = []
    wishes = [(desk, "shop/tax"), (other, "shop/order")]
    threads = [
        threading.Thread(
            target=lambda d=d, m=m: done.append(
                publish(d.repository(), PublishRequest((m,), to="staging", branch="together", only=True)).outcome
            )
        )
        for d, m in wishes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == ["published", "published"]
    changed = git(place.origin, "diff", "--name-only", "staging", "together").splitlines()
    assert changed == ["shop/order/order.bpmn", "shop/tax/tax.bpmn"]


@pytest.mark.parametrize("host", ["www.github.com", "my.github.example.org", "github.com"])
def test_w11_hosts_and_names_with_git_in_them_stay_whole(host: str) -> None:
    url = compare_url(f"https://{host}/team/my.github.io.git", "main", "x")
    assert url == f"https://{host}/team/my.github.io/compare/main...x?expand=1"


def test_w12_changes_outside_of_the_models_are_no_matter(place: Place) -> None:
    desk = place.desk(subdir="models")
    desk.write("models/shop/tax/tax.bpmn", bpmn("t.bpmn", process("tax")).content)
    desk.write("models/shop/tax/process_model.json", "{}")
    desk.commit()
    desk.write("elsewhere.txt", "not a model")
    saved = desk.save(message="models")
    assert saved.commit is None
    assert saved.pushed is not None
    assert saved.pushed.outcome == "nothing"


def test_w13_a_broken_group_takes_nothing_away(place: Place, desk: Desk) -> None:
    synced(desk)
    with desk.runner() as runner, runner.start("order", {"kept": 1}) as session:
        session.advance()
        instance = session.instance.id
    other = place.desk("bob")
    other.write("shop/process_group.json", "<<<<<<< HEAD")
    other.commit()
    done = synced(desk)
    assert done.following is not None
    assert (done.following.broken, done.following.removed) == ({}, ())
    with desk.runner() as runner:
        assert runner.look(instance).data["kept"] == 1
        assert [each.key for each in runner.specs()] == ["order", "tax"]


def test_w14_keys_are_private_and_host_keys_are_checked(tmp_path: Path) -> None:
    hosts = tmp_path / "known hosts"
    hosts.write_text("")
    text = "-----BEGIN KEY-----\r\nabc\r\n-----END KEY-----"
    settings = GitSettings(ssh_private_key=text, known_hosts=hosts)
    with access(settings, "git@host:x/y.git") as variables:
        command = variables["GIT_SSH_COMMAND"]
        key = Path(command.split(" -i ")[1].split(" ")[0])
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
        assert key.read_text() == "-----BEGIN KEY-----\nabc\n-----END KEY-----\n"
        assert "StrictHostKeyChecking=yes" in command
        assert "abc" not in command
    assert not key.parent.exists()
    assert text not in repr(settings)


def test_w15_bytes_come_back_as_they_were(desk: Desk) -> None:
    contents = {"shop/tax/a.png": bytes(range(256)), "shop/tax/b.md": b"  spaces \r\n\r\n", "shop/tax/c.bin": b""}
    for path, content in contents.items():
        desk.write(path, content)
    desk.save(message="bytes")
    for path in contents:
        desk.write(path, b"later")
    snapshot = desk.repository().snapshot()
    assert snapshot.read(contents) == contents


def test_w16_a_process_that_there_is_twice_is_refused_on_pull_too(place: Place, desk: Desk) -> None:
    synced(desk)
    other = place.desk("bob")
    other.write("shop/copy/tax.bpmn", bpmn("t.bpmn", process("tax", script="x = 2")).content)
    other.write("shop/copy/process_model.json", "{}")
    other.commit()
    done = synced(desk)
    assert done.following is not None
    assert done.following.broken.keys() == {"shop/copy", "shop/tax", "shop/order"}
    assert "shop/copy/tax.bpmn and in shop/tax/tax.bpmn" in done.following.broken["shop/tax"]
    with desk.runner() as runner:
        assert [each.version for each in runner.specs("tax")] == [1]


def test_w17_a_model_that_moved_is_found_and_its_instances_go_on(place: Place, desk: Desk) -> None:
    desk.model("shop/ask", forms=("ask.json",))
    desk.write("shop/ask/ask.json", "{}")
    desk.commit()
    synced(desk)
    with desk.runner() as runner, runner.start("ask") as session:
        session.advance()
        instance = session.instance.id
    desk.git("mv", "shop/ask", "shop/question")
    desk.git("mv", "shop/tax", "duty")
    desk.commit("moved")
    done = synced(desk)
    assert done.following is not None
    assert set(done.following.removed) == {"shop/ask", "shop/tax"}
    with desk.runner() as runner:
        assert runner.form(runner.look(instance).open_tasks[0]) is not None
        with runner.start("order") as session:
            session.advance()
            assert session.instance.state == "completed"


def test_a_lock_is_waited_for(desk: Desk) -> None:
    entered = threading.Event()

    def hold() -> None:
        with desk.repository().locked("a short test"):
            entered.set()
            time.sleep(0.3)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    desk.model("shop/tax", script="x = 2")
    assert desk.save(message="after it").commit == desk.head
    thread.join()


def test_who_waits_for_the_lock_comes_before_who_had_it(desk: Desk) -> None:
    order: list[str] = []
    at_once = threading.Barrier(2)

    def change(name: str) -> None:
        repository = desk.repository()
        at_once.wait()
        for _ in range(6):
            with repository.locked(name):
                order.append(name)
                time.sleep(0.05)  # long enough for the other one to begin to wait

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(change, ("ada", "bob")))
    assert max(len(list(run)) for _, run in itertools.groupby(order)) <= 2
