"""Merging one branch of the remote into another, as a whole."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from spiffcli.errors import ConflictError, InputError, NotFoundError, StateError
from spiffcli.repo.layout import is_hidden, owner
from spiffcli.repo.merging import merged_tree
from spiffcli.repo.moving import fetch
from spiffcli.repo.program import Git
from spiffcli.repo.repository import Repository
from spiffcli.repo.save import came_second, commit_tree, push_commit
from spiffcli.repo.snapshots import AtCommit


class Merge(Struct, frozen=True):
    """What merging one branch into another would make, or made.

    Attributes:
        source, target: Names of the branches.
        old: The commit of the target before.
        new: The commit that is merged into it.
        merge: The merge; it is in the repository here, whether it was pushed or not. The old commit, where the target
            has it all.
        models: Ids of the models in which something changes.
    """

    source: str
    target: str
    old: str
    new: str
    merge: str
    models: tuple[str, ...]

    @property
    def outcome(self) -> Literal["nothing", "merges"]:
        """Whether there is anything to merge."""
        return "nothing" if self.merge == self.old else "merges"


def plan(repository: Repository, source: str, target: str) -> Merge:
    """Merge two branches of the remote, and keep the result to oneself.

    Raises:
        ConfigError: There is no remote.
        InputError: The branches are one, or cannot have these names.
        NotFoundError: The remote lacks one of them.
        ConflictError: Both changed the same lines; `data["files"]` names the files.
        GitError: The remote cannot be reached.
    """
    if repository.check_branch(source) == repository.check_branch(target):
        raise InputError(f"The branch '{source}' cannot be merged into itself.")
    with repository.git.reaching(repository.require_remote()) as git:
        new, old = _there(repository, git, source), _there(repository, git, target)
    merge = old
    if not repository.is_ancestor(new, old):
        tree, conflicts = merged_tree(repository, old, new)
        if conflicts:
            raise ConflictError(
                f"'{source}' and '{target}' both changed {', '.join(conflicts)}. Nothing was merged.",
                hint=f"Merge {target} into {source} by hand, then promote again.",
                files=list(conflicts),
            )
        merge = commit_tree(repository, tree, [old, new], f"Merge branch '{source}' into {target}")
    return Merge(source, target, old, new, merge, _models(repository, old, merge))


def carry_out(repository: Repository, merge: Merge) -> None:
    """Bring a merge to the remote.

    Raises:
        StateError: Somebody else moved the target meanwhile; nothing was changed.
        GitError: The remote cannot be reached, or refuses it.
    """
    with repository.locked("promote"), repository.git.reaching(repository.require_remote()) as git:
        answer = push_commit(repository, git, merge.target, merge.merge)
    if answer.code == 0:
        repository.git.run("update-ref", repository.tracking(merge.target), merge.merge)
    elif came_second(answer):
        raise StateError(
            f"Somebody else moved '{merge.target}' meanwhile. Nothing was merged.",
            hint="Look at it again, then try again.",
        )
    else:
        raise git.failed(answer, "The push")


def _there(repository: Repository, git: Git, branch: str) -> str:
    commit = fetch(repository, git, branch)
    if commit is None:
        remote = repository.settings.remote
        raise NotFoundError(
            f"The remote '{remote}' has no branch '{branch}'.",
            hint=f"Make it there: git push {remote} HEAD:refs/heads/{branch}",
            candidates=[],
        )
    return commit


def _models(repository: Repository, old: str, new: str) -> tuple[str, ...]:
    """Models of which a file differs between two commits, those that are gone included."""
    before = AtCommit(repository.git, old, repository.prefix)
    after = AtCommit(repository.git, new, repository.prefix)
    paths = before.entries.keys() | after.entries.keys()
    changed = [path for path in paths if before.entries.get(path) != after.entries.get(path) and not is_hidden(path)]
    owners = {owner(after.model_ids, path) or owner(before.model_ids, path) for path in changed}
    return tuple(sorted(owner for owner in owners if owner is not None))
