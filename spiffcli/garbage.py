"""When to keep Python from looking for garbage: where there is much to look at and none to be found."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector(*, for_good: bool = False) -> Iterator[None]:
    """Keep the garbage collector from looking at ten thousand new values again and again: a third of the time.

    Args:
        for_good: What is made here is needed until the process ends, so nobody has to look at it then either.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if for_good:
            gc.freeze()
        if enabled:
            gc.enable()
