"""Files at a revision: `REV:path`, and `:path` for what is staged, as Git itself writes it."""

from __future__ import annotations

import posixpath
from pathlib import Path

from msgspec import Struct

from spiffcli.errors import InputError, NotFoundError
from spiffcli.repo.git import ask


class Tree(Struct, frozen=True):
    """The files of one commit, or those that are staged for the next.

    Attributes:
        commit: Full id; empty for what is staged.
        revision: What the user called it; empty for what is staged.
        prefix: Path of the current folder below the root, with a slash at its end, or empty.
        cwd: Where Git is asked.
    """

    commit: str
    revision: str
    prefix: str
    cwd: Path | None = None

    def full_path(self, path: str) -> str:
        """`path` from the root: as it is, or from the current folder where it begins with `./` or `../`."""
        if path.startswith(("./", "../")) or path in (".", ".."):
            path = posixpath.join(self.prefix, path)
        return posixpath.normpath(path) if path.strip("/") else "."

    def read(self, path: str) -> bytes | None:
        """The bytes of the file at `path` (from the root), or None where there is no file."""
        answer = ask(["cat-file", "blob", f"{self.commit}:{path}"], self.cwd)
        return answer.output if answer.code == 0 else None

    def files(self, path: str) -> tuple[str, ...]:
        """Paths of all files below the folder `path`, from the root, in order; empty where there are none."""
        if not self.commit:
            # Without this a path would count from the current folder.
            literal = [] if path == "." else [f":(top,literal){path}"]
            answer = ask(["ls-files", "-z", "--cached", "--full-name", "--", *(literal or [":(top)"])], self.cwd)
            return _names(answer.output)
        # A plain path: ls-tree takes none of the magic of other commands, and "--" keeps a dash from being an option.
        below = [] if path == "." else ["--", path]
        answer = ask(["ls-tree", "-r", "-z", "--name-only", "--full-tree", self.commit, *below], self.cwd)
        return _names(answer.output)


def _names(output: bytes) -> tuple[str, ...]:
    return tuple(sorted(name for name in output.decode("utf-8", "surrogateescape").split("\0") if name))


def tree(revision: str, cwd: Path | None = None) -> Tree:
    """The files of the commit that `revision` names; what is staged, where it is empty.

    Raises:
        InputError: There is no repository, or Git is not installed.
        NotFoundError: There is no such revision.
    """
    here = ask(["rev-parse", "--show-prefix"], cwd)
    if here.code != 0:
        raise InputError(
            f"'{revision}:' means a revision of a Git repository, and there is none around {cwd or Path.cwd()}.",
            hint="Change to a folder of the repository, or name a file without a revision.",
        )
    if not revision:
        return Tree("", "", here.text, cwd)
    answer = ask(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"], cwd)
    if answer.code != 0:
        raise NotFoundError(
            f"The repository has no revision '{revision}'.",
            hint="Name a commit, branch or tag that git log shows. A shallow clone may lack it: git fetch --unshallow",
            candidates=[],
        )
    return Tree(answer.text, revision, here.text, cwd)


def split(text: str) -> tuple[str, str]:
    """Revision and path of `REV:path`."""
    revision, _, path = text.partition(":")
    return revision, path


def missing(tree: Tree, path: str) -> NotFoundError:
    """The error for a path that a commit does not have."""
    near = _near(tree, path)
    if tree.prefix and not path.startswith("."):
        here = tree.full_path(f"./{path}")
        if tree.read(here) is not None or tree.files(here):
            near = [f"./{path}"]
    hint = f"Did you mean {tree.revision}:{near[0]}?" if near else "Paths count from the root of the repository."
    return NotFoundError(f"There is no file or folder {path} {_where(tree)}.", hint=hint, candidates=near)


def _where(tree: Tree) -> str:
    return f"in {tree.revision} (commit {tree.commit[:12]})" if tree.commit else "among what is staged"


def _near(tree: Tree, path: str) -> list[str]:
    from difflib import get_close_matches

    names = tree.files(".")
    same = [name for name in names if posixpath.basename(name) == posixpath.basename(path)]
    return same[:3] or get_close_matches(tree.full_path(path), names, 3, 0.6)
