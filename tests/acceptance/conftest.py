"""The command line as a whole: every test of this folder runs `runner` in processes of its own, on both stores.

Take the fixture `cli` (class `Cli` in `commands.py`; import it for annotations with `from .commands import Cli`):

- `cli(*arguments)` runs a command and returns its `Result`: `code`, `stdout`, `stderr`, `lines()`, `json()`, `error()`;
- `cli.ok(...)` and `cli.fails(code, ...)` say what is expected, and show everything where it is not so;
- `cli.document(...)` adds `--format json` and checks the document against the schema it names (`runner schema`);
- `cli.add("order_product", "top_level.bpmn", ...)` deploys sample models, `cli.write(name, text)` makes a file,
  `cli.check()` asks `runner store check`, `cli.start(...)` leaves the process running (locks, signals, kills).

A test that has nothing to do with the store marks itself `one_store` and runs once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .commands import Cli

STORES = ("tinydb", "sqlite")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "one_store: has nothing to do with the store, so the default one is enough")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store_kind" in metafunc.fixturenames:
        once = metafunc.definition.get_closest_marker("one_store") is not None
        metafunc.parametrize("store_kind", STORES[:1] if once else STORES)


@pytest.fixture
def cli(tmp_path: Path, store_kind: str) -> Cli:
    """The command line in a temporary folder, once for each kind of store."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Cli(folder, store_kind)
