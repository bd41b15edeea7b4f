"""New repositories, groups and models."""

from __future__ import annotations

import secrets
from pathlib import Path, PurePosixPath

from msgspec import Struct

from spiffcli.config import GitSettings, Settings
from spiffcli.errors import DuplicateError, InputError
from spiffcli.repo.git import Git, address, shown
from spiffcli.repo.layout import GROUP_FILE, MODEL_FILE, check_id, group_json, model_json
from spiffcli.repo.repository import Repository, open_repository, refuse_read_only
from spiffcli.repo.save import SaveResult, save

_TEMPLATE = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
                  xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI"
                  xmlns:dc="http://www.omg.org/spec/DD/20100524/DC"
                  xmlns:di="http://www.omg.org/spec/DD/20100524/DI"
                  id="definitions_{process}" targetNamespace="http://bpmn.io/schema/bpmn">
  <bpmn:process id="{process}" isExecutable="true">
    <bpmn:startEvent id="start">
      <bpmn:outgoing>flow_start_end</bpmn:outgoing>
    </bpmn:startEvent>
    <bpmn:sequenceFlow id="flow_start_end" sourceRef="start" targetRef="end" />
    <bpmn:endEvent id="end">
      <bpmn:incoming>flow_start_end</bpmn:incoming>
    </bpmn:endEvent>
  </bpmn:process>
  <bpmndi:BPMNDiagram id="diagram_{process}">
    <bpmndi:BPMNPlane id="plane_{process}" bpmnElement="{process}">
      <bpmndi:BPMNShape id="shape_start" bpmnElement="start">
        <dc:Bounds x="180" y="160" width="36" height="36" />
      </bpmndi:BPMNShape>
      <bpmndi:BPMNShape id="shape_end" bpmnElement="end">
        <dc:Bounds x="280" y="160" width="36" height="36" />
      </bpmndi:BPMNShape>
      <bpmndi:BPMNEdge id="edge_start_end" bpmnElement="flow_start_end">
        <di:waypoint x="216" y="178" />
        <di:waypoint x="280" y="178" />
      </bpmndi:BPMNEdge>
    </bpmndi:BPMNPlane>
  </bpmndi:BPMNDiagram>
</bpmn:definitions>
"""


class NewFiles(Struct, frozen=True):
    """Files that were written.

    Attributes:
        id: Of the group or model.
        kind: `group` or `model`.
        files: From the root of the repository.
    """

    id: str
    kind: str
    files: tuple[str, ...]


def init(folder: Path, settings: GitSettings, *, branch: str | None = None, bare: bool = False) -> bool:
    """Make a repository in `folder`, which is made too if need be; one that is there is left alone.

    Returns:
        Whether it was made.

    Raises:
        InputError: The folder cannot be made, or lies in another repository.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise InputError(f"{folder} cannot be made: {fault.strerror}.", file=str(folder)) from fault
    git = Git(folder, settings)
    top = git.ask("rev-parse", "--absolute-git-dir")
    if top.code == 0:
        if Path(top.text).resolve() in (folder.resolve() / ".git", folder.resolve()):
            return False
        raise InputError(
            f"{folder} lies in the repository {Path(top.text).parent} already.",
            hint="Use that one (runner repo new GROUP/MODEL), or choose a folder outside of it.",
        )
    name = branch or settings.source_branch or "main"
    git.run("init", "--quiet", f"--initial-branch={name}", *(["--bare"] if bare else []))
    return True


