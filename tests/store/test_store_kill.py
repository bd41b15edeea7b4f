"""Writers are killed at random moments; `RUNNER_KILL_ROUNDS` says how often (default 10)."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spiffcli.store import DocumentStore, open_store
from spiffcli.values import digest

ROUNDS = int(os.environ.get("RUNNER_KILL_ROUNDS", "10"))
VICTIM = Path(__file__).with_name("store_victim.py")


def kill_a_writer(root: Path, url: str, number: int, after: float) -> None:
    with subprocess.Popen(
        [sys.executable, str(VICTIM), url, str(number)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"begun\n"
        time.sleep(after)
        victim.kill()


def number_everywhere(store: DocumentStore) -> int:
    """The number of the last transaction, which everything in the store agrees on."""
    rows = list(store.find("instance"))
    numbers = {int(row.fields["key"]) for row in rows}
    if not rows:
        assert (list(store.find("history")), list(store.blobs())) == ([], [])
        return 0
    (number,) = numbers
    assert len(rows) == 6
    assert [row.id for row in store.find("instance", {"events": f"at {number}"})] == [row.id for row in rows]
    for row in rows:
        document = store.get("instance", row.id)
        assert document is not None
        assert (document.revision, document.body) == (number, str(number).encode() * 3000)
    assert [row.id for row in store.find("history")] == [f"turn-{number}"]
    assert set(store.blobs()) == {digest(str(n).encode()) for n in range(1, number + 1)}
    return number


@pytest.mark.parametrize("form", ["tinydb:{}/store", "sqlite:{}/store.db"])
def test_a_killed_writer_leaves_every_transaction_whole(root: Path, tmp_path: Path, form: str) -> None:
    url = form.format(tmp_path)
    open_store(url).close()
    chance, number = random.Random(11), 0
    for _ in range(ROUNDS):
        kill_a_writer(root, url, number, chance.random() * 0.06)
        store = open_store(url, create=False)
        found = number_everywhere(store)
        assert found >= number
        number = found
        assert store.check() == []
        store.close()
    assert number > 0
