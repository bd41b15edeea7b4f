"""Where instances are to be moved, and under which conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from spiffcli.deployments.rebinding import Rebound
from spiffcli.diff.changes import Diff
from spiffcli.engine.retarget import Policies
from spiffcli.migrate.apply import Target
from spiffcli.migrate.values import Waivers
from spiffcli.specs.compare import compare_with_dependencies
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
    catalog, specs = workspace.catalog, workspace.context.specs
    definition = catalog.find(ref, ("process", "collaboration"))
    policies = policies or Policies()
    diffs: Callable[[str], Diff] = cache(
        lambda id: compare_with_dependencies(catalog, specs.definition(id), definition)
    )
    rebound: Callable[[str], tuple[Rebound, ...]] = cache(
        lambda id: catalog.rebound(specs.definition(id), definition, policies.mapping)
    )
    return Target(
        definition,
        lambda old: diffs(old.id),
        policies,
        Waivers.of(allow, force=force),
        lambda old: rebound(old.id),
        workspace.unserved(definition),
    )
