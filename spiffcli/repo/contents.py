"""What the files of a model repository define and refer to, and everything that one model needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Literal, TypeAlias

from msgspec import Struct

from spiffcli.errors import ModelError, NotFoundError
from spiffcli.model import load, read_xml
from spiffcli.model.groups import (
    STORE_KINDS,
    describes,
    folders_above,
    message_names,
    read_group,
    uses,
)
from spiffcli.repo.layout import GROUP_FILE, MODEL_FILE, ModelFolder, check_id, is_hidden, owner
from spiffcli.repo.snapshots import RepoSnapshot
from spiffcli.values import Resource, ResourceKind

Kind = Literal["process", "decision"]

#: A process or decision: kind and id.
Name: TypeAlias = tuple[str, str]

_KINDS: Mapping[str, ResourceKind] = {".bpmn": "bpmn", ".dmn": "dmn"}

#: Names of the folders beside a model in which forms are looked up, nearest first.
_FORM_FOLDERS = ("forms", "")


class FileFacts(Struct, frozen=True, array_like=True):
    """What one BPMN or DMN file says, as far as other files are concerned.

    Attributes:
        defines: Processes and decisions in it.
        calls: Processes and decisions it refers to, and does not define itself.
        stores: Ids and kinds of the data stores that it uses and that groups describe.
        forms: Names of the forms it refers to.
        messages: Names of the messages that do not say themselves how they are correlated.
        problem: Why it cannot be read, or None.
    """

    defines: tuple[Name, ...] = ()
    calls: tuple[Name, ...] = ()
    stores: tuple[tuple[str, str], ...] = ()
    forms: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def left_to_groups(self) -> bool:
        """Whether groups may say something about what is in it."""
        return bool(self.stores or self.messages)


def is_model_file(path: str) -> bool:
    """Whether a file is BPMN or DMN."""
    return _suffix(path) in _KINDS and not is_hidden(path)


def _suffix(path: str) -> str:
    """The ending of a file, in small letters, with its dot."""
    name = path.rpartition("/")[2]
    return f".{name.rpartition('.')[2].lower()}" if "." in name else ""


def read_facts(path: str, content: bytes) -> FileFacts:
    """What a file says; one that cannot be read says why."""
    try:
        model = load([Resource(path, _KINDS[_suffix(path)], content)])
    except ModelError as error:
        where = f"{error.where()}: " if error.file is not None else ""
        return FileFacts(problem=f"{where}{error.message}")
    defines: list[Name] = [("process", id) for id in model.processes]
    defines += [("decision", id) for id in model.decisions]
    references = [each for process in model.processes.values() for each in process.references]
    calls = [(each.kind, each.key) for each in references if each.kind in ("process", "decision")]
    calls += [("decision", key) for decision in model.decisions.values() for key in decision.requires]
    forms = [each.key for each in references if each.kind == "form"]
    inner = set(defines)
    stores, messages = _left_to_groups(path, content)
    return FileFacts(
        tuple(dict.fromkeys(defines)),
        tuple(dict.fromkeys(call for call in calls if call not in inner)),
        stores,
        tuple(dict.fromkeys(forms)),
        messages,
    )


def _left_to_groups(path: str, content: bytes) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The data stores and the messages of a file that groups may say something about."""
    if b"dataStore" not in content and b"message" not in content:
        return (), ()
    root = read_xml(content, path)
    stores = dict.fromkeys((use.id, STORE_KINDS[use.name]) for use in uses(path, root))
    return tuple(stores), tuple(dict.fromkeys(message_names(root).values()))


