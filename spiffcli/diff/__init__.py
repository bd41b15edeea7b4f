"""What changed between two models: alignment, changes, rules. Pure functions on values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spiffcli.diff.changes import (
    BUMPS,
    KINDS,
    SEVERITIES,
    Bump,
    Change,
    Dependency,
    Diff,
    ElementRef,
    Kind,
    Place,
    Severity,
    Summary,
)
from spiffcli.diff.rules import Rule, bump_for, rule, rules

if TYPE_CHECKING:
    from spiffcli.diff.compare import compare

__all__ = [
    "BUMPS",
    "KINDS",
    "SEVERITIES",
    "Bump",
    "Change",
    "Dependency",
    "Diff",
    "ElementRef",
    "Kind",
    "Place",
    "Rule",
    "Severity",
    "Summary",
    "bump_for",
    "compare",
    "rule",
    "rules",
]


def __getattr__(name: str) -> Any:
    # Loaded on use: it brings the models and lxml with it, and a diff that was kept needs neither to be shown.
    if name != "compare":
        raise AttributeError(f"module 'spiffcli.diff' has no attribute {name!r}")
    from spiffcli.diff.compare import compare

    return compare