def clone(url: str, folder: Path | None, settings: GitSettings, cwd: Path) -> Path:
    """Fetch a whole repository into a folder (default: named like it); the folder.

    Raises:
        InputError: The folder is there and not empty.
        GitError: The repository cannot be reached, or has no such branch.
    """
    name = PurePosixPath(address(url).path).name
    place = cwd / (folder or name)
    if not name or url.startswith("-"):
        raise InputError(f"'{shown(url)}' is no address of a repository.")
    if place.is_dir() and any(place.iterdir()):
        raise InputError(f"{place} is there and not empty.", hint="Name another folder.", file=str(place))
    branch = ["--branch", settings.source_branch] if settings.source_branch is not None else []
    with Git(cwd, settings).reaching(url) as git:
        options = ("--quiet", "--origin", settings.remote, *branch)
        answer = git.ask("clone", *options, "--", url, str(place))
    if answer.code != 0:
        raise git.failed(answer, f"Cloning {shown(url)}")
    return place


def new(repository: Repository, id: str, *, name: str | None = None, group: bool = False) -> NewFiles:
    """Write a new model, with a process that begins and ends, or a new group; groups above it are made too.

    Args:
        name: What people call it; by default made from its id.
        group: Make a group.

    Raises:
        InputError: `id` cannot be one, or the repository is bare.
        DuplicateError: Something is there already.
    """
    id = check_id(id)
    repository.work_tree()
    kind = "group" if group or "/" not in id else "model"
    place = repository.folder / id
    _refuse_taken(repository, id)
    written: list[Path] = []
    parents = [repository.folder / parent for parent in reversed(PurePosixPath(id).parents) if str(parent) != "."]
    for parent in parents:
        if not (parent / GROUP_FILE).exists():
            written.append(_write(parent / GROUP_FILE, group_json(_title(parent.name))))
    title = name or _title(place.name)
    if kind == "group":
        written.append(_write(place / GROUP_FILE, group_json(title)))
    else:
        process = f"Process_{_word(place.name)}_{secrets.token_hex(4)[:7]}"
        file = f"{place.name}.bpmn"
        properties = model_json(title, primary_file=file, primary_process=process)
        written.append(_write(place / file, _TEMPLATE.format(process=process).encode()))
        written.append(_write(place / MODEL_FILE, properties))
    return NewFiles(id, kind, tuple(path.relative_to(repository.git.folder).as_posix() for path in written))


def make(
    settings: Settings, id: str, *, name: str | None = None, group: bool = False
) -> tuple[NewFiles, SaveResult | None]:
    """Write a new model or group; committed and pushed where that is set.

    Raises:
        StateError: The installation is read-only.
        DuplicateError: Something is there already.
        InputError: `id` cannot be one.
    """
    refuse_read_only(settings)
    repository = open_repository(settings)
    with repository.locked("new"):
        made = new(repository, id, name=name, group=group)
    return made, saved_change(repository, made.files, f"created {made.kind} {made.id}")


def saved_change(repository: Repository, paths: tuple[str, ...], what: str) -> SaveResult | None:
    """Commit and push a change that the tool made, where that is set."""
    if not repository.settings.commit_on_save:
        return None
    return save(repository, paths, f"User: {repository.user} {what}")


def _refuse_taken(repository: Repository, id: str) -> None:
    place = repository.folder
    for part in id.split("/"):
        if (place / MODEL_FILE).exists():
            raise InputError(f"{place.relative_to(repository.folder)} is a model; it cannot hold others.")
        place = place / part
        if place.is_symlink():
            raise InputError(f"{place} is a link, and links are not followed.")
    if (place / MODEL_FILE).exists() or (place / GROUP_FILE).exists():
        kind = "model" if (place / MODEL_FILE).exists() else "group"
        raise DuplicateError(f"There is a {kind} '{id}' already.")


def _write(file: Path, content: bytes) -> Path:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as opened:  # never in place of one that is there
            opened.write(content)
    except OSError as fault:
        raise InputError(f"{file} cannot be written: {fault.strerror}.", file=str(file)) from fault
    return file


def _title(name: str) -> str:
    return name.replace("-", " ").replace("_", " ").strip().title() or name


def _word(name: str) -> str:
    word = "".join(character if character.isascii() and character.isalnum() else "_" for character in name)
    return word.strip("_") or "model"
