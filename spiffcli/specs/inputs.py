"""The files a reference names: on disk, at a revision, on standard input; one, several, or a folder of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct

from spiffcli.catalog.refs import looks_like_path, looks_like_revision, split_path
from spiffcli.errors import InputError
from spiffcli.specs.files import kind_of, read_resource
from spiffcli.values import GROUP_FILE, Resource, Source

if TYPE_CHECKING:
    from spiffcli.repo.revisions import Tree

#: What standard input is called.
STDIN = "-"

_MODELS = (".bpmn", ".dmn")

#: Gives the file of a name, or None where there is none.
Lookup = Callable[[str], Resource | None]


class Files(Struct, frozen=True):
    """Files that were named.

    Attributes:
        resources: Their contents.
        process: What stands behind a `#`, or None.
        beside: Finds further files by their name, such as forms; for standard input there are none.
        needed: For a model of a repository, what it calls in other models, at the same commit.
    """

    resources: tuple[Resource, ...]
    process: str | None = None
    beside: Lookup = lambda _name: None
    needed: tuple[Resource, ...] = ()


def names_files(ref: str) -> bool:
    """Whether a reference names files, and nothing in a store."""
    path, _ = split_path(ref)
    if path == STDIN or looks_like_path(ref) or _is_revision(ref):
        return True
    return ref.endswith((".json", ".form")) and Path(ref).is_file()


def may_name_files(ref: str) -> bool:
    """Whether a reference that names nothing in a store is worth a look: `v1` and `HEAD~1:v1` may be folders."""
    return Path(ref).exists() or _may_be_revision(ref)


def read_files(ref: str) -> Files:
    """The files a reference names.

    Raises:
        InputError: A file is missing or cannot be read, or there is no repository.
        NotFoundError: There is no such revision, or no such file in it.
    """
    path, process = split_path(ref)
    if path == STDIN:
        return Files((_stdin(),), process)
    if (_is_revision(path) or _may_be_revision(path)) and not Path(path).exists():
        return _at_revision(path, process)
    if Path(path).is_dir():
        return Files(tuple(_in_folder(Path(path))), process, _beside_on_disk)
    return Files((read_resource(path),), process, _beside_on_disk)


def files_to_add(names: Sequence[str]) -> tuple[tuple[Resource, ...], Source]:
    """The files to deploy, with the forms beside them, and where they come from.

    Raises:
        InputError: There is none, one cannot be read or is neither a model nor a form, or they come from several
            revisions.
        NotFoundError: There is no such revision, or no such file in it.
    """
    from spiffcli.repo.models import files_at
    from spiffcli.repo.source import source_of
    from spiffcli.specs import files

    if any(map(at_revision, names)):
        resources, source = files_at(names)
    else:
        resources = files.with_forms(files.read_resources(names))
        source = source_of([resource.name for resource in resources])
    _require_models(resources)
    return resources, source


def _require_models(resources: Sequence[Resource]) -> None:
    """Raise InputError unless there are files, and each is a model or a form."""
    if not resources:
        raise InputError("There is nothing to add.", hint="Name the files of the model: -b FILE")
    for resource in resources:
        if resource.kind == "other":
            raise InputError(
                f"{resource.name} is neither a model nor a form.",
                hint="Files of BPMN end in .bpmn, of DMN in .dmn (both also in .xml), forms in .json or .form.",
                file=resource.name,
            )


def at_revision(ref: str) -> bool:
    """Whether a reference names a file at a revision: `REV:PATH`."""
    return _is_revision(ref) and not Path(ref).exists()


def _is_revision(ref: str) -> bool:
    return looks_like_revision(ref) or (ref.startswith(":") and looks_like_path(ref[1:]))


def _may_be_revision(ref: str) -> bool:
    return bool(ref.partition(":")[2])  # without a revision it is what is staged


def _stdin() -> Resource:
    import sys

    content = sys.stdin.buffer.read()
    if not content.strip():
        raise InputError(
            "Standard input is empty; it can be read once, as one side.",
            hint="Send a model to it: git show HEAD:order.bpmn | runner diff_spec -o - -n order.bpmn",
        )
    name = "standard input"
    if content.lstrip().startswith((b"{", b"[")):
        return Resource(name, "form", content)
    return Resource(name, kind_of(f"{name}.xml", content), content)


def _in_folder(folder: Path) -> Iterator[Resource]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _MODELS and path.is_file())
    if not found:
        raise InputError(f"The folder {folder} holds no .bpmn or .dmn file.", file=str(folder))
    return map(read_resource, found)


def _beside_on_disk(name: str) -> Resource | None:
    return read_resource(name) if Path(name).is_file() else None


def _at_revision(ref: str, process: str | None) -> Files:
    from spiffcli.repo.revisions import missing, split, tree

    revision, path = split(ref)
    commit = tree(revision)
    full = _there(commit, path)

    def lookup(name: str) -> Resource | None:
        content = commit.read(name.removeprefix(f"{revision}:"))
        return None if content is None else Resource(name, kind_of(name, content), content)

    one = lookup(f"{revision}:{full}")
    if one is not None:
        return Files((one,), process, lookup)
    names = [name for name in commit.files(full) if PurePosixPath(name).suffix.lower() in _MODELS]
    if not names:
        raise missing(commit, path)
    found = tuple(each for name in names if (each := lookup(f"{revision}:{name}")) is not None)
    return Files(found, process, lookup, _needed(revision, full, found))


def _there(commit: Tree, path: str) -> str:
    """The path from the root; that of a model may count from the folder of the models."""
    full = commit.full_path(path)
    if commit.files(full):
        return full
    from spiffcli.repo.models import folder_of_models

    below = f"{folder_of_models()}{full}"
    return below if commit.files(below) else full


def _needed(revision: str, folder: str, found: Sequence[Resource]) -> tuple[Resource, ...]:
    """What a model calls in others; nothing where the folder is no model, or what is staged for a commit."""
    from spiffcli.repo.models import model_at

    closure = model_at(revision, folder) if revision else None
    have = {each.name for each in found}
    every = closure.resources if closure is not None else ()
    named = (Resource(f"{revision}:{each.name}", each.kind, each.content) for each in every)
    return tuple(each for each in named if each.name not in have)


def distinct(files: Sequence[Files], *, needed: bool = False) -> tuple[Resource, ...]:
    """All their resources, each once: a file may be named beside its folder. What groups say about them comes along.

    Args:
        needed: Also what they call in other models.
    """
    every = (one for each in files for one in (*each.resources, *_described(each), *(each.needed if needed else ())))
    return tuple({resource.name: resource for resource in every}.values())


def _described(files: Files) -> Iterator[Resource]:
    """The descriptions of groups around models that leave data stores or messages to them, and files of data stores."""
    from spiffcli.model import read_xml
    from spiffcli.model.groups import folders_above, message_names, uses

    for resource in files.resources:
        if resource.kind == "bpmn" and (b"dataStore" in resource.content or b"message" in resource.content):
            root = read_xml(resource.content, resource.name)
            stores = list(uses(resource.name, root))
            names = [f"{use.id}.json" for use in stores if use.name == "JSONFileDataStore"]
            for folder in folders_above(resource.name) if stores or message_names(root) else ():
                for name in (GROUP_FILE, *names):
                    found = files.beside(name if folder == "." else f"{folder}/{name}")
                    if found is not None:
                        yield Resource(found.name, "other", found.content)


def with_forms(files: Sequence[Files]) -> tuple[Resource, ...]:
    """All their resources, and the forms that these name and that stand beside them, or in a folder `forms` there.

    Raises:
        ModelError: A file cannot be read.
    """
    from spiffcli.model import load

    resources = distinct(files, needed=True)
    have = {PurePosixPath(resource.name).name for resource in resources}
    found: dict[str, Resource] = {}
    for process in load(resources).processes.values():
        for reference in process.references:
            if reference.kind == "form" and reference.key not in have:
                form = _form(files, PurePosixPath(process.file), reference.key)
                if form is not None:
                    found[form.name] = form
    return (*resources, *found.values())


def _form(files: Sequence[Files], model: PurePosixPath, key: str) -> Resource | None:
    for folder in (model.parent / "forms", model.parent):
        for each in files:
            if any(resource.name == str(model) for resource in (*each.resources, *each.needed)):
                form = each.beside(str(folder / key))
                if form is not None:
                    return form
    return None
