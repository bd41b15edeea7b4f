"""Deployments, definitions with their versions, references and tenants, and the rows of instances.

`Catalog` is the way in. What is asked of it and what it answers are the values of `plans`, `instances`,
`suspending`, `deleting` and `resolving`.
"""

from __future__ import annotations

from spiffcli.catalog.facade import Catalog
from spiffcli.catalog.instances import Filter, Situation
from spiffcli.catalog.plans import Deploy, DeploymentPlan, Note, PlannedDefinition

__all__ = ["Catalog", "Deploy", "DeploymentPlan", "Filter", "Note", "PlannedDefinition", "Situation"]
