"""Remotes that are reached as real ones are: over HTTP with Git's own back-end, and over SSH with a server of its own."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from .places import git


class Web(NamedTuple):
    """A server.

    Attributes:
        url: Of the repository.
        seen: Values of the header Authorization, in the order in which they came.
    """

    url: str
    seen: list[str | None]


@contextmanager
def over_http(repository: Path, *, token: str | None = None, slow: float = 0.0) -> Iterator[Web]:
    """Serve a bare repository on loopback; with a token only to who sends it as a password."""
    git(repository, "config", "http.receivepack", "true")
    seen: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(b"")

        def do_POST(self) -> None:
            self.answer(self.body())

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "") == "chunked":
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def answer(self, body: bytes) -> None:
            time.sleep(slow)
            given = self.headers.get("Authorization")
            seen.append(given)
            if token is not None and not _is_right(given, token):
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            environment = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(repository.parent),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_GLOBAL": "/dev/null",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "ada",
                "REMOTE_ADDR": "127.0.0.1",
            }
            done = subprocess.run(
                ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            fields = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
            status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200)
            self.send_response(status)
            for name, value in fields:
                if name != "Status":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            return  # whoever asked went away

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Web(f"http://127.0.0.1:{server.server_address[1]}/{repository.name}", seen)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _is_right(given: str | None, token: str) -> bool:
    if given is None or not given.startswith("Basic "):
        return False
    return base64.b64decode(given[6:]).decode().partition(":")[2] == token


class Shell(NamedTuple):
    """An SSH server.

    Attributes:
        url: Of the repository.
        key: File of the private key it takes.
        known_hosts: File with its own key.
    """

    url: str
    key: Path
    known_hosts: Path


@contextmanager
def over_ssh(repository: Path, folder: Path) -> Iterator[Shell]:
    """Serve a bare repository over SSH on loopback, with keys made for this; skipped where there is no server."""
    program = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
    if program is None or shutil.which("ssh") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("sshd is not installed: apt-get install openssh-server")
        pytest.skip("sshd is not installed: apt-get install openssh-server")
    folder.mkdir()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    port = _free_port()
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder / 'authorized'}\nPasswordAuthentication no\nStrictModes no\n"
        f"KbdInteractiveAuthentication no\nPermitRootLogin yes\nAcceptEnv GIT_PROTOCOL\nLogLevel ERROR\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it, whatever its configuration says
    with subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            known = folder / "known_hosts"
            kind, key = (folder / "host.pub").read_text().split()[:2]
            known.write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
            user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
            yield Shell(f"ssh://{user}@127.0.0.1:{port}{repository}", folder / "user", known)
        finally:
            server.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("sshd did not start")
