"""Moving a branch and its work tree from one commit to another, and local commits onto what came from elsewhere."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spiffcli.errors import ConflictError, StateError
from spiffcli.repo.git import Answer
from spiffcli.repo.program import Git
from spiffcli.repo.repository import Repository

#: Folder, inside that of Git, of work trees that are made for one command and removed again.
_THROWAWAY = "runner-worktrees"

_IN_THE_WAY = re.compile(r"(?:Entry|Untracked working tree file|Updating) '(.+)' ")


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
    return repository.ref(tracking)


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
        files = _names(tree.ask("diff", "--name-only", "--diff-filter=U", "-z"))
        tree.ask("rebase", "--abort")
        if not files:
            raise tree.failed(answer, "Putting the local commits on top of those of the remote")
    raise ConflictError(
        f"The remote changed what was changed here too: {', '.join(files)}. Nothing was changed.",
        hint="Bring the two together by hand (git pull --rebase, then git rebase --continue), then try again.",
        files=files,
    )


def _names(answer: Answer) -> list[str]:
    return [name for name in answer.output.decode("utf-8", "surrogateescape").split("\0") if name]


def check_free(repository: Repository, old: str, new: str) -> None:
    """Nothing that has not been committed is in the way from one commit to another.

    Raises:
        StateError: Something is; `data["files"]` names it.
    """
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


def _merge(repository: Repository, *words: str) -> Answer:
    """Change the files; where Git takes some for changed, it looks into them, since they may only have been touched."""
    answer = repository.git.ask("read-tree", "-m", "-u", *words)
    if answer.code == 0:
        return answer
    repository.git.ask("update-index", "-q", "--refresh")
    return repository.git.ask("read-tree", "-m", "-u", *words)


def _checked(answer: Answer) -> None:
    if answer.code == 0:
        return
    files = sorted(set(_IN_THE_WAY.findall(answer.error)))
    what = ", ".join(files) or answer.error
    raise StateError(
        f"What has not been committed is in the way of what came from the remote: {what}. Nothing was changed.",
        hint="Commit it first (runner repo save), or take it back (git restore), then try again.",
        files=files,
    )
