"""The files of a repository at one moment: at a commit, as they lie in the work tree, or as they are staged."""

from __future__ import annotations

import hashlib
import os
import posixpath
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path, PurePosixPath

from msgspec import Struct

from spiffcli.config import GitSettings
from spiffcli.errors import InputError, ModelError, NotFoundError
from spiffcli.repo.git import Git
from spiffcli.repo.layout import GROUP_FILE, MODEL_FILE, Layout, ModelFolder, is_hidden, model_ids, owner, read_layout
from spiffcli.values import Source

_FILE = ("100644", "100755")


class TreeEntry(Struct, frozen=True):
    """A file.

    Attributes:
        blob: Id of its content, as Git computes it.
        mode: As Git writes it; a symbolic link has 120000.
    """

    blob: str
    mode: str

    @property
    def is_file(self) -> bool:
        """Tell whether it is an ordinary file, and neither a link nor another repository."""
        return self.mode in _FILE


class RepoSnapshot(ABC):
    """Files, by their paths below the folder of the models.

    Attributes:
        commit: Full id of the commit; None for the work tree.
    """

    def __init__(self, commit: str | None) -> None:
        self.commit = commit

    @cached_property
    @abstractmethod
    def entries(self) -> Mapping[str, TreeEntry]:
        """Every file."""

    @abstractmethod
    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return what these files hold, byte for byte.

        Raises:
            NotFoundError: There is no such file.
            InputError: One of them is a link.
        """

    @cached_property
    def layout(self) -> Layout:
        """Groups and models."""
        described = [
            path
            for path, entry in self.entries.items()
            if PurePosixPath(path).name in (MODEL_FILE, GROUP_FILE) and entry.is_file and not is_hidden(path)
        ]
        files = [path for path, entry in self.entries.items() if entry.is_file]
        return read_layout(files, self.read(described))

    @cached_property
    def model_ids(self) -> frozenset[str]:
        """Ids of the models; no file is read for them."""
        return model_ids([path for path, entry in self.entries.items() if entry.is_file])

    def model(self, id: str) -> ModelFolder:
        """The model with an id that `model_ids` has; only its own description is read."""
        start = "" if id == "." else f"{id}/"
        below = [path for path, entry in self.entries.items() if path.startswith(start) and entry.is_file]
        own = [path for path in below if owner(self.model_ids, path) == id]
        return read_layout(own, self.read([f"{start}{MODEL_FILE}"])).models[id]

    def _entry(self, path: str) -> TreeEntry:
        entry = self.entries.get(path)
        if entry is None:
            where = "in the work tree" if self.commit is None else f"in commit {self.commit[:12]}"
            raise NotFoundError(f"There is no file {path} {where}.", candidates=[])
        if not entry.is_file:
            raise InputError(f"{path} is a link, and links are not followed.", file=path)
        return entry


class CommitSnapshot(RepoSnapshot):
    """The files of one commit."""

    def __init__(self, git: Git, commit: str, prefix: str = "") -> None:
        """Look at `commit`.

        Args:
            prefix: Folder of the models below the root, with a slash at its end, or empty.
        """
        super().__init__(commit)
        self._git = git
        self._prefix = prefix
        self._known: dict[str, bytes] = {}

    @cached_property
    def entries(self) -> Mapping[str, TreeEntry]:
        below = ["--", self._prefix] if self._prefix else []
        found: dict[str, TreeEntry] = {}
        for line in self._git.run("ls-tree", "-r", "-z", "--full-tree", str(self.commit), *below).names:
            about, _, path = line.partition("\t")
            mode, _, blob = about.split(" ")
            found[path[len(self._prefix) :]] = TreeEntry(blob, mode)
        return found

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        wanted = {path: self._entry(path).blob for path in paths}
        missing = list(dict.fromkeys(blob for blob in wanted.values() if blob not in self._known))
        if missing:
            self._known |= read_blobs(self._git, missing)
        return {path: self._known[blob] for path, blob in wanted.items()}


def read_blobs(git: Git, blobs: Iterable[str]) -> dict[str, bytes]:
    """Contents by their ids, in one go.

    Raises:
        NotFoundError: Git does not have one of them.
    """
    asked = list(blobs)
    output = git.run("cat-file", "--batch", input="".join(f"{blob}\n" for blob in asked).encode()).output
    found: dict[str, bytes] = {}
    place = 0
    for blob in asked:
        end = output.index(b"\n", place)
        about = output[place:end].split(b" ")
        if len(about) < 3:
            raise NotFoundError(f"The repository lacks the object {blob}.", hint="git fsck says more.", candidates=[])
        size = int(about[2])
        found[blob] = output[end + 1 : end + 1 + size]
        place = end + size + 2
    return found


class WorkTree(RepoSnapshot):
    """The files as they lie in a folder, committed or not; what Git is told to ignore is there too."""

    def __init__(self, folder: Path) -> None:
        super().__init__(None)
        self.folder = folder

    @cached_property
    def entries(self) -> Mapping[str, TreeEntry]:
        found: dict[str, TreeEntry] = {}
        for at, folders, names in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            here = Path(at)
            links = [name for name in folders if (here / name).is_symlink()]
            for name in (*names, *links):
                if not name.startswith("."):
                    file = here / name
                    path = file.relative_to(self.folder).as_posix()
                    found[path] = TreeEntry("", "120000") if file.is_symlink() else TreeEntry(_blob(file), "100644")
        return dict(sorted(found.items()))

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        found = {}
        for path in paths:
            self._entry(path)
            try:
                found[path] = (self.folder / path).read_bytes()
            except OSError as fault:
                raise ModelError(f"{path} cannot be read: {fault.strerror}.", file=path) from fault
        return found


def _blob(file: Path) -> str:
    """The id Git would give to the content."""
    try:
        content = file.read_bytes()
    except OSError:  # said when it is read
        return ""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


# Files at a revision: `REV:path`, and `:path` for what is staged, as Git itself writes it


class RevisionTree(Struct, frozen=True):
    """The files of one commit, or those that are staged for the next.

    Attributes:
        git: Git, at the top of the work tree.
        commit: Full id; empty for what is staged.
        revision: What the user called it; empty for what is staged.
        prefix: Path of the current folder below the root, with a slash at its end, or empty.
    """

    git: Git
    commit: str
    revision: str
    prefix: str

    def full_path(self, path: str) -> str:
        """Return `path` from the root: as it is, or from the current folder where it begins with `./` or `../`."""
        if path.startswith(("./", "../")) or path in (".", ".."):
            path = posixpath.join(self.prefix, path)
        return posixpath.normpath(path) if path.strip("/") else "."

    def read(self, path: str) -> bytes | None:
        """Return the bytes of the file at `path` (from the root), or None where there is no file."""
        answer = self.git.ask("cat-file", "blob", f"{self.commit}:{path}")
        return answer.output if answer.code == 0 else None

    def files(self, path: str) -> tuple[str, ...]:
        """Return the paths of all files below the folder `path`, from the root, in order; empty for none."""
        below = [] if path == "." else ["--", path]  # "--" keeps a dash from being an option
        if self.commit:
            answer = self.git.ask("ls-tree", "-r", "-z", "--name-only", "--full-tree", self.commit, *below)
        else:
            answer = self.git.ask("ls-files", "-z", "--cached", *below)
        return tuple(sorted(answer.names))

    def missing(self, path: str) -> NotFoundError:
        """Return the error for a path that there is not."""
        near = self._near(path)
        if self.prefix and not path.startswith("."):
            here = self.full_path(f"./{path}")
            if self.read(here) is not None or self.files(here):
                near = [f"./{path}"]
        hint = f"Did you mean {self.revision}:{near[0]}?" if near else "Paths count from the root of the repository."
        where = f"in {self.revision} (commit {self.commit[:12]})" if self.commit else "among what is staged"
        return NotFoundError(f"There is no file or folder {path} {where}.", hint=hint, candidates=near)

    def _near(self, path: str) -> list[str]:
        names = self.files(".")
        same = [name for name in names if posixpath.basename(name) == posixpath.basename(path)]
        return same[:3] or get_close_matches(self.full_path(path), names, 3, 0.6)


def tree_at(revision: str, folder: Path, settings: GitSettings | None = None) -> RevisionTree:
    """Return the files of the commit that `revision` names; what is staged, where it is empty.

    Args:
        folder: The current folder.

    Raises:
        InputError: There is no repository, or Git is not installed.
        NotFoundError: There is no such revision.
    """
    folder = folder.resolve()
    git = Git(folder, settings)
    here = git.ask("rev-parse", "--show-prefix")
    if here.code != 0:
        raise InputError(
            f"'{revision}:' means a revision of a Git repository, and there is none around {folder}.",
            hint="Change to a folder of the repository, or name a file without a revision.",
        )
    commit = git.commit(revision) if revision else ""
    if commit is None:
        raise NotFoundError(
            f"The repository has no revision '{revision}'.",
            hint="Name a commit, branch or tag that git log shows. A shallow clone may lack it: git fetch --unshallow",
            candidates=[],
        )
    depth = here.text.count("/")
    return RevisionTree(git.at(folder.parents[depth - 1] if depth else folder), commit, revision, here.text)


# Where files come from: the commit they belong to, and whether they are as they are there


def source_of_files(files: Sequence[str]) -> Source:
    """Return the files as the source of a deployment; with commit and branch where all lie in one work tree.

    Args:
        files: Paths as the user gave them.
    """
    root = _common_root(files)
    if root is None:
        return Source(files=tuple(files))
    git = Git(root)
    try:
        commit = git.commit("HEAD")
        if commit is None:  # nothing was committed yet
            return Source(files=tuple(files))
        paths = [Path(file).resolve() for file in files]
        changed = git.ask("status", "--porcelain", "--ignored=matching", "--", *map(str, paths))
        branch = git.branch()
    except InputError:  # there is no Git here
        return Source(files=tuple(files))
    folder = Path(os.path.commonpath([path.parent for path in paths])).relative_to(root.resolve())
    dirty = bool(changed.output.strip()) or changed.code != 0
    return Source(files=tuple(files), commit=commit, branch=branch, dirty=dirty, path=folder.as_posix())


def _common_root(files: Sequence[str]) -> Path | None:
    """Return the work tree all files lie in; found without Git, since most files lie outside of any."""
    roots = {_root(Path(file)) for file in files}
    return roots.pop() if len(roots) == 1 else None


def _root(file: Path) -> Path | None:
    return next((folder for folder in file.resolve().parents if (folder / ".git").exists()), None)
