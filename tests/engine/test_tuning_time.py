"""Timers and time stamps go by our clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from spiffcli.engine.clock import ManualClock, use_clock

from .generated_models import Ends, Scope, model_of
from .played_models import begin, complete, engine, ready, reload


@pytest.fixture(autouse=True)
def clock() -> Iterator[ManualClock]:
    """A clock that stands at the first of March 2030, 12:00."""
    clock = ManualClock(datetime(2030, 3, 1, 12, tzinfo=UTC))
    with engine("fixes"), use_clock(clock):
        yield clock


def _waiting(event: str, kind: str = "timeDuration") -> bytes:
    def build(scope: Scope) -> Ends:
        content = f'<timerEventDefinition><{kind}>"{event}"</{kind}></timerEventDefinition>'
        timer = scope.node("intermediateCatchEvent", content)
        return scope.sequence((timer, timer), scope.user("after"))

    return model_of(build)


def test_a_timer_fires_when_it_is_due_and_not_before(clock: ManualClock) -> None:
    workflow = begin(_waiting("P30D"))
    workflow.do_engine_steps()
    clock.advance(timedelta(days=30) - timedelta(seconds=1))
    workflow = reload(workflow)
    workflow.do_engine_steps()
    assert ready(workflow) == []
    clock.advance(1)
    workflow.refresh_timers()
    workflow.do_engine_steps()
    assert ready(workflow) == ["after"]


def test_a_date_is_compared_with_our_clock(clock: ManualClock) -> None:
    workflow = begin(_waiting("2030-03-02T00:00:00+00:00", "timeDate"))
    workflow.do_engine_steps()
    workflow.do_engine_steps()
    assert ready(workflow) == []
    clock.set(datetime(2030, 3, 2, tzinfo=UTC))
    workflow.refresh_timers()
    workflow.do_engine_steps()
    assert ready(workflow) == ["after"]


def test_a_month_has_the_days_of_the_month_it_is(clock: ManualClock) -> None:
    workflow = begin(_waiting("P1M"))
    workflow.do_engine_steps()
    (event,) = workflow.waiting_events()
    assert datetime.fromisoformat(event.value) == datetime(2030, 4, 1, 12, tzinfo=UTC)


def test_a_repetition_fires_each_time_it_is_due(clock: ManualClock) -> None:
    def build(scope: Scope) -> Ends:
        return scope.boundary(scope.user("main"), scope.script("pass", id="tick"), "R2/PT1H", interrupting=False)

    workflow = begin(model_of(build))
    workflow.do_engine_steps()

    def ticks() -> int:
        workflow.refresh_timers()
        workflow.do_engine_steps()
        return sum(task.task_spec.name == "tick" for task in workflow.tasks.values())

    seen = []
    for seconds in (0, 3599, 1, 3599, 1, 3600, 3600):
        clock.advance(seconds)
        seen.append(ticks())
    assert seen == [0, 0, 1, 1, 2, 2, 2]
    complete(workflow, "main")
    assert workflow.is_completed()


def test_changes_are_stamped_by_our_clock(clock: ManualClock) -> None:
    workflow = begin(_waiting("PT1H"))
    clock.advance(10)
    workflow.do_engine_steps()
    assert int(workflow.task_tree.last_state_change) == int(clock.now())


def test_branches_are_merged_in_the_order_they_ended_though_the_clock_stands_still() -> None:
    def build(scope: Scope) -> Ends:
        block = scope.split("parallelGateway", [scope.user(name) for name in "abc"])
        return scope.sequence(block, scope.user("z"))

    workflow = begin(model_of(build))
    workflow.do_engine_steps()
    for name in ("c", "a", "b"):
        workflow = reload(workflow)
        task = workflow.get_next_task(spec_name=name)
        task.data["last"] = name
        complete(workflow, name)
    assert workflow.get_next_task(spec_name="z").data["last"] == "b"


def test_a_clock_that_is_set_back_is_believed(clock: ManualClock) -> None:
    workflow = begin(model_of(lambda scope: scope.sequence(scope.user("a"), scope.user("b"))))
    workflow.do_engine_steps()
    clock.set(datetime(2020, 1, 1, tzinfo=UTC))
    complete(workflow, "a")
    changed = workflow.get_next_task(spec_name="a").last_state_change
    assert datetime.fromtimestamp(changed, UTC).year == 2020
