"""`REV:PATH` and `REV:GROUP/MODEL` as a version in the store: one that was added from that commit, or does the same.

Nothing runs but what is stored. Whoever starts or moves instances has it added first, as `runner add` would do.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from spiffcli.catalog import Catalog
from spiffcli.catalog.definitions import KINDS
from spiffcli.catalog.refs import looks_like_revision, split_path
from spiffcli.config import Settings
from spiffcli.deployments.add import deploy
from spiffcli.deployments.request import Deploy, PlannedDefinition
from spiffcli.errors import AmbiguousError, InputError, NotFoundError
from spiffcli.repo.contents import RepoContents
from spiffcli.repo.deploy import RepoModel, request_of, source_of
from spiffcli.repo.repository import Repository, open_repository
from spiffcli.repo.snapshots import RepoSnapshot
from spiffcli.specs.inputs import files_at
from spiffcli.values import Definition, DefinitionKind

if TYPE_CHECKING:
    from spiffcli.deployments.add import Added
    from spiffcli.workspace import Workspace


class Taken(Struct, frozen=True):
    """A version of the store that a reference names.

    Attributes:
        ref: Its id; what does not name a revision stays as it is.
        added: What had to be added for it, or None.
    """

    ref: str
    added: Added | None = None


class _There(Struct, frozen=True):
    """What a reference names in the repository.

    Attributes:
        request: The wish to deploy it.
        files: Where its definitions may stand, by the names that a deployment gives to files.
        key: What stands behind a `#`, or None.
        main: Key of the process of the model, or None.
        command: What adds it.
    """

    ref: str
    commit: str
    request: Deploy
    files: tuple[str, ...]
    key: str | None
    main: str | None
    command: str


def locate(settings: Settings, catalog: Catalog, ref: str, kinds: Sequence[DefinitionKind] = KINDS) -> Definition:
    """The stored version that has what a revision has.

    It does the same, called models included; of several the newest that was added from this commit, else the newest.

    Raises:
        NotFoundError: The repository has no such thing, or it was never added; the hint says how to.
        AmbiguousError: The file or model holds several.
        InputError: There is no repository.
        ModelError: What is there cannot be read.
    """
    there = _there(settings, ref)
    planned = _planned(catalog, there, kinds)
    found = _stored(catalog, there, planned)
    if found is None:
        raise NotFoundError(
            f"What '{planned.candidate.key}' is in {ref} has not been added.",
            hint=f"Add it: {there.command}",
            candidates=[],
        )
    return found


def take(workspace: Workspace, ref: str, kinds: Sequence[DefinitionKind]) -> Taken:
    """The stored version that a reference names; added, if it names a revision that nobody added.

    Raises:
        NotFoundError: The repository has no such thing.
        AmbiguousError: The file or model holds several.
        InputError: There is no repository.
        ModelError: What is there cannot be read or executed; nothing was stored.
        ReadOnlyError: It would have to be added.
    """
    if ":" not in ref:
        return Taken(ref)
    catalog = workspace.catalog_or_empty()
    if looks_like_revision(ref):
        there = _there(workspace.settings, ref)
    else:
        found_at_root = _at_root(workspace, catalog, ref)
        if found_at_root is None:
            return Taken(ref)
        there = found_at_root
    planned = _planned(catalog, there, kinds)
    found = _stored(catalog, there, planned)
    if found is not None:
        return Taken(found.id)
    added = deploy(workspace, there.request)
    return Taken(next(each.id for each in added.plan.definitions if each.name == planned.name), added)


def _at_root(workspace: Workspace, catalog: Catalog, ref: str) -> _There | None:
    """What `REV:MODEL` names at the root of the repository; None where it names something stored, or nothing."""
    with suppress(NotFoundError, InputError):
        if not catalog.knows(ref):
            return _there(workspace.settings, ref)
    return None


def _there(settings: Settings, ref: str) -> _There:
    path, key = split_path(ref)
    revision, _, path = path.partition(":")
    repository = open_repository(settings)
    snapshot = repository.snapshot(revision)
    for place in _places(repository, path):
        if place in snapshot.model_ids:
            return _model(repository, snapshot, settings.user, ref, place, key)
        if place in snapshot.entries:
            return _file(repository, snapshot, settings, ref, place, key)
    whole = _from_root(repository, path)
    if repository.git.ask("cat-file", "-e", f"{snapshot.commit}:{whole}").code == 0 and Path(whole).suffix:
        return _alone(snapshot, settings, ref, f"{revision}:{whole}", key)
    raise NotFoundError(
        f"There is no model or file {path} in {revision} (commit {str(snapshot.commit)[:12]}).",
        hint=f"runner repo ls --rev {revision} lists the models there.",
        candidates=[],
    )


def _from_root(repository: Repository, path: str) -> str:
    """`path` from the root of the repository; one that begins with `./` or `../` counts from the current folder."""
    if path.startswith(("./", "../")):
        path = posixpath.relpath(Path(path).absolute().as_posix(), repository.git.folder.as_posix())
    return posixpath.normpath(path)


def _places(repository: Repository, path: str) -> list[str]:
    """What `path` may be below the folder of the models: it counts from the root, or from there."""
    whole = _from_root(repository, path)
    below = [whole[len(repository.prefix) :]] if f"{whole}/".startswith(repository.prefix) else []
    return [place or "." for place in dict.fromkeys([*below, whole])]


def _model(
    repository: Repository, snapshot: RepoSnapshot, user: str, ref: str, model: str, key: str | None, file: str = ""
) -> _There:
    contents = RepoContents(snapshot)
    closure = contents.closure(model)
    revision = ref.partition(":")[0]
    source = source_of(repository, closure, snapshot.commit, repository.git.branch_named(revision))
    request = request_of(RepoModel(closure, source), repository.prefix, user)
    own = [file] if file else [each.name for each in closure.resources if contents.owner(each.name) == model]
    return _There(
        ref=ref,
        commit=str(snapshot.commit),
        request=request,
        files=tuple(f"{repository.prefix}{each}" for each in own),
        key=key,
        main=closure.process,
        command=f"runner add --model {model} --rev {revision}",
    )


def _file(
    repository: Repository, snapshot: RepoSnapshot, settings: Settings, ref: str, file: str, key: str | None
) -> _There:
    """A file with all that its model needs; one of no model with the forms it names."""
    owner = RepoContents(snapshot).owner(file)
    if owner is not None:
        return _model(repository, snapshot, settings.user, ref, owner, key, file)
    return _alone(snapshot, settings, ref, f"{ref.partition(':')[0]}:{repository.prefix}{file}", key)


def _alone(snapshot: RepoSnapshot, settings: Settings, ref: str, name: str, key: str | None) -> _There:
    resources, source = files_at([name], settings)
    option = {"dmn": "-d", "form": "-f"}.get(resources[0].kind, "-b")
    return _There(
        ref=ref,
        commit=str(snapshot.commit),
        request=Deploy(resources, user=settings.user, source=source),
        files=(name.partition(":")[2],),
        key=key,
        main=None,
        command=f"runner add {option} {name}",
    )


def _planned(catalog: Catalog, there: _There, kinds: Sequence[DefinitionKind]) -> PlannedDefinition:
    """The definition that is meant, as it would be deployed."""
    plan = catalog.plan_deployment(there.request)
    files = set(there.files)
    found = [each for each in plan.definitions if each.candidate.file in files and each.candidate.kind in kinds]
    if there.key is not None:
        found = [each for each in found if each.candidate.key == there.key]
    for narrower in (
        [each for each in found if each.name == ("process", there.main)],
        [each for each in found if each.candidate.kind == "process"],
        found,
    ):
        if len(narrower) == 1:
            return narrower[0]
    keys = [each.candidate.key for each in found]
    if not keys:
        what = f" '{there.key}'" if there.key is not None else ""
        raise NotFoundError(
            f"{there.ref} holds no {' or '.join(kinds[:2])}{what}.",
            hint=f"It holds: {', '.join(each.candidate.key for each in plan.definitions)}.",
            candidates=[],
        )
    path = split_path(there.ref)[0]
    raise AmbiguousError(
        f"{there.ref} holds {len(keys)} definitions: {', '.join(keys)}.",
        hint=f"Name one: {path}#{keys[0]}",
        candidates=[f"{path}#{key}" for key in keys],
    )


def _stored(catalog: Catalog, there: _There, planned: PlannedDefinition) -> Definition | None:
    kind, key = planned.name
    for tenant in catalog.scope.tenants(key):
        owner = catalog.with_scope(tenant=tenant, fallback=False)
        versions = owner.definitions(key, (kind,))
        if versions:
            if tenant != catalog.tenant:
                planned = next(
                    each for each in owner.plan_deployment(there.request).definitions if each.name == planned.name
                )
            return _of_versions(owner, versions, there, planned)
    return None


def _of_versions(
    owner: Catalog, versions: Sequence[Definition], there: _There, planned: PlannedDefinition
) -> Definition | None:
    """The newest that does the same, of those that came from this commit before others.

    Where none does, one that came from there and was bound in another way; but not one that calls what is elsewhere.
    """
    same = planned.same_as if planned.new else planned.version
    hashes = {each.hash for each in versions if each.version == same}
    alike = [each for each in versions if each.hash in hashes]
    from_there = [each for each in versions if _is_from(each, there)]
    both = [each for each in alike if each in from_there]
    for found in (both, alike, from_there if not alike else []):
        for each in reversed(found):
            if alike or not any(reference.pinned for reference in owner.definition(each.id).references):
                return each
    return None


def _is_from(definition: Definition, there: _There) -> bool:
    source = definition.source
    if source.commit != there.commit or source.dirty:
        return False
    beside = posixpath.join(source.path or ".", posixpath.basename(definition.file))
    return bool({definition.file, posixpath.normpath(beside)} & set(there.files))