class RepoContents:
    """Everything the models of one snapshot define and refer to.

    Attributes:
        facts: Of every BPMN and DMN file, by path.
    """

    def __init__(self, snapshot: RepoSnapshot, known: Mapping[str, FileFacts] | None = None) -> None:
        """Read the snapshot.

        Args:
            known: Facts that were read before, by the id of the content.
        """
        self.snapshot = snapshot
        self.models = snapshot.model_ids
        entries = snapshot.entries
        paths = [path for path, entry in entries.items() if is_model_file(path) and entry.is_file]
        known = known or {}
        unknown = [path for path in paths if entries[path].blob not in known]
        owners = {owner(self.models, path) for path in unknown} - {None}
        described = [MODEL_FILE if id == "." else f"{id}/{MODEL_FILE}" for id in owners]
        new = snapshot.read([*unknown, *described])  # in one go; the descriptions are wanted next
        self.facts = {
            path: known[entries[path].blob] if path not in new else read_facts(path, new[path]) for path in paths
        }
        self._places: dict[Name, list[str]] = {}
        self._files: dict[str, list[str]] = {}
        for path, facts in self.facts.items():
            model = self.owner(path)
            if model is not None:
                self._files.setdefault(model, []).append(path)
            for name in facts.defines:
                self._places.setdefault(name, []).append(path)

    def owner(self, path: str) -> str | None:
        """Id of the model a file belongs to, or None."""
        return owner(self.models, path)

    def files_of(self, model: str) -> list[str]:
        """Paths of the BPMN and DMN files of a model."""
        return list(self._files.get(model, ()))

    def places(self, name: Name) -> list[str]:
        """Paths of the files that define a process or decision."""
        return self._places.get(name, [])

    def duplicates(self) -> Iterator[tuple[Name, list[str]]]:
        """Processes that several files of models define, with these files; ids of processes are unique."""
        for name, paths in self._places.items():
            inside = [path for path in paths if self.owner(path) is not None]
            if name[0] == "process" and len(inside) > 1:
                yield name, inside

    def links(self, model: str) -> list[str]:
        """Paths of links in the folder of a model."""
        return [
            path for path, entry in self.snapshot.entries.items() if not entry.is_file and self._inside(path, model)
        ]

    def _inside(self, path: str, model: str) -> bool:
        return self.owner(path) == model and not is_hidden(path)

    def neighbours(self, model: str) -> set[str]:
        """Ids of the models that one calls directly."""
        found: set[str] = set()
        for path in self.files_of(model):
            for name in self.facts[path].calls:
                found.update(filter(None, (self.owner(place) for place in self.places(name))))
        return found - {model}

    def closure(self, model: str) -> Closure:
        """Everything a model needs, from this snapshot alone.

        Raises:
            ModelError: The model cannot be read, holds a link, or calls something that several models define.
        """
        return _ClosureReader(self, model).closure()


class Closure(Struct, frozen=True):
    """A model with everything it needs.

    Attributes:
        model: Its id.
        resources: Its files and those of what it calls, by path from the folder of the models.
        models: Ids of the other models that some of them belong to, in order.
        missing: What is called and is nowhere in the snapshot, in words.
        process: Id of the process that is meant, or None.
    """

    model: str
    resources: tuple[Resource, ...]
    models: tuple[str, ...]
    missing: tuple[str, ...]
    process: str | None


