"""Words that several messages share, and what words can be."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SHOWN = 10


def some(names: Sequence[str]) -> str:
    """The first few of `names`, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def begins_an_id(text: str) -> bool:
    """Whether an id of ours can begin so: hexadecimal digits, with dashes behind the first."""
    return re.fullmatch(r"[0-9a-f][0-9a-f-]*", text) is not None
