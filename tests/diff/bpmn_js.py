"""bpmn-js-differ, the other tool that compares models, as an oracle: what it reports of a pair, by element."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

_SOURCE = Path(__file__).parent / "bpmn_js_differ"
_FILES = ("package.json", "package-lock.json", "compare.mjs")


class AbsentError(Exception):
    """Node or its packages are not to be had here; the text says which and why."""


@dataclass(frozen=True)
class Said:
    """What the differ says about two models.

    Attributes:
        added, removed: Types of elements by id.
        changed: Attributes by id of the element, and of each the value it calls old and the one it calls new:
            text, number, truth value, nothing, or {} for anything else.
        layout: Ids of elements that are drawn differently.
        error: What it failed with, instead of all that.
    """

    added: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, Mapping[str, tuple[Any, Any]]] = field(default_factory=dict)
    layout: tuple[str, ...] = ()
    error: str = ""


class Differ:
    """One process of Node that answers for any number of pairs."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["node", "compare.mjs"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def compare(self, old: bytes, new: bytes) -> Said:
        """What it says about two models."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"old": old.decode(), "new": new.decode()}) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        return Said(**{**said, "layout": tuple(said.get("layout", ()))})

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=10)


def install(caches: Path) -> Path:
    """A folder with the differ, made in `caches` where it is not there yet.

    Raises:
        AbsentError: There is no Node or no npm, or npm cannot get the packages.
    """
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        raise AbsentError(f"bpmn-js-differ needs {' and '.join(missing)}, which this machine does not have")
    wanted = hashlib.sha256(b"\0".join((_SOURCE / name).read_bytes() for name in _FILES)).hexdigest()[:12]
    folder = caches / wanted
    with FileLock(caches / "lock"):
        if not folder.exists():
            _install(folder)
    return folder


def _install(folder: Path) -> None:
    part = folder.with_name(f"{folder.name}.{os.getpid()}")
    part.mkdir()
    try:
        for name in _FILES:
            shutil.copy(_SOURCE / name, part)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=part, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise AbsentError(f"npm could not install bpmn-js-differ: {done.stderr.strip()[-300:]}")
        part.rename(folder)
    except subprocess.TimeoutExpired as late:
        raise AbsentError("npm did not install bpmn-js-differ within two minutes") from late
    finally:
        shutil.rmtree(part, ignore_errors=True)
