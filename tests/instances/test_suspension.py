"""Versions and instances that are suspended, now or from a date on."""

from __future__ import annotations

import pytest

from spiffcli.catalog.suspension import Scheduled, Suspended
from spiffcli.errors import StateError

from .bench import Bench
from .models import manual, message, process, receive, timer


@pytest.fixture
def waiting(bench: Bench) -> str:
    """An instance that waits for somebody, on version 1 of `order`."""
    bench.add("order", process("order", manual("look")))
    return bench.start("order")


def suspend_at(bench: Bench, seconds: float, **options: bool) -> Scheduled:
    return bench.runner().catalog.schedule("suspend", "order", bench.clock.now() + seconds, **options)


def test_a_suspension_waits_for_its_date_and_is_told_once(bench: Bench, waiting: str) -> None:
    plan = suspend_at(bench, 60, instances=True)
    told: list[tuple[Scheduled, Suspended]] = []

    def tick() -> None:
        bench.runner().tick(lambda *each: told.append(each))

    bench.clock.advance(59)
    tick()
    assert told == []
    assert not bench.row(waiting).suspended
    bench.clock.advance(1)
    tick()
    tick()
    ((done, changed),) = told
    assert done == plan
    assert changed.instances == (waiting,)
    assert bench.row(waiting).suspended
    assert bench.history(waiting)[-1].what == "suspended"
    assert bench.problems() == []


def test_what_was_noted_down_can_be_taken_back(bench: Bench, waiting: str) -> None:
    one, whole = suspend_at(bench, 60), suspend_at(bench, 60, whole_key=True)
    catalog = bench.runner().catalog
    assert catalog.unschedule("order@1", "activate") == []
    assert sorted(each.id for each in catalog.unschedule("order", "suspend")) == sorted((one.id, whole.id))
    bench.clock.advance(60)
    bench.runner().tick()
    assert not bench.runner().catalog.find("order").suspended


def test_a_date_for_a_version_that_is_gone_does_nothing(bench: Bench) -> None:
    bench.add("order", process("order", manual("look")))
    suspend_at(bench, 60)
    catalog = bench.runner().catalog
    catalog.delete(catalog.plan_deletion("order"))
    bench.clock.advance(60)
    bench.runner().tick()
    assert bench.runner().catalog.scheduled() == []


def test_a_suspended_instance_is_moved_by_nothing(bench: Bench, waiting: str) -> None:
    bench.runner().catalog.suspend("order", instances=True)
    before = bench.row(waiting)
    for move in (lambda: bench.complete(waiting, "look"), lambda: bench.retry(waiting)):
        with pytest.raises(StateError, match="is suspended: nothing moves it") as caught:
            move()
        assert caught.value.hint == "Let it go on with: runner activate order@1 --with-instances"
    with pytest.raises(StateError, match="order@1 is suspended"):
        bench.start("order")
    assert bench.row(waiting) == before
    bench.runner().catalog.activate("order", instances=True)
    bench.complete(waiting, "look")
    assert bench.row(waiting).state == "completed"


def test_timers_and_messages_wait_until_it_is_activated(bench: Bench) -> None:
    bench.add("late", message("paid"), process("late", timer("pause", '"PT1M"'), receive("wait", "paid")))
    id = bench.start("late")
    bench.runner().catalog.suspend("late", instances=True)
    bench.clock.advance(120)
    assert bench.runner().tick() == []
    bench.runner().catalog.activate("late", instances=True)
    assert [each.instance for each in bench.runner().tick()] == [id]
    assert bench.row(id).active[0].id == "wait"


def test_instances_of_other_versions_go_on(bench: Bench, waiting: str) -> None:
    bench.add("order", process("order", manual("look"), manual("look_again")))
    other = bench.start("order")
    changed = bench.runner().catalog.suspend("order@2", instances=True)
    assert changed.instances == (other,)
    bench.complete(waiting, "look")
    assert bench.row(waiting).state == "completed"
