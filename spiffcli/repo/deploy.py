"""The catalog follows the model repository: models that changed are deployed, all in one transaction or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from spiffcli.catalog import Catalog
from spiffcli.catalog.following import Followed
from spiffcli.deployments.add import engine_specs
from spiffcli.deployments.request import DeploymentPlan
from spiffcli.deployments.request import Name as Defined
from spiffcli.errors import InputError, ModelError, NotFoundError
from spiffcli.repo.contents import Contents, Facts, is_model_file, is_of_interest
from spiffcli.repo.models import Found, request_of, source_of
from spiffcli.repo.repository import Repository
from spiffcli.repo.snapshots import AtCommit

if TYPE_CHECKING:
    from spiffcli.engine import Engine
    from spiffcli.workspace import Workspace

#: Called with the id of a model that is looked at, how many were before, and how many there are.
Progress = Callable[[str, int, int], object]

#: Layout of what is kept between two runs; another one is read anew.
_FORMAT = 2


class Deployed(Struct, frozen=True):
    """A model of which something became a new version.

    Attributes:
        specs: What is new, as `key@version`.
    """

    model: str
    deployment: str
    specs: tuple[str, ...]


class Following(Struct, frozen=True):
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
    deployed: tuple[Deployed, ...] = ()
    unchanged: tuple[str, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


class _Known(Struct, frozen=True):
    """What was read at the commit that is followed.

    Attributes:
        files: Content of each file that matters, by path.
        facts: What BPMN and DMN files say, by content.
        models: Ids of all models.
        broken: Ids of those that were skipped.
    """

    files: Mapping[str, str]
    facts: Mapping[str, Facts]
    models: frozenset[str]
    broken: frozenset[str]


class _Ready(Struct, frozen=True):
    """A model that can be deployed."""

    model: str
    plan: DeploymentPlan
    specs: Mapping[Defined, Mapping[str, bytes]]


def follow(
    workspace: Workspace, repository: Repository, branch: str, commit: str, on_progress: Progress | None = None
) -> Following:
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
    known = _read(last)
    snapshot = AtCommit(repository.git, commit, repository.prefix)
    contents = Contents(snapshot, known.facts)
    touched = _touched(contents, known)
    broken = _twins(contents)
    ready: list[_Ready] = []
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
    removed = tuple(sorted(known.models - contents.models))
    state = _written(contents, broken)
    deployed = _store(workspace, last, Followed(commit, state, last.revision), ready, broken)
    return Following(last.commit, commit, deployed, tuple(unchanged), broken, removed)


# What has to be looked at


def _touched(contents: Contents, known: _Known) -> list[str]:
    """Models with a file that is not as it was, those that were skipped, and what calls one of them; called first."""
    entries = contents.snapshot.entries
    now = {path: entry.blob for path, entry in entries.items() if is_of_interest(path)}
    changed = {path for path in now.keys() | known.files.keys() if now.get(path) != known.files.get(path)}
    models = {owner for path in changed if (owner := contents.owner(path)) is not None}
    models |= known.broken & contents.models
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


def _below_group(contents: Contents, path: str) -> Iterator[str]:
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


def _twins(contents: Contents) -> dict[str, str]:
    """Models with a process that another file defines too, with the reason: no one can say which is meant."""
    found: dict[str, str] = {}
    for (kind, id), paths in contents.duplicates():
        for path in paths:
            owner = contents.owner(path)
            if owner is not None:
                found[owner] = f"The {kind} '{id}' is defined in {' and in '.join(paths)}; ids of processes are unique."
    return found


def _prepared(
    workspace: Workspace, catalog: Catalog, repository: Repository, contents: Contents, branch: str, model: str
) -> _Ready:
    closure = contents.closure(model)
    source = source_of(repository, closure, contents.snapshot.commit, branch)
    request = request_of(
        Found(closure, source), repository.prefix, user=workspace.settings.user, main=closure.process, name=None
    )
    plan = catalog.plan_deployment(request)
    return _Ready(model, plan, engine_specs(catalog, workspace.engine, plan) if plan.new else {})


def _reason(error: ModelError | InputError | NotFoundError) -> str:
    where = error.where()
    return f"{where}: {error.message}" if where and where not in error.message else error.message


# Storing


def _store(
    workspace: Workspace, last: Followed, now: Followed, ready: list[_Ready], broken: Mapping[str, str]
) -> tuple[Deployed, ...]:
    if not ready and last == now:
        return ()
    done: list[Deployed] = []
    engine = workspace.engine if ready else None
    with workspace.created_catalog().transaction() as catalog:
        for each in ready:
            deployment, plan = catalog.carry_out(each.plan, _specs(catalog, engine, each))
            done.append(Deployed(each.model, deployment.id, tuple(planned.label for planned in plan.new)))
        catalog.put_followed(now)
    return tuple(done)


def _specs(catalog: Catalog, engine: Engine | None, ready: _Ready) -> Callable[[DeploymentPlan], Any]:
    """Gives the engine specs that were made; makes more where the plan had to change meanwhile."""

    def give(plan: DeploymentPlan) -> Any:
        if engine is None or all(planned.name in ready.specs for planned in plan.new if _has_spec(planned.name)):
            return ready.specs
        return engine_specs(catalog, engine, plan, ready.specs)

    return give


def _has_spec(name: Defined) -> bool:
    return name[0] in ("process", "collaboration")


# What is kept


def _read(last: Followed) -> _Known:
    import orjson

    nothing = _Known({}, {}, frozenset(), frozenset())
    with suppress(ValueError):
        document = orjson.loads(last.body)
        if document.get("format") == _FORMAT:
            facts = {blob: Facts.from_json(value) for blob, value in document["facts"].items()}
            return _Known(document["files"], facts, frozenset(document["models"]), frozenset(document["broken"]))
    return nothing


def _written(contents: Contents, broken: Mapping[str, str]) -> bytes:
    import orjson

    entries = contents.snapshot.entries
    files = {path: entry.blob for path, entry in entries.items() if is_of_interest(path)}
    facts = {entries[path].blob: found.to_json() for path, found in contents.facts.items() if is_model_file(path)}
    document = {
        "format": _FORMAT,
        "files": files,
        "facts": facts,
        "models": sorted(contents.models),
        "broken": sorted(broken),
    }
    return orjson.dumps(document)
