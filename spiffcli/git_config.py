"""Settings about models in Git: the flags of a command, the environment, the table `[git]` of the configuration file.

Beside its own variables (`RUNNER_GIT_...`) the program takes those of the system whose model repositories it reads
(`SPIFFWORKFLOW_BACKEND_...`), so that an environment that is set up for that one works here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spiffcli.errors import ConfigError
from spiffcli.forges import FORGES

_OWN = "RUNNER_GIT_"
_THEIRS = "SPIFFWORKFLOW_BACKEND_"

#: Seconds after which a command of Git is ended.
DEFAULT_TIMEOUT = 120.0

#: Seconds for which a server may show a revision without asking Git again.
DEFAULT_REVISION_TTL = 10.0


@dataclass(frozen=True, slots=True)
class GitSettings:
    """What is set about models in Git. What is None was not set.

    Attributes:
        models: Folder of the models: a work tree, a folder in one, or a bare repository.
        subdir: Folder of the models inside the repository, where `models` names the repository.
        remote: Name of the remote.
        source_branch: Branch that is committed to, pushed and pulled; else the one that is checked out.
        publish_target_branch: Branch that models are published to.
        publish_clone_url: Repository they are published to; else the remote.
        commit_on_save: Whether every change the tool makes is committed and pushed.
        username, user_email: Who commits; the author is the user.
        author_email: Address of the user.
        ssh_private_key_path, ssh_private_key: The key, as a file or as its text.
        known_hosts: File of known host keys.
        accept_new_hosts: Whether the key of a host nobody knows is taken on first use.
        token: Secret for HTTPS.
        token_user: Name that goes with it.
        webhook_secret: What deliveries are signed with.
        forge: Kind of the forge, where its address does not tell.
        revision_ttl: Seconds for which a server shows a revision without asking again.
        timeout: Seconds after which a command of Git is ended.
        environment: Name of this installation, in messages of publishing.
    """

    models: Path | None = None
    subdir: str = ""
    remote: str = "origin"
    source_branch: str | None = None
    publish_target_branch: str | None = None
    publish_clone_url: str | None = field(default=None, repr=False)
    commit_on_save: bool = False
    username: str | None = None
    user_email: str | None = None
    author_email: str | None = None
    ssh_private_key_path: Path | None = None
    ssh_private_key: str | None = field(default=None, repr=False)
    known_hosts: Path | None = None
    accept_new_hosts: bool = False
    token: str | None = field(default=None, repr=False)
    token_user: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    forge: str | None = None
    revision_ttl: float = DEFAULT_REVISION_TTL
    timeout: float = DEFAULT_TIMEOUT
    environment: str | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must never be shown."""
        return tuple(filter(None, (self.token, self.webhook_secret, self.ssh_private_key)))


#: Settings that hold a secret: no message repeats what they are set to.
_SECRET = frozenset({"token", "webhook_secret", "ssh_private_key", "publish_clone_url"})

#: What the other system calls a setting, where it has it.
_THEIR_NAMES: Mapping[str, str] = {
    "models": "BPMN_SPEC_ABSOLUTE_DIR",
    "subdir": "BPMN_SPEC_SUBDIR_WITHIN_REPO",
    "source_branch": "GIT_SOURCE_BRANCH",
    "publish_target_branch": "GIT_PUBLISH_TARGET_BRANCH",
    "publish_clone_url": "GIT_PUBLISH_CLONE_URL",
    "commit_on_save": "GIT_COMMIT_ON_SAVE",
    "username": "GIT_USERNAME",
    "user_email": "GIT_USER_EMAIL",
    "ssh_private_key_path": "GIT_SSH_PRIVATE_KEY_PATH",
    "ssh_private_key": "GIT_SSH_PRIVATE_KEY",
    "webhook_secret": "GITHUB_WEBHOOK_SECRET",
    "revision_ttl": "GIT_CURRENT_REVISION_CACHE_TTL_SECONDS",
    "environment": "ENV_IDENTIFIER",
}


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise TypeError("a text that is not empty")
    return value


def _path(value: Any) -> Path:
    return Path(_text(value)).expanduser()


def _folder(value: Any) -> str:
    parts = _text(value).strip("/").split("/")
    if value.startswith("/") or any(part in ("", ".", "..", ".git") for part in parts):
        raise TypeError("a path below the root of the repository")
    return "/".join(parts)


def _switch(value: Any) -> bool:
    words = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in words:
        raise TypeError("on or off")
    return words[value.lower()]


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if isinstance(value, bool) or not 0 <= seconds < 1e9:
        raise TypeError("a number of seconds")
    return seconds


def _positive(value: Any) -> float:
    seconds = _seconds(value)
    if not seconds:
        raise TypeError("a number of seconds above 0")
    return seconds


def _forge(value: Any) -> str:
    if value not in FORGES:
        *names, last = FORGES
        raise TypeError(f"{', '.join(names)} or {last}")
    return str(value)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "models": _path,
    "subdir": _folder,
    "remote": _text,
    "source_branch": _text,
    "publish_target_branch": _text,
    "publish_clone_url": _text,
    "commit_on_save": _switch,
    "username": _text,
    "user_email": _text,
    "author_email": _text,
    "ssh_private_key_path": _path,
    "ssh_private_key": _text,
    "known_hosts": _path,
    "accept_new_hosts": _switch,
    "token": _text,
    "token_user": _text,
    "webhook_secret": _text,
    "forge": _forge,
    "revision_ttl": _seconds,
    "timeout": _positive,
    "environment": _text,
}


def read_git_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], table: Mapping[str, Any], file: Path | None
) -> GitSettings:
    """Decide every setting: flags before environment before the file, and of the environment our own names first.

    Args:
        table: `[git]` of the configuration file, as it is written there.
        file: That file; paths in it count from its folder.

    Raises:
        ConfigError: A value cannot be used, or the table has a key nobody knows.
    """
    for name in table:
        if name not in _READERS:
            raise _unknown_key(file, name)
    values: dict[str, Any] = {}
    for name in _READERS:
        for value, origin in _given(name, flags, environ, table, file):
            values[name] = _checked(name, value, origin)
            if origin == str(file) and isinstance(values[name], Path) and file is not None:
                values[name] = file.parent / values[name]
            break
    return GitSettings(**values)


def _given(
    name: str, flags: Mapping[str, Any], environ: Mapping[str, str], table: Mapping[str, Any], file: Path | None
) -> list[tuple[Any, str]]:
    """What was given for a setting with where it came from, the one that counts first."""
    found = [(flags.get(name), "the command line")]
    variables = [f"{_OWN}{name.upper()}"]
    if name in _THEIR_NAMES:
        variables.append(f"{_THEIRS}{_THEIR_NAMES[name]}")
    found += [(environ.get(variable) or None, f"the environment variable {variable}") for variable in variables]
    found.append((table.get(name), str(file)))
    return [(value, origin) for value, origin in found if value is not None]


def _checked(name: str, value: Any, origin: str) -> Any:
    try:
        return _READERS[name](value)
    except TypeError as fault:
        shown = "what is given" if name in _SECRET else repr(value)
        raise ConfigError(f"The setting git.{name} from {origin} must be {fault}, not {shown}.", setting=name) from None


def _unknown_key(file: Path | None, name: str) -> ConfigError:
    from difflib import get_close_matches

    near = get_close_matches(name.replace("-", "_"), _READERS, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"The settings are {', '.join(sorted(_READERS))}."
    return ConfigError(f"[git] in {file} has a setting nobody knows: {name}.", hint=hint, file=str(file), setting=name)
