"""Models of a repository as something to deploy: all they need, from one commit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from spiffcli.config import Settings, load_settings
from spiffcli.deployments.add import deploy
from spiffcli.deployments.request import Deploy
from spiffcli.errors import InputError, NotFoundError, RunnerError
from spiffcli.repo.configured import commit_of, open_repository
from spiffcli.repo.contents import Closure, Contents
from spiffcli.repo.repository import Repository, find_model
from spiffcli.repo.snapshots import AtCommit, Snapshot
from spiffcli.values import Resource, Source

if TYPE_CHECKING:
    from spiffcli.deployments.add import Added
    from spiffcli.workspace import Workspace


class Found(Struct, frozen=True):
    """A model of a repository with all it needs.

    Attributes:
        changed: Files of it that differ in the work tree and are not part of it, from the root of the repository.
    """

    closure: Closure
    source: Source
    changed: tuple[str, ...] = ()


def find(repository: Repository, ref: str, revision: str | None = None, *, work_tree: bool = False) -> Found:
    """A model by its id, or as `REV:ID`.

    Raises:
        InputError: Two revisions are named, or a revision and the work tree.
        NotFoundError: There is no such model or revision.
        ModelError: It cannot be read.
    """
    if ":" in ref:
        before, _, ref = ref.rpartition(":")
        if revision is not None or work_tree:
            raise InputError(f"'{before}:{ref}' names a revision already; leave --rev and --work-tree out.")
        revision = before or None
    snapshot = commit_of(repository, revision, work_tree=work_tree)
    model = find_model(snapshot, ref)
    closure = Contents(snapshot).closure(model.id)
    files = [f"{repository.prefix}{each.name}" for each in closure.resources]
    changed = _changed(repository, files)
    commit, branch = _whence(repository, snapshot, revision)
    source = source_of(repository, closure, commit, branch, dirty=bool(changed) and work_tree)
    return Found(closure, source, () if work_tree or revision is not None else changed)


def source_of(
    repository: Repository, closure: Closure, commit: str | None, branch: str | None, *, dirty: bool = False
) -> Source:
    """Where the files of a model come from."""
    return Source(
        files=tuple(f"{repository.prefix}{each.name}" for each in closure.resources),
        commit=commit,
        branch=branch,
        dirty=dirty if commit is not None else None,
        path=str(PurePosixPath(repository.prefix) / closure.model),
    )


def _whence(repository: Repository, snapshot: Snapshot, revision: str | None) -> tuple[str | None, str | None]:
    """The commit and the branch of a snapshot; of the work tree those that are checked out."""
    if snapshot.commit is not None and revision is not None:
        return snapshot.commit, repository.branch_named(revision)
    commit, branch = repository.head()
    return snapshot.commit or commit, branch


def _changed(repository: Repository, files: Sequence[str]) -> tuple[str, ...]:
    there = set(files)
    return tuple(each.path for each in repository.changes() if each.path in there)


def request_of(found: Found, prefix: str, **wish: Any) -> Deploy:
    """The wish to deploy a model."""
    resources = tuple(Resource(f"{prefix}{each.name}", each.kind, each.content) for each in found.closure.resources)
    return Deploy(resources, source=found.source, **wish)


def add_model(
    workspace: Workspace,
    ref: str,
    *,
    revision: str | None = None,
    work_tree: bool = False,
    process: str | None = None,
    bindings: str | None = None,
    dry_run: bool = False,
    **wish: Any,
) -> tuple[Added, Found]:
    """Deploy a model of the repository with all it calls, from one commit.

    Args:
        ref: Its id, or `REV:ID`.
        revision: Instead of the last commit.
        work_tree: As the files lie there, committed or not.
        wish: As in `Runner.add`.

    Raises:
        InputError: There is no repository.
        NotFoundError: There is no such model or revision.
        ModelError: It cannot be read or executed; nothing was stored.
    """
    from spiffcli.deployments.binding_file import Bindings, read_bindings

    repository = open_repository(workspace.settings)
    found = find(repository, ref, revision, work_tree=work_tree)
    said = Bindings() if bindings is None else read_bindings(bindings)
    request = request_of(
        found,
        repository.prefix,
        user=workspace.settings.user,
        main=process or found.closure.process,
        bindings=said.bindings,
        fallbacks=said.fallbacks,
        **wish,
    )
    return deploy(workspace, request, dry_run=dry_run), found


def files_at(names: Sequence[str]) -> tuple[tuple[Resource, ...], Source]:
    """The files that each `REV:PATH` names, with the forms they need from the same commit.

    Raises:
        InputError: Some are and some are not, or they are of several revisions.
        NotFoundError: There is no such revision or file.
    """
    from spiffcli.specs.inputs import at_revision, read_files, with_forms

    revisions = {name.partition(":")[0] for name in names if at_revision(name)}
    if len(revisions) > 1 or not all(map(at_revision, names)):
        raise InputError("Files of one deployment come from one revision, or all from the work tree.")
    (revision,) = revisions
    resources = with_forms([read_files(name) for name in dict.fromkeys(names)])
    repository = Repository.open(_plain(), "")
    plain = tuple(Resource(each.name.partition(":")[2], each.kind, each.content) for each in resources)
    folders = [PurePosixPath(each.name).parent for each in plain]
    commit = repository.resolve(revision) if revision else repository.head()[0]
    branch = repository.branch_named(revision) if revision else repository.head()[1]
    return plain, Source(
        files=tuple(names), commit=commit, branch=branch, dirty=not revision, path=str(_common(folders))
    )


def _plain() -> Any:
    from spiffcli.git_config import GitSettings

    return GitSettings()


def _common(folders: Sequence[PurePosixPath]) -> PurePosixPath:
    common = folders[0]
    while not all(folder.is_relative_to(common) for folder in folders):
        common = common.parent
    return common


def ref_at(settings: Settings, key: str, revision: str) -> str:
    """What names a process as the repository has it at a revision: `REV:GROUP/MODEL#KEY`.

    Raises:
        NotFoundError: There is no such process there, or several.
        InputError: There is no repository.
    """
    snapshot = open_repository(settings).snapshot(revision)
    contents = Contents(snapshot)
    owners = {contents.owner(path) for path in contents.places(("process", key))} - {None}
    if len(owners) != 1:
        what = "no model" if not owners else f"{len(owners)} models"
        raise NotFoundError(
            f"At {revision} (commit {str(snapshot.commit)[:12]}) {what} of the repository has the process '{key}'.",
            hint="runner repo ls --rev REV lists the models of a revision.",
            candidates=[],
        )
    return f"{revision}:{next(filter(None, owners))}#{key}"


def folder_of_models() -> str:
    """The folder of the models below the root of the repository, with a slash at its end, or empty."""
    with suppress(RunnerError):  # whoever asks has a repository, and says so where there is none
        return open_repository(load_settings({})).prefix
    return ""


def model_at(revision: str, path: str) -> Closure | None:
    """The model in the folder `path` (from the root of the repository) with all it needs; None where it is none.

    Raises:
        ModelError: It cannot be read.
    """
    repository = Repository.open(_plain(), "")
    snapshot = AtCommit(repository.git, repository.resolve(revision))
    return Contents(snapshot).closure(path) if path in snapshot.model_ids else None
