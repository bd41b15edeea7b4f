"""The model repository that the settings name, and what its commands look at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spiffcli.config import Settings, load_git_settings
from spiffcli.errors import InputError, ReadOnlyError
from spiffcli.repo.create import Made, new
from spiffcli.repo.repository import Repository
from spiffcli.repo.save import Saved, save
from spiffcli.repo.snapshots import Snapshot


def open_repository(settings: Settings, flags: Mapping[str, Any] | None = None, cwd: Path | None = None) -> Repository:
    """The model repository that the settings name, or the one around the current folder.

    Raises:
        ConfigError: A setting cannot be used.
        InputError: There is none.
    """
    chosen = "user" in settings.origins
    return Repository.open(load_git_settings(settings, flags), settings.user, cwd, chosen=chosen)


def refuse_read_only(settings: Settings) -> None:
    """Refuse what changes models, where that is set.

    Raises:
        ReadOnlyError: It is.
    """
    if settings.read_only:
        raise ReadOnlyError


def make(settings: Settings, id: str, *, name: str | None = None, group: bool = False) -> tuple[Made, Saved | None]:
    """Write a new model or group; committed and pushed where that is set.

    Raises:
        StateError: The installation is read-only.
        DuplicateError: Something is there already.
        InputError: `id` cannot be one.
    """
    refuse_read_only(settings)
    repository = open_repository(settings)
    with repository.locked("new"):
        made = new(repository, id, name=name, group=group)
    return made, saved_change(repository, made.files, f"created {made.kind} {made.id}")


def saved_change(repository: Repository, paths: tuple[str, ...], what: str) -> Saved | None:
    """Commit and push a change that the tool made, where that is set."""
    if not repository.settings.commit_on_save:
        return None
    return save(repository, paths, f"User: {repository.user} {what}")


def commit_of(repository: Repository, revision: str | None, *, work_tree: bool) -> Snapshot:
    """The snapshot that the options of a command name: a revision, the work tree, or the last commit.

    Raises:
        InputError: Both are named.
        NotFoundError: There is no such revision.
    """
    if work_tree and revision is not None:
        raise InputError("Name a revision (--rev) or the work tree (--work-tree), not both.")
    return repository.work_tree() if work_tree else repository.snapshot(revision)
