"""Taking over what came from the remote, without losing anything that was done here."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from msgspec import Struct

from spiffcli.errors import ConflictError, InputError, NotFoundError, StateError
from spiffcli.repo.git import Git, GitOutput
from spiffcli.repo.repository import Repository

_HOW = "runner: pull"

#: Folder, inside that of Git, of work trees that are made for one command and removed again.
_THROWAWAY = "runner-worktrees"

_IN_THE_WAY = re.compile(r"(?:Entry|Untracked working tree file|Updating) '(.+)' ")


class PullResult(Struct, frozen=True):
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


def pull(repository: Repository) -> PullResult:
    """Take over what the remote's branch has, by moving forward or by putting local commits on top of it.

    For whoever holds the lock.

    Raises:
        ConfigError: There is no remote.
        NotFoundError: The remote has no such branch.
        GitError: The remote cannot be reached.
        ConflictError: The same lines were changed here and there; nothing was changed.
        StateError: What has not been committed is in the way; nothing was changed.
    """
    branch, local, remote = _tips(repository)
    if local is None:
        return _begun(repository, branch, remote)
    common = local if local == remote else repository.common_ancestor(local, remote)
    if common == remote:
        return PullResult("current", branch, local, local)
    new = remote if common == local else rebased(repository, local, remote)
    move(repository, branch, local, new, _HOW)
    return PullResult("forward" if common == local else "rebased", branch, local, new)


def take_remote(repository: Repository) -> PullResult:
    """Make everything here as the remote has it. What had not been committed goes into a stash, what had not been
    pushed stays in a branch of its own.

    For whoever holds the lock; raises what `pull` does where the remote is missing.
    """
    branch, local, remote = _tips(repository)
    if local is None:
        return _begun(repository, branch, remote)
    stash = _stashed(repository)
    if local == remote:
        return PullResult("replaced" if stash else "current", branch, local, local, stash)
    backup = None
    if not repository.is_ancestor(local, remote):
        backup = f"runner-sync-backup-{local[:12]}-{secrets.token_hex(4)}"
        repository.git.run("branch", "--no-track", backup, local)
    if repository.bare:
        repository.git.run("update-ref", "-m", _HOW, f"refs/heads/{branch}", remote, local)
    else:
        repository.git.run("reset", "--quiet", "--hard", remote)
    return PullResult("replaced" if stash or backup else "forward", branch, local, remote, stash, backup)


def _tips(repository: Repository) -> tuple[str, str | None, str]:
    """Return the source branch, the commit it is at here (None before the first one), and that of the remote."""
    branch = repository.source_branch()
    with repository.git.reaching(repository.require_remote()) as git:
        remote = fetch(repository, git, branch)
    if remote is None:
        raise NotFoundError(
            f"The remote '{repository.settings.remote}' has no branch '{branch}'.",
            hint="Push it: runner repo push",
            candidates=[],
        )
    return branch, repository.tip(branch), remote


def _begun(repository: Repository, branch: str, remote: str) -> PullResult:
    """Begin a branch where nothing was committed yet; files that are there already are not overwritten."""
    if not repository.bare:
        repository.git.run("read-tree", "--empty")
        answer = repository.git.ask("read-tree", "-m", "-u", "--", remote)
        if answer.code != 0:
            raise StateError(f"Files are in the way of what came from the remote: {answer.error}")
    repository.git.run("update-ref", "-m", _HOW, f"refs/heads/{branch}", remote)
    return PullResult("forward", branch, None, remote)


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


# What pulling and pushing are made of


def fetch(repository: Repository, git: Git, branch: str) -> str | None:
    """Look at a branch of the remote; its commit, or None where the remote has no such branch.

    Args:
        git: With what it takes to reach the remote.

    Raises:
        GitError: The remote cannot be reached.
    """
    tracking = repository.tracking(branch)
    refspec = f"+refs/heads/{branch}:{tracking}"
    remote = repository.settings.remote
    answer = git.ask("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options", remote, refspec)
    if answer.code != 0 and "couldn't find remote ref" in answer.error:
        return None
    if answer.code != 0:
        raise git.failed(answer, f"Looking at the remote '{remote}'")
    return repository.git.commit(tracking)


def look_at_remote(repository: Repository) -> None:
    """Note how the remote's branch stands now.

    Raises:
        ConfigError: There is no remote.
        GitError: It cannot be reached.
    """
    branch = repository.settings.source_branch or repository.head()[1]
    if branch is not None:
        with repository.git.reaching(repository.require_remote()) as git:
            fetch(repository, git, branch)


@contextmanager
def throwaway(repository: Repository, commit: str) -> Iterator[Git]:
    """Git in a work tree at `commit` that is gone afterwards. For whoever holds the lock of the repository."""
    place = repository.common / _THROWAWAY
    shutil.rmtree(place, ignore_errors=True)  # of a command that was killed
    place.mkdir()
    repository.git.run("worktree", "prune")
    folder = Path(tempfile.mkdtemp(dir=place)) / "tree"
    try:
        repository.git.run("worktree", "add", "--quiet", "--detach", str(folder), commit)
        yield repository.git.at(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        repository.git.ask("worktree", "prune")


def rebased(repository: Repository, local: str, onto: str) -> str:
    """The commits of `local` that `onto` lacks, made anew on top of it; the commit they end in. Nothing else changes.

    Raises:
        ConflictError: They change the same lines; `data["files"]` names the files.
    """
    identities = repository.identities()
    with throwaway(repository, local) as tree:
        tree = tree.with_variables(identities)
        answer = tree.ask("rebase", "--quiet", "--rebase-merges", "--empty=drop", onto)
        if answer.code == 0:
            return tree.text("rev-parse", "HEAD")
        files = tree.ask("diff", "--name-only", "--diff-filter=U", "-z").names
        tree.ask("rebase", "--abort")
        if not files:
            raise tree.failed(answer, "Putting the local commits on top of those of the remote")
    raise ConflictError(
        f"The remote changed what was changed here too: {', '.join(files)}. Nothing was changed.",
        hint="Bring the two together by hand (git pull --rebase, then git rebase --continue), then try again.",
        files=files,
    )


def check_free(repository: Repository, old: str, new: str) -> None:
    """Raise StateError if what has not been committed is in the way from one commit to another."""
    if not repository.bare:
        _checked(_merge(repository, "-n", old, new))


def move(repository: Repository, branch: str, old: str, new: str, why: str) -> None:
    """Move a branch, which is checked out where there is a work tree, from one commit to another.

    What has not been committed stays as it is. The files come first and the branch after them: whatever happens in
    between, the next move finds the files as it would make them.

    Raises:
        StateError: What has not been committed is in the way; nothing was changed.
        ConflictError: Somebody else moved the branch.
    """
    if not repository.bare:
        _checked(_merge(repository, old, new))
    answer = repository.git.ask("update-ref", "-m", why, f"refs/heads/{branch}", new, old)
    if answer.code != 0:
        raise ConflictError(f"The branch '{branch}' was moved by somebody else.", hint="Try again.")


def _merge(repository: Repository, *words: str) -> GitOutput:
    """Change the files; where Git takes some for changed, it looks into them, since they may only have been touched."""
    answer = repository.git.ask("read-tree", "-m", "-u", *words)
    if answer.code == 0:
        return answer
    repository.git.ask("update-index", "-q", "--refresh")
    return repository.git.ask("read-tree", "-m", "-u", *words)


def _checked(answer: GitOutput) -> None:
    if answer.code == 0:
        return
    files = sorted(set(_IN_THE_WAY.findall(answer.error)))
    what = ", ".join(files) or answer.error
    raise StateError(
        f"What has not been committed is in the way of what came from the remote: {what}. Nothing was changed.",
        hint="Commit it first (runner repo save), or take it back (git restore), then try again.",
        files=files,
    )


def merged_tree(repository: Repository, one: str, other: str) -> tuple[str, tuple[str, ...]]:
    """The tree in which two commits are merged, and the files that both changed in ways that do not go together.

    In the tree such files have the marks of a conflict.

    Raises:
        InputError: Git is too old for this.
        GitError: The commits have nothing in common.
    """
    answer = repository.git.ask("merge-tree", "--write-tree", "-z", "--no-messages", "--name-only", one, other)
    if answer.code not in (0, 1):
        if "usage:" in answer.error or "unknown option" in answer.error:
            raise InputError("This needs Git 2.38 or newer.", hint="git --version says which one is installed.")
        raise repository.git.failed(answer, "The merge")
    tree, *files = answer.output.decode("utf-8", "surrogateescape").split("\0")
    return tree.strip(), tuple(dict.fromkeys(name for name in files if name)) if answer.code == 1 else ()
