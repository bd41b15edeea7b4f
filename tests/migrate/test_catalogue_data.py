"""Data (D), incidents and other states (X), records (H), case by case. See `test_catalogue`."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

import pytest

from spiffcli.errors import BusyError, ConflictError, IncidentError, NotFoundError, StateError

from .bench import Bench
from .build import boundary, definitions, duration, process, script, user

A, B, U, N = script("a"), script("b"), user("u"), script("n")


# D: data


def test_d1_values_are_set_by_the_move(bench: Bench) -> None:
    bench.versions(process(U, script("b", "log(x)")), process(U, script("b", "log(x + y)")))
    id = bench.start({"x": 1})
    bench.moved(id, data={"y": 2})
    assert (bench.drive(id), bench.log) == ("completed", ["U:u", 3])


def test_d2_a_script_changes_the_data(bench: Bench) -> None:
    bench.versions(process(U, B), process(U, N))
    id = bench.start({"x": 1})
    bench.moved(id, script="x = x * 10")
    assert bench.tasks(id, "u")[0].data["x"] == 10


@pytest.mark.parametrize("code", ["x = nobody", "x = (", "import os", "raise ValueError('no')", "exit()"])
def test_d2_a_script_that_fails_leaves_the_instance_untouched(bench: Bench, code: str) -> None:
    bench.versions(process(U, B), process(U, N))
    id = bench.start({"x": 1})
    before = bench.row(id)
    result = bench.migrate(id, script=code, force=True)
    assert result.outcome == "refused"
    assert result.plan is not None
    assert result.plan.blockers[0].rule == "script-failed"
    assert bench.row(id) == before
    assert bench.tasks(id, "u")[0].data == {"x": 1}


def test_d2_a_value_that_cannot_be_stored_leaves_the_instance_untouched(bench: Bench) -> None:
    bench.versions(process(U, B), process(U, N))
    id = bench.start({"x": 1})
    before = bench.row(id)
    result = bench.migrate(id, script="x = [iter([])]", force=True)
    assert (result.outcome, bench.row(id)) == ("refused", before)


def test_d3_a_data_object_added_and_one_removed(bench: Bench) -> None:
    def version(name: str) -> str:
        held = f'<dataObject id="{name}"/><dataObjectReference id="{name}_ref" dataObjectRef="{name}"/>'
        return process(user("u"), B).replace("<startEvent", f"{held}<startEvent", 1)

    bench.versions(version("one"), version("two"), version("one"))
    id = bench.start()
    bench.moved(id)
    bench.moved(id, "p@3")
    assert (bench.drive(id), bench.log) == ("completed", ["U:u", "b"])


def test_d4_a_decision_that_changed_alone_is_seen_and_decides_from_then_on(bench: Bench, tmp_path: Path) -> None:
    for price in (1, 2):
        (tmp_path / "prices.dmn").write_text(_decision(price))
        path = tmp_path / "models.bpmn"
        path.write_text(definitions(process(U, DECIDES, script("b", "log(price)"))))
        bench.runner().add([path, tmp_path / "prices.dmn"], process="p")
    id = bench.start({"product": "mug"})
    assert bench.plan(id).verdict == "migratable"
    bench.moved(id)
    assert bench.row(id).version == 2
    assert (bench.drive(id), bench.log) == ("completed", ["U:u", 2])


DECIDES = (
    '<businessRuleTask id="look_up" name="look up"><extensionElements><s:calledDecisionId>prices</s:calledDecisionId>'
    "</extensionElements></businessRuleTask>"
)


def _decision(price: int) -> str:
    return (
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="x">'
        '<decision id="prices" name="prices"><decisionTable id="t"><input id="i" label="product">'
        '<inputExpression id="ie" typeRef="string"><text>product</text></inputExpression></input>'
        '<output id="o" label="price" name="price"'
        f' typeRef="number"/><rule id="r"><inputEntry id="x"><text>"mug"</text></inputEntry><outputEntry id="y"><text>'
        f"{price}</text></outputEntry></rule></decisionTable></decision></definitions>"
    )


def test_d4_a_form_that_changed_alone_is_seen_and_recorded(bench: Bench) -> None:
    model = process(user("u", form="look.json"), B)
    for kind in ("string", "integer"):
        (bench.folder / "look.json").write_text(f'{{"type": "object", "properties": {{"x": {{"type": "{kind}"}}}}}}')
        bench.add(model)
    id = bench.start()
    assert bench.plan(id).verdict == "migratable"
    bench.moved(id)
    assert bench.row(id).version == 2
    assert bench.runner().history(id)[-1].what == "migrated"
    assert bench.drive(id) == "completed"


def test_d5_a_change_of_the_process_alone_is_seen_and_recorded(bench: Bench) -> None:
    model = process(U, B)
    bench.versions(model, model.replace('id="p"', 'id="p" name="Better named"', 1))
    id = bench.start()
    assert bench.plan(id).verdict == "migratable"
    bench.moved(id)
    assert (bench.row(id).version, bench.drive(id), bench.log) == (2, "completed", ["U:u", "b"])


# X: incidents and other states


def test_x1_a_failed_task_moves_and_its_mended_script_is_tried_again(bench: Bench) -> None:
    bench.versions(process(script("a", "log(nobody)"), B), process(A, B))
    with pytest.raises(IncidentError):
        bench.start()
    (id,) = [row.id for row in bench.runner().instances()]
    bench.moved(id)
    assert bench.row(id).state == "error"
    bench.retry(id)
    assert (bench.row(id).state, bench.log) == ("completed", ["a", "b"])


def test_x1_a_failed_task_with_a_new_boundary_event(bench: Bench) -> None:
    event = boundary("x", "a", duration("PT1H"))
    bench.versions(
        process(script("a", "log(nobody)"), B), process(A, B, N, event, flows="start>a a>b b>end x>n n>end_x")
    )
    with pytest.raises(IncidentError):
        bench.start()
    (id,) = [row.id for row in bench.runner().instances()]
    bench.moved(id)
    bench.retry(id)
    assert (bench.drive(id), bench.log) == ("completed", ["a", "b"])


def test_x1_a_failed_task_that_is_gone_needs_a_mapping(bench: Bench) -> None:
    bench.versions(process(script("a", "log(nobody)"), B), process(script("a2", "log('a2')"), B))
    with pytest.raises(IncidentError):
        bench.start()
    (id,) = [row.id for row in bench.runner().instances()]
    assert ("node-removed", "a") in bench.refused(id)
    bench.moved(id, map={"a": "a2"})
    bench.retry(id)
    assert (bench.row(id).state, bench.log) == ("completed", ["a2", "b"])


def test_x1_a_pre_script_that_failed_is_tried_again_as_it_is_now(bench: Bench) -> None:
    bench.versions(process(user("u", pre="log(nobody)"), B), process(user("u", pre="log('pre')"), B))
    with pytest.raises(IncidentError):
        bench.start()
    (id,) = [row.id for row in bench.runner().instances()]
    result = bench.migrate(id, force=True)
    assert result.outcome == "migrated"
    bench.retry(id)
    assert (bench.drive(id), bench.log) == ("completed", ["pre", "U:u", "b"])


def test_x2_a_suspended_instance_stays_suspended(bench: Bench) -> None:
    bench.versions(process(U, B), process(U, N))
    id = bench.start()
    bench.runner().catalog.suspend("p@1", instances=True)
    assert bench.row(id).suspended
    bench.moved(id)
    assert bench.row(id).suspended
    with pytest.raises(StateError, match="suspended"):
        bench.complete(id, "u")
    bench.runner().catalog.activate("p@2", instances=True)
    assert (bench.drive(id), bench.log[-1]) == ("completed", "n")


def test_x3_an_instance_that_moved_on_since_the_plan_is_refused(bench: Bench) -> None:
    bench.versions(process(U, user("v"), B), process(U, user("v"), N))
    id = bench.start()
    plan = bench.plan(id)
    bench.complete(id, "u")
    runner = bench.runner()
    with pytest.raises(ConflictError, match="not as it was"):
        runner.migrate(runner.target("p@2"), id, expected=plan.hash)
    assert bench.row(id).version == 1


def test_x4_an_instance_that_a_command_holds_is_refused(bench: Bench) -> None:
    bench.versions(process(U, B), process(U, N))
    id = bench.start()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with bench.runner().session(id, "complete"):
            held.set()
            done.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    try:
        with pytest.raises(BusyError, match="complete"):
            bench.migrate(id)
    finally:
        done.set()
        holder.join()
    bench.moved(id)


def test_x5_values_of_every_kind_keep_their_type(bench: Bench) -> None:
    bench.versions(process(U, B), process(U, N))
    values = {"day": date(2030, 1, 2), "set": {1, 2}, "pair": (1, "x"), 3: b"bytes", "nested": {"typename": [1.0, 1]}}
    id = bench.start(values)  # type: ignore[arg-type]
    bench.moved(id)
    assert bench.tasks(id, "u")[0].data == values


# H: records


def test_h1_h2_the_move_is_recorded_and_old_versions_stay_readable(bench: Bench) -> None:
    bench.versions(process(A, U, B), process(A, N, U, B))
    id = bench.start()
    plan = bench.moved(id, force=True)
    entry = bench.runner().history(id)[-1]
    assert (entry.what, entry.user, entry.details["from"], entry.details["to"]) == ("migrated", "ada", "p@1", "p@2")
    assert entry.details["plan"] == plan.hash
    assert [move[1:] for move in entry.details["moves"]] == [["u", "u"]]
    assert [each["rule"] for each in entry.details["overridden"]] == ["node-added-before-token"]
    assert bench.runner().catalog.definition(entry.details["source"]).label == "p@1"


def test_h3_a_move_is_taken_back_while_the_instance_has_not_moved_on(bench: Bench) -> None:
    bench.versions(process(A, U, B), process(U, N))
    id = bench.start()
    before = bench.runner().catalog.load(id)[1]
    bench.moved(id)
    bench.runner().rollback(id)
    assert bench.runner().catalog.load(id)[1] == before
    with pytest.raises(StateError, match="rolled back already"):
        bench.runner().rollback(id)
    bench.moved(id)
    bench.complete(id, "u")
    with pytest.raises(StateError):
        bench.runner().rollback(id)
    assert bench.log == ["a", "U:u", "n"]


def test_h3_an_instance_that_was_never_moved_has_nothing_to_take_back(bench: Bench) -> None:
    bench.versions(process(U))
    id = bench.start()
    with pytest.raises(StateError, match="never migrated"):
        bench.runner().rollback(id)


def test_l8_an_instance_deleted_meanwhile_is_said_to_be_gone(bench: Bench) -> None:
    bench.versions(process(U, B), process(U, N))
    id = bench.start()
    runner = bench.runner()
    target = runner.target("p@2")
    bench.runner().delete_instance(id)
    with pytest.raises(NotFoundError):
        runner.migrate(target, id)
