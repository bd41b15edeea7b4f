"""What merging one branch into another would mean: what changes in every model, and for which running instances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from spiffcli.deployments.add import deploy
from spiffcli.errors import ModelError, NoStoreError, NotFoundError, RunnerError
from spiffcli.migrate.fleet import Fleet, judge
from spiffcli.migrate.target import target_of
from spiffcli.repo.contents import Contents
from spiffcli.repo.models import Found, request_of, source_of
from spiffcli.repo.promote import Merge
from spiffcli.repo.repository import Repository
from spiffcli.repo.snapshots import AtCommit

if TYPE_CHECKING:
    from spiffcli.diff.changes import Diff
    from spiffcli.model import Model
    from spiffcli.workspace import Workspace


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
    before = Contents(AtCommit(repository.git, merge.old, repository.prefix))
    after = Contents(AtCommit(repository.git, merge.merge, repository.prefix))
    with _Rehearsal(workspace, repository, after) as rehearsal:
        for model in merge.models:
            yield _preview(before, after, model, rehearsal)


def _preview(before: Contents, after: Contents, model: str, rehearsal: _Rehearsal) -> Preview:
    from spiffcli.diff import compare

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


def _model(contents: Contents, model: str) -> Model:
    from spiffcli.model import Model, load

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

    def __init__(self, workspace: Workspace, repository: Repository, contents: Contents) -> None:
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
        from spiffcli.instances.select import find_standings

        copy = self._rehearsing()
        if copy is None:
            return
        closure = self._contents.closure(model)
        source = source_of(self._repository, closure, self._contents.snapshot.commit, None)
        request = request_of(Found(closure, source), self._repository.prefix, main=closure.process)
        added = deploy(copy, request)
        for planned in added.plan.definitions:
            if planned.candidate.kind == "process":
                found = self._open(copy, planned.candidate.key, find_standings)
                chosen = [each for each in found if each.definition != planned.id]
                if chosen:
                    yield judge(copy, target_of(copy, planned.id), chosen)

    def _open(self, copy: Workspace, key: str, find: Any) -> list[Any]:
        try:
            found: list[Any] = find(copy.catalog, key, states=("running", "error"))
        except NotFoundError:
            return []
        return found

    def _rehearsing(self) -> Workspace | None:
        if self._copy is None:
            try:
                store = self._workspace.store
            except NoStoreError:
                return None
            from spiffcli.store import copy_store, open_store

            memory = open_store("memory:")
            copy_store(store, memory)
            self._copy = self._workspace.rehearsal(memory)
        return self._copy
