"""Git, asked through its own program: argument lists, never a shell, no pager, no prompts."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from spiffcli.config import child_environment
from spiffcli.errors import InputError

#: What of Git's own variables reaches it; the others would lead it to another repository, index or editor.
_KEPT = re.compile(
    r"GIT_(SSL_.*|HTTP_.*|TRACE.*|EXEC_PATH|CEILING_DIRECTORIES|SSH|SSH_VARIANT|SSH_COMMAND|ALLOW_PROTOCOL"
    r"|CONFIG_(NOSYSTEM|GLOBAL|SYSTEM|COUNT|KEY_\d+|VALUE_\d+))"
)

#: What the repository configures is not run: it may have come with somebody else's models.
_SET = {
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
QUIET = tuple(word for name, value in _SET.items() for word in ("-c", f"{name}={value}"))


class Answer(Struct, frozen=True):
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


def scrubbed(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for Git: this one without what names another repository, and `more`."""
    return child_environment(more, lambda name: name.startswith("GIT_") and not _KEPT.fullmatch(name))


def ask(arguments: Sequence[str], cwd: Path | None = None) -> Answer:
    """Run `git` with `arguments` and wait for it.

    Raises:
        InputError: There is no Git on this machine, or `cwd` is not a folder.
    """
    command = ["git", "--no-pager", *QUIET, *arguments]
    try:
        done = subprocess.run(
            command, cwd=cwd, env=scrubbed({}), stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except FileNotFoundError as fault:
        raise InputError("Git is not installed, or not on the search path.") from fault
    except NotADirectoryError as fault:
        raise InputError(f"{cwd} is not a folder.") from fault
    return Answer(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace").strip())


def root_of(cwd: Path | None = None) -> Path:
    """The top folder of the work tree around `cwd` (default: the current folder).

    Raises:
        InputError: There is none.
    """
    answer = ask(["rev-parse", "--show-toplevel"], cwd)
    if answer.code != 0:
        raise InputError(
            f"{cwd or Path.cwd()} does not lie in the work tree of a Git repository.",
            hint="Change to a folder of the repository.",
        )
    return Path(answer.text)
