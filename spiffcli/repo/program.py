"""Git at work in one repository: what it needs to reach others, no prompts, an end to waiting, no secrets in errors.

`git.ask` is for a look from wherever the user stands; `Git` is for everything that changes a repository or goes over
the network.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from spiffcli.errors import InputError, RunnerError
from spiffcli.git_config import GitSettings
from spiffcli.repo.access import access
from spiffcli.repo.git import QUIET, Answer, scrubbed
from spiffcli.repo.urls import redacted

_ALWAYS = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",  # an empty one keeps the other ways to ask from being tried
    "SSH_ASKPASS": "",
    "GIT_EDITOR": "true",
    "GIT_LITERAL_PATHSPECS": "1",  # names of files are names, whatever characters are in them
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",  # messages are read
}


class GitError(RunnerError):
    """Git refused or failed. The message has no secrets in it; `answer` has what Git said."""

    exit_code = 2

    def __init__(self, message: str, answer: Answer, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.answer = answer


class Git:
    """Git in one folder.

    Attributes:
        folder: Where it runs: the top of a work tree, or a bare repository.
        settings: Keys, tokens and how long to wait.
    """

    def __init__(self, folder: Path, settings: GitSettings, variables: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.settings = settings
        self._variables = dict(variables or {})

    def at(self, folder: Path) -> Git:
        """The same in another folder."""
        return Git(folder, self.settings, self._variables)

    def with_variables(self, variables: Mapping[str, str]) -> Git:
        """The same with further environment variables."""
        return Git(self.folder, self.settings, self._variables | dict(variables))

    @contextmanager
    def reaching(self, url: str | None) -> Iterator[Git]:
        """The same with what it takes to reach the repository at `url`.

        Raises:
            ConfigError: A key that is set is not there.
        """
        with access(self.settings, url) as variables:
            yield self.with_variables(variables)

    def ask(self, *arguments: str, input: bytes | None = None) -> Answer:
        """Run a command of Git and wait for it; whoever calls looks at the exit code.

        Raises:
            InputError: Git is not installed, or the folder is gone.
            GitError: It took too long, and was ended.
        """
        command = ["git", "--no-pager", *QUIET, *arguments]
        environment = scrubbed(_ALWAYS | self._variables)
        with ExitStack() as stack:
            try:
                process = stack.enter_context(
                    subprocess.Popen(
                        command,
                        cwd=self.folder,
                        env=environment,
                        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        start_new_session=True,  # so that what it starts (ssh) can be ended with it
                    )
                )
            except FileNotFoundError as fault:
                what = f"{self.folder} is gone." if fault.filename == str(self.folder) else "Git is not installed."
                raise InputError(what) from fault
            except NotADirectoryError as fault:
                raise InputError(f"{self.folder} is not a folder.") from fault
            try:
                output, error = process.communicate(input, timeout=self.settings.timeout)
            except subprocess.TimeoutExpired as fault:
                _end(process)
                raise self._slow(arguments) from fault
            except BaseException:
                _end(process)
                raise
        return Answer(process.returncode, output, self.clean(error.decode("utf-8", "replace").strip()))

    def run(self, *arguments: str, input: bytes | None = None) -> Answer:
        """Run a command of Git that has to succeed.

        Raises:
            GitError: It did not.
        """
        answer = self.ask(*arguments, input=input)
        if answer.code != 0:
            raise self.failed(answer, f"git {arguments[0]}")
        return answer

    def text(self, *arguments: str) -> str:
        """What a command of Git that has to succeed writes, without its line end."""
        return self.run(*arguments).text

    def failed(self, answer: Answer, doing: str) -> GitError:
        """The error for a command that failed."""
        said = " ".join(_sentences(answer.error)) or f"exit code {answer.code}"
        return GitError(f"{doing} failed: {said}", answer, hint=_way_out(answer.error))

    def clean(self, text: str) -> str:
        """`text` without secrets."""
        return redacted(text, self.settings.secrets)

    def _slow(self, arguments: Sequence[str]) -> GitError:
        return GitError(
            f"git {arguments[0]} took longer than {self.settings.timeout:g} seconds and was ended.",
            Answer(-1, b"", ""),
            hint="Is the remote reachable? The time is set by RUNNER_GIT_TIMEOUT.",
        )


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
    """What Git complains about, without its advice and progress."""
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
