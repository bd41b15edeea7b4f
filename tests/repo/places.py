"""Real repositories for tests: a bare remote, and desks at which somebody works on a clone of it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from spiffcli.config import GitSettings, load_settings
from spiffcli.repo.repository import Repository
from spiffcli.repo.save import SaveResult, named_paths, save
from spiffcli.runner import Runner

from ..catalog.models import bpmn, process

#: Who Git takes raw commands of the tests for.
WHO = {
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
}


def git(folder: Path, *arguments: str, ok: bool = True) -> str:
    """Git itself, as a person runs it."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=os.environ | WHO, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) is ok, f"git {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout.rstrip("\n")


def model(key: str, **about: Any) -> str:
    """A BPMN file with one process."""
    return bpmn(f"{key}.bpmn", process(key, **about)).content.decode()


class Desk:
    """A clone of a remote with somebody at it.

    Attributes:
        folder: The work tree.
        user: Who works there.
    """

    def __init__(self, folder: Path, user: str = "ada", **settings: Any) -> None:
        self.folder = folder
        self.user = user
        self.settings = settings

    def git(self, *arguments: str, ok: bool = True) -> str:
        return git(self.folder, *arguments, ok=ok)

    def write(self, path: str, content: str | bytes) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def model(self, id: str, key: str | None = None, **about: Any) -> str:
        """Write a model with one process; its key."""
        key = key or id.rpartition("/")[2]
        self.write(f"{id}/{key}.bpmn", model(key, **about))
        properties = {"display_name": key, "primary_file_name": f"{key}.bpmn", "primary_process_id": key}
        self.write(f"{id}/process_model.json", json.dumps(properties))
        for group in [*Path(id).parents][:-1]:
            if not (self.folder / group / "process_group.json").exists():
                self.write(f"{group}/process_group.json", json.dumps({"display_name": group.name}))
        return key

    def repository(self, **settings: Any) -> Repository:
        return Repository.open(GitSettings(**(self.settings | settings)), self.user, self.folder)

    def save(self, *paths: str, message: str = "a change", **options: Any) -> SaveResult:
        repository = self.repository()
        return save(repository, named_paths(repository, paths, self.folder), message, **options)

    def commit(self, message: str = "a change") -> str:
        """Commit everything and push it, as a person does; the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        self.git("push", "-q", "origin", "HEAD")
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    @property
    def clean(self) -> bool:
        return self.git("status", "--porcelain") == ""

    def runner(self, **flags: Any) -> Runner:
        """A runner with a store beside the work tree."""
        store = f"tinydb:{self.folder.parent / (self.folder.name + '.store')}"
        settings = load_settings({"store": store, "user": self.user, **flags}, cwd=self.folder)
        return Runner(settings.for_running())


class Place:
    """A bare remote, and desks around it.

    Attributes:
        folder: Where all of it lies.
        origin: The bare repository.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.origin = folder / "origin.git"
        git(folder, "init", "-q", "--bare", "-b", "main", str(self.origin))

    def desk(self, name: str = "ada", url: str | None = None, **settings: Any) -> Desk:
        """A new clone."""
        folder = self.folder / name
        git(self.folder, "clone", "-q", url or str(self.origin), str(folder))
        if not git(folder, "branch", "--list"):
            git(folder, "symbolic-ref", "HEAD", "refs/heads/main")
        return Desk(folder, name, **settings)

    def tip(self, branch: str = "main") -> str:
        return git(self.origin, "rev-parse", branch)

    def files(self, branch: str = "main") -> list[str]:
        return git(self.origin, "ls-tree", "-r", "--name-only", branch).splitlines()

    def subjects(self, branch: str = "main") -> list[str]:
        return git(self.origin, "log", "--format=%s", branch).splitlines()
