"""A server that follows a repository, and whoever delivers to it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from spiffcli.config import load_settings
from spiffcli.web.deliveries import signature
from spiffcli.web.follower import Follower
from spiffcli.web.serve import listening
from spiffcli.web.webhook import PATH, STATUS_PATH, application

from ..repo.conftest import _plain_git, desk, place
from ..repo.places import Desk

__all__ = ["_plain_git", "desk", "place"]

SECRET = "the secret of the webhook"


class Server:
    """The server, and a forge that delivers to it.

    Attributes:
        desk: The clone that is followed.
        said: What it told.
    """

    def __init__(self, desk: Desk, port: int, said: list[str]) -> None:
        self.desk = desk
        self.port = port
        self.said = said
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def post(self, body: bytes, headers: Mapping[str, str], path: str = PATH) -> tuple[int, dict[str, Any]]:
        for attempt in (1, 2):
            try:
                self._connect()
                self._connection.request("POST", path, body, dict(headers))
                answer = self._connection.getresponse()
                content = answer.read()
                break
            except (http.client.HTTPException, OSError):
                self._connection.close()  # the server ends a connection whose body it did not read
                if attempt == 2:
                    raise
        return answer.status, json.loads(content) if content.startswith(b"{") else {}

    def _connect(self) -> None:
        if self._connection.sock is None:
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._connection.close()

    def deliver(self, document: Any, *, event: str = "push", secret: str = SECRET) -> tuple[int, dict[str, Any]]:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        signed = {"X-Hub-Signature-256": f"sha256={signature(secret, body)}", "X-GitHub-Event": event}
        return self.post(body, signed | {"Content-Type": "application/json"})

    def status(self) -> dict[str, Any]:
        self._connection.request("GET", STATUS_PATH)
        found: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return found

    def rest(self) -> dict[str, Any]:
        """Wait until nothing is waiting."""
        for _ in range(600):
            found = self.status()
            if not found["waiting"]:
                return found
            time.sleep(0.02)
        raise AssertionError("the server does not come to rest")


def push_of(desk: Desk, after: str, branch: str = "main") -> dict[str, Any]:
    """What GitHub sends for a push."""
    url = desk.git("config", "--get", "remote.origin.url")
    about = {"clone_url": f"file://{url}", "ssh_url": "git@example.org:x/y.git", "git_url": "git://example.org/x/y"}
    return {"ref": f"refs/heads/{branch}", "before": "1" * 40, "after": after, "repository": about}


@pytest.fixture
def server(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("RUNNER_GIT_MODELS", str(desk.folder))
    monkeypatch.setenv("RUNNER_GIT_REVISION_TTL", "0")
    settings = load_settings({"store": f"tinydb:{tmp_path / 'ada.store'}", "user": "ada"}, cwd=desk.folder)
    said: list[str] = []
    with listening("127.0.0.1", 0) as bound:
        app = application(Follower(settings, say=said.append), SECRET, most_bytes=100_000)
        running = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="on"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]})
        thread.start()
        while not running.started:
            time.sleep(0.01)
        with closing(Server(desk, bound.getsockname()[1], said)) as server:
            yield server
        running.should_exit = True
        thread.join()
