"""Makes Git speak BPMN: its configuration names our commands, its attributes name the files they are for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from spiffcli.errors import InputError
from spiffcli.repo.git import Git, root_of

#: Settings by name; the commands get what Git gives to every driver of a kind.
SETTINGS = {"diff.bpmn.command": "runner git-diff", "diff.bpmn.textconv": "runner git-textconv"}

#: Files the driver is for.
PATTERNS = ("*.bpmn", "*.dmn")

_ATTRIBUTES = ".gitattributes"


class DriverSetup(Struct, frozen=True):
    """What installing the driver changed.

    Attributes:
        settings: Settings that were set, by name.
        patterns: Patterns that were added to the attributes.
        attributes: The file of attributes.
    """

    settings: dict[str, str]
    patterns: tuple[str, ...]
    attributes: Path


def install(cwd: Path) -> DriverSetup:
    """Set the driver up in the repository around `cwd`; what is there already is left alone.

    Raises:
        InputError: There is no repository, it has another driver of this name, or a file cannot be written.
    """
    root = root_of(cwd)
    git = Git(root)
    present = {name: git.ask("config", "--local", "--get", name).text for name in SETTINGS}
    for name, value in SETTINGS.items():
        if present[name] not in ("", value):
            raise InputError(
                f"This repository has another driver already: {name} is '{present[name]}'.",
                hint=f"Take it out first: git config --unset {name}",
            )
    file = root / _ATTRIBUTES
    added = _add_patterns(file)
    missing = {name: value for name, value in SETTINGS.items() if not present[name]}
    for name, value in missing.items():
        answer = git.ask("config", "--local", name, value)
        if answer.code != 0:
            raise InputError(f"Git could not set {name}: {answer.error}")
    return DriverSetup(missing, added, file)


def _add_patterns(file: Path) -> tuple[str, ...]:
    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape") if file.exists() else ""
        added = tuple(pattern for pattern in PATTERNS if not _has_driver(text.splitlines(), pattern))
        if added:
            start = text if not text or text.endswith("\n") else f"{text}\n"
            lines = "".join(f"{pattern} diff=bpmn\n" for pattern in added)
            file.write_text(start + lines, encoding="utf-8", errors="surrogateescape")
    except OSError as fault:
        raise InputError(f"{file} cannot be written: {fault.strerror}.", file=str(file)) from fault
    return added


def _has_driver(lines: Iterable[str], pattern: str) -> bool:
    words = (line.split() for line in lines)
    return any(found[:1] == [pattern] and "diff=bpmn" in found[1:] for found in words)
