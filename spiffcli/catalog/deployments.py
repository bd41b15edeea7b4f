"""Looking deployments up."""

from __future__ import annotations

from spiffcli.catalog.documents import deployment_from
from spiffcli.errors import AmbiguousError, NotFoundError
from spiffcli.store.protocol import Reader
from spiffcli.values import Deployment, Resource


def find(reader: Reader, tenant: str, ref: str) -> Deployment:
    """A deployment of the tenant by id, unique beginning of its id, or name (the last of that name).

    Raises:
        NotFoundError: There is none.
        AmbiguousError: Several ids begin so.
    """
    exact = reader.get("deployment", ref) if ref else None
    if exact is not None and exact.fields["tenant"] == tenant:
        return deployment_from(exact)
    there = listed(reader, tenant)
    named = [each.id for each in there if each.name == ref][-1:]
    found = named or [each.id for each in there if ref and each.id.startswith(ref)]
    if len(found) > 1:
        raise AmbiguousError(f"'{ref}' begins the ids of {len(found)} deployments.", candidates=sorted(found))
    document = reader.get("deployment", found[0]) if found else None
    if document is None:
        raise NotFoundError(
            f"There is no deployment '{ref}'.",
            hint="runner list_deployments shows them all.",
            candidates=sorted({each.name for each in there if each.name}),
        )
    return deployment_from(document)


def listed(reader: Reader, tenant: str, *, user: str | None = None, since: str | None = None) -> list[Deployment]:
    """Deployments of the tenant as their rows show them, without resources and definitions, oldest first."""
    rows = (deployment_from(row) for row in reader.find("deployment", {"tenant": tenant}))
    chosen = (row for row in rows if (user is None or row.user == user) and (since is None or row.created >= since))
    return sorted(chosen, key=lambda row: (row.created, row.id))


def resources(reader: Reader, deployment: Deployment) -> tuple[Resource, ...]:
    """The files of a deployment, which was read whole, byte for byte."""
    return tuple(Resource(entry.name, entry.kind, reader.blob(entry.hash)) for entry in deployment.resources)
