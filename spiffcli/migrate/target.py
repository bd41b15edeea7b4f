"""Where instances are to be moved, and under which conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from msgspec import Struct

from spiffcli.deployments.rebinding import Rebound
from spiffcli.deployments.versions import compare_versions
from spiffcli.diff.changes import Diff
from spiffcli.engine.retarget import Policies
from spiffcli.instances.spec_source import specs_of
from spiffcli.migrate.blockers import service_blocker
from spiffcli.migrate.values import Blocker, MigrationRequest, Waivers
from spiffcli.values import Definition, Instance
from spiffcli.workspace import Workspace


class Target(Struct, frozen=True):
    """Where instances are to go, and under which conditions.

    Attributes:
        diff_from: Gives the diff from another version to this one.
        rebound_from: Gives the references that mean something else than in another version.
        unserved: Tasks of this version that no service covers.
    """

    definition: Definition
    diff_from: Callable[[Definition], Diff]
    policies: Policies
    waivers: Waivers
    rebound_from: Callable[[Definition], tuple[Rebound, ...]]
    unserved: tuple[Blocker, ...] = ()

    def request(self, instance: Instance, state: bytes, old: Definition) -> MigrationRequest:
        """What `make_plan` needs to know about one instance."""
        return MigrationRequest(
            instance,
            state,
            old,
            self.definition,
            self.diff_from(old),
            self.policies,
            self.waivers,
            rebound=self.rebound_from(old),
            unserved=self.unserved,
        )


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
