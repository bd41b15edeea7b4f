"""Moving instances to another version: what it would touch (plan), doing it (apply), taking it back (rollback)."""

from __future__ import annotations

from spiffcli.migrate.values import Blocker, Plan, Proposal, TaskImpact, Waivers

__all__ = ["Blocker", "Plan", "Proposal", "TaskImpact", "Waivers"]
