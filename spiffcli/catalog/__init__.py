"""Deployments, definitions with their versions, references and tenants, and the rows of instances.

`Catalog` is the way in. What is asked of it and what it answers are the values of `plans`, `instances`,
`suspending`, `deleting` and `resolving`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spiffcli.catalog.facade import Catalog
from spiffcli.catalog.instances import Filter, Situation

if TYPE_CHECKING:
    from spiffcli.catalog.plans import Deploy, DeploymentPlan, Note, PlannedDefinition

__all__ = ["Catalog", "Deploy", "DeploymentPlan", "Filter", "Note", "PlannedDefinition", "Situation"]

_PLANS = frozenset({"Deploy", "DeploymentPlan", "Note", "PlannedDefinition"})


def __getattr__(name: str) -> object:
    # Most commands deploy nothing, and lists are to appear at once.
    if name in _PLANS:
        from spiffcli.catalog import plans

        return getattr(plans, name)
    raise AttributeError(f"module 'spiffcli.catalog' has no attribute {name!r}")
