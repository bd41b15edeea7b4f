"""One of several processes that work on one repository at once: `python -m tests.repo.working WHAT FOLDER SECONDS`.

Prints what it has done, a line each, for the test to look for afterwards.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from spiffcli.config import GitSettings, load_settings
from spiffcli.errors import ConflictError
from spiffcli.repo.deploy import sync
from spiffcli.repo.publish import PublishRequest, publish
from spiffcli.repo.repository import Repository
from spiffcli.repo.save import save
from spiffcli.runner import Runner


def saving(folder: Path, number: int) -> str:
    """Write a file and save it."""
    name = f"shop/saved/{number}.md"
    (folder / "shop/saved").mkdir(exist_ok=True)
    (folder / name).write_text(f"save {number}")
    done = save(repository(folder), [name], f"save {number}")
    assert done.commit is not None
    assert done.pushed is not None
    if done.pushed.outcome == "failed":
        print(f"waits: {done.pushed.reason}", file=sys.stderr)
    return name


def pulling(folder: Path, number: int) -> str:
    """Take over what the remote has, with the catalog."""
    settings = load_settings({"store": f"sqlite:{folder.parent / 'store.db'}", "user": "ada"}, cwd=folder)
    with Runner(settings.for_running()) as runner:
        done = sync(runner.workspace, push=True, repository=repository(folder))
    assert done.following is not None
    assert not done.following.broken
    return f"pull {number}"


def publishing(folder: Path, number: int) -> str:
    """Publish what changes all the time."""
    try:
        done = publish(repository(folder), PublishRequest(("shop/saved",), to="staging"))
    except ConflictError as error:
        raise AssertionError(str(error)) from error
    return f"publish {done.outcome}"


def repository(folder: Path) -> Repository:
    return Repository.open(GitSettings(), "ada", folder)


WORK = {"save": saving, "pull": pulling, "publish": publishing}


def main(what: str, folder: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        number += 1
        print(WORK[what](folder, number), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
