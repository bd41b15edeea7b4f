"""Saves, pulls, publishing and deliveries at once, each in a process of its own, on one repository."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from spiffcli.catalog.maintenance import check_store
from spiffcli.repo.deploy import sync
from spiffcli.repo.publish import PublishRequest, publish
from spiffcli.store import open_store
from spiffcli.web.deliveries import signature
from spiffcli.web.webhook import PATH

from ..repo.places import Desk, Place, git
from .conftest import SECRET, push_of

ROOT = Path(__file__).resolve().parents[2]

#: Long where changes are checked before they land, short at a desk.
SECONDS = 30.0 if os.environ.get("CI") == "true" else 5.0


def start(what: str, desk: Desk) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.repo.working", what, str(desk.folder), str(SECONDS)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def serve(desk: Desk, log: Path) -> tuple[subprocess.Popen[str], int]:
    """`runner serve --webhook` on a free port."""
    environment = os.environ | {
        "RUNNER_GIT_MODELS": str(desk.folder),
        "RUNNER_GIT_WEBHOOK_SECRET": SECRET,
        "RUNNER_STORE": f"sqlite:{desk.folder.parent / 'store.db'}",
        "RUNNER_USER": "ada",
        "PYTHONPATH": str(ROOT),
    }
    words = [sys.executable, "-m", "spiffcli", "serve", "--webhook", "--port", "0"]
    with log.open("w") as told:
        process = subprocess.Popen(words, cwd=desk.folder, env=environment, stderr=told, text=True)
    for _ in range(200):
        found = re.search(r"127\.0\.0\.1:(\d+)", log.read_text())
        if found:
            return process, int(found[1])
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def deliver(port: int, document: object) -> int:
    body = json.dumps(document).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"X-Hub-Signature-256": f"sha256={signature(SECRET, body)}", "X-GitHub-Event": "push"}
    connection.request("POST", PATH, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_n04_four_processes_at_once_make_one_history_and_lose_nothing(place: Place, desk: Desk, tmp_path: Path) -> None:
    desk.model("shop/saved", "saved")
    desk.commit()
    desk.git("push", "-q", "origin", "main:staging")
    other = place.desk("bob")
    log = tmp_path / "server.log"
    server, port = serve(desk, log)
    workers = {what: start(what, desk) for what in ("save", "pull", "publish")}
    pushed = push_as_somebody_else(other, desk, port)
    done = {}
    for what, worker in workers.items():
        out, error = worker.communicate(timeout=120)
        assert worker.returncode == 0, f"{what}: {error}\n{log.read_text()}"
        done[what] = out.splitlines()
    server.send_signal(signal.SIGINT)
    assert server.wait(60) in (0, 130), log.read_text()
    assert "bug" not in log.read_text()
    assert min(map(len, (*done.values(), pushed))) > 0, "everybody got on"
    with desk.runner(store=f"sqlite:{tmp_path / 'store.db'}") as runner:
        last = sync(runner.workspace, push=True, repository=desk.repository())
    assert last.following is not None
    assert not last.failed
    check_history(place, desk, done["save"], pushed)
    store = open_store(f"sqlite:{tmp_path / 'store.db'}", create=False)
    assert check_store(store) == []
    store.close()


def push_as_somebody_else(other: Desk, desk: Desk, port: int) -> list[str]:
    """Commit and push elsewhere, and deliver each push; the names of the files."""
    pushed = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        name = f"shop/others/{len(pushed)}.md"
        other.write(name, "theirs")
        other.git("add", "-A")
        other.git("commit", "-q", "-m", name)
        for _ in range(50):
            if (
                subprocess.run(
                    ["git", "push", "-q", "origin", "main"], cwd=other.folder, capture_output=True
                ).returncode
                == 0
            ):
                break
            other.git("pull", "-q", "--rebase")
        pushed.append(name)
        assert deliver(port, push_of(desk, other.head)) == 200
        time.sleep(0.1)
    return pushed


def check_history(place: Place, desk: Desk, saved: list[str], pushed: list[str]) -> None:
    """One history with everything in it, and nothing left behind."""
    assert desk.head == place.tip()
    assert desk.clean
    there = set(place.files())
    assert set(saved) | set(pushed) <= there
    subjects = place.subjects()
    assert len(subjects) == len(set(subjects)), "no commit came twice"
    assert git(place.origin, "log", "--merges", "--format=%s", "main") == ""
    assert desk.git("fsck", "--no-dangling", "--no-progress") == ""
    assert len(desk.git("worktree", "list").splitlines()) == 1
    assert not (desk.folder / ".git/runner-worktrees").exists()
    branch = publish(desk.repository(), PublishRequest(("shop/saved",), to="staging")).branch
    assert branch == "publish-shop/saved-to-staging"
    assert git(place.origin, "merge-base", "--is-ancestor", "staging", branch) == ""
    published = set(place.files(branch))
    assert published - set(place.files("staging")) <= set(saved)
