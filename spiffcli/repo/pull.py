"""Taking over what came from the remote, without losing anything that was done here."""

from __future__ import annotations

import secrets
from typing import Literal

from msgspec import Struct

from spiffcli.errors import NotFoundError, StateError
from spiffcli.repo.moving import fetch, move, rebased
from spiffcli.repo.program import Git
from spiffcli.repo.repository import Repository

_HOW = "runner: pull"


class Pulled(Struct, frozen=True):
    """What a pull did.

    Attributes:
        outcome: `current`, where the remote had nothing new; `forward`, where nothing was committed here;
            `rebased`, where local commits were put on top; `replaced`, where the remote won.
        before: Where the branch was; None where nothing had been committed.
        after: Where it is.
        stash: Name of the stash that holds what had not been committed, or None.
        backup: Branch that holds commits the remote lacks, or None.
    """

    outcome: Literal["current", "forward", "rebased", "replaced"]
    branch: str
    before: str | None
    after: str
    stash: str | None = None
    backup: str | None = None


def pull(repository: Repository) -> Pulled:
    """Take over what the remote's branch has, by moving forward or by putting local commits on top of it.

    For whoever holds the lock.

    Raises:
        ConfigError: There is no remote.
        NotFoundError: The remote has no such branch.
        GitError: The remote cannot be reached.
        ConflictError: The same lines were changed here and there; nothing was changed.
        StateError: What has not been committed is in the way; nothing was changed.
    """
    branch = repository.source_branch()
    with repository.git.reaching(repository.require_remote()) as git:
        remote = _fetched(repository, git, branch)
    local = repository.tip(branch)
    if local is None:
        _first(repository, branch, remote)
        return Pulled("forward", branch, None, remote)
    common = local if local == remote else repository.common_ancestor(local, remote)
    if common == remote:
        return Pulled("current", branch, local, local)
    if common == local:
        move(repository, branch, local, remote, _HOW)
        return Pulled("forward", branch, local, remote)
    new = rebased(repository, local, remote)
    move(repository, branch, local, new, _HOW)
    return Pulled("rebased", branch, local, new)


def take_remote(repository: Repository) -> Pulled:
    """Make everything here as the remote has it. What had not been committed goes into a stash, what had not been
    pushed stays in a branch of its own.

    For whoever holds the lock.

    Raises:
        ConfigError: There is no remote.
        NotFoundError: The remote has no such branch.
        GitError: The remote cannot be reached.
    """
    branch = repository.source_branch()
    with repository.git.reaching(repository.require_remote()) as git:
        remote = _fetched(repository, git, branch)
    local = repository.tip(branch)
    if local is None:
        _first(repository, branch, remote)
        return Pulled("forward", branch, None, remote)
    stash = _stashed(repository)
    if local == remote:
        return Pulled("replaced" if stash else "current", branch, local, local, stash)
    backup = None
    if not repository.is_ancestor(local, remote):
        backup = f"runner-sync-backup-{local[:12]}-{secrets.token_hex(4)}"
        repository.git.run("branch", "--no-track", backup, local)
    if repository.bare:
        repository.git.run("update-ref", "-m", _HOW, f"refs/heads/{branch}", remote, local)
    else:
        repository.git.run("reset", "--quiet", "--hard", remote)
    outcome: Literal["forward", "replaced"] = "replaced" if stash or backup else "forward"
    return Pulled(outcome, branch, local, remote, stash, backup)


def _fetched(repository: Repository, git: Git, branch: str) -> str:
    commit = fetch(repository, git, branch)
    if commit is None:
        raise NotFoundError(
            f"The remote '{repository.settings.remote}' has no branch '{branch}'.",
            hint="Push it: runner repo push",
            candidates=[],
        )
    return commit


def _first(repository: Repository, branch: str, remote: str) -> None:
    """Begin a branch where nothing was committed yet; files that are there already are not overwritten."""
    if not repository.bare:
        repository.git.run("read-tree", "--empty")
        answer = repository.git.ask("read-tree", "-m", "-u", "--", remote)
        if answer.code != 0:
            raise StateError(f"Files are in the way of what came from the remote: {answer.error}")
    repository.git.run("update-ref", "-m", _HOW, f"refs/heads/{branch}", remote)


def _stashed(repository: Repository) -> str | None:
    """Put away what has not been committed; the name of the stash, or None where there was nothing."""
    if repository.bare:
        return None
    # Stashing clears away by a pattern of its own, which is not to be taken for a name.
    git = repository.git.with_variables(repository.identities() | {"GIT_LITERAL_PATHSPECS": "0"})
    if not git.run("status", "--porcelain", "-z", "--untracked-files=all").output:
        return None
    name = f"runner-sync-stash-{secrets.token_hex(4)}"
    git.run("stash", "push", "--quiet", "--include-untracked", "--message", name)
    return name
