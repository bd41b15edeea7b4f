"""Models of the repository in the catalog: one at a time, or all that changed, in one transaction or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from spiffcli.catalog import Catalog
from spiffcli.catalog.following import Followed
from spiffcli.config import Settings
from spiffcli.deployments.add import Added, deploy, engine_specs
from spiffcli.deployments.binding_file import Bindings, read_bindings
from spiffcli.deployments.request import DEPLOYMENT, Deploy, DeploymentPlan, SpecBytes, SpecSource
from spiffcli.deployments.request import Name as Defined
from spiffcli.engine import Engine
from spiffcli.errors import InputError, ModelError, NotFoundError
from spiffcli.repo.contents import Closure, FileFacts, RepoContents, find_model, is_model_file, is_of_interest
from spiffcli.repo.pull import PullResult, pull, take_remote
from spiffcli.repo.repository import Repository, chosen_snapshot, open_repository, refuse_read_only
from spiffcli.repo.save import PushResult, push_branch
from spiffcli.repo.snapshots import CommitSnapshot, RepoSnapshot
from spiffcli.values import Resource, Source
from spiffcli.workspace import Workspace

#: Called with the id of a model that is looked at, how many were before, and how many there are.
Progress = Callable[[str, int, int], object]

#: Layout of what is kept between two runs; another one is read anew.
_FORMAT = 2


# One model


class RepoModel(Struct, frozen=True):
    """A model of a repository with all it needs.

    Attributes:
        changed: Files of it that differ in the work tree and are not part of it, from the root of the repository.
    """

    closure: Closure
    source: Source
    changed: tuple[str, ...] = ()


def find(repository: Repository, ref: str, revision: str | None = None, *, work_tree: bool = False) -> RepoModel:
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
    snapshot = chosen_snapshot(repository, revision, work_tree=work_tree)
    model = find_model(snapshot, ref)
    closure = RepoContents(snapshot).closure(model.id)
    files = [f"{repository.prefix}{each.name}" for each in closure.resources]
    changed = _changed(repository, files)
    commit, branch = _whence(repository, snapshot, revision)
    source = source_of(repository, closure, commit, branch, dirty=bool(changed) and work_tree)
    return RepoModel(closure, source, () if work_tree or revision is not None else changed)


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


def _whence(repository: Repository, snapshot: RepoSnapshot, revision: str | None) -> tuple[str | None, str | None]:
    """The commit and the branch of a snapshot; of the work tree those that are checked out."""
    if snapshot.commit is not None and revision is not None:
        return snapshot.commit, repository.git.branch_named(revision)
    commit, branch = repository.head()
    return snapshot.commit or commit, branch


def _changed(repository: Repository, files: Sequence[str]) -> tuple[str, ...]:
    there = set(files)
    return tuple(each.path for each in repository.changes() if each.path in there)


def request_of(found: RepoModel, prefix: str, user: str = "") -> Deploy:
    """Return the wish to deploy a model."""
    resources = tuple(Resource(f"{prefix}{each.name}", each.kind, each.content) for each in found.closure.resources)
    return Deploy(resources, user=user, main=found.closure.process, source=found.source)


def add_model(
    workspace: Workspace,
    ref: str,
    *,
    revision: str | None = None,
    work_tree: bool = False,
    process: str | None = None,
    name: str | None = None,
    tag: str | None = None,
    move_tag: bool = False,
    binding: str = DEPLOYMENT,
    bindings: str | None = None,
    force_new: bool = False,
    dry_run: bool = False,
) -> tuple[Added, RepoModel]:
    """Deploy a model of the repository with all it calls, from one commit.

    Args:
        ref: Its id, or `REV:ID`.
        revision: Instead of the last commit.
        work_tree: As the files lie there, committed or not.
        process, name, tag, move_tag, binding, bindings, force_new: As in `Runner.add`.

    Raises:
        InputError: There is no repository.
        NotFoundError: There is no such model or revision.
        ModelError: It cannot be read or executed; nothing was stored.
    """
    repository = open_repository(workspace.settings)
    found = find(repository, ref, revision, work_tree=work_tree)
    said = Bindings() if bindings is None else read_bindings(bindings)
    request = replace(
        request_of(found, repository.prefix, workspace.settings.user),
        main=process or found.closure.process,
        name=name,
        tag=tag,
        move_tag=move_tag,
        binding=binding,
        bindings=said.bindings,
        fallbacks=said.fallbacks,
        force_new=force_new,
    )
    return deploy(workspace, request, dry_run=dry_run), found


def ref_at(settings: Settings, key: str, revision: str) -> str:
    """What names a process as the repository has it at a revision: `REV:GROUP/MODEL#KEY`.

    Raises:
        NotFoundError: There is no such process there, or several.
        InputError: There is no repository.
    """
    snapshot = open_repository(settings).snapshot(revision)
    contents = RepoContents(snapshot)
    owners = {contents.owner(path) for path in contents.places(("process", key))} - {None}
    if len(owners) != 1:
        what = "no model" if not owners else f"{len(owners)} models"
        raise NotFoundError(
            f"At {revision} (commit {str(snapshot.commit)[:12]}) {what} of the repository has the process '{key}'.",
            hint="runner repo ls --rev REV lists the models of a revision.",
            candidates=[],
        )
    return f"{revision}:{next(filter(None, owners))}#{key}"


# All that changed


class _FollowState(Struct, frozen=True):
    """What was read at the commit that is followed.

    Attributes:
        files: Content of each file that matters, by path.
        facts: What BPMN and DMN files say, by content.
        models: Ids of all models.
        broken: Ids of those that were skipped.
    """

    format: int = _FORMAT
    files: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, FileFacts] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


class DeployedModel(Struct, frozen=True):
    """A model of which something became a new version.

    Attributes:
        specs: What is new, as `key@version`.
    """

    model: str
    deployment: str
    specs: tuple[str, ...]


class FollowResult(Struct, frozen=True):
    """What following a commit did.

    Attributes:
        before: The commit that was followed until now, or None.
        deployed: Models of which something is new, in the order in which they were deployed.
        unchanged: Models whose files changed, and that do what they did.
        broken: Models that were skipped, by id, with the reason; what was deployed before stays in force.
        removed: Models that are not there any more; their versions stay.
    """

    before: str | None
    commit: str
    deployed: tuple[DeployedModel, ...] = ()
    unchanged: tuple[str, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


class _ReadyModel(Struct, frozen=True):
    """A model that can be deployed."""

    model: str
    plan: DeploymentPlan
    specs: SpecBytes


def follow(
    workspace: Workspace, repository: Repository, branch: str, commit: str, on_progress: Progress | None = None
) -> FollowResult:
    """Deploy the models that changed since the commit that was followed, and those that call them.

    For whoever holds the lock of the repository.

    Args:
        branch: The branch that is at `commit`.

    Raises:
        StateError: The installation is read-only.
        StoreError: The store cannot be written; nothing was deployed.
    """
    catalog = workspace.catalog_or_empty()
    last = catalog.followed()
    known = _state_of(last)
    snapshot = CommitSnapshot(repository.git, commit, repository.prefix)
    contents = RepoContents(snapshot, known.facts)
    touched = _touched(contents, known)
    broken = _twins(contents)
    ready: list[_ReadyModel] = []
    unchanged: list[str] = []
    for place, model in enumerate(touched):
        if on_progress is not None:
            on_progress(model, place, len(touched))
        if model not in broken:
            try:
                found = _prepared(workspace, catalog, repository, contents, branch, model)
            except (ModelError, InputError, NotFoundError) as error:
                broken[model] = _reason(error)
                continue
            if found.plan.new:
                ready.append(found)
            else:
                unchanged.append(model)
    removed = tuple(sorted(set(known.models) - contents.models))
    state = _state_at(contents, broken)
    deployed = _store(workspace, last, Followed(commit, state, last.revision), ready, broken)
    return FollowResult(last.commit, commit, deployed, tuple(unchanged), broken, removed)


# What has to be looked at


def _touched(contents: RepoContents, known: _FollowState) -> list[str]:
    """Models with a file that is not as it was, those that were skipped, and what calls one of them; called first."""
    entries = contents.snapshot.entries
    now = {path: entry.blob for path, entry in entries.items() if is_of_interest(path)}
    changed = {path for path in now.keys() | known.files.keys() if now.get(path) != known.files.get(path)}
    models = {owner for path in changed if (owner := contents.owner(path)) is not None}
    models |= contents.models.intersection(known.broken)
    models |= {model for path in changed for model in _below_group(contents, path)}
    if not models:
        return []
    callers: dict[str, set[str]] = {}
    called: dict[str, set[str]] = {}
    for model in contents.models:
        called[model] = contents.neighbours(model)
        for other in called[model]:
            callers.setdefault(other, set()).add(model)
    pending = list(models)
    while pending:
        new = callers.get(pending.pop(), set()) - models
        models |= new
        pending += new
    return list(_called_first(sorted(models), called))


def _below_group(contents: RepoContents, path: str) -> Iterator[str]:
    """Models that the description of a group, or the file of a data store in its folder, can mean something for."""
    folder = path.rpartition("/")[0]
    if contents.owner(path) is None:
        for model in contents.models:
            if not folder or f"{model}/".startswith(f"{folder}/"):
                if any(contents.facts[file].left_to_groups for file in contents.files_of(model)):
                    yield model


def _called_first(models: list[str], called: Mapping[str, set[str]]) -> Iterator[str]:
    """In such an order that what calls another comes after it, as far as they do not call each other in a circle."""
    wanted, done, entered = set(models), set[str](), set[str]()
    pending = models[::-1]
    while pending:
        model = pending.pop()
        waits_for = [] if model in entered else sorted(called[model] & wanted - entered)
        entered.add(model)
        if waits_for:
            pending += [model, *waits_for]
        elif model not in done:
            done.add(model)
            yield model


def _twins(contents: RepoContents) -> dict[str, str]:
    """Models with a process that another file defines too, with the reason: no one can say which is meant."""
    found: dict[str, str] = {}
    for (kind, id), paths in contents.duplicates():
        for path in paths:
            owner = contents.owner(path)
            if owner is not None:
                found[owner] = f"The {kind} '{id}' is defined in {' and in '.join(paths)}; ids of processes are unique."
    return found


def _prepared(
    workspace: Workspace, catalog: Catalog, repository: Repository, contents: RepoContents, branch: str, model: str
) -> _ReadyModel:
    closure = contents.closure(model)
    source = source_of(repository, closure, contents.snapshot.commit, branch)
    request = request_of(RepoModel(closure, source), repository.prefix, workspace.settings.user)
    plan = catalog.plan_deployment(request)
    return _ReadyModel(model, plan, engine_specs(catalog, workspace.engine, plan) if plan.new else {})


def _reason(error: ModelError | InputError | NotFoundError) -> str:
    where = error.where()
    return f"{where}: {error.message}" if where and where not in error.message else error.message


# Storing


def _store(
    workspace: Workspace, last: Followed, now: Followed, ready: list[_ReadyModel], broken: Mapping[str, str]
) -> tuple[DeployedModel, ...]:
    if not ready and last == now:
        return ()
    done: list[DeployedModel] = []
    engine = workspace.engine if ready else None
    with workspace.created_catalog().transaction() as catalog:
        for each in ready:
            deployment, plan = catalog.carry_out(each.plan, _specs(catalog, engine, each))
            done.append(DeployedModel(each.model, deployment.id, tuple(planned.label for planned in plan.new)))
        catalog.put_followed(now)
    return tuple(done)


def _specs(catalog: Catalog, engine: Engine | None, ready: _ReadyModel) -> SpecSource:
    """Gives the engine specs that were made; makes more where the plan had to change meanwhile."""

    def give(plan: DeploymentPlan) -> SpecBytes:
        if engine is None or all(planned.name in ready.specs for planned in plan.new if _has_spec(planned.name)):
            return ready.specs
        return engine_specs(catalog, engine, plan, ready.specs)

    return give


def _has_spec(name: Defined) -> bool:
    return name[0] in ("process", "collaboration")


# What is kept between two runs, by the tenant


def _state_of(last: Followed) -> _FollowState:
    with suppress(msgspec.MsgspecError):
        found = msgspec.json.decode(last.body, type=_FollowState)
        if found.format == _FORMAT:
            return found
    return _FollowState()


def _state_at(contents: RepoContents, broken: Mapping[str, str]) -> bytes:
    entries = contents.snapshot.entries
    files = {path: entry.blob for path, entry in entries.items() if is_of_interest(path)}
    facts = {entries[path].blob: found for path, found in contents.facts.items() if is_model_file(path)}
    return msgspec.json.encode(
        _FollowState(_FORMAT, files, facts, tuple(sorted(contents.models)), tuple(sorted(broken)))
    )


# The remote first, then the catalog


class SyncResult(Struct, frozen=True):
    """What was taken over.

    Attributes:
        pushed: What became of commits that the remote lacked; None where that was not wanted.
        following: What the catalog took over; None where that was not wanted.
    """

    pulled: PullResult
    pushed: PushResult | None
    following: FollowResult | None

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
) -> SyncResult:
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
    return SyncResult(pulled, pushed, following)
