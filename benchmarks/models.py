"""What it costs to follow a repository of models, against the `git fetch` that it needs."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.story import Line, Story, spread, timed

MODELS = 500
ROUNDS = 5

_WHO = {"GIT_AUTHOR_NAME": "ada", "GIT_AUTHOR_EMAIL": "ada@example.org"}
_WHO |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in _WHO.items()}


def stories() -> list[Story]:
    """The stories of this module."""
    return [Story("sync", sync)]


def sync() -> Iterator[Line]:
    """A sync of many models of which one changed, beside a fetch of the same commit by another clone.

    The limit is about a remote that is reached over a network, here HTTP on this machine. A remote on the same disk is
    told as well: its fetch is two processes that copy a file, and what starting a dozen of them costs shows.
    """
    from tests.repo.backends import over_http

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        author, origin = folder / "author", folder / "origin.git"
        _git(folder, "init", "-q", "--bare", "-b", "main", str(origin))
        _git(folder, "clone", "-q", str(origin), str(author))
        _git(author, "symbolic-ref", "HEAD", "refs/heads/main")
        for number in range(MODELS):
            _write(author, number, "first")
        _push(author)
        with over_http(origin) as web:
            yield _beside_fetch(folder, "http", web.url, author, 3)
        yield _beside_fetch(folder, "file", str(origin), author, None)


def _beside_fetch(folder: Path, how: str, url: str, author: Path, limit: float | None) -> Line:
    here, other = folder / f"{how}-here", folder / f"{how}-other"
    for clone in (here, other):
        _git(folder, "clone", "-q", url, str(clone))
    _synced(here)
    ours, theirs = [], []
    for round_ in range(ROUNDS):
        _write(author, round_, f"{how} again {round_}")
        _push(author)
        theirs.append(timed(lambda: _git(other, "fetch", "-q", "origin")))
        ours.append(timed(lambda: _synced(here)))
    detail = f"{min(ours) * 1000:.0f} ms / {min(theirs) * 1000:.0f} ms"
    what = f"sync of {MODELS} models, one changed / git fetch over {how}"
    return Line(what, min(ours) / min(theirs), limit, spread(theirs), detail)


def _write(author: Path, number: int, text: str) -> None:
    model = author / "shop" / f"model_{number}"
    model.mkdir(parents=True, exist_ok=True)
    (author / "shop" / "process_group.json").write_text('{"display_name": "Shop"}')
    about = {"display_name": f"Model {number}", "primary_file_name": "model.bpmn", "primary_process_id": f"p{number}"}
    (model / "process_model.json").write_text(json.dumps(about))
    (model / "model.bpmn").write_text(
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="urn:benchmark">'
        f'<process id="p{number}" isExecutable="true"><startEvent id="start"/><manualTask id="task" name="{text}"/>'
        '<endEvent id="end"/><sequenceFlow id="one" sourceRef="start" targetRef="task"/>'
        '<sequenceFlow id="two" sourceRef="task" targetRef="end"/></process></definitions>'
    )


def _push(author: Path) -> None:
    _git(author, "add", "-A")
    _git(author, "commit", "-q", "-m", "a change")
    _git(author, "push", "-q", "origin", "HEAD:main")


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, env=os.environ | _WHO, check=True, capture_output=True)


def _synced(clone: Path) -> None:
    from spiffcli.config import GitSettings
    from spiffcli.repo.deploy import sync as take_over
    from spiffcli.repo.repository import Repository
    from spiffcli.runner import Runner

    with Runner.open(cwd=clone, store=f"sqlite:{clone}.db") as runner:
        done = take_over(runner.workspace, repository=Repository.open(GitSettings(), "ada", clone))
        assert done.following is not None
        assert not done.failed
