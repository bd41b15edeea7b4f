"""Messages and signals: from outside, and between instances in one transaction."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from spiffcli.errors import AmbiguousError, BusyError, IncidentError, InputError, NotFoundError, StateError
from spiffcli.instances import dispatcher
from spiffcli.runner import Runner

from .bench import Bench
from .models import correlated, echo, manual, message, process, receive, script, signal, throw, user

ORDERS = (
    correlated("number", "order", "confirmation"),
    process(
        "buy", user("choose"), throw("send_order", "order", '{"number": number}'), receive("confirmed", "confirmation")
    ),
)


def send(bench: Bench, name: str, payload: Any = None, **options: Any) -> list[str]:
    delivered = bench.runner().send(options.pop("kind", None), name, payload, **options)
    return [instance.id for instance in delivered.instances]


def ordered(bench: Bench, number: Any) -> str:
    id = bench.start("buy")
    bench.complete(id, "choose", {"number": number})
    return id


def test_a_message_reaches_the_one_instance_it_is_correlated_with(bench: Bench) -> None:
    bench.add("buy", *ORDERS)
    seven, eight = ordered(bench, 7), ordered(bench, 8)
    assert send(bench, "confirmation", {"number": 8, "price": 3}) == [eight]
    assert (bench.row(seven).state, bench.row(eight).state) == ("running", "completed")
    assert bench.data(eight)["confirmed"] == {"number": 8, "price": 3}
    assert bench.happened(eight)[-2:] == ["received", "completed"]


def test_a_message_for_nobody_is_refused_and_says_who_waits(bench: Bench) -> None:
    bench.add("buy", *ORDERS)
    with pytest.raises(NotFoundError, match="No instance waits for the message 'confirmation'") as caught:
        send(bench, "confirmation", {"number": 9})
    assert caught.value.hint == "Nobody waits for any message now."
    seven = ordered(bench, 7)
    with pytest.raises(NotFoundError, match="with this payload") as caught:
        send(bench, "confirmation", {"number": 9})
    assert caught.value.hint == f"It is waited for by {seven} (buy@1, the_number = 7)."
    with pytest.raises(NotFoundError) as caught:
        send(bench, "conformation", {"number": 7})
    assert caught.value.hint == "Waited for: confirmation."
    assert bench.row(seven).revision == 3


def test_a_payload_that_lacks_what_the_message_is_correlated_by_is_refused(bench: Bench) -> None:
    bench.add("buy", *ORDERS)
    ordered(bench, 7)
    with pytest.raises(InputError, match="'confirmation' is for: it is correlated by number"):
        send(bench, "confirmation", {"price": 3})


def test_two_instances_with_the_same_correlation_are_told_apart_by_naming_one(bench: Bench) -> None:
    bench.add("buy", *ORDERS)
    one, two = ordered(bench, 7), ordered(bench, 7)
    with pytest.raises(AmbiguousError, match="2 instances wait for the message 'confirmation'") as caught:
        send(bench, "confirmation", {"number": 7})
    assert caught.value.data["candidates"] == [one, two]
    assert send(bench, "confirmation", {"number": 7}, instance=two) == [two]
    assert bench.row(one).state == "running"


def test_naming_an_instance_does_not_overrule_the_correlation(bench: Bench) -> None:
    bench.add("buy", *ORDERS)
    seven = ordered(bench, 7)
    with pytest.raises(NotFoundError, match="does not wait for the message 'confirmation' with this payload"):
        send(bench, "confirmation", {"number": 8}, instance=seven)
    assert bench.row(seven).state == "running"


def test_correlation_works_with_values_that_json_does_not_have(bench: Bench) -> None:
    day = process("buy", user("choose"), throw("send_order", "order", '{"number": day}'), receive("c", "confirmation"))
    bench.add("buy", ORDERS[0], day)
    id = bench.start("buy")
    bench.complete(id, "choose", {"day": date(2026, 5, 1)})
    assert bench.row(id).subscriptions[0].correlation == {"the_number": {"$type": "date/1", "value": "2026-05-01"}}
    assert send(bench, "confirmation", {"number": date(2026, 5, 1)}) == [id]


def test_a_signal_reaches_everyone_who_waits(bench: Bench) -> None:
    bench.add("watch", signal("fire"), process("watch", receive("heard", "fire", kind="signal"), manual("run_away")))
    ids = [bench.start("watch") for _ in range(3)]
    assert sorted(send(bench, "fire")) == sorted(ids)
    assert [bench.open_tasks(id) for id in ids] == [["run_away"]] * 3
    with pytest.raises(NotFoundError, match="No instance waits for the message 'fire'"):
        send(bench, "fire")
    with pytest.raises(NotFoundError, match="No instance waits for the signal 'fire'"):
        send(bench, "fire", kind="signal")


def test_a_failure_in_one_receiver_of_a_signal_does_not_stop_the_others(bench: Bench) -> None:
    bench.add(
        "watch",
        signal("fire"),
        process("watch", receive("heard", "fire", kind="signal"), script("count", "n = n + 1"), manual("run_away")),
    )
    bad, good = bench.start("watch"), bench.start("watch", {"n": 1})
    with pytest.raises(IncidentError, match="'Count' failed") as caught:
        send(bench, "fire")
    assert caught.value.data["instance"] == bad
    assert (bench.row(bad).state, bench.row(good).state) == ("error", "running")
    assert bench.open_tasks(good) == ["run_away"]


def test_a_message_and_a_signal_of_one_name_are_told_apart(bench: Bench) -> None:
    bench.add("one", message("ping"), process("one", receive("got", "ping")))
    bench.add("two", signal("ping"), process("two", receive("got", "ping", kind="signal")))
    one, two = bench.start("one"), bench.start("two")
    with pytest.raises(AmbiguousError, match="a signal 'ping' too"):
        send(bench, "ping")
    assert send(bench, "ping", kind="signal") == [two]
    assert send(bench, "ping") == [one]


def test_a_message_is_used_up_by_one_of_two_tasks_that_wait_for_it(bench: Bench) -> None:
    bench.add(
        "both",
        message("ping"),
        process(
            "both",
            '<startEvent id="start"/>',
            '<parallelGateway id="split"/>',
            receive("first", "ping"),
            receive("second", "ping"),
            '<parallelGateway id="join"/>',
            '<endEvent id="end"/>',
            flows=("start split", "split first", "split second", "first join", "second join", "join end"),
        ),
    )
    id = bench.start("both")
    send(bench, "ping", {"n": 1})
    assert [each.element for each in bench.row(id).subscriptions] == ["second"]
    send(bench, "ping", {"n": 2})
    assert bench.row(id).state == "completed"
    assert bench.data(id) == {"first": {"n": 1}, "second": {"n": 2}}


def test_a_payload_that_is_not_an_object_is_refused(bench: Bench) -> None:
    with pytest.raises(InputError, match="is a JSON object"):
        send(bench, "ping", [1])


def test_what_one_instance_throws_reaches_another_in_the_same_transaction(bench: Bench, tutorial: Path) -> None:
    runner = bench.runner()
    for key in ("reorder_clay", "run_pottery_course"):
        runner.add([tutorial / "messages_and_signals.bpmn"], process=key)
    courses = [bench.start("run_pottery_course") for _ in range(2)]
    for id in courses:
        bench.complete(id, "open_course", {"topic": "Bowls", "seats": 6})
    order = bench.start("reorder_clay")
    bench.complete(order, "choose_clay", {"order_number": 7, "clay": "stoneware", "kilos": 50})
    assert send(bench, "clay_confirmation", {"order_number": 7}) == [order]
    assert [bench.open_tasks(id) for id in courses] == [["hold_course"]] * 2
    assert bench.task(courses[0], "hold_course").data["stock"] == {"clay": "stoneware", "kilos": 50}
    sent = [entry.details for entry in bench.history(order) if entry.what == "sent"]
    assert [(each["event"], each["name"], sorted(each["reached"])) for each in sent] == [
        ("message", "clay_order", []),
        ("signal", "clay_in_stock", sorted(courses)),
    ]
    assert bench.problems() == []


def test_an_event_whose_receiver_is_busy_stays_with_the_sender_until_a_tick(bench: Bench) -> None:
    bench.add("hear", message("ping"), process("hear", receive("got", "ping"), manual("answer")))
    bench.add("call", message("ping"), process("call", throw("say", "ping", '{"n": 1}')))
    hears = bench.start("hear")
    with bench.runner().session(hears, "something long"):
        calls = bench.start("call")
    assert bench.row(calls).state == "completed"
    assert bench.happened(calls)[-1] == "not-delivered-yet"
    assert bench.open_tasks(hears) == []
    bench.runner().tick()
    assert bench.open_tasks(hears) == ["answer"]
    assert bench.happened(calls).count("sent") == 1


def test_an_answer_comes_back_to_the_sender_in_the_same_command(bench: Bench) -> None:
    bench.add(
        "ask",
        correlated("number", "question", "answer"),
        process("ask", throw("say", "question", '{"number": number}'), receive("got", "answer")),
    )
    bench.add(
        "reply",
        correlated("number", "question", "answer"),
        process("reply", receive("got", "question"), throw("say", "answer", '{"number": got["number"]}')),
    )
    replies = bench.start("reply")
    asks = bench.start("ask", {"number": 3})
    assert (bench.row(asks).state, bench.row(replies).state) == ("completed", "completed")
    assert bench.data(asks)["got"] == {"number": 3}


def test_what_fails_after_an_answer_came_back_fails_the_command(bench: Bench) -> None:
    both = correlated("number", "question", "answer")
    bench.add(
        "ask",
        both,
        process("ask", throw("say", "question", '{"number": 1}'), receive("got", "answer"), script("bad", "x = y")),
    )
    bench.add("reply", both, process("reply", receive("got", "question"), throw("say", "answer", '{"number": 1}')))
    bench.start("reply")
    with pytest.raises(IncidentError, match="'Bad' failed"):
        bench.start("ask")
    assert bench.last().state == "error"


def test_two_instances_that_answer_each_other_without_end_are_stopped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "MOST_DELIVERIES", 50)
    for mine, theirs in (("ping", "pong"), ("pong", "ping")):
        bench.add(mine, *echo(mine, theirs))
    ids = [bench.start(key) for key in ("ping", "pong")]
    send(bench, "ping")
    said = [entry for id in ids for entry in bench.history(id) if entry.what == "not-delivered-yet"]
    assert len(said) == 1
    assert "50 events went back and forth" in said[0].details["reason"]
    assert sum(bench.happened(id).count("sent") for id in ids) == 50
    assert bench.problems() == []


def ending_with(kind: str) -> str:
    """A process that ends by throwing an error or escalation."""
    end = f'<endEvent id="bad_end"><{kind}EventDefinition {kind}Ref="broke"/></endEvent>'
    return process("shop", '<startEvent id="start"/>' + end, flows=("start bad_end",))


def test_what_nobody_catches_is_noted(bench: Bench) -> None:
    bench.add("shop", '<escalation id="broke" name="broke" escalationCode="B1"/>', ending_with("escalation"))
    id = bench.start("shop")
    (entry,) = [entry for entry in bench.history(id) if entry.what == "not-caught"]
    assert entry.details == {"event": "escalation", "name": "broke"}


def test_an_error_that_nobody_catches_stops_the_instance(bench: Bench) -> None:
    bench.add("shop", '<error id="broke" name="broke" errorCode="B1"/>', ending_with("error"))
    with pytest.raises(IncidentError, match="nothing in the model catches the error 'B1'"):
        bench.start("shop")
    assert bench.last().state == "error"
    assert "catches the error 'B1'" in (bench.last().incident or "")


def suspend(runner: Runner, ref: str) -> None:
    runner.catalog.suspend(ref, instances=True)


def test_an_event_whose_versions_are_all_suspended_says_so(bench: Bench) -> None:
    start = '<startEvent id="start"><messageEventDefinition messageRef="ping"/></startEvent>'
    model = process("hear", manual("begin")).replace('<startEvent id="start"/>', start)
    bench.add("hear", message("ping"), model)
    bench.runner().catalog.suspend("hear")
    with pytest.raises(NotFoundError, match="what it would start is suspended") as caught:
        send(bench, "ping")
    assert "runner activate hear@1" in str(caught.value.hint)
    bench.runner().catalog.activate("hear")
    assert len(send(bench, "ping")) == 1


def test_a_suspended_instance_rests(bench: Bench) -> None:
    bench.add("hear", message("ping"), process("hear", manual("begin"), receive("got", "ping")))
    bench.add("call", message("ping"), process("call", throw("say", "ping")))
    id = bench.start("hear")
    bench.complete(id, "begin")
    suspend(bench.runner(), "hear")
    with pytest.raises(NotFoundError, match="waits for the message 'ping'") as caught:
        send(bench, "ping")
    assert "suspended" in str(caught.value.hint)
    with pytest.raises(StateError, match="is suspended"):
        send(bench, "ping", instance=id)
    calls = bench.start("call")
    assert bench.happened(calls)[-1] == "not-delivered-yet"
    bench.runner().catalog.activate("hear", instances=True)
    bench.runner().tick()
    assert bench.row(id).state == "completed"


def test_nobody_receives_anything_while_one_receiver_of_a_signal_is_busy(bench: Bench) -> None:
    bench.add("watch", signal("fire"), process("watch", receive("heard", "fire", kind="signal"), manual("run_away")))
    one, two = bench.start("watch"), bench.start("watch")
    with bench.runner().session(two, "something long"), pytest.raises(BusyError, match="something long"):
        send(bench, "fire")
    assert bench.open_tasks(one) == []
