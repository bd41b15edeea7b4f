"""Deliveries of forges to a server that follows a real repository."""

from __future__ import annotations

import json
import random
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from spiffcli.config import load_settings
from spiffcli.web.deliveries import read, signature
from spiffcli.web.follower import Follower, Revision, Worker

from ..repo.backends import over_http
from ..repo.places import Desk, Place
from .conftest import SECRET, Server, push_of


def test_g01_a_revision_is_known_for_a_while_and_forgotten_after_a_change(place: Place, desk: Desk) -> None:
    now = [0.0]
    first = desk.head
    known = Revision(desk.repository(), 10, lambda: now[0])
    fresh = Revision(desk.repository(), 0, lambda: now[0])
    assert known.commit("main") == fresh.commit("main") == first
    desk.model("shop/tax", script="x = 2")
    second = desk.commit()
    assert (known.commit("main"), fresh.commit("main")) == (first, second)
    now[0] = 10.0
    assert known.commit("main") == second
    third = desk.model("shop/tax", script="x = 3") and desk.commit()
    known.forget()
    assert known.commit("main") == third


def test_g01_a_sync_of_its_own_forgets_it(place: Place, desk: Desk, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("RUNNER_GIT_MODELS", str(desk.folder))
    settings = load_settings({"store": f"tinydb:{tmp_path / 's'}", "user": "ada"}, cwd=desk.folder)
    follower = Follower(settings, say=lambda _: None)
    before = follower.commit
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    after = other.commit()
    assert before != after
    assert follower.sync()[0] == "done"
    assert follower.commit == after


def test_g06_a_ping_has_no_effect(server: Server) -> None:
    before = server.status()
    assert server.deliver({"zen": "Keep it simple.", "hook_id": 1}, event="ping") == (
        200,
        {"git_pull": False, "reason": "ping", "sync": None},
    )
    body = json.dumps({"zen": "x", "hook_id": 1}).encode()
    assert server.post(body, {"X-Hub-Signature-256": signature(SECRET, body)})[1]["git_pull"] is False
    assert server.status() == before
    assert server.said == []


def test_g07_a_signed_push_is_pulled_and_deployed(place: Place, server: Server) -> None:
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    after = other.commit()
    status, answer = server.deliver(push_of(server.desk, after))
    assert (status, answer) == (200, {"git_pull": True, "reason": "queued", "sync": 1})
    assert server.rest()["last"]["outcome"] == "done"
    assert server.desk.head == after == server.status()["commit"]
    with server.desk.runner() as runner:
        assert [each.key for each in runner.specs()] == ["order", "tax"]
        assert runner.catalog.followed().commit == after


def test_g07_an_empty_secret_signs_too() -> None:
    empty = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
    assert signature("", b"") == empty  # as every HMAC does


def gitlab(desk: Desk, after: str) -> dict[str, Any]:
    url = desk.git("config", "--get", "remote.origin.url")
    about = {"git_http_url": f"file://{url}", "git_ssh_url": "git@gitlab.example.org:x/y.git"}
    return {"object_kind": "push", "ref": "refs/heads/main", "after": after, "project": about}


@pytest.mark.parametrize("forge", ["gitlab", "gitea", "github-form", "by hand"])
def test_other_forges_and_forms_are_understood(place: Place, server: Server, forge: str) -> None:
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    after = other.commit()
    body = json.dumps(gitlab(server.desk, after) if forge == "gitlab" else push_of(server.desk, after)).encode()
    if forge == "gitlab":
        headers = {"X-Gitlab-Token": SECRET, "X-Gitlab-Event": "Push Hook"}
    elif forge == "by hand":  # curl calls everything a form
        headers = {
            "X-Hub-Signature-256": f"sha256={signature(SECRET, body)}",
            "X-GitHub-Event": "push",
            "Content-Type": "application/x-www-form-urlencoded",
        }
    elif forge == "gitea":
        headers = {"X-Gitea-Signature": signature(SECRET, body), "X-Gitea-Event": "push"}
    else:
        body = urllib.parse.urlencode({"payload": body.decode()}).encode()
        headers = {
            "X-Hub-Signature-256": f"sha256={signature(SECRET, body)}",
            "X-GitHub-Event": "push",
            "Content-Type": "application/x-www-form-urlencoded",
        }
    status, answer = server.post(body, headers)
    assert (status, answer["git_pull"]) == (200, True)
    server.rest()
    assert server.desk.head == after


def test_n11_what_is_no_push_to_the_branch_is_answered_and_has_no_effect(server: Server) -> None:
    desk = server.desk
    before, commit = server.status(), "a" * 40
    cases = [
        (push_of(desk, commit, "other"), "branch"),
        (push_of(desk, commit) | {"ref": "refs/tags/main"}, "branch"),
        (push_of(desk, "0" * 40), "deleted"),
        (push_of(desk, desk.head), "current"),
        (push_of(desk, desk.git("rev-parse", "HEAD")), "current"),
    ]
    for document, reason in cases:
        status, answer = server.deliver(document)
        assert (status, answer["reason"], answer["sync"]) == (200, reason, None)
        assert answer["git_pull"] is (reason == "current")
    assert server.deliver(push_of(desk, commit), event="issues")[1]["reason"] == "event"
    elsewhere = push_of(desk, commit) | {"repository": {"clone_url": "https://example.org/other/repo.git"}}
    assert server.deliver(elsewhere)[0] == 422
    assert server.status() == before


def test_n11_a_delivery_that_comes_again_has_nothing_to_do(place: Place, server: Server) -> None:
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    first = push_of(server.desk, other.commit())
    server.deliver(first)
    server.rest()
    other.model("shop/tax", script="x = 3")
    server.deliver(push_of(server.desk, other.commit()))
    number = server.rest()["last"]["number"]
    for _ in range(20):
        status, answer = server.deliver(first)
        assert (status, answer["git_pull"], answer["sync"]) == (200, True, None)
    assert server.rest()["last"]["number"] == number


def test_w02_a_remote_with_a_token_in_it_is_recognised(
    place: Place, desk: Desk, tmp_path: Path, monkeypatch: Any
) -> None:
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    document = push_of(desk, other.commit())
    monkeypatch.setenv("RUNNER_GIT_MODELS", str(desk.folder))
    settings = load_settings({"store": f"tinydb:{tmp_path / 's'}", "user": "ada"}, cwd=desk.folder)
    said: list[str] = []
    with over_http(place.origin, token="t0ken") as web:
        desk.git("remote", "set-url", "origin", web.url.replace("http://", "http://user:t0ken@"))
        follower = Follower(settings, say=said.append)
        document["repository"]["clone_url"] = web.url.removesuffix(".git")
        answer = follower.answer(read({"x-github-event": "push"}, json.dumps(document).encode()))
        assert (answer.pull, answer.needed) == (True, True)
        outcome, message = follower.sync()
    assert (outcome, desk.head) == ("done", other.head)
    assert "t0ken" not in f"{said} {message}"


def test_w06_a_sync_that_fails_is_told_and_the_next_one_repairs_it(place: Place, server: Server) -> None:
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    after = other.commit()
    place.origin.rename(place.origin.with_name("away.git"))
    server.deliver(push_of(server.desk, after))
    assert server.rest()["last"]["outcome"] == "failed"
    assert "Looking at the remote" in server.said[-1]
    place.origin.with_name("away.git").rename(place.origin)
    assert server.deliver(push_of(server.desk, after))[1]["sync"] == 2
    assert server.rest()["last"]["outcome"] == "done"
    assert server.desk.head == after


def bad_requests(desk: Desk) -> list[tuple[bytes, dict[str, str], int]]:
    """Requests of ten kinds that may have no effect, with the status each is to get."""
    good = json.dumps(push_of(desk, "a" * 40)).encode()
    right = f"sha256={signature(SECRET, good)}"

    def signed(body: bytes) -> dict[str, str]:
        return {"X-Hub-Signature-256": f"sha256={signature(SECRET, body)}", "X-GitHub-Event": "push"}

    other, gone = json.dumps(push_of(desk, "a" * 40, "x")).encode(), json.dumps(push_of(desk, "0" * 40)).encode()
    odd = [b"", b"[]", b"null", b'"x"', b"{", b"\xff\xfe", b"[" * 50_000, b'{"ref": 1, "after": 2}', b'{"ref": "x"}']
    strange = json.dumps(push_of(desk, "--help")).encode()
    return [
        (good, {"X-Hub-Signature-256": f"sha256={signature('wrong', good)}"}, 403),
        (good, {}, 403),
        (good, {"X-Hub-Signature-256": ""}, 403),
        (good, {"X-Hub-Signature-256": right[:-1]}, 403),
        (good + b" ", {"X-Hub-Signature-256": right}, 403),
        (good, {"X-Hub-Signature-256": right, "X-Gitea-Signature": "0" * 64}, 403),
        (good, {"X-Gitlab-Token": "wrong", "X-Gitlab-Event": "Push Hook"}, 403),
        (other, signed(other), 200),
        (gone, signed(gone), 200),
        (strange, signed(strange), 400),
        (b"x" * 200_000, signed(b"x" * 200_000), 413),
        *((body, signed(body), 400) for body in odd),
    ]


def test_a_thousand_bad_requests_have_no_effect_and_make_no_error(server: Server) -> None:
    before, refs = server.status(), server.desk.git("for-each-ref")
    kinds = bad_requests(server.desk)
    chosen = random.Random(7)
    for number in range(1000):
        body, headers, expected = kinds[number % len(kinds)] if number < 100 else chosen.choice(kinds)
        status, answer = server.post(body, headers)
        assert status == expected, f"{status} for {headers} {body[:80]!r}"
        assert answer.get("git_pull", False) is False
        assert SECRET not in str(answer)
    assert server.status() == before
    assert server.desk.git("for-each-ref") == refs
    assert server.said == []
    assert server.deliver({"zen": "still there"}, event="ping")[0] == 200


def test_a_flood_costs_no_more_than_two_runs() -> None:
    import threading

    begun, go, runs = threading.Event(), threading.Event(), []

    def action() -> tuple[str, str]:
        runs.append(1)
        begun.set()
        go.wait(10)
        return "done", ""

    worker = Worker(action)
    worker.start()
    numbers = {worker.ask()}
    begun.wait(10)
    numbers |= {worker.ask() for _ in range(1000)}
    assert numbers == {1, 2}
    assert worker.waiting
    go.set()
    while worker.waiting:
        pass
    worker.stop(10)
    assert len(runs) == 2


def test_read_only_takes_nothing_over(place: Place, desk: Desk, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("RUNNER_GIT_MODELS", str(desk.folder))
    settings = load_settings({"store": f"tinydb:{tmp_path / 's'}", "read_only": True}, cwd=desk.folder)
    follower = Follower(settings, say=lambda _: None)
    body = json.dumps(push_of(desk, "a" * 40)).encode()
    answer = follower.answer(read({"x-github-event": "push"}, body))
    assert (answer.pull, answer.reason, answer.needed) == (False, "read-only", False)
    outcome, message = follower.sync()
    assert outcome == "failed"
    assert "read-only" in message
