"""Git at work in one folder: argument lists, never a shell; no pager, no prompts, an end to waiting, no secrets shown.

GitPython starts it. Its readers of references and objects are not used: they know ids of 40 digits and references in
files alone, follow the variables of a hook into another repository, and pass over GIT_CEILING_DIRECTORIES.
"""

from __future__ import annotations

import base64
import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from spiffcli.config import GitSettings, variable, variable_names
from spiffcli.errors import ConfigError, InputError, RunnerError
from spiffcli.forges import FORGES, forge_at

#: What of Git's own variables reaches it; the others would lead it to another repository, index or editor.
_PASSED_ON = re.compile(
    r"GIT_(SSL_.*|HTTP_.*|TRACE.*|EXEC_PATH|CEILING_DIRECTORIES|SSH|SSH_VARIANT|SSH_COMMAND|ALLOW_PROTOCOL"
    r"|CONFIG_(NOSYSTEM|GLOBAL|SYSTEM|COUNT|KEY_\d+|VALUE_\d+))"
)

#: What the repository configures is not run: it may have come with somebody else's models.
_CONFIGURATION = {
    "core.quotePath": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "commit.gpgSign": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "no",
    "push.recurseSubmodules": "no",
}
_OPTIONS = ("--no-pager", *(word for name, value in _CONFIGURATION.items() for word in ("-c", f"{name}={value}")))

_VARIABLES = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",  # an empty one keeps the other ways to ask from being tried
    "SSH_ASKPASS": "",
    "GIT_EDITOR": "true",
    "GIT_LITERAL_PATHSPECS": "1",  # names of files are names, whatever characters are in them
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",  # messages are read
}


class GitOutput(Struct, frozen=True):
    """What Git said.

    Attributes:
        code: Exit code; 0 where all went well.
        error: What it complained about, in its own words.
    """

    code: int
    output: bytes
    error: str

    @property
    def text(self) -> str:
        """The output without its line end."""
        return self.output.decode("utf-8", "surrogateescape").rstrip("\n")

    @property
    def names(self) -> list[str]:
        """The output as names that end in a zero byte."""
        return [name for name in self.output.decode("utf-8", "surrogateescape").split("\0") if name]


