"""How Git gets in: keys, known hosts and tokens, given to it through its environment and never on a command line."""

from __future__ import annotations

import base64
import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from spiffcli.errors import ConfigError
from spiffcli.git_config import GitSettings
from spiffcli.repo.urls import shown

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

#: Name that goes with a token where none is set: what GitHub asks for, and others take.
_TOKEN_USER = "x-access-token"


@contextmanager
def access(settings: GitSettings, url: str | None) -> Iterator[Mapping[str, str]]:
    """Variables with which Git reaches the repository at `url`; a key that was given as text lies in a file meanwhile.

    Args:
        url: None where it is not known; then no token is sent.

    Raises:
        ConfigError: The key or the file of known hosts is not there, or a token would go over a line in clear text.
    """
    with _key_file(settings) as key:
        yield _ssh(settings, key) | _token(settings, url)


@contextmanager
def _key_file(settings: GitSettings) -> Iterator[Path | None]:
    if settings.ssh_private_key_path is not None:
        yield _there(settings.ssh_private_key_path, "private key", "RUNNER_GIT_SSH_PRIVATE_KEY_PATH")
    elif settings.ssh_private_key is not None:
        # A folder of its own, since its file is opened by name; both are for the owner alone (0700 and 0600).
        with tempfile.TemporaryDirectory(prefix="runner-key-") as folder:
            file = Path(folder) / "key"
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as opened:
                opened.write(settings.ssh_private_key.replace("\r\n", "\n").rstrip("\n") + "\n")
            yield file
    else:
        yield None


def _there(file: Path, what: str, variable: str) -> Path:
    if not file.is_file():
        raise ConfigError(f"There is no {what} at {file}.", hint=f"It is set by {variable} or [git] of runner.toml.")
    return file


def _ssh(settings: GitSettings, key: Path | None) -> dict[str, str]:
    if key is None and settings.known_hosts is None and not settings.accept_new_hosts:
        return {}
    options = ["BatchMode=yes", f"StrictHostKeyChecking={'accept-new' if settings.accept_new_hosts else 'yes'}"]
    if settings.known_hosts is not None:
        hosts = settings.known_hosts
        if not settings.accept_new_hosts:
            _there(hosts, "file of known hosts", "RUNNER_GIT_KNOWN_HOSTS")
        options.append(f'UserKnownHostsFile="{hosts.absolute()}"')
    words = ["ssh", "-F", os.devnull]
    if key is not None:
        words += ["-i", str(key.absolute())]
        options.append("IdentitiesOnly=yes")
    for option in options:
        words += ["-o", option]
    return {"GIT_SSH_COMMAND": shlex.join(words)}


def _token(settings: GitSettings, url: str | None) -> dict[str, str]:
    if settings.token is None or url is None:
        return {}
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return {}
    if parts.scheme == "http" and (parts.hostname or "") not in _LOOPBACK:
        raise ConfigError(
            f"A token is set, and {shown(url)} would carry it in clear text.", hint="Use an https:// address."
        )
    user = settings.token_user or parts.username or _TOKEN_USER
    value = base64.b64encode(f"{user}:{settings.token}".encode()).decode()
    # For this host alone: a redirect to another one does not get it.
    host = f"{parts.hostname}:{parts.port}" if parts.port is not None else parts.hostname
    return {
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{host}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {value}",
        "GIT_CONFIG_COUNT": "1",
    }
