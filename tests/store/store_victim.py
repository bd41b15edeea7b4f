"""Writes transactions until it is killed: `python store_victim.py URL FIRST`."""

from __future__ import annotations

import sys

from spiffcli.store import open_store

GROUP = 6


def write(url: str, number: int) -> None:
    """Each transaction brings all documents of the group, and one blob, to one number."""
    store = open_store(url)
    print("begun", flush=True)
    while True:
        number += 1
        with store.transaction() as transaction:
            for member in range(GROUP):
                old = transaction.get("instance", f"member-{member}", body=False)
                transaction.put(
                    "instance",
                    f"member-{member}",
                    {"key": str(number), "events": [f"at {number}"]},
                    str(number).encode() * 3000,
                    expected=old.revision if old else 0,
                )
            transaction.put("history", f"turn-{number}", {"n": number}, expected=0)
            if number > 1:
                transaction.delete("history", f"turn-{number - 1}", expected=1)
            transaction.put_blob(str(number).encode())


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]))
