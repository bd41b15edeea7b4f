"""The catalogue: every rule with its reasons, by what it is about."""

from __future__ import annotations

from spiffcli.diff.catalogue import (
    activities,
    data,
    decisions,
    events,
    faults,
    flows,
    forms,
    migrations,
    nodes,
    pools,
    structure,
)

RULES = (
    *structure.RULES,
    *nodes.RULES,
    *flows.RULES,
    *events.RULES,
    *activities.RULES,
    *data.RULES,
    *pools.RULES,
    *decisions.RULES,
    *forms.RULES,
    *faults.RULES,
    *migrations.RULES,
)
