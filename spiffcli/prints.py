"""Where what business code prints goes: on a command line standard output is for results."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar

#: Whether it goes to standard error; commands set this, programs that use the library have their own mind.
to_stderr: ContextVar[bool] = ContextVar("spiffcli_prints_to_stderr", default=False)


@contextmanager
def kept_apart() -> Iterator[None]:
    """A context in which business code runs."""
    if not to_stderr.get():
        yield
        return
    with redirect_stdout(sys.stderr):
        yield
