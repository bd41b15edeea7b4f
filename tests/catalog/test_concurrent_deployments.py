from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spiffcli.catalog import Catalog
from spiffcli.catalog.integrity import check
from spiffcli.catalog.keys import read_key
from spiffcli.store import open_store

WORKER = Path(__file__).with_name("deploy_worker.py")
WORKERS = 8
ROUNDS = 3


@pytest.fixture(params=["tinydb:{}/store", "sqlite:{}/store.db"], ids=["tinydb", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    address: str = request.param.format(tmp_path)
    open_store(address).close()
    return address


@pytest.fixture
def workers(url: str, tmp_path: Path, root: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Workers that begin together; none is left when the test ends."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    started = [
        subprocess.Popen(
            [sys.executable, str(WORKER), url, str(tmp_path), str(number), str(ROUNDS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for number in range(WORKERS)
    ]
    yield started
    for process in started:
        process.kill()
        process.communicate()


def test_eight_processes_deploying_one_key_give_no_number_twice_and_lose_none(
    url: str, workers: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    while len(list(tmp_path.glob("ready*"))) < WORKERS:
        assert all(process.poll() is None for process in workers), [p.communicate() for p in workers if p.poll()]
        time.sleep(0.01)
    (tmp_path / "go").touch()
    made = []
    for process in workers:
        output, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")
        made += [json.loads(line) for line in output.splitlines()]

    store = open_store(url, create=False)
    catalog = Catalog(store)
    assert len(made) == len(catalog.deployments()) == WORKERS * ROUNDS * 2
    new = sorted(version for _, version, is_new, _ in made if is_new)
    assert new == list(range(1, len(new) + 1))
    assert [each.version for each in catalog.definitions("order")] == new
    assert read_key(store, "", "process", "order").highest == len(new)
    for id, version, _, content in made:
        definition = catalog.definition(id)
        assert definition.version == version
        script = catalog.model(definition).processes["order"].nodes["t"].script
        assert script is not None
        assert script.body == f'x = "{content}"'
        assert catalog.blob(definition.specs["order"]) == definition.hash.encode()
    hashes = [each.hash for each in catalog.definitions("order")]
    assert all(one != other for one, other in itertools.pairwise(hashes))
    assert check(store) == []
    assert store.check() == []
    store.close()
