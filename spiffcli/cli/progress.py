"""How far a long command has come, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

#: Below that, a bar would be gone before anybody has seen it.
_FEW = 20


def with_progress(items: Iterable[T], total: int, doing: str) -> Iterator[T]:
    """The items, with a bar on standard error while they come; it leaves nothing behind.

    What is written meanwhile to a standard output that is the same terminal stands above the bar.

    Args:
        doing: What is being done, as `Moving`.
    """
    if total < _FEW or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    both = sys.stdout.isatty()
    with Progress(*columns, console=console, transient=True, redirect_stdout=both, redirect_stderr=True) as progress:
        yield from progress.track(items, total=total, description=doing)
