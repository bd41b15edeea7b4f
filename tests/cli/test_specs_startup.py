"""`list_specs` answers at once: what it loads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from spiffcli.catalog.listing import add_counts, entries
from spiffcli.store import DocumentStore, open_store

HEAVY = [
    "SpiffWorkflow",
    "git",
    "jinja2",
    "jsonschema",
    "tomllib",
    "lxml",
    "rich",
]


@pytest.fixture(params=["tinydb", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{request.param}:{tmp_path / 'store'}"


@pytest.fixture
def store(url: str) -> Iterator[DocumentStore]:
    """A store with three definitions of two keys, and two instances."""
    with closing(open_store(url)) as store:
        with store.transaction() as tx:
            for id, key, version in (("c", "order", 10), ("a", "order", 9), ("b", "packing", 1)):
                fields = {"tenant": "", "key": key, "kind": "process", "deployment": "d", "version": version}
                fields |= {"name": key, "hash": "h", "own_hash": "o", "file": f"{key}.bpmn", "created": "now"}
                tx.put("definition", id, fields, b"body", expected=0)
            for id, definition in (("i", "a"), ("j", "a")):
                fields = {"tenant": "", "key": "order", "definition": definition, "state": "running", "events": []}
                tx.put("instance", id, fields | {"due": None, "situation": "", "waiting_at": []}, expected=0)
        yield store


def loaded(folder: Path, *words: str, lines: int | None = None, **variables: str) -> set[str]:
    """Modules that are loaded when a command has answered."""
    code = (
        "import sys; from spiffcli.cli.main import run; code = run(sys.argv[1:]); "
        "print(*sys.modules, sep='\\n', file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, *words]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), **variables}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert lines is None or len(result.stdout.splitlines()) == lines
    return set(result.stderr.splitlines())


@pytest.mark.parametrize("words", [["--help"], ["list_specs", "--help"], ["completion", "bash"]])
def test_help_and_completion_load_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    assert loaded(tmp_path, *words).isdisjoint(HEAVY)


def test_the_list_loads_nothing_heavy(store: DocumentStore, url: str, tmp_path: Path) -> None:
    store.close()
    modules = loaded(tmp_path, "--store", url, "list_specs", lines=3)
    assert modules.isdisjoint(HEAVY)
    assert ("sqlite3" in modules) == url.startswith("sqlite:")


def test_versions_are_listed_as_numbers_and_counted(store: DocumentStore) -> None:
    listed = entries(store, "")
    assert [(each["key"], each["version"]) for each in listed] == [("order", 9), ("order", 10), ("packing", 1)]
    assert [each["version"] for each in entries(store, "", "order", latest=True)] == [10]
    assert entries(store, "acme") == []
    add_counts(listed, store, "")
    assert [each["instances"]["running"] for each in listed] == [2, 0, 0]
