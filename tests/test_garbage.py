from __future__ import annotations

import gc

import pytest

from spiffcli.garbage import without_collector


def test_the_collector_rests_and_goes_on() -> None:
    assert gc.isenabled()
    with without_collector():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_goes_on_after_a_failure() -> None:
    with pytest.raises(KeyError), without_collector():
        raise KeyError
    assert gc.isenabled()


def test_a_collector_that_rested_before_rests_after() -> None:
    gc.disable()
    try:
        with without_collector():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_made_for_good_is_not_looked_at_again() -> None:
    before = gc.get_freeze_count()
    try:
        with without_collector(for_good=True):
            made = [[] for _ in range(1_000)]
        assert gc.get_freeze_count() >= before + len(made)
    finally:
        gc.unfreeze()
