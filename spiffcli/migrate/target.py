"""Where instances are to be moved, and under which conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from spiffcli.deployments.rebinding import Rebound
from spiffcli.deployments.versions import compare_versions
from spiffcli.diff.changes import Diff
from spiffcli.engine.retarget import Policies
from spiffcli.instances import specs_of
from spiffcli.migrate.apply import Target
from spiffcli.migrate.blockers import service_blocker
from spiffcli.migrate.values import Waivers
from spiffcli.workspace import Workspace


def target_of(
    workspace: Workspace,
    ref: str,
    *,
    policies: Policies | None = None,
    allow: Iterable[str] = (),
    force: bool = False,
) -> Target:
    """The version that `ref` names, as a target.

    Args:
        policies: Mappings, and what becomes of timers, armed events and data.
        allow: `RULE` or `RULE:ELEMENT` that may be overridden.
        force: Everything that may be overridden is.

    Raises:
        NotFoundError: There is no such definition.
    """
    catalog, specs = workspace.catalog, specs_of(workspace)
    definition = catalog.find(ref, ("process", "collaboration"))
    policies = policies or Policies()
    diffs: Callable[[str], Diff] = cache(lambda id: compare_versions(catalog, specs.definition(id), definition))
    rebound: Callable[[str], tuple[Rebound, ...]] = cache(
        lambda id: catalog.rebound(specs.definition(id), definition, policies.mapping)
    )
    return Target(
        definition,
        lambda old: diffs(old.id),
        policies,
        Waivers.of(allow, force=force),
        lambda old: rebound(old.id),
        tuple(map(service_blocker, workspace.unserved(definition))),
    )
