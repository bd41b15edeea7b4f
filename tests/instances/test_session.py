"""One command on one instance: lock, load, move, save."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spiffcli.errors import BusyError, ConflictError, DataError, DuplicateError, NotFoundError, StateError
from spiffcli.instances import session as session_module
from spiffcli.values import TaskView

from .bench import Bench
from .models import call, manual, process, script, user

SHOP = process("shop", script("one", "x = 1"), manual("ask"), script("two", "y = x + 1"))


def test_an_instance_is_stored_before_its_first_step(bench: Bench) -> None:
    bench.add("shop", SHOP)
    with bench.runner().start("shop", {"customer": 7}, natural_id="A1") as session:
        row = bench.row("A1")
        assert (row.id, row.state, row.revision, row.due) == (session.instance.id, "running", 1, 0.0)
        assert (row.key, row.version, row.user, row.natural_id) == ("shop", 1, "ada", "A1")
        assert bench.data(row.id) == {"customer": 7}
    with pytest.raises(DuplicateError, match="'A1' already"), bench.runner().start("shop", natural_id="A1"):
        pass


def test_a_row_tells_where_the_instance_stands(bench: Bench) -> None:
    bench.add("shop", SHOP)
    id = bench.start("shop")
    row = bench.row(id)
    assert [(task.id, task.name, task.state) for task in row.active] == [("ask", "Ask", "READY")]
    situation = bench.runner().catalog.situation(row.situation)
    assert situation is not None
    assert b'"ask"' in situation.body
    bench.complete(id, "ask")
    row = bench.row(id)
    assert (row.state, row.active, row.situation, row.ended) == ("completed", (), "", row.updated)
    assert bench.problems() == []


def test_the_names_of_files_stand_with_the_definition_only(bench: Bench) -> None:
    bench.add("shop", SHOP)
    row = bench.row(bench.start("shop"))
    (definition,) = bench.runner().catalog.definitions("shop")
    assert len(definition.source.files) == 1
    assert row.source == definition.source.without_files()
    assert row.source.files == ()


def test_instances_in_the_same_place_share_one_situation(bench: Bench) -> None:
    bench.add("shop", SHOP)
    one, two = bench.start("shop", {"a": 1}), bench.start("shop", {"b": 2})
    assert bench.row(one).situation == bench.row(two).situation


def test_a_row_names_the_definitions_the_instance_has_entered(bench: Bench) -> None:
    bench.add("shop", process("shop", call("tax", "tax")), process("tax", manual("ask")))
    row = bench.row(bench.start("shop"))
    assert row.calls == (bench.runner().catalog.find("tax").id,)


def test_a_second_command_learns_who_holds_the_instance(bench: Bench) -> None:
    bench.add("shop", SHOP)
    id = bench.start("shop")
    busy = pytest.raises(BusyError, match=f"in use by count the cups on instance {id}")
    with bench.runner().session(id, "count the cups"), busy:
        bench.complete(id, "ask")
    bench.complete(id, "ask")
    assert bench.row(id).state == "completed"


def test_a_run_is_saved_now_and_then(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "SAVE_INTERVAL_S", -1.0)
    monkeypatch.setattr(session_module, "SAVE_SHARE", 0.0)
    bench.add("shop", process("shop", *(script(f"step_{n}", f"x = {n}") for n in range(4))))
    id = bench.start("shop")
    assert bench.row(id).revision > 5
    assert bench.data(id) == {"x": 3}


def test_what_a_step_hook_raises_ends_the_run_after_the_step_was_saved(bench: Bench) -> None:
    bench.add("shop", process("shop", *(script(f"step_{n}", f"x = {n}") for n in range(4))))
    seen = []

    def stop(view: TaskView) -> None:
        seen.append(view.id)
        if view.id == "step_1":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), bench.runner().start("shop") as session:
        session.advance(stop, save_steps=True)
    id = bench.last().id
    assert [task.id for task in bench.row(id).active] == ["step_2"]
    bench.run(id)
    assert (bench.row(id).state, bench.data(id)) == ("completed", {"x": 3})
    assert seen[-2:] == ["step_0", "step_1"]


def test_a_finished_instance_cannot_move(bench: Bench) -> None:
    bench.add("shop", SHOP)
    id = bench.start("shop")
    task = bench.task(id, "ask").task
    bench.complete(id, "ask")
    with bench.runner().session(id, "test") as session:
        for move in (
            lambda: session.complete(task, {}),
            lambda: session.retry({}),
            session.cancel,
            session.require_sound,
        ):
            with pytest.raises(StateError, match=f"Instance {id} was completed at") as caught:
                move()
            assert caught.value.data == {"instance": id, "state": "completed"}


def test_a_task_can_be_completed_once(bench: Bench) -> None:
    bench.add("shop", process("shop", manual("one"), manual("two")))
    id = bench.start("shop")
    task = bench.task(id, "one").task
    bench.complete(id, "one")
    with bench.runner().session(id, "test") as session:
        with pytest.raises(StateError, match="'One' is COMPLETED, not READY"):
            session.complete(task, {})
        with pytest.raises(NotFoundError):
            session.complete("00000000-0000-0000-0000-000000000000", {})


def test_somebody_who_writes_without_the_lock_is_found_out(bench: Bench) -> None:
    bench.add("shop", SHOP)
    id = bench.start("shop")
    with bench.runner().session(id, "test") as session:
        instance, state = bench.runner().catalog.load(id)
        bench.runner().catalog.save(instance, state)
        session.complete(bench.task(id, "ask").task, {})
        with pytest.raises(ConflictError):
            session.advance()


def test_data_that_cannot_be_stored_are_refused_before_anything_is(bench: Bench) -> None:
    bench.add("shop", SHOP)
    with pytest.raises(DataError, match=r"data\.x is a "), bench.runner().start("shop", {"x": object()}):
        pass
    assert bench.runner().instances() == []
    id = bench.start("shop")
    with pytest.raises(DataError, match=r"answers\.x is a "):
        bench.complete(id, "ask", {"x": object()})
    assert bench.open_tasks(id) == ["ask"]


def test_the_history_names_what_was_answered_but_not_how(bench: Bench) -> None:
    bench.add("shop", process("shop", user("log_in")))
    id = bench.start("shop")
    bench.complete(id, "log_in", {"password": "s3cret", "name": "ada"})
    entry = bench.history(id)[1]
    assert (entry.what, entry.user) == ("completed-task", "ada")
    assert entry.details == {"task": "log_in", "name": "Log In", "answers": ["name", "password"]}


def test_an_instance_runs_on_its_own_version(bench: Bench) -> None:
    bench.add("shop", SHOP)
    id = bench.start("shop")
    bench.add("shop", SHOP.replace("y = x + 1", "y = x + 100"))
    bench.complete(id, "ask")
    assert bench.data(id) == {"x": 1, "y": 2}
    assert bench.row(bench.start("shop")).version == 2


def test_two_pools_of_a_collaboration_run_to_their_end_saved_and_loaded_at_every_task(
    bench: Bench, tutorial: Path
) -> None:
    bench.runner().add([tutorial / "collaboration.bpmn"], collaboration="commission")
    id = bench.start("commission")
    answers: dict[str, dict[str, Any]] = {
        "describe_wish": {"customer": "Ada", "wish": "A blue teapot"},
        "estimate_price": {"price": 80},
        "decide_on_offer": {"accepted": True},
        "make_piece": {},
    }
    done = []
    while opened := bench.open_tasks(id):
        done.append(opened[0])
        bench.complete(id, opened[0], answers[opened[0]])
    assert done == list(answers)
    assert bench.row(id).state == "completed"
    assert bench.problems() == []