class _ClosureReader:
    def __init__(self, contents: RepoContents, model: str) -> None:
        self.contents = contents
        self.model = model
        self.paths: dict[str, ResourceKind] = {}
        self.missing: list[str] = []

    def closure(self) -> Closure:
        contents, folder = self.contents, self.contents.snapshot.model(self.model)
        if folder.problem is not None:
            raise ModelError(folder.problem, file=f"{self.model}/{MODEL_FILE}")
        for link in contents.links(self.model):
            raise ModelError(f"{link} is a link, and links are not followed.", file=link)
        pending = contents.files_of(self.model)
        if not pending:
            raise ModelError(f"The model {self.model} holds no BPMN or DMN file.")
        while pending:
            path = pending.pop(0)
            if path not in self.paths:
                pending += self._take(path)
        self._take_groups()
        content = contents.snapshot.read(self.paths)
        resources = tuple(Resource(path, kind, content[path]) for path, kind in self.paths.items())
        owners = dict.fromkeys(contents.owner(path) for path, kind in self.paths.items() if kind != "other")
        others = tuple(owner for owner in owners if owner is not None and owner != self.model)
        return Closure(self.model, resources, others, tuple(self.missing), self._process())

    def _take(self, path: str) -> list[str]:
        facts = self.contents.facts[path]
        if facts.problem is not None:
            raise ModelError(facts.problem, file=path)
        self.paths[path] = _KINDS[_suffix(path)]
        for form in facts.forms:
            place = self._form(path, form)
            if place is not None:
                self.paths[place] = "form"
        return [place for name in facts.calls if (place := self._called(path, name)) is not None]

    def _take_groups(self) -> None:
        """The descriptions of groups above that say something about what was taken, and files of data stores."""
        models = [path for path in self.paths if is_model_file(path)]
        stores = {id: kind for path in models for id, kind in self.contents.facts[path].stores}
        messages = [name for path in models for name in self.contents.facts[path].messages]
        entries = self.contents.snapshot.entries
        folders = dict.fromkeys(folder for path in models for folder in folders_above(path))
        for folder in folders if stores or messages else ():
            start = "" if folder == "." else f"{folder}/"
            for path in [f"{start}{id}.json" for id, kind in stores.items() if kind == "json_file"]:
                if path in entries and entries[path].is_file:
                    self.paths[path] = "other"
            path = f"{start}{GROUP_FILE}"
            if path in entries and entries[path].is_file:
                (content,) = self.contents.snapshot.read([path]).values()
                if describes(read_group(path, content), stores, messages):
                    self.paths[path] = "other"

    def _called(self, path: str, name: Name) -> str | None:
        """The file that defines what `path` calls: of its own model, or the only other one."""
        places = self.contents.places(name)
        own = [place for place in places if self.contents.owner(place) == self.contents.owner(path)]
        if len(own or places) > 1:
            raise ModelError(
                f"{path} calls the {name[0]} '{name[1]}', which {' and '.join(own or places)} define.",
                hint="Give one of them another id.",
                file=path,
            )
        if not places:
            self.missing.append(f"{name[0]} '{name[1]}', which {path} calls")
        return next(iter(own or places), None)

    def _form(self, path: str, name: str) -> str | None:
        """The file of a form: beside the model, in a folder `forms` there, or the only one of the repository."""
        entries = self.contents.snapshot.entries
        for folder in (PurePosixPath(path).parent, PurePosixPath(self.contents.owner(path) or ".")):
            for beside in _FORM_FOLDERS:
                place = str(folder / beside / name)
                if place in entries and entries[place].is_file:
                    return place
        anywhere = [each for each in entries if PurePosixPath(each).name == name and entries[each].is_file]
        if len(anywhere) > 1:
            raise ModelError(
                f"{path} needs the form '{name}', which is not beside it and of which there are several: "
                f"{', '.join(anywhere[:3])}.",
                hint="Put the one you mean beside the model.",
                file=path,
            )
        return anywhere[0] if anywhere else None

    def _process(self) -> str | None:
        folder = self.contents.snapshot.model(self.model)
        own = [name[1] for path in self.contents.files_of(self.model) for name in self.contents.facts[path].defines]
        return folder.primary_process if folder.primary_process in own else None


def is_of_interest(path: str) -> bool:
    """Whether a change of a file can change what a model does."""
    return _suffix(path) in _READ and not is_hidden(path)


_READ = frozenset({*_KINDS, ".json", ".form"})


# Single models and files


def find_model(snapshot: RepoSnapshot, id: str) -> ModelFolder:
    """The model with this id.

    Raises:
        InputError: `id` is not one.
        NotFoundError: There is no such model; `data["candidates"]` has near ones.
    """
    id = check_id(id)
    models = snapshot.layout.models
    if id in models:
        return models[id]
    same = [each for each in models if each.rpartition("/")[2] == id.rpartition("/")[2]]
    near = same[:3] or get_close_matches(id, models, 3)
    when = f" in commit {snapshot.commit[:12]}" if snapshot.commit is not None else ""
    hint = f"Did you mean {near[0]}?" if near else "runner repo ls lists the models."
    if id in snapshot.layout.groups:
        hint = f"{id} is a group. {hint}"
    raise NotFoundError(f"There is no model '{id}'{when}.", hint=hint, candidates=near)


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


def view(snapshot: RepoSnapshot, id: str) -> ModelView:
    """A model as it is in a snapshot.

    Raises:
        NotFoundError: There is no such model.
    """
    model = find_model(snapshot, id)
    contents = RepoContents(snapshot)
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


def _owner(contents: RepoContents, name: tuple[str, str]) -> str | None:
    return next((contents.owner(path) for path in contents.places(name)), None)


def file_at(snapshot: RepoSnapshot, path: str) -> bytes:
    """The bytes of a file, by its path below the folder of the models.

    Raises:
        NotFoundError: There is no such file.
        InputError: It is a link, or `path` leads elsewhere.
    """
    return snapshot.read([check_id(path)])[path.strip("/")]
