"""The files a reference names: on disk, at a revision, on standard input; one, several, or a folder of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from msgspec import Struct

from spiffcli.catalog.refs import looks_like_path, looks_like_revision, split_path
from spiffcli.config import Settings, load_git_settings
from spiffcli.errors import InputError, RunnerError
from spiffcli.model import load, read_xml
from spiffcli.model.groups import folders_above, message_names, uses
from spiffcli.repo.contents import RepoContents
from spiffcli.repo.repository import open_repository
from spiffcli.repo.snapshots import CommitSnapshot, RevisionTree, source_of_files, tree_at
from spiffcli.specs.files import kind_of, read_resource, read_resources
from spiffcli.specs.files import with_forms as with_forms_on_disk
from spiffcli.values import GROUP_FILE, Resource, Source

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


def read_files(ref: str, settings: Settings) -> Files:
    """The files a reference names.

    Raises:
        InputError: A file is missing or cannot be read, or there is no repository.
        NotFoundError: There is no such revision, or no such file in it.
    """
    path, process = split_path(ref)
    if path == STDIN:
        return Files((_stdin(),), process)
    if (_is_revision(path) or _may_be_revision(path)) and not Path(path).exists():
        return _at_revision(path, process, settings)
    if Path(path).is_dir():
        return Files(tuple(_in_folder(Path(path))), process, _beside_on_disk)
    return Files((read_resource(path),), process, _beside_on_disk)


def files_to_add(names: Sequence[str], settings: Settings) -> tuple[tuple[Resource, ...], Source]:
    """The files to deploy, with the forms beside them, and where they come from.

    Raises:
        InputError: There is none, one cannot be read or is neither a model nor a form, or they come from several
            revisions.
        NotFoundError: There is no such revision, or no such file in it.
    """
    if any(map(at_revision, names)):
        resources, source = files_at(names, settings)
    else:
        resources = with_forms_on_disk(read_resources(names))
        source = source_of_files([resource.name for resource in resources])
    _require_models(resources)
    return resources, source


def files_at(names: Sequence[str], settings: Settings) -> tuple[tuple[Resource, ...], Source]:
    """The files that each `REV:PATH` names, with the forms they need from the same commit.

    Raises:
        InputError: Some are and some are not, or they are of several revisions.
        NotFoundError: There is no such revision or file.
    """
    revisions = {name.partition(":")[0] for name in names if at_revision(name)}
    if len(revisions) > 1 or not all(map(at_revision, names)):
        raise InputError("Files of one deployment come from one revision, or all from the work tree.")
    (revision,) = revisions
    resources = with_forms([read_files(name, settings) for name in dict.fromkeys(names)])
    plain = tuple(Resource(each.name.partition(":")[2], each.kind, each.content) for each in resources)
    tree = tree_at(revision, Path.cwd(), load_git_settings(settings))
    commit = tree.commit or tree.git.commit("HEAD")
    branch = tree.git.branch_named(revision) if revision else tree.git.branch()
    path = _common([PurePosixPath(each.name).parent for each in plain])
    return plain, Source(files=tuple(names), commit=commit, branch=branch, dirty=not revision, path=str(path))


def _common(folders: Sequence[PurePosixPath]) -> PurePosixPath:
    common = folders[0]
    while not all(folder.is_relative_to(common) for folder in folders):
        common = common.parent
    return common


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


def _at_revision(ref: str, process: str | None, settings: Settings) -> Files:
    revision, _, path = ref.partition(":")
    tree = tree_at(revision, Path.cwd(), load_git_settings(settings))
    full = _full_path(tree, path, settings)

    def lookup(name: str) -> Resource | None:
        content = tree.read(name.removeprefix(f"{revision}:"))
        return None if content is None else Resource(name, kind_of(name, content), content)

    one = lookup(f"{revision}:{full}")
    if one is not None:
        return Files((one,), process, lookup)
    names = [name for name in tree.files(full) if PurePosixPath(name).suffix.lower() in _MODELS]
    if not names:
        raise tree.missing(path)
    found = tuple(each for name in names if (each := lookup(f"{revision}:{name}")) is not None)
    return Files(found, process, lookup, _needed(tree, full, found))


def _full_path(tree: RevisionTree, path: str, settings: Settings) -> str:
    """The path from the root; that of a model may count from the folder of the models."""
    full = tree.full_path(path)
    if not tree.files(full):
        with suppress(RunnerError):  # the folder of the models need not be there
            below = f"{open_repository(settings).prefix}{full}"
            if tree.files(below):
                return below
    return full


def _needed(tree: RevisionTree, folder: str, found: Sequence[Resource]) -> tuple[Resource, ...]:
    """What a model calls in others; nothing where the folder is no model, or what is staged for a commit."""
    snapshot = CommitSnapshot(tree.git, tree.commit)
    if not tree.commit or folder not in snapshot.model_ids:
        return ()
    have = {each.name for each in found}
    every = RepoContents(snapshot).closure(folder).resources
    named = (Resource(f"{tree.revision}:{each.name}", each.kind, each.content) for each in every)
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
