"""Taking over what the remote has, in the repository and then in the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from spiffcli.repo.configured import open_repository, refuse_read_only
from spiffcli.repo.deploy import Following, Progress, follow
from spiffcli.repo.pull import Pulled, pull, take_remote
from spiffcli.repo.repository import Repository
from spiffcli.repo.save import Pushed, push_branch

if TYPE_CHECKING:
    from spiffcli.workspace import Workspace


class Synced(Struct, frozen=True):
    """What was taken over.

    Attributes:
        pushed: What became of commits that the remote lacked; None where that was not wanted.
        following: What the catalog took over; None where that was not wanted.
    """

    pulled: Pulled
    pushed: Pushed | None
    following: Following | None

    @property
    def failed(self) -> bool:
        """Whether something was left undone: commits that could not be pushed, models that are broken."""
        unpushed = self.pushed is not None and self.pushed.outcome == "failed"
        return unpushed or (self.following is not None and bool(self.following.broken))


def sync(
    workspace: Workspace,
    *,
    push: bool = False,
    remote_wins: bool = False,
    deploy: bool = True,
    on_progress: Progress | None = None,
    repository: Repository | None = None,
) -> Synced:
    """Take over what the remote has; then the catalog follows.

    Args:
        push: Bring to the remote what it lacks.
        remote_wins: Make everything here as the remote has it, with what was done here put aside.
        deploy: Let the catalog follow.
        repository: Instead of the one the settings name.

    Raises:
        StateError: The installation is read-only, or what has not been committed is in the way.
        ConflictError: The same lines were changed here and there; nothing was changed.
        ConfigError: There is no remote.
        GitError: The remote cannot be reached.
        BusyError: Another command has been changing the repository for too long.
    """
    refuse_read_only(workspace.settings)
    repository = repository or open_repository(workspace.settings)
    with repository.locked("sync"):
        pulled = take_remote(repository) if remote_wins else pull(repository)
        pushed = push_branch(repository, pulled.branch) if push else None
        commit = pulled.after if pushed is None else pushed.commit or pulled.after
        following = follow(workspace, repository, pulled.branch, commit, on_progress) if deploy else None
    return Synced(pulled, pushed, following)
