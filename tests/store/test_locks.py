from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from spiffcli.errors import BusyError, StoreError
from spiffcli.store.locks import Holder, Turns, hold_file, hold_named, try_file


def test_a_held_lock_names_its_holder_and_is_free_afterwards(tmp_path: Path) -> None:
    with hold_named(tmp_path, "x", 0, "migrate of 3 instances"):
        with (
            pytest.raises(BusyError, match="migrate of 3 instances") as caught,
            hold_named(tmp_path, "x", 0.05, ""),
        ):
            raise AssertionError("not reached")
        assert caught.value.data["holder"]["pid"] == os.getpid()
        with hold_named(tmp_path, "y", 0, ""):
            pass
    with hold_named(tmp_path, "x", 0, ""):
        pass


def test_a_lock_file_goes_when_its_lock_goes(tmp_path: Path) -> None:
    with hold_named(tmp_path / "locks", "instance/1", 0, "run"):
        assert len(list((tmp_path / "locks").glob("*.lock"))) == 1
    assert [path.name for path in (tmp_path / "locks").iterdir()] == ["gate"]


def test_a_lock_file_that_is_kept_tells_no_holder_once_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold_file(path, Holder("one", "first"), wait=0, subject="It is", keep=True):
        pass
    with try_file(path, Holder("two", "second")) as held:
        assert held
        with (
            pytest.raises(BusyError, match="second") as caught,
            hold_file(path, Holder("three"), wait=0, subject="It is"),
        ):
            raise AssertionError("not reached")
    assert caught.value.data["holder"]["name"] == "two"


def test_trying_a_held_lock_does_not_wait_and_leaves_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        hold_file(path, Holder("one", "first"), wait=0, subject="It is"),
        try_file(path, Holder("two", "second")) as held,
    ):
        assert not held
        with (
            pytest.raises(BusyError, match="first"),
            hold_file(path, Holder("three"), wait=0, subject="It is"),
        ):
            raise AssertionError("not reached")


def test_many_threads_never_hold_one_lock_together(tmp_path: Path) -> None:
    """The file is removed at each release, so that waiting and removing race all the time."""
    inside, most, total = 0, 0, 0

    def work() -> None:
        nonlocal inside, most, total
        for _ in range(30):
            with hold_named(tmp_path, "x", 30, ""):
                inside += 1
                most = max(most, inside)
                time.sleep(0.0005)
                total += 1
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, total) == (1, 150)


def test_a_released_lock_is_free_although_a_child_process_inherited_it(tmp_path: Path) -> None:
    with hold_named(tmp_path, "x", 0, ""):
        ready, done = os.pipe()
        child = os.fork()
        if child == 0:  # pragma: no cover
            os.read(ready, 1)
            os._exit(0)
    with hold_named(tmp_path, "x", 0, ""):
        pass
    os.write(done, b"x")
    assert os.waitpid(child, 0)[1] == 0
    os.close(ready)
    os.close(done)


def test_locks_of_others_are_taken_at_once_however_many_pass_the_gate(tmp_path: Path) -> None:
    """Whoever only passes on the way to another lock never makes a lock busy that nobody waits for."""
    faults: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for _ in range(50):
                with hold_named(tmp_path, name, 0, ""):
                    pass
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(f"{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_place_where_no_lock_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=f"{tmp_path}/file"), hold_named(tmp_path / "file", "x", 0, ""):
        raise AssertionError("not reached")


def test_a_turn_that_does_not_come_is_busy(tmp_path: Path) -> None:
    turns, held, release = Turns(), threading.Event(), threading.Event()

    def hold() -> None:
        with turns.turn("here", 0):
            held.set()
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    with pytest.raises(BusyError, match="here"), turns.turn("here", 0.05):
        raise AssertionError("not reached")
    release.set()
    thread.join()
    with turns.turn("here", 0):
        pass
