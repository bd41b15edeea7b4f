"""Comparisons of stored versions, kept in the user's cache: the second one reads neither models nor rules.

A comparison is kept under a hash of all it depends on: the names and contents of the files on both sides, what is
compared, and which code compares. Nothing has to be told that it is out of date; it is not found any more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from spiffcli import __version__
from spiffcli.values import Definition, ResourceEntry, digest

if TYPE_CHECKING:
    from spiffcli.specs.compare import Compared

#: How many comparisons are kept, and how large one may be, in bytes: reading a larger one would save little.
MOST = 500
LARGEST = 1_000_000

#: Packages of this program whose code decides what is found.
_CODE = ("model", "diff", "diff/catalogue")

Side: TypeAlias = tuple[Definition, Iterable[ResourceEntry]]


class KeptDiffs:
    """A folder of comparisons. Whatever goes wrong with it, the comparison is made anew."""

    def __init__(self, cache: Path | None) -> None:
        """Keep them below the folder `cache`; nowhere if that is None."""
        self._folder = None if cache is None else cache / "diffs"

    def key(self, old: Side, new: Side) -> str:
        """The name under which the comparison of two definitions is kept; empty where nothing can be kept."""
        code = code_hash() if self._folder is not None else ""
        if not code:
            return ""
        parts = [f"{each.label} {each.kind} {each.key}\n{_files(entries)}" for each, entries in (old, new)]
        return digest("\n\n".join([code, *parts]).encode("utf-8", "surrogatepass"))

    def get(self, key: str) -> Compared | None:
        """The comparison under `key`, or None."""
        if self._folder is None or not key:
            return None
        try:
            return _read((self._folder / key).read_bytes())
        except (OSError, ValueError, TypeError, LookupError, AttributeError):  # none, or damaged
            return None

    def put(self, key: str, compared: Compared) -> None:
        """Keep a comparison, if that is possible; the oldest ones give way."""
        if self._folder is None or not key:
            return
        with suppress(OSError, ValueError, TypeError):  # a full disk, a read-only home, text that is no Unicode
            content = _written(compared)
            if len(content) <= LARGEST:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write(self._folder / key, content)
                _prune(self._folder)


@cache
def code_hash() -> str:
    """Hash of what tells the code that reads and compares models from any other; empty for a zipped program.

    Its files are told apart as Python does it, which compiles one anew where its size or time is another.
    """
    root = Path(__file__).parent.parent
    try:
        folders = [os.scandir(root / package) for package in _CODE]
        files = sorted((file.path, file.stat()) for folder in folders for file in folder if file.name.endswith(".py"))
    except OSError:
        return ""
    told = [f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in files]
    return digest("\n".join([__version__, *told]).encode("utf-8", "surrogateescape")) if told else ""


def _files(entries: Iterable[ResourceEntry]) -> str:
    return "\n".join(f"{entry.kind} {entry.hash} {entry.name!r}" for entry in entries)


def _read(content: bytes) -> Compared:
    import orjson

    from spiffcli.diff.changes import Diff
    from spiffcli.specs.compare import Compared

    document = orjson.loads(content)
    problems = document["problems"]
    if problems:
        from spiffcli.model.snapshot import Problem

        problems = [Problem(**problem) for problem in problems]
    return Compared(Diff.from_json(document["diff"]), tuple(problems))


def _written(compared: Compared) -> bytes:
    import orjson

    names = ("rule", "message", "file", "line", "element")
    problems = [{name: getattr(problem, name) for name in names} for problem in compared.problems]
    return orjson.dumps({"problems": problems, "diff": compared.diff.to_json()})


def _write(file: Path, content: bytes) -> None:
    part = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        part.write_bytes(content)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    files = list(folder.iterdir())
    if len(files) > MOST:
        files.sort(key=lambda file: file.stat().st_mtime)
        for file in files[: len(files) - MOST]:
            file.unlink(missing_ok=True)
