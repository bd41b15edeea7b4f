"""Definitions with their versions, deployments, references and tenants, and the rows of instances."""

from __future__ import annotations

from spiffcli.catalog.facade import Catalog
from spiffcli.catalog.instances import Filter, Situation

__all__ = ["Catalog", "Filter", "Situation"]
