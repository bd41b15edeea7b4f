"""Which settings files may name code: those that a person trusts, as they are now.

A settings file may have come with somebody else's models. What it says about code, guards and secrets counts only after
`runner trust`, which notes the place of the file and a hash of it and of the modules it names beside it. Once one of
them changes, the file is to be trusted anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from spiffcli.errors import ConfigError

#: Names of the variables of the environment that decide where trust is kept, and what is trusted beside it.
TRUST_VARIABLE = "RUNNER_TRUST"


class TrustFile:
    """The settings files that a user trusts, with their hashes, in a file that only the user can read."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def entries(self) -> dict[str, str]:
        """Return the hash of every trusted file, by its path; what cannot be read is trusted by nobody."""
        try:
            found = json.loads(self.file.read_bytes())
        except (OSError, ValueError):
            return {}
        return {str(path): str(hash) for path, hash in found.items()} if isinstance(found, dict) else {}

    def add(self, settings: Path, hash: str) -> None:
        """Note that a file is trusted as it is now.

        Raises:
            ConfigError: The file cannot be written.
        """
        self._write({**self.entries(), str(settings): hash})

    def remove(self, settings: Path) -> bool:
        """Trust a file no longer; return whether it was trusted.

        Raises:
            ConfigError: The file cannot be written.
        """
        entries = self.entries()
        if entries.pop(str(settings), None) is None:
            return False
        self._write(entries)
        return True

    def _write(self, entries: Mapping[str, str]) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=self.file.parent)  # readable by its owner only
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(dict(sorted(entries.items())), stream, indent=2)
            Path(name).replace(self.file)
        except OSError as fault:
            raise ConfigError(f"What is trusted cannot be noted in {self.file}: {fault.strerror}.") from fault


def fingerprint(settings: Path, modules: Iterable[str]) -> str:
    """Return a hash of a settings file and of the modules it names, as far as they lie beside it."""
    total = hashlib.sha256()
    for file in (settings, *(each for name in sorted(set(modules)) for each in _files_of(settings.parent, name))):
        content = file.read_bytes()
        total.update(f"{file.relative_to(settings.parent)} {len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()


def _files_of(folder: Path, module: str) -> list[Path]:
    """Return the files of a module or package in a folder; none where it lies elsewhere."""
    first = folder / module.partition(".")[0]
    if first.is_dir():
        return sorted(file for file in first.rglob("*.py") if file.is_file())
    file = first.with_suffix(".py")
    return [file] if file.is_file() else []


def trust_file(environ: Mapping[str, str]) -> TrustFile:
    """Return where the user's trust is kept: in the folder for configuration of the user."""
    place, home = environ.get("XDG_CONFIG_HOME", ""), environ.get("HOME", "")
    folder = Path(place) if place.startswith("/") else Path(home or "/nonexistent", ".config")
    return TrustFile(folder / "spiffcli" / "trusted.json")


def is_trusted(settings: Path, modules: Iterable[str], environ: Mapping[str, str]) -> bool:
    """Return whether what a settings file says about code counts.

    `RUNNER_TRUST` names folders, separated as in `PATH`, whose files are trusted whatever they say, or `all`.
    """
    for folder in filter(None, environ.get(TRUST_VARIABLE, "").split(os.pathsep)):
        if folder == "all" or settings.parent == Path(folder).resolve() or settings.parent == Path(folder).absolute():
            return True
    noted = trust_file(environ).entries().get(str(settings))
    return noted is not None and noted == fingerprint(settings, modules)
