"""What changed between two models: alignment, changes, rules. Pure functions on values."""

from __future__ import annotations

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
from spiffcli.diff.compare import compare
from spiffcli.diff.rules import Rule, bump_for, rule, rules

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
