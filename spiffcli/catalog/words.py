"""Words that several messages share."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 10


def some(names: Sequence[str]) -> str:
    """The first few of `names`, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
