"""A look at what is about to be committed: models that can be read, and processes that there are once."""

from __future__ import annotations

from collections.abc import Sequence

from spiffcli.errors import ModelError
from spiffcli.repo.contents import Facts, is_model_file, read_facts
from spiffcli.repo.layout import GROUP_FILE, MODEL_FILE, is_hidden, owner
from spiffcli.repo.repository import Repository
from spiffcli.repo.snapshots import AtCommit

_HINT = "Mend it, or commit it as it is with --no-check."


def vet(repository: Repository, parent: str | None, tree: str, changed: Sequence[str]) -> None:
    """Refuse what nobody could deploy.

    Args:
        tree: What is to be committed.
        changed: Files that differ from the parent, from the root of the repository.

    Raises:
        ModelError: A file of models that changed cannot be read, is a link, or defines a process that another file
            defines too.
    """
    prefix = repository.prefix
    paths = [path[len(prefix) :] for path in changed if path.startswith(prefix)]
    snapshot = AtCommit(repository.git, tree, prefix)
    there = [path for path in paths if path in snapshot.entries and not is_hidden(path)]
    for path in there:
        if not snapshot.entries[path].is_file and owner(snapshot.model_ids, path) is not None:
            raise ModelError(f"{path} is a link, and links are not followed.", hint=_HINT, file=path)
        if path.rpartition("/")[2] in (MODEL_FILE, GROUP_FILE) and path in snapshot.layout.problems:
            raise ModelError(snapshot.layout.problems[path], hint=_HINT, file=path)
    models = [path for path in there if is_model_file(path) and snapshot.entries[path].is_file]
    contents = snapshot.read(models)
    facts = {path: read_facts(path, contents[path]) for path in models}
    for path, found in facts.items():
        if found.problem is not None:
            raise ModelError(found.problem, hint=_HINT, file=path)
    _refuse_twins(snapshot, facts, repository, tree)


def _refuse_twins(snapshot: AtCommit, facts: dict[str, Facts], repository: Repository, tree: str) -> None:
    ids = {id: path for path, found in facts.items() for kind, id in found.defines if kind == "process"}
    if not ids:
        return
    asked = [word for id in ids for word in ("-e", id)]
    prefix = repository.prefix
    below = ["--", prefix] if prefix else []
    answer = repository.git.ask("grep", "-l", "-z", "-F", "--full-name", *asked, tree, *below)
    names = [name for name in answer.output.decode("utf-8", "surrogateescape").split("\0") if name]
    others = [name.partition(":")[2][len(prefix) :] for name in names]
    others = [path for path in others if is_model_file(path) and path not in facts and snapshot.entries[path].is_file]
    contents = snapshot.read(others)
    all_facts = facts | {path: read_facts(path, contents[path]) for path in others}
    seen: dict[str, str] = {}
    for path, found in all_facts.items():
        for kind, id in found.defines:
            if kind == "process" and id in ids and owner(snapshot.model_ids, path) is not None:
                if seen.setdefault(id, path) != path:
                    raise ModelError(
                        f"The process '{id}' is defined in {seen[id]} and in {path}; ids of processes are unique.",
                        hint="Give one of them another id, or commit it as it is with --no-check.",
                        file=path,
                        element=id,
                    )
