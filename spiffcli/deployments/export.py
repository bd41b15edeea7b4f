"""Writing the files of a deployment out again, byte for byte, and never outside the folder that was named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct

from spiffcli.errors import InputError
from spiffcli.values import Resource


class Exported(Struct, frozen=True):
    """A file that was written.

    Attributes:
        name: What it is called in the deployment.
        path: Where it is now.
    """

    name: str
    path: Path


def export(resources: Sequence[Resource], folder: Path, *, force: bool = False) -> list[Exported]:
    """Write files below `folder` under their names, without what leads out of it (`/`, `..`, `C:`).

    Nothing is written unless all of it can be.

    Args:
        force: Replace files that are there and differ.

    Raises:
        InputError: A file with other content is there, a link leads out of the folder, or it cannot be written.
    """
    places = {name: folder / path for name, path in _below([resource.name for resource in resources]).items()}
    for resource in resources:
        _check(resource, places[resource.name], folder, force=force)
    for resource in resources:
        _write(resource, places[resource.name])
    return [Exported(resource.name, places[resource.name]) for resource in resources]


def _below(names: Sequence[str]) -> dict[str, PurePosixPath]:
    """A path for each name, no two alike."""
    found: dict[str, PurePosixPath] = {}
    for name in dict.fromkeys(names):
        path, number = _safe(name), 1
        while path in found.values():
            number += 1
            path = PurePosixPath(str(number)) / _safe(name)
        found[name] = path
    return found


def _safe(name: str) -> PurePosixPath:
    parts = name.replace("\\", "/").replace("\0", "").split("/")
    parts = [part for part in parts if part not in ("", ".", "..") and not part.endswith(":")]
    return PurePosixPath(*parts) if parts else PurePosixPath("unnamed")


def _check(resource: Resource, path: Path, folder: Path, *, force: bool) -> None:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{path} would be written outside of {folder}: a link leads there.",
            hint="Choose an empty folder.",
            file=str(path),
        )
    if path.is_dir():
        raise InputError(f"{path} is a folder; the file {resource.name} cannot be written there.", file=str(path))
    if path.exists() and not force and path.read_bytes() != resource.content:
        raise InputError(
            f"{path} is there and differs; nothing was written.",
            hint="Choose an empty folder, or replace what is there with --force.",
            file=str(path),
        )


def _write(resource: Resource, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(resource.content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.", file=str(path)) from error
