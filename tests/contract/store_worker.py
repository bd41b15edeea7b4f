"""What the contract tests run in processes of their own: `python store_worker.py VERB URL ARGS...`."""

from __future__ import annotations

import os
import sys
import time

from spiffcli.errors import BusyError, ConflictError
from spiffcli.store import open_store


def add_many(url: str, name: str, count: str) -> None:
    """Put documents of our own and count up one that everybody shares, in one transaction each."""
    store = open_store(url)
    for number in range(int(count)):
        with store.transaction() as transaction:
            shared = transaction.get("meta", "shared")
            fields = {"count": shared.fields["count"] + 1 if shared else 1}
            transaction.put("meta", "shared", fields, expected=shared.revision if shared else 0)
            transaction.put("instance", f"{name}-{number}", {"key": name}, b"x" * 100, expected=0)
    store.close()


def claim(url: str, id: str) -> None:
    """Create one document, if nobody else has; print who won."""
    store = open_store(url)
    try:
        with store.transaction() as transaction:
            transaction.put("natural", id, {"instance": str(os.getpid())}, expected=0)
        print("won")
    except ConflictError:
        print("lost")
    store.close()


def hold(url: str, name: str, holder: str) -> None:
    """Take a lock, say so, and keep it until the input ends or the process is killed."""
    store = open_store(url)
    with store.lock(name, holder=holder):
        print("held", flush=True)
        sys.stdin.read()
    store.close()


def stay(url: str) -> None:
    """Begin a transaction, write, say so, and neither end nor fail."""
    store = open_store(url)
    with store.transaction() as transaction:
        transaction.put("meta", "unfinished", {}, b"half", expected=0)
        transaction.put_blob(b"unfinished")
        print("begun", flush=True)
        sys.stdin.read()
    store.close()


def rewrite(url: str, seconds: str) -> None:
    """Replace one document as often as possible; fields and body always tell the same number."""
    store = open_store(url)
    print("begun", flush=True)
    revision, end = 1, time.monotonic() + float(seconds)
    while time.monotonic() < end:
        with store.transaction() as transaction:
            body = str(revision + 1).encode() * 2000
            revision = transaction.put("instance", "busy", {"key": str(revision + 1)}, body, expected=revision)
    store.close()


def exclusive(url: str, name: str, file: str, count: str) -> None:
    """Count up a number in a file under a lock: without one, counts get lost."""
    store = open_store(url)
    for _ in range(int(count)):
        while True:
            try:
                with store.lock(name, wait=10), open(file, "r+") as counter:  # noqa: PTH123
                    number = int(counter.read() or 0)
                    counter.seek(0)
                    counter.write(str(number + 1))
                break
            except BusyError:
                continue
    store.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
