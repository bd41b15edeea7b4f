"""A short way to write rules down."""

from __future__ import annotations

from collections.abc import Mapping

from spiffcli.diff.changes import SEVERITIES, Severity
from spiffcli.diff.rule import Class, Rule, Token

_SEVERITIES: Mapping[str, Severity] = {severity: severity for severity in SEVERITIES}


def make(
    id: str,
    title: str,
    severities: str,
    class_: Class,
    categories: str,
    text: str,
    example: str,
    *,
    active: str | None = None,
    completed: str | None = None,
    future: str | None = None,
    opposite: str | None = None,
) -> Rule:
    """Make a rule.

    Args:
        severities: Four words: for the model alone, and for an instance that stands on the element, has
            passed it, may come to it.
        categories: Words.
        active, completed, future: Consequence for such an instance.
    """
    alone, active_, completed_, future_ = (_SEVERITIES[word] for word in severities.split())
    told: dict[Token, str | None] = {"active": active, "completed": completed, "future": future}
    return Rule(
        id=id,
        title=title,
        severity=alone,
        active=active_,
        completed=completed_,
        future=future_,
        class_=class_,
        categories=tuple(categories.split()),
        text=text,
        example=example,
        consequences={token: words for token, words in told.items() if words},
        opposite_id=opposite,
    )
