"""What Git's diff drivers ask for: two versions of one file compared, and a file as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from spiffcli.specs.files import kind_of, read_bytes
from spiffcli.values import Resource

if TYPE_CHECKING:
    from spiffcli.diff import Diff
    from spiffcli.model import Model

#: How Git names the side of a file that does not exist.
_NOTHING = "/dev/null"


class Version(Struct, frozen=True):
    """A version of a file, as Git hands it to a driver.

    Attributes:
        path: What the file is called in this version.
        file: A file with its content, often a temporary one.
        blob: Id of the content; of no meaning for files in the work tree.
    """

    path: str
    file: str
    blob: str

    @property
    def exists(self) -> bool:
        """Whether the file exists on this side."""
        return self.file != _NOTHING

    @property
    def label(self) -> str:
        """How it is called above a diff."""
        if not self.exists:
            return "nothing"
        return f"{self.path}@{self.blob[:7]}" if self.blob.strip("0.") else self.path


def compare_versions(old: Version, new: Version) -> Diff:
    """What changed between two versions of a file.

    Raises:
        InputError: A version cannot be read.
        ModelError: It cannot be understood.
    """
    from spiffcli.diff import compare

    return compare(_model(old), _model(new), old_label=old.label, new_label=new.label)


def _model(version: Version) -> Model:
    from spiffcli.model import Model

    return load_file(version.path, read_bytes(version.file)) if version.exists else Model()


def load_file(path: str, content: bytes) -> Model:
    """The model in a file.

    Raises:
        ModelError: It cannot be understood.
    """
    from spiffcli.model import load

    kind = kind_of(path, content)
    if kind == "other":
        kind = kind_of(f"{path}.xml", content)
    return load([Resource(Path(path).as_posix(), kind, content)])
