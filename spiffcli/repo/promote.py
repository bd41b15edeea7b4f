"""Merging one branch of the remote into another, as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Literal

from msgspec import Struct

from spiffcli.catalog.instances import Standing
from spiffcli.deployments.add import deploy
from spiffcli.diff import compare
from spiffcli.diff.changes import Diff
from spiffcli.errors import (
    ConflictError,
    InputError,
    ModelError,
    NoStoreError,
    NotFoundError,
    RunnerError,
    StateError,
)
from spiffcli.instances.select import find_standings
from spiffcli.migrate.fleet import Fleet, judge
from spiffcli.migrate.target import target_of
from spiffcli.model import Model, load
from spiffcli.repo.contents import RepoContents
from spiffcli.repo.deploy import RepoModel, request_of, source_of
from spiffcli.repo.git import Git
from spiffcli.repo.layout import is_hidden, owner
from spiffcli.repo.pull import fetch, merged_tree
from spiffcli.repo.repository import Repository
from spiffcli.repo.save import came_second, commit_tree, push_commit
from spiffcli.repo.snapshots import CommitSnapshot
from spiffcli.store import copy_store, open_store
from spiffcli.workspace import Workspace


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
    before = CommitSnapshot(repository.git, old, repository.prefix)
    after = CommitSnapshot(repository.git, new, repository.prefix)
    paths = before.entries.keys() | after.entries.keys()
    changed = [path for path in paths if before.entries.get(path) != after.entries.get(path) and not is_hidden(path)]
    owners = {owner(after.model_ids, path) or owner(before.model_ids, path) for path in changed}
    return tuple(sorted(owner for owner in owners if owner is not None))


# What a merge would mean: what changes in every model, and for which running instances


class Preview(Struct, frozen=True):
    """What a merge would mean for one model.

    Attributes:
        change: `added`, `removed`, `changed`, or `unchanged` where nothing but the drawing or the description is.
        diff: What changes, or None where one side cannot be read.
        problem: Why it could not be looked at, or could not be deployed, or None.
        impact: What it would mean for instances that run, one for each process that has any.
    """

    model: str
    change: str
    diff: Diff | None
    problem: str | None
    impact: tuple[Fleet, ...]


def previews(workspace: Workspace, repository: Repository, merge: Merge) -> Iterator[Preview]:
    """What a merge would mean, model by model."""
    before = RepoContents(CommitSnapshot(repository.git, merge.old, repository.prefix))
    after = RepoContents(CommitSnapshot(repository.git, merge.merge, repository.prefix))
    with _Rehearsal(workspace, repository, after) as rehearsal:
        for model in merge.models:
            yield _preview(before, after, model, rehearsal)


def _preview(before: RepoContents, after: RepoContents, model: str, rehearsal: _Rehearsal) -> Preview:
    gone = model not in after.models
    try:
        diff = compare(_model(before, model), _model(after, model), old_label=f"{model} now", new_label=f"{model} then")
    except ModelError as error:
        return Preview(model, "changed", None, _reason(error), ())
    if gone:
        return Preview(model, "removed", diff, None, ())
    problem: str | None = None
    impact: tuple[Fleet, ...] = ()
    try:
        impact = tuple(rehearsal.impact(model))
    except RunnerError as error:
        problem = _reason(error)
    change = "added" if model not in before.models else "changed" if diff.changes else "unchanged"
    return Preview(model, change, diff, problem, impact)


def _model(contents: RepoContents, model: str) -> Model:
    if model not in contents.models:
        return Model()
    own = set(contents.files_of(model))
    closure = contents.closure(model)
    return load([each for each in closure.resources if each.name in own or each.kind == "form"])


def _reason(error: RunnerError) -> str:
    where = error.where()
    return f"{where}: {error.message}" if where and where not in error.message else error.message


class _Rehearsal:
    """A copy of the store in memory, in which what would be merged is deployed and instances are judged."""

    def __init__(self, workspace: Workspace, repository: Repository, contents: RepoContents) -> None:
        self._workspace = workspace
        self._repository = repository
        self._contents = contents
        self._copy: Workspace | None = None

    def __enter__(self) -> _Rehearsal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._copy is not None:
            self._copy.store.close()

    def impact(self, model: str) -> Iterator[Fleet]:
        """What the model as it would be means for the instances of its processes that run.

        Raises:
            ModelError: It cannot be deployed.
        """
        copy = self._rehearsing()
        if copy is None:
            return
        closure = self._contents.closure(model)
        source = source_of(self._repository, closure, self._contents.snapshot.commit, None)
        request = request_of(RepoModel(closure, source), self._repository.prefix)
        added = deploy(copy, request)
        for planned in added.plan.definitions:
            if planned.candidate.kind == "process":
                found = _running(copy, planned.candidate.key)
                chosen = [each for each in found if each.definition != planned.id]
                if chosen:
                    yield judge(copy, target_of(copy, planned.id), chosen)

    def _rehearsing(self) -> Workspace | None:
        if self._copy is None:
            try:
                store = self._workspace.store
            except NoStoreError:
                return None
            memory = open_store("memory:")
            copy_store(store, memory)
            self._copy = self._workspace.rehearsal(memory)
        return self._copy


def _running(copy: Workspace, key: str) -> list[Standing]:
    """Return where instances of a process stand that have not ended."""
    with suppress(NotFoundError):
        return find_standings(copy.catalog, key, states=("running", "error"))
    return []
