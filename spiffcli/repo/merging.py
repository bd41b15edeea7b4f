"""Merging two commits without a work tree."""

from __future__ import annotations

from spiffcli.errors import InputError
from spiffcli.repo.repository import Repository


def merged_tree(repository: Repository, one: str, other: str) -> tuple[str, tuple[str, ...]]:
    """The tree in which two commits are merged, and the files that both changed in ways that do not go together.

    In the tree such files have the marks of a conflict.

    Raises:
        InputError: Git is too old for this.
        GitError: The commits have nothing in common.
    """
    answer = repository.git.ask("merge-tree", "--write-tree", "-z", "--no-messages", "--name-only", one, other)
    if answer.code not in (0, 1):
        if "usage:" in answer.error or "unknown option" in answer.error:
            raise InputError("This needs Git 2.38 or newer.", hint="git --version says which one is installed.")
        raise repository.git.failed(answer, "The merge")
    tree, *files = answer.output.decode("utf-8", "surrogateescape").split("\0")
    return tree.strip(), tuple(dict.fromkeys(name for name in files if name)) if answer.code == 1 else ()
