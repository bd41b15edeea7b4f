"""The clock: settable, one per context."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from spiffcli.engine.clock import Clock, ManualClock, SystemClock, now, use_clock, utc_now
from spiffcli.errors import InputError


def test_without_a_clock_the_machine_gives_the_time():
    before = time.time()
    assert before <= now() <= time.time()
    assert isinstance(SystemClock(), Clock)


def test_a_clock_holds_until_its_block_ends():
    with use_clock(ManualClock(1000.0)):
        with use_clock(ManualClock(2000.0)):
            assert now() == 2000.0
        assert now() == 1000.0
    assert now() > 2000.0


def test_a_function_is_a_clock_too():
    with use_clock(lambda: 5.0):
        assert now() == 5.0
        assert utc_now() == datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)


def test_a_manual_clock_moves_when_told():
    clock = ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
    clock.advance(timedelta(days=1))
    clock.advance(0.5)
    assert datetime.fromtimestamp(clock.now(), UTC) == datetime(2030, 1, 2, 0, 0, 0, 500_000, tzinfo=UTC)
    clock.set(0)
    assert clock() == 0


def test_a_manual_clock_refuses_what_it_cannot_know():
    with pytest.raises(InputError, match="no time zone"):
        ManualClock(datetime(2030, 1, 1))
    with pytest.raises(InputError, match="cannot advance by -1"):
        ManualClock().advance(-1)


def test_another_thread_keeps_its_own_time():
    seen = []
    with use_clock(ManualClock(7.0)):
        thread = threading.Thread(target=lambda: seen.append(now()))
        thread.start()
        thread.join()
    assert seen[0] > 7.0
