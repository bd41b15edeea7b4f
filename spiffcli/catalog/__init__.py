"""Deployments, definitions with their versions, references and tenants, and the rows of instances.

`Catalog` is the way in. What is asked of it and what it answers are the values of `plans`, `instances`,
`suspending`, `deleting` and `resolving`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spiffcli.catalog.facade import Catalog
    from spiffcli.catalog.instances import Filter, Situation
    from spiffcli.deployments.request import Deploy, DeploymentPlan, Note, PlannedDefinition

__all__ = ["Catalog", "Deploy", "DeploymentPlan", "Filter", "Note", "PlannedDefinition", "Situation"]

_MODULES = {
    "Catalog": "facade",
    "Filter": "instances",
    "Situation": "instances",
    "Deploy": "plans",
    "DeploymentPlan": "plans",
    "Note": "plans",
    "PlannedDefinition": "plans",
}


def __getattr__(name: str) -> Any:
    # Loaded on use: listing definitions needs none of it.
    if name not in _MODULES:
        raise AttributeError(f"module 'spiffcli.catalog' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"spiffcli.catalog.{_MODULES[name]}"), name)
