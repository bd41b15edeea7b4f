"""Groups and models as they lie in a repository, and the two JSON files that make folders into them.

A folder with `process_group.json` is a group, one with `process_model.json` a model; its id is its path below the
folder of the models. Nothing but these two files says so, and neither names itself.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Set
from pathlib import PurePosixPath
from typing import Any

from msgspec import Struct

from spiffcli.errors import InputError
from spiffcli.values import GROUP_FILE as GROUP_FILE

MODEL_FILE = "process_model.json"

#: Keys of a new model, as the system that invented the layout writes them.
_NEW_MODEL: Mapping[str, Any] = {
    "description": "",
    "display_name": "",
    "exception_notification_addresses": [],
    "fault_or_suspend_on_exception": "fault",
    "metadata_extraction_paths": None,
    "primary_file_name": "",
    "primary_process_id": "",
}

_RESERVED = re.compile(r"\.|con|prn|aux|nul", re.IGNORECASE)


class ModelGroup(Struct, frozen=True):
    """A folder of models and groups.

    Attributes:
        id: Its path below the folder of the models.
        name: What people call it.
        properties: All that its file says, keys that mean nothing here included.
    """

    id: str
    name: str
    properties: Mapping[str, Any]


class ModelFolder(Struct, frozen=True):
    """A process model.

    Attributes:
        id: Its path below the folder of the models.
        name: What people call it.
        primary_file: Name of the file that holds the process that is meant, or None.
        primary_process: Id of that process, or None.
        files: Names of its files, from its folder, in order.
        properties: All that its file says, keys that mean nothing here included.
        problem: Why its file cannot be read, or None.
    """

    id: str
    name: str
    primary_file: str | None
    primary_process: str | None
    files: tuple[str, ...]
    properties: Mapping[str, Any]
    problem: str | None = None


class Layout(Struct, frozen=True):
    """Everything that a set of paths says.

    Attributes:
        groups: By id.
        models: By id.
        problems: Files that cannot be read, by path, with the reason.
    """

    groups: Mapping[str, ModelGroup]
    models: Mapping[str, ModelFolder]
    problems: Mapping[str, str]

    def owner(self, path: str) -> str | None:
        """Id of the model that the file at `path` belongs to, or None."""
        return owner(self.models, path)


def owner(models: Iterable[str] | Mapping[str, Any], path: str) -> str | None:
    """Which of `models` (by id) the file at `path` belongs to; the deepest one, or None."""
    there = models if isinstance(models, Mapping | Set) else frozenset(models)
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        if (folder or ".") in there:
            return folder or "."
    return None


def is_hidden(path: str) -> bool:
    """Whether a file or a folder on the way to it begins with a dot; such files belong to no model."""
    return path.startswith(".") or "/." in path


def model_ids(paths: Collection[str]) -> frozenset[str]:
    """Ids of the models among `paths`."""
    end = f"/{MODEL_FILE}"
    found = {path.removesuffix(end) for path in paths if path.endswith(end) and not is_hidden(path)}
    return frozenset({*found, "."} if MODEL_FILE in paths else found)


def read_layout(paths: Iterable[str], contents: Mapping[str, bytes]) -> Layout:
    """Groups and models among `paths`; a file that cannot be read spoils nothing but what it is about.

    Args:
        paths: Of all files, from the folder of the models.
        contents: What the JSON files of groups and models hold, by path.
    """
    visible = sorted(path for path in paths if not is_hidden(path))
    groups: dict[str, ModelGroup] = {}
    problems: dict[str, str] = {}
    ids = sorted(model_ids(visible))
    parents = {id: MODEL_FILE if id == "." else f"{id}/{MODEL_FILE}" for id in ids}
    files: dict[str, list[str]] = {id: [] for id in parents}
    for path in visible:
        at = owner(parents, path)
        if at is not None:
            files[at].append(path if at == "." else path[len(at) + 1 :])
        elif PurePosixPath(path).name == GROUP_FILE:
            found, problem = _properties(path, contents[path])
            id = str(PurePosixPath(path).parent)
            if problem is not None:
                problems[path] = problem
            groups[id] = ModelGroup(id, _name(found, id), found)
    models: dict[str, ModelFolder] = {}
    for id, path in parents.items():
        found, problem = _properties(path, contents[path])
        if problem is not None:
            problems[path] = problem
        models[id] = ModelFolder(
            id,
            _name(found, id),
            _word(found, "primary_file_name"),
            _word(found, "primary_process_id"),
            tuple(files[id]),
            found,
            problem,
        )
    return Layout(groups, models, problems)


def _properties(path: str, content: bytes) -> tuple[dict[str, Any], str | None]:
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return {}, f"{path} is not text in UTF-8."
    except json.JSONDecodeError as fault:
        conflict = " (it holds marks of a conflict of Git)" if b"<<<<<<<" in content else ""
        return {}, f"{path} is not JSON{conflict}: {fault.msg} in line {fault.lineno}."
    except RecursionError:
        return {}, f"{path} is nested too deeply."
    return (found, None) if isinstance(found, dict) else ({}, f"{path} holds no JSON object.")


def _name(properties: Mapping[str, Any], id: str) -> str:
    return _word(properties, "display_name") or PurePosixPath(id).name or id


def _word(properties: Mapping[str, Any], key: str) -> str | None:
    value = properties.get(key)
    return value if isinstance(value, str) and value.strip() else None


# Ids


def check_id(id: str) -> str:
    """`id` without slashes at its ends, if it can be the id of a model or group.

    Raises:
        InputError: It is no path below the folder of the models, or one that some system cannot have.
    """
    text = id.strip("/") if not id.startswith("/") else id
    parts = text.split("/")
    wrong = next((why for part in parts if (why := _wrong(part)) is not None), None)
    if id.startswith("/") or re.match(r"[A-Za-z]:", id):
        wrong = "an id is a path below the folder of the models"
    if wrong is not None:
        raise InputError(
            f"'{id}' cannot be the id of a model: {wrong}.", hint="Write it as GROUP/MODEL: finance/invoice"
        )
    return text


def _wrong(part: str) -> str | None:
    if not part:
        return "a name in it is empty"
    if part in (".", ".."):
        return f"'{part}' leads elsewhere"
    if part.startswith("."):
        return f"'{part}' begins with a dot"
    if any(character in "\\:\0" or unicodedata.category(character).startswith("C") for character in part):
        return "it has a character that no name may have"
    if part != part.strip() or part.endswith("."):
        return f"'{part}' begins or ends with a blank, or ends with a dot"
    return None


# Writing


def group_json(name: str, description: str = "") -> bytes:
    """The file of a new group."""
    return to_bytes({"data_store_specifications": {}, "description": description, "display_name": name})


def model_json(name: str, *, primary_file: str, primary_process: str, description: str = "") -> bytes:
    """The file of a new model."""
    own = {"display_name": name, "primary_file_name": primary_file, "primary_process_id": primary_process}
    return to_bytes({**_NEW_MODEL, **own, "description": description})


def to_bytes(properties: Mapping[str, Any]) -> bytes:
    """JSON as these files have it: sorted, four blanks deep, so that a change of one value is a change of one line."""
    return json.dumps(dict(properties), indent=4, sort_keys=True).encode()
