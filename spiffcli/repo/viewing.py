"""One model as it is in a snapshot, with what it defines and needs; and single files."""

from __future__ import annotations

from msgspec import Struct

from spiffcli.repo.contents import Contents
from spiffcli.repo.layout import ModelFolder, check_id
from spiffcli.repo.repository import find_model
from spiffcli.repo.snapshots import Snapshot


class ModelView(Struct, frozen=True):
    """A model with what it defines and needs.

    Attributes:
        commit: The commit it was read at; None for the work tree.
        processes, decisions: Ids of those in its files.
        calls: What it refers to outside of its files, as `KIND ID`, with the model that has it or None.
        problems: Why it could not be deployed, in sentences.
    """

    commit: str | None
    model: ModelFolder
    processes: tuple[str, ...]
    decisions: tuple[str, ...]
    calls: tuple[tuple[str, str | None], ...]
    problems: tuple[str, ...]


def view(snapshot: Snapshot, id: str) -> ModelView:
    """A model as it is in a snapshot.

    Raises:
        NotFoundError: There is no such model.
    """
    model = find_model(snapshot, id)
    contents = Contents(snapshot)
    facts = {path: contents.facts[path] for path in contents.files_of(model.id)}
    own = {name for each in facts.values() for name in each.defines}
    called = dict.fromkeys(name for each in facts.values() for name in each.calls if name not in own)
    calls = [(f"{kind} {key}", _owner(contents, (kind, key))) for kind, key in called]
    problems = [model.problem, *(each.problem for each in facts.values())]
    for (kind, key), paths in contents.duplicates():
        if any(path in facts for path in paths):
            problems.append(f"The {kind} '{key}' is defined in {' and in '.join(paths)}.")
    return ModelView(
        snapshot.commit,
        model,
        tuple(sorted(key for kind, key in own if kind == "process")),
        tuple(sorted(key for kind, key in own if kind == "decision")),
        tuple(calls),
        tuple(filter(None, problems)),
    )


def _owner(contents: Contents, name: tuple[str, str]) -> str | None:
    return next((contents.owner(path) for path in contents.places(name)), None)


def file_at(snapshot: Snapshot, path: str) -> bytes:
    """The bytes of a file, by its path below the folder of the models.

    Raises:
        NotFoundError: There is no such file.
        InputError: It is a link, or `path` leads elsewhere.
    """
    return snapshot.read([check_id(path)])[path.strip("/")]
