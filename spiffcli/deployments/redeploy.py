"""Going back: an earlier version of a definition, wanted again as its newest one."""

from __future__ import annotations

from spiffcli.catalog.deployments import resources
from spiffcli.catalog.documents import deployment_from
from spiffcli.deployments.request import Deploy
from spiffcli.errors import CorruptStoreError
from spiffcli.store.protocol import Reader
from spiffcli.values import Definition


def as_it_was(reader: Reader, definition: Definition) -> Deploy:
    """The wish to deploy a definition again as it was: its files, and everything it was bound to.

    Only the definition itself becomes a new version. What it calls stays at the versions it was bound to, and nothing
    else in its files is touched.

    Args:
        definition: Read whole.

    Raises:
        CorruptStoreError: Its files are missing.
    """
    document = reader.get("deployment", definition.deployment)
    if document is None:
        raise CorruptStoreError(
            f"The deployment {definition.deployment} of {definition.label} is missing.",
            hint="runner store check lists everything that is damaged.",
        )
    deployment = deployment_from(document)
    references = definition.references if definition.kind == "process" else ()
    return Deploy(
        resources(reader, deployment),
        main=definition.key,
        main_kind=definition.kind,
        bindings={f"{definition.key}#{each.element}": each.binding for each in references},
        fallbacks={f"{definition.key}#{r.element}": r.fallback for r in references if r.fallback is not None},
        only=True,
        pins={(r.element, r.kind, r.key): r.target for r in definition.references if r.target is not None},
        source=deployment.source,
    )
