"""The rules a change can match: how much each matters, why, and what it means for a running instance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from spiffcli.diff.rule import Class, Rule, State, Token

if TYPE_CHECKING:
    from spiffcli.diff.changes import Bump, Change

__all__ = ["Class", "Rule", "State", "Token", "bump_for", "rule", "rules"]


@cache
def _index() -> Mapping[str, Rule]:
    from spiffcli.diff.catalogue import RULES

    return {item.id: item for item in RULES}


def rules() -> tuple[Rule, ...]:
    """Every rule, in the order of the catalogue: structure first, then nodes, flows, events ..."""
    return tuple(_index().values())


def rule(id: str) -> Rule:
    """The rule with this id.

    Raises:
        KeyError: There is none.
    """
    return _index()[id]


def bump_for(changes: Iterable[Change]) -> Bump:
    """The version bump that semantic versioning suggests for these changes.

    `major` where callers, senders or running instances can break; `minor` where the process does something
    else; `patch` where only people or drawings see it; `none` where nothing changed.
    """
    found: set[Class] = {rule(change.rule).class_ for change in changes}
    if found & {"contract", "refuse"}:
        return "major"
    if "behaviour" in found:
        return "minor"
    return "patch" if found else "none"
