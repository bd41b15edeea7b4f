"""Which task of an instance a user means."""

from __future__ import annotations

import pytest

from spiffcli.errors import AmbiguousError, NotFoundError, StateError
from spiffcli.instances.select import find_task

from .bench import Bench
from .models import START, manual, process


@pytest.fixture
def packing(bench: Bench) -> Bench:
    fork = process(
        "fork",
        START,
        '<parallelGateway id="split"/>',
        '<manualTask id="pack_a" name="Pack"/>',
        '<manualTask id="pack_b" name="Pack"/>',
        '<manualTask id="ship" name="Ship it"/>',
        manual("later"),
        flows=("start split", "split pack_a", "split pack_b", "split ship", "ship later"),
    )
    bench.add("fork", fork)
    return bench


def test_a_task_is_found_by_id_bpmn_id_name_and_beginning(packing: Bench) -> None:
    look = packing.runner().look(packing.start("fork"))
    ship = next(view for view in look.tasks if view.id == "ship")
    for ref in (ship.task, "ship", "SHIP", "Ship it", "ship IT", ship.task[:13]):
        assert find_task(look, ref).task == ship.task
    assert find_task(look, "pack_b").id == "pack_b"


def test_a_name_of_several_tasks_lists_them(packing: Bench) -> None:
    look = packing.runner().look(packing.start("fork"))
    with pytest.raises(AmbiguousError, match="'Pack' means 2 open tasks") as caught:
        find_task(look, "Pack")
    assert len(caught.value.data["candidates"]) == 2


def test_a_task_that_is_not_open_or_not_there_says_what_is(packing: Bench) -> None:
    id = packing.start("fork")
    look = packing.runner().look(id)
    with pytest.raises(NotFoundError, match=f"Instance {id} has no task 'unpack'") as missing:
        find_task(look, "unpack")
    assert "Ship it" in str(missing.value.hint)
    with pytest.raises(StateError, match="'Later' is FUTURE, not READY"):
        find_task(look, "Later")
    packing.complete(id, "ship")
    with pytest.raises(StateError, match="'Ship it' is COMPLETED, not READY"):
        find_task(packing.runner().look(id), "ship")


def test_an_ended_instance_has_no_open_task(packing: Bench) -> None:
    id = packing.start("fork")
    with packing.runner().session(id, "cancel") as session:
        session.cancel()
    with pytest.raises(StateError, match=f"Instance {id} was cancelled at .*; no task of it is open"):
        find_task(packing.runner().look(id), "ship")
