"""Reading the files a user names."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

from spiffcli.errors import InputError
from spiffcli.values import Resource, ResourceKind

_KINDS: dict[str, ResourceKind] = {".bpmn": "bpmn", ".dmn": "dmn", ".json": "form", ".form": "form"}


def read_resources(paths: Iterable[str | Path]) -> tuple[Resource, ...]:
    """The files as resources, in order, each once.

    Raises:
        InputError: A file is missing, a folder, or cannot be read.
    """
    return tuple(read_resource(path) for path in dict.fromkeys(map(str, paths)))


def read_resource(path: str | Path) -> Resource:
    """One file as a resource; its ending says what it is, and for `.xml` its root element.

    Raises:
        InputError: It is missing, a folder, or cannot be read.
    """
    content = read_bytes(path)
    return Resource(Path(path).as_posix(), kind_of(str(path), content), content)


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a file.

    Raises:
        InputError: It is missing, a folder, or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{_reason(error)}: {path}", hint=_hint(Path(path), error), file=str(path)) from error


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file that only its owner can read, in place of one that is there.

    Raises:
        InputError: It cannot be written.
    """
    import os

    try:
        with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.", file=str(path)) from error


def kind_of(name: str, content: bytes) -> ResourceKind:
    """What a file is."""
    lowered = name.lower()
    if lowered.endswith(".xml"):
        return "dmn" if b"/DMN/" in content[:4000].replace(b"\0", b"") else "bpmn"
    return _KINDS.get(Path(lowered).suffix, "other")


def _reason(error: OSError) -> str:
    reasons = {errno.ENOENT: "There is no file", errno.EISDIR: "This is a folder, not a file"}
    return reasons.get(error.errno or 0, f"The file cannot be read ({error.strerror})")


def _hint(path: Path, error: OSError) -> str | None:
    if error.errno == errno.EISDIR:
        return f"Name the files in it: {path}/*.bpmn"
    if error.errno != errno.ENOENT:
        return None
    if not path.parent.is_dir():
        return f"There is no folder {path.parent} either."
    import difflib

    # Endings apart: two files are not alike because both are models.
    names = {entry.stem: entry for entry in path.parent.iterdir() if entry.is_file()}
    near = difflib.get_close_matches(path.stem, names, 1, 0.6)
    return f"Did you mean {names[near[0]]}?" if near else None


def with_forms(resources: tuple[Resource, ...]) -> tuple[Resource, ...]:
    """The resources, and the forms they name that stand beside them or in a folder `forms` beside them.

    A form that was given goes before one of its name that stands beside a model.
    """
    from spiffcli.model import load

    have = {Path(resource.name).name for resource in resources}
    found: dict[str, Resource] = {}
    for process in load(resources).processes.values():
        folder = Path(process.file).parent
        for name in [each.key for each in process.references if each.kind == "form" and each.key not in have]:
            place = next((p for p in (folder / "forms" / name, folder / name) if p.is_file()), None)
            if place is not None and str(place) not in found:
                found[str(place)] = read_resource(place)
    return (*resources, *found.values())
