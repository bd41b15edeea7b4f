"""Instances by the commit their model came from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from spiffcli.config import Settings
from spiffcli.errors import InputError, NotFoundError
from spiffcli.repo.configured import open_repository
from spiffcli.repo.repository import Repository
from spiffcli.values import Instance

_COMMIT = re.compile(r"[0-9a-f]{4,64}")


def commit_named(settings: Settings, revision: str) -> str:
    """The commit that `revision` names; the beginning of one is taken as it is, whether Git still knows it or not.

    Raises:
        NotFoundError: The repository has no such revision.
        InputError: There is no repository to ask.
    """
    try:
        return open_repository(settings).resolve(revision)
    except (InputError, NotFoundError):
        if _COMMIT.fullmatch(revision):
            return revision
        raise


def older(settings: Settings, rows: Sequence[Instance], revision: str) -> tuple[list[Instance], int]:
    """Those whose model comes from a commit before `revision`, and how many of them have a commit Git does not know.

    Such a commit was in a history that has been rewritten since, so it counts as older. Instances whose model came from
    no repository are left out.

    Raises:
        NotFoundError: The repository has no such revision.
        InputError: There is no repository.
    """
    repository = open_repository(settings)
    end = repository.resolve(revision)
    commits = {row.source.commit for row in rows if row.source.commit is not None}
    unknown = {commit for commit in commits if repository.ref(commit) is None}
    before = {commit for commit in commits - unknown if _is_before(repository, commit, end)}
    found = [row for row in rows if row.source.commit in before | unknown]
    return found, sum(row.source.commit in unknown for row in found)


def _is_before(repository: Repository, commit: str, end: str) -> bool:
    return commit != end and repository.is_ancestor(commit, end)
