"""Instances that a message, a signal or a date starts, and of which version."""

from __future__ import annotations

from typing import Any

import pytest

from spiffcli.errors import AmbiguousError, InputError, NotFoundError
from spiffcli.instances.dispatcher import SendResult
from spiffcli.instances.start_events import TickResult
from spiffcli.values import Instance

from .bench import Bench
from .models import END, correlated, manual, message, process, receive, script, signal, throw

HOUR = 3600.0


def started_by(kind: str, name: str) -> str:
    return f'<startEvent id="begin"><{kind}EventDefinition {kind}Ref="{name}"/></startEvent>'


def timed(what: str, expression: str) -> str:
    return (
        f'<startEvent id="begin"><timerEventDefinition><{what} xsi:type="tFormalExpression">{expression}</{what}>'
        "</timerEventDefinition></startEvent>"
    )


def add(bench: Bench, key: str, start: str, version: int = 1, *declared: str) -> None:
    """A process that begins with `start`, says which version it is, and waits for somebody."""
    nodes = (start, script("note", f"version = {version}"), manual("look"), END)
    bench.add(key, *declared, process(key, *nodes, flows=("begin note", "note look", "look end")))


def send(bench: Bench, name: str, payload: Any = None) -> SendResult:
    bench.clock.advance(1)  # instances are listed by age
    return bench.runner().send(None, name, payload)


def tick(bench: Bench, seconds: float = 0) -> list[TickResult]:
    bench.clock.advance(seconds)
    return bench.runner().tick()


def instances(bench: Bench) -> list[Instance]:
    return bench.runner().catalog.instances()


def labels(bench: Bench) -> list[str]:
    return [f"{row.key}@{row.version}" for row in instances(bench)]


def test_a_message_starts_exactly_one_instance_of_the_newest_version(bench: Bench) -> None:
    for version in (1, 2):
        add(bench, "order", started_by("message", "ordered"), version, message("ordered"))
    (instance,) = send(bench, "ordered", {"number": 7}).instances
    assert labels(bench) == ["order@2"]
    assert (instance.state, instance.active[0].id) == ("running", "look")
    first = bench.history(instance.id)[0]
    assert (first.what, dict(first.details)) == (
        "started",
        {"definition": "order@2", "event": "message", "name": "ordered"},
    )
    assert bench.problems() == []


def test_deleting_or_suspending_the_newest_gives_the_message_back_to_the_one_before(bench: Bench) -> None:
    for version in (1, 2, 3):
        add(bench, "order", started_by("message", "ordered"), version, message("ordered"))
    catalog = bench.runner().catalog
    catalog.delete(catalog.plan_deletion("order@3"))
    send(bench, "ordered")
    catalog.suspend("order@2")
    send(bench, "ordered")
    catalog.activate("order@2")
    send(bench, "ordered")
    catalog.suspend("order", whole_key=True)
    with pytest.raises(NotFoundError, match="No instance waits for the message 'ordered'"):
        send(bench, "ordered")
    assert labels(bench) == ["order@2", "order@1", "order@2"]


def test_a_version_without_the_start_event_takes_it_away(bench: Bench) -> None:
    add(bench, "order", started_by("message", "ordered"), 1, message("ordered"))
    add(bench, "order", '<startEvent id="begin"/>', 2)
    with pytest.raises(NotFoundError):
        send(bench, "ordered")
    assert instances(bench) == []


def test_whoever_waits_for_the_message_has_it_first(bench: Bench) -> None:
    declared = correlated("number", "ordered")
    begin, wait = started_by("message", "ordered"), receive("wait", "ordered")
    bench.add("order", declared, process("order", begin, wait, END, flows=("begin wait", "wait end")))
    first = send(bench, "ordered", {"number": 7}).instances[0].id
    second = send(bench, "ordered", {"number": 8}).instances[0].id
    assert send(bench, "ordered", {"number": 7}).instances[0].id == first
    assert [(row.id, row.state) for row in instances(bench)] == [(first, "completed"), (second, "running")]
    with pytest.raises(InputError, match="does not say whom the message 'ordered' is for"):
        send(bench, "ordered", {})
    bench.runner().catalog.suspend("order@1", instances=True)
    bench.runner().catalog.activate("order@1")
    with pytest.raises(NotFoundError) as caught:
        send(bench, "ordered", {"number": 8})
    assert "suspended" in (caught.value.hint or "")
    assert len(instances(bench)) == 2, "nothing is started beside the one it is for"


def test_a_message_that_would_start_two_starts_none(bench: Bench) -> None:
    for key in ("order", "quote"):
        add(bench, key, started_by("message", "asked"), 1, message("asked"))
    with pytest.raises(AmbiguousError, match="would start 2 specs: order@1, quote@1") as caught:
        send(bench, "asked")
    assert caught.value.data["candidates"] == ["order@1", "quote@1"]
    assert instances(bench) == []


def test_a_signal_starts_everything_it_starts(bench: Bench) -> None:
    for key in ("order", "quote"):
        add(bench, key, started_by("signal", "opened"), 1, signal("opened"))
    assert len(send(bench, "opened").instances) == 2
    assert sorted(labels(bench)) == ["order@1", "quote@1"]


