"""Where files come from: the commit they belong to, and whether they are as they are there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from spiffcli.errors import InputError
from spiffcli.repo.git import ask
from spiffcli.values import Source


def source_of(files: Sequence[str]) -> Source:
    """The files as the source of a deployment; with commit and branch where all lie in one work tree.

    Args:
        files: Paths as the user gave them.
    """
    root = _common_root(files)
    if root is None:
        return Source(files=tuple(files))
    try:
        commit = ask(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], root)
        if commit.code != 0:  # nothing was committed yet
            return Source(files=tuple(files))
        branch = ask(["symbolic-ref", "--quiet", "--short", "HEAD"], root)
        paths = [str(Path(file).resolve()) for file in files]
        # What the repository configures is not run: it may have come with somebody else's models.
        status = ["-c", "core.fsmonitor=false", "status", "--porcelain", "--ignored=matching", "--", *paths]
        changed = ask(status, root)
    except InputError:  # there is no Git here
        return Source(files=tuple(files))
    return Source(
        files=tuple(files),
        commit=commit.text,
        branch=branch.text if branch.code == 0 else None,
        dirty=bool(changed.output.strip()) or changed.code != 0,
        path=_folder(files, root),
    )


def _folder(files: Sequence[str], root: Path) -> str:
    """The folder that holds all files, from the root."""
    folders = [str(Path(file).resolve().parent) for file in files]
    return Path(os.path.commonpath(folders)).relative_to(root.resolve()).as_posix()


def _common_root(files: Sequence[str]) -> Path | None:
    """The work tree all files lie in; found without Git, since most machines of users have files outside of any."""
    roots = {_root(Path(file)) for file in files}
    return roots.pop() if len(roots) == 1 else None


def _root(file: Path) -> Path | None:
    for folder in file.resolve().parents:
        if (folder / ".git").exists():
            return folder
    return None