class GitError(RunnerError):
    """Git refused or failed. The message has no secrets in it; `answer` has what Git said."""

    exit_code = 2

    def __init__(self, message: str, answer: GitOutput, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.answer = answer


class Git:
    """Git in one folder.

    Attributes:
        folder: Where it runs: the top of a work tree, or a bare repository.
        settings: Keys, tokens and how long to wait.
    """

    def __init__(
        self, folder: Path, settings: GitSettings | None = None, variables: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.settings = settings or GitSettings()
        self._variables = dict(variables or {})

    def at(self, folder: Path) -> Git:
        """Return the same in another folder."""
        return Git(folder, self.settings, self._variables)

    def with_variables(self, variables: Mapping[str, str]) -> Git:
        """Return the same with further environment variables."""
        return Git(self.folder, self.settings, self._variables | dict(variables))

    @contextmanager
    def reaching(self, url: str | None) -> Iterator[Git]:
        """The same with what it takes to reach the repository at `url`.

        Raises:
            ConfigError: A key that is set is not there.
        """
        with access(self.settings, url) as variables:
            yield self.with_variables(variables)

    def ask(self, *arguments: str, input: bytes | None = None) -> GitOutput:
        """Run a command of Git and wait for it; whoever calls looks at the exit code.

        Raises:
            InputError: Git is not installed, or the folder is gone.
            GitError: It took too long, and was ended.
        """
        if not self.folder.is_dir():
            raise InputError(f"{self.folder} is {'not a folder' if self.folder.exists() else 'gone'}.")
        process = _started(self.folder, arguments, _VARIABLES | self._variables)
        try:
            output, error = process.communicate(input, timeout=self.settings.timeout)
        except subprocess.TimeoutExpired as fault:
            _end(process)
            raise self._slow(arguments) from fault
        except BaseException:
            _end(process)
            raise
        return GitOutput(process.returncode, output, self.clean(error.decode("utf-8", "replace").strip()))

    def run(self, *arguments: str, input: bytes | None = None) -> GitOutput:
        """Run a command of Git that has to succeed.

        Raises:
            GitError: It did not.
        """
        answer = self.ask(*arguments, input=input)
        if answer.code != 0:
            raise self.failed(answer, f"git {arguments[0]}")
        return answer

    def text(self, *arguments: str) -> str:
        """Return what a command of Git that has to succeed writes, without its line end."""
        return self.run(*arguments).text

    def commit(self, revision: str) -> str | None:
        """Return the full id of the commit that a revision names, or None."""
        name = f"{revision}^{{commit}}"
        answer = self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", name)
        return answer.text if answer.code == 0 and revision else None

    def branch(self) -> str | None:
        """Return the branch that is checked out, or None."""
        answer = self.ask("symbolic-ref", "--quiet", "--short", "HEAD")
        return answer.text if answer.code == 0 else None

    def branch_named(self, revision: str) -> str | None:
        """Return the branch that `revision` is the name of, or None."""
        name = self.ask("rev-parse", "--symbolic-full-name", "--end-of-options", revision)
        found = name.text.splitlines()[-1] if name.code == 0 and name.text else ""
        for start in ("refs/heads/", "refs/remotes/"):
            if found.startswith(start):
                return found.removeprefix(start)
        return None

    def configured(self, name: str) -> str | None:
        """Return what the configuration says of a name, or None."""
        answer = self.ask("config", "--get", name)
        return answer.text if answer.code == 0 and answer.text else None

    def failed(self, answer: GitOutput, doing: str) -> GitError:
        """Return the error for a command that failed."""
        said = " ".join(_sentences(answer.error)) or f"exit code {answer.code}"
        return GitError(f"{doing} failed: {said}", answer, hint=_way_out(answer.error))

    def clean(self, text: str) -> str:
        """Return `text` without secrets."""
        return redacted(text, self.settings.secrets)

    def _slow(self, arguments: Sequence[str]) -> GitError:
        return GitError(
            f"git {arguments[0]} took longer than {self.settings.timeout:g} seconds and was ended.",
            GitOutput(-1, b"", ""),
            hint=f"Is the remote reachable? The time is set by {self.settings.set_by('timeout')}.",
        )


def root_of(folder: Path) -> Path:
    """Return the top folder of the work tree around `folder`.

    Raises:
        InputError: There is none.
    """
    answer = Git(folder).ask("rev-parse", "--show-toplevel")
    if answer.code != 0:
        raise InputError(
            f"{folder} does not lie in the work tree of a Git repository.",
            hint="Change to a folder of the repository.",
        )
    return Path(answer.text)


# The process


def _started(folder: Path, arguments: Sequence[str], variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start Git with pipes for all that goes in and out, in a session of its own, so that it ends with all it starts.

    Raises:
        InputError: Git is not installed.
    """
    try:
        # Here, since it takes 50 ms, and asks for Git on this machine: most models lie outside of any repository.
        from git.cmd import Git as Command
        from git.exc import GitCommandNotFound
    except ImportError as fault:
        if isinstance(fault, ModuleNotFoundError):
            raise
        raise InputError("Git is not installed, or not on the search path.") from fault
    # GitPython adds variables to those of this process, and takes none away.
    kept = {"GIT_INDEX_FILE"} if _is_own_index(folder, variable("GIT_INDEX_FILE")) else set()
    foreign = [
        name
        for name in variable_names()
        if name.startswith("GIT_") and not _PASSED_ON.fullmatch(name) and name not in kept
    ]
    without = ["env", *(word for name in foreign for word in ("-u", name))] if foreign else []
    command = [*without, "git", "-C", str(folder), *_OPTIONS, *arguments]
    try:
        guarded = Command().execute(
            command, istream=subprocess.PIPE, as_process=True, env=dict(variables), start_new_session=True
        )
    except GitCommandNotFound as fault:
        raise InputError("Git is not installed, or not on the search path.") from fault
    process, guarded.proc = guarded.proc, None  # it is ended here, and not when that object is forgotten
    if process is None:
        raise InputError("Git did not start.")
    return process


def _is_own_index(folder: Path, index: str) -> bool:
    """Whether a hook names an index of the very repository around a folder: what `git commit -a` is about to commit."""
    for root in (folder.absolute(), *folder.absolute().parents):
        place = root / ".git"
        if place.is_file():  # of a linked work tree
            place = root / place.read_text(encoding="utf-8", errors="replace").removeprefix("gitdir:").strip()
        if place.is_dir():
            return bool(index) and (root / index).resolve().parent == place.resolve()
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.communicate(timeout=5)  # Git removes its lock files when it is asked to end
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _sentences(error: str) -> list[str]:
    """Return what Git complains about, without its advice and progress."""
    lines = [line.strip() for line in error.splitlines()]
    kept = [line for line in lines if line and not line.startswith(("hint:", "To ", "warning:", "remote: Resolving"))]
    return kept[:6]


_WAYS_OUT = {
    "Host key verification failed": "The host is not among the known ones. Add its key to the file that "
    "RUNNER_GIT_KNOWN_HOSTS names, or allow new hosts with RUNNER_GIT_ACCEPT_NEW_HOSTS=true.",
    "Permission denied (publickey": "Set RUNNER_GIT_SSH_PRIVATE_KEY_PATH to a key that the remote knows.",
    "could not read Username": "Set RUNNER_GIT_TOKEN to a token that the remote takes, "
    "or use an address with ssh and a key.",
    "Authentication failed": "Set RUNNER_GIT_TOKEN to a token that may read and write the repository.",
    "dubious ownership": "The folder belongs to another user, so Git does not trust it: "
    "git config --global --add safe.directory FOLDER",
}


def _way_out(error: str) -> str | None:
    return next((hint for sign, hint in _WAYS_OUT.items() if sign in error), None)


# Getting in: keys, known hosts and tokens, given through the environment and never on a command line

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
        yield _existing(settings.ssh_private_key_path, "private key", settings.set_by("ssh_private_key_path"))
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


def _existing(file: Path, what: str, set_by: str) -> Path:
    if not file.is_file():
        raise ConfigError(f"There is no {what} at {file}.", hint=f"It is set by {set_by}.")
    return file


def _ssh(settings: GitSettings, key: Path | None) -> dict[str, str]:
    if key is None and settings.known_hosts is None and not settings.accept_new_hosts:
        return {}
    options = ["BatchMode=yes", f"StrictHostKeyChecking={'accept-new' if settings.accept_new_hosts else 'yes'}"]
    if settings.known_hosts is not None:
        hosts = settings.known_hosts
        if not settings.accept_new_hosts:
            _existing(hosts, "file of known hosts", settings.set_by("known_hosts"))
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


# Addresses: `https://host/team/models.git`, `ssh://git@host:22/team/models`, `git@host:team/models.git`,
# `file:///srv/models.git`, `/srv/models.git`

#: User, password or token in front of a host.
_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s@]*(?:@[^/?#\s@]*)*@")
_SCP_LIKE = re.compile(r"(?:(?P<user>[^@/:\s]+)@)?(?P<host>\[[^\]]+\]|[^/:\s@]+):(?!//)(?P<path>.+)", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")

_HIDDEN = "***"


class RemoteAddress(NamedTuple):
    """A repository, however its address was written.

    Attributes:
        host: In lower case without port; empty for one on this machine.
        path: Without `.git`, and without slashes at its ends.
        port: That of its pages, where it is written: the port of ssh does not belong to them.
    """

    host: str
    path: str
    port: int | None = None

    @property
    def same(self) -> tuple[str, str]:
        """What two addresses of one repository have in common; forges do not tell capitals apart."""
        return self.host, self.path.casefold() if self.host else self.path


def address(url: str) -> RemoteAddress:
    """Return what `url` addresses."""
    url = url.strip()
    if "://" in url:
        parts = urlsplit(url)
        host = "" if parts.scheme == "file" else (parts.hostname or "").lower()
        port = parts.port if parts.scheme in ("http", "https") else None
        return RemoteAddress(host, _path(unquote(parts.path), host), port)
    scp = None if _DRIVE.match(url) else _SCP_LIKE.fullmatch(url)
    if scp is not None:
        host = scp["host"].strip("[]").lower()
        return RemoteAddress(host, _path(scp["path"], host))
    return RemoteAddress("", _path(url, ""))


def _path(path: str, host: str) -> str:
    if not host:  # links on this machine lead to one place
        path = str(Path(path).resolve()) if path else ""
    path = path.strip("/").removeprefix("~/")
    return path.removesuffix(".git").rstrip("/")


def same_repository(one: str, other: str) -> bool:
    """Return whether two addresses mean one repository."""
    a, b = address(one), address(other)
    return bool(a.path) and a.same == b.same


def shown(url: str) -> str:
    """Return `url` without user, password or token."""
    return _CREDENTIALS.sub(lambda _found: "", url)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without what stands in front of hosts, and without any of the secrets."""
    text = _CREDENTIALS.sub(f"{_HIDDEN}@", text)
    for secret in secrets:
        for piece in filter(None, (secret, *secret.splitlines(), quote(secret, safe=""))):
            if len(piece) >= 4:  # shorter ones stand in every text
                text = text.replace(piece, _HIDDEN)
    return text


def compare_url(url: str, base: str, branch: str, forge: str | None = None) -> str | None:
    """Return the page of a forge on which `branch` can be looked at and merged into `base`.

    Args:
        url: Address of the repository.
        forge: Name of the forge, where the host does not tell.

    Returns:
        None for a repository on this machine, and for a forge whose pages are not known.
    """
    host, path, port = address(url)
    found = forge_at(host) if forge is None else FORGES.get(forge)
    if not host or found is None:
        return None
    return found.compare_page(f"https://{host}{'' if port is None else f':{port}'}/{quote(path)}", base, branch)
