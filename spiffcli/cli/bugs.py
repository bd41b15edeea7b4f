"""Reports about bugs: everything needed to understand one goes to a file, one line to the person."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

from spiffcli import __version__
from spiffcli.config import load_surroundings
from spiffcli.errors import RunnerError
from spiffcli.text import one_line, shorten

_PACKAGES = ("SpiffWorkflow", "click", "lxml", "tinydb", "orjson", "msgspec", "jinja2", "jsonschema", "pydantic-monty")


class BugError(RunnerError):
    """The program itself is at fault."""

    exit_code = 3


def report_bug(error: BaseException, arguments: Sequence[str]) -> BugError:
    """Write a log file about `error` that only its owner can read, and say in one line where it is."""
    what = shorten(one_line(f"{type(error).__name__}: {error}"), 200)
    message = f"This is a bug in runner: {what}"
    text = "\n".join(_lines(error, arguments))
    try:
        handle, name = tempfile.mkstemp(prefix="runner-", suffix=".log", dir=load_surroundings().log_folder)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as fault:
        return BugError(message, hint=f"The log file could not be written ({fault.strerror}); set RUNNER_LOG_DIR.")
    return BugError(message, hint=f"Please report it with the file {name}.", log=name)


def _lines(error: BaseException, arguments: Sequence[str]) -> Iterator[str]:
    yield f"runner {__version__}"
    yield f"Python {sys.version} on {platform.platform()}"
    yield from (f"{package} {_version(package)}" for package in _PACKAGES)
    yield f"arguments: {' '.join(map(_masked, arguments))}"
    yield ""
    yield "".join(traceback.format_exception(error))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "is not installed"


def _masked(argument: str) -> str:
    """An argument without what may be private: task data, and the password of a database URL."""
    if "{" in argument or "[" in argument:
        return re.sub(r"[{\[].*", "{...}", argument, flags=re.DOTALL)
    return re.sub(r"//[^/@\s]*@", "//...@", argument)