def test_an_instance_can_start_another(bench: Bench) -> None:
    add(bench, "pack", started_by("message", "packed"), 1, message("packed"))
    bench.add("order", message("packed"), process("order", throw("send", "packed", "{'number': 7}")))
    id = bench.start("order")
    (other,) = [row for row in instances(bench) if row.id != id]
    assert (other.key, other.active[0].id) == ("pack", "look")
    sent = next(entry for entry in bench.history(id) if entry.what == "sent")
    assert sent.details["reached"] == [other.id]
    assert bench.problems() == []


def test_names_that_start_something_are_offered(bench: Bench) -> None:
    add(bench, "order", started_by("message", "ordered"), 1, message("ordered"))
    with pytest.raises(NotFoundError) as caught:
        send(bench, "orderd")
    assert caught.value.hint == "Waited for: ordered."


def test_a_tenant_is_started_by_the_default_one_only_where_it_has_nothing(bench: Bench) -> None:
    add(bench, "order", started_by("message", "ordered"), 1, message("ordered"))
    (bench.folder / "runner.toml").write_text('tenant = "acme"\n')
    (instance,) = send(bench, "ordered").instances
    assert (instance.tenant, instance.version) == ("acme", 1)
    add(bench, "mine", started_by("message", "ordered"), 1, message("ordered"))
    send(bench, "ordered")
    assert labels(bench) == ["order@1", "mine@1"]


# Dates


def test_a_duration_starts_one_instance_counted_from_the_deployment(bench: Bench) -> None:
    add(bench, "later", timed("timeDuration", '"PT1H"'))
    assert tick(bench, HOUR / 2) == []
    (ticked,) = tick(bench, HOUR / 2)
    assert (ticked.state, ticked.reason) == ("running", None)
    assert labels(bench) == ["later@1"]
    assert bench.history(ticked.instance)[0].details["timer"] == "begin"
    assert tick(bench, 10 * HOUR) == []
    assert bench.open_tasks(ticked.instance) == ["look"]
    assert bench.problems() == []


def test_a_repetition_starts_an_instance_each_time_and_then_no_more(bench: Bench) -> None:
    add(bench, "hourly", timed("timeCycle", '"R3/PT1H"'))
    for expected in (1, 2, 3, 3):
        tick(bench, HOUR)
        assert len(instances(bench)) == expected


def test_missed_dates_start_one_instance(bench: Bench) -> None:
    add(bench, "hourly", timed("timeCycle", '"R/PT1H"'))
    assert len(tick(bench, 5.5 * HOUR)) == 1
    assert tick(bench, 0.25 * HOUR) == []
    assert len(tick(bench, 0.25 * HOUR)) == 1


def test_a_date_that_was_past_when_the_version_was_added_starts_nothing(bench: Bench) -> None:
    add(bench, "dated", timed("timeDate", '"2027-01-15T08:30:00+00:00"'))  # in half an hour
    assert len(tick(bench, HOUR)) == 1
    add(bench, "dated", timed("timeDate", '"2027-01-15T08:30:00+00:00"'), 2)
    assert tick(bench, HOUR) == []
    assert labels(bench) == ["dated@1"]


def test_a_new_version_takes_the_timer_over_and_deleting_it_gives_it_back(bench: Bench) -> None:
    add(bench, "hourly", timed("timeCycle", '"R/PT1H"'))
    tick(bench)
    add(bench, "hourly", timed("timeCycle", '"R/PT2H"'), 2)
    tick(bench, HOUR)
    assert labels(bench) == []
    tick(bench, HOUR)
    assert labels(bench) == ["hourly@2"]
    catalog = bench.runner().catalog
    catalog.delete(catalog.plan_deletion("hourly@2"), cascade=True)
    assert tick(bench, HOUR / 2) == [], "it counts from when it has its place again"
    tick(bench, HOUR)
    assert labels(bench) == ["hourly@1"]
    catalog.suspend("hourly@1")
    assert tick(bench, HOUR) == []
    assert bench.problems() == []


def test_a_timer_that_cannot_be_understood_says_so_and_stops_no_other(bench: Bench) -> None:
    add(bench, "broken", timed("timeDuration", "nothing"))
    add(bench, "fine", timed("timeDuration", '"PT1H"'))
    found = {each.state: each for each in tick(bench, HOUR)}
    assert "the timer 'begin' of broken@1 starts nothing: " in (found["error"].reason or "")
    assert found["running"].reason is None
    assert labels(bench) == ["fine@1"]


def test_what_a_timer_starts_can_fail(bench: Bench) -> None:
    nodes = (timed("timeDuration", '"PT1H"'), script("fail", "1 / 0"), END)
    bench.add("failing", process("failing", *nodes, flows=("begin fail", "fail end")))
    (ticked,) = tick(bench, HOUR)
    assert ticked.state == "error"
    assert bench.row(ticked.instance).state == "error"


def test_timers_of_other_tenants_are_not_looked_at(bench: Bench) -> None:
    add(bench, "later", timed("timeDuration", '"PT1H"'))
    (bench.folder / "runner.toml").write_text('tenant = "acme"\n')
    assert tick(bench, HOUR) == []
    assert instances(bench) == []
