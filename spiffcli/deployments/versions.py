"""What happened to the versions of a key: which deployment made what, and why there is a new version."""

from __future__ import annotations

from msgspec import Struct

from spiffcli.catalog import Catalog
from spiffcli.deployments.rebinding import Rebound
from spiffcli.diff import compare
from spiffcli.diff.changes import Diff
from spiffcli.errors import NotFoundError
from spiffcli.model import Model, load
from spiffcli.values import Definition, Deployment


class Listed(Struct, frozen=True):
    """A deployment in a list.

    Attributes:
        made: The versions it made, by kind, key and version.
    """

    deployment: Deployment
    made: tuple[Definition, ...]


class Why(Struct, frozen=True):
    """Why there is a version.

    Attributes:
        previous: The version before it that still exists; None for the first.
        diff: What changed since then, what is called included; None for the first.
        rebound: References that mean something else than before.
    """

    definition: Definition
    previous: Definition | None
    diff: Diff | None
    rebound: tuple[Rebound, ...]


def list_deployments(catalog: Catalog, *, user: str | None = None, since: str | None = None) -> list[Listed]:
    """Deployments of the tenant with what they made, oldest first.

    Args:
        user: Only those by this user.
        since: Only those at or after this time (ISO 8601, UTC).
    """
    made: dict[str, list[Definition]] = {}
    for definition in catalog.definitions():
        made.setdefault(definition.deployment, []).append(definition)
    found = catalog.deployments(user=user, since=since)
    return [Listed(each, tuple(made.get(each.id, ()))) for each in found]


def deployment_of(catalog: Catalog, ref: str) -> Deployment:
    """A deployment; or, by an instance, the one that what it runs came from.

    Raises:
        NotFoundError: There is neither.
        AmbiguousError: Several ids begin so.
    """
    try:
        return catalog.deployment(ref)
    except NotFoundError as missing:
        try:
            definition = catalog.definition(catalog.instance(ref).definition)
        except NotFoundError:
            raise missing from None
        return catalog.with_scope(tenant=definition.tenant).deployment(definition.deployment)


def why(catalog: Catalog, ref: str) -> Why:
    """What changed from the version before the one that `ref` names.

    Raises:
        NotFoundError: There is no such version.
        AmbiguousError: There are several.
    """
    definition = catalog.find(ref)
    owner = catalog.with_scope(tenant=definition.tenant)
    earlier = [
        each for each in owner.definitions(definition.key, (definition.kind,)) if each.version < definition.version
    ]
    if not earlier:
        return Why(definition, None, None, ())
    previous = catalog.definition(earlier[-1].id)
    return Why(
        definition, previous, compare_versions(catalog, previous, definition), catalog.rebound(previous, definition)
    )


def compare_versions(catalog: Catalog, old: Definition, new: Definition) -> Diff:
    """Differences between two stored definitions, and between what they call."""
    return compare(
        stored_model(catalog, old, dependencies=True),
        stored_model(catalog, new, dependencies=True),
        old_process=old.key,
        new_process=new.key,
        dependencies=True,
        old_label=old.label,
        new_label=new.label,
    )


def stored_model(catalog: Catalog, definition: Definition, *, dependencies: bool) -> Model:
    """The model of a stored definition.

    Args:
        dependencies: Whether it is to hold what the definition calls from other deployments too.
    """
    resources = list(catalog.resources(definition, own=not dependencies))
    model = load(resources)
    if dependencies:
        # What is pinned to another deployment is not among the files of this one.
        missing = [called for called in catalog.dependencies(definition) if not _holds(model, called)]
        for called in missing:
            resources += [each for each in catalog.resources(called) if each.name == called.file]
        model = load(resources) if missing else model
    return model


def _holds(model: Model, definition: Definition) -> bool:
    held = {
        "process": model.processes,
        "collaboration": model.collaborations,
        "decision": model.decisions,
        "form": model.forms,
    }
    return definition.key in held[definition.kind]
