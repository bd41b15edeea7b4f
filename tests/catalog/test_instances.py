from __future__ import annotations

import pytest
from msgspec.structs import replace

from spiffcli.catalog import Filter, Situation
from spiffcli.catalog.instances import HISTORY_CHUNK
from spiffcli.errors import AmbiguousError, ConflictError, DuplicateError, NotFoundError, StateError
from spiffcli.store import DocumentStore
from spiffcli.values import ActiveTask, HistoryEntry, Source, Subscription, digest

from .bench import Bench
from .models import bpmn, process


@pytest.fixture
def running(bench: Bench) -> Bench:
    """A catalog with two versions of `order` and one of `claim`."""
    bench.add(bpmn("o.bpmn", process("order")))
    bench.add(bpmn("o.bpmn", process("order", script="y = 1")))
    bench.add(bpmn("c.bpmn", process("claim")))
    return bench


def entry(what: str) -> HistoryEntry:
    return HistoryEntry("2026-01-01T00:00:00.000000Z", what, "ann")


def test_an_instance_is_loaded_as_it_was_created(running: Bench) -> None:
    instance = running.start("order", "4711")
    assert instance.revision == 1
    assert running.catalog.load(instance.id) == (instance, b"state")


def test_every_save_is_a_new_revision(running: Bench) -> None:
    instance = running.start("order")
    saved = running.catalog.save(replace(instance, state="completed"), b"done")
    assert saved.revision == 2
    assert running.catalog.load(instance.id) == (saved, b"done")


def test_a_save_without_a_state_keeps_the_one_there_is(running: Bench) -> None:
    instance = running.start("order")
    running.catalog.save(replace(instance, state="cancelled"), None)
    assert running.catalog.load(instance.id)[1] == b"state"


def test_a_stale_save_changes_nothing(running: Bench) -> None:
    instance = running.start("order")
    first = running.catalog.save(replace(instance, user="first"), b"first")
    with pytest.raises(ConflictError, match=r"revision 2, expected 1"):
        running.catalog.save(replace(instance, user="second"), b"second", [entry("late")])
    with pytest.raises(ConflictError):
        running.catalog.save(first, b"second", expected=1)
    assert running.catalog.load(instance.id) == (first, b"first")
    assert [each.what for each in running.catalog.history(instance.id)] == ["started"]


def test_a_natural_id_is_taken_once_per_key_and_tenant(running: Bench, store: DocumentStore) -> None:
    first = running.start("order", "4711")
    with pytest.raises(DuplicateError, match="natural id '4711'") as caught:
        running.start("order@1", "4711")
    assert caught.value.data["instance"] == first.id
    assert len(running.catalog.instances()) == 1
    running.start("claim", "4711")
    Bench(store, tenant="acme").start("order", "4711")
    running.catalog.delete_instance(first.id)
    running.start("order", "4711")
    running.assert_sound()


@pytest.mark.parametrize("natural_id", ["a/b", "a%2Fb", " ", "Zoë", "x" * 3000, "../../etc", "\n"])
def test_any_text_can_be_a_natural_id(running: Bench, natural_id: str) -> None:
    instance = running.start("order", natural_id)
    assert running.catalog.instance(natural_id) == instance
    running.assert_sound()


def test_instances_of_a_definition_gone_or_suspended_are_not_stored(running: Bench) -> None:
    definition = running.catalog.find("order@1")
    instance = running.start("order@1")
    running.catalog.suspend("order@1")
    with pytest.raises(StateError, match="suspended"):
        running.catalog.create(replace(instance, id="other"), b"state")
    running.catalog.delete_instance(instance.id)
    running.catalog.delete(running.catalog.plan_deletion(definition.id))
    with pytest.raises(NotFoundError, match="was deleted"):
        running.catalog.create(replace(instance, id="other"), b"state")


def test_an_instance_does_not_move_to_a_definition_that_is_gone(running: Bench) -> None:
    instance = running.start("order@2")
    target = running.catalog.find("order@1")
    running.catalog.delete(running.catalog.plan_deletion("order@1"))
    with pytest.raises(NotFoundError, match="was deleted"):
        running.catalog.save(replace(instance, definition=target.id, version=1), b"moved")


def test_a_natural_id_moves_along_to_another_key(running: Bench) -> None:
    claim = running.catalog.find("claim")
    instance = running.start("order", "4711")
    moved = running.catalog.save(replace(instance, definition=claim.id, key="claim", version=1), None)
    assert running.catalog.instance("4711") == moved
    running.start("order", "4711")
    with pytest.raises(DuplicateError):
        running.start("claim", "4711")
    running.assert_sound()


def test_an_instance_is_found_by_id_natural_id_and_prefix(running: Bench) -> None:
    instance = running.start("order", "4711")
    for ref in (instance.id, "4711", instance.id[:20]):
        assert running.catalog.instance(ref) == instance
    with pytest.raises(NotFoundError):
        running.catalog.instance("nothing")
    with pytest.raises(NotFoundError):
        running.catalog.instance("")


def test_what_means_several_instances_is_refused_with_their_ids(running: Bench) -> None:
    two = sorted([running.start("order", "4711").id, running.start("claim", "4711").id])
    with pytest.raises(AmbiguousError) as caught:
        running.catalog.instance("4711")
    assert caught.value.data["candidates"] == two
    ids = [running.start("order").id for _ in range(17)] + two
    prefix = next(id[0] for id in ids if sum(other[0] == id[0] for other in ids) > 1)
    with pytest.raises(AmbiguousError):
        running.catalog.instance(prefix)


def test_a_natural_id_is_found_where_the_definition_is_the_default_tenants(
    running: Bench, store: DocumentStore
) -> None:
    acme = Bench(store, tenant="acme")
    instance = acme.start("order", "4711")
    assert acme.catalog.instance("4711") == instance
    with pytest.raises(NotFoundError):
        running.catalog.instance("4711")


def test_other_tenants_instances_are_out_of_reach(running: Bench, store: DocumentStore) -> None:
    acme = Bench(store, tenant="acme")
    theirs = acme.start("order", due=1.0).id
    for reach in (
        running.catalog.load,
        running.catalog.instance,
        running.catalog.history,
        running.catalog.delete_instance,
    ):
        with pytest.raises(NotFoundError):
            reach(theirs)
    assert running.catalog.instances() == []
    assert running.catalog.due(2.0) == []


def test_lists_can_be_narrowed_in_every_way(running: Bench) -> None:
    waiting = (ActiveTask("t", "ask", "Ask", "READY"),)
    one = running.start("order@1", active=waiting, source=Source(commit="abc123"))
    two = running.start("order@2", state="completed", situation="z1")
    three = running.start("claim", active=waiting)
    definition = running.catalog.find("order@1").id

    def ids(**narrow: object) -> list[str]:
        return [each.id for each in running.catalog.instances(Filter(**narrow))]  # type: ignore[arg-type]

    assert ids() == [one.id, two.id, three.id]
    assert ids(key="order") == [one.id, two.id]
    assert ids(definitions=(definition,)) == [one.id]
    assert ids(states=("completed", "error")) == [two.id]
    assert ids(waiting_at="ask") == [one.id, three.id]
    assert ids(waiting_at="ask", key="order") == [one.id]
    assert ids(key="order", older_than=2) == [one.id]
    assert ids(situation="z1") == [two.id]
    assert ids(commit="abc") == [one.id]
    assert ids(definitions=()) == []


def test_due_timers_come_earliest_first(running: Bench) -> None:
    late = running.start("order", due=20.0)
    early = running.start("order", due=10.0)
    running.start("order", due=20.5)
    running.start("order")
    assert [each.id for each in running.catalog.due(20.0)] == [early.id, late.id]
    running.time = 5.0
    assert running.catalog.due() == []


def test_waiting_instances_are_found_by_event(running: Bench) -> None:
    def waiting(kind: str, name: str) -> Subscription:
        return Subscription(kind, name, "t", "e")  # type: ignore[arg-type]

    both = running.start("order", subscriptions=(waiting("message", "paid"), waiting("signal", "stop")))
    one = running.start("claim", subscriptions=(waiting("message", "paid"), waiting("timer", "")))
    assert [each.id for each in running.catalog.waiting_for("message", "paid")] == [both.id, one.id]
    assert [each.id for each in running.catalog.waiting_for("signal", "stop")] == [both.id]
    assert running.catalog.waiting_for("signal", "paid") == []
    running.catalog.save(replace(both, subscriptions=()), None)
    assert [each.id for each in running.catalog.waiting_for("message", "paid")] == [one.id]


def test_history_grows_over_many_saves_and_large_ones(running: Bench) -> None:
    instance = running.start("order")
    expected = ["started"]
    for size in (0, 1, HISTORY_CHUNK - 2, 1, 2 * HISTORY_CHUNK + 3, 1):
        names = [f"{size}.{n}" for n in range(size)]
        instance = running.catalog.save(instance, None, [entry(name) for name in names])
        expected += names
    assert [each.what for each in running.catalog.history(instance.id)] == expected
    running.assert_sound()
    running.catalog.delete_instance(instance.id)
    assert list(running.store.find("history")) == []


def test_a_situation_is_stored_once_for_all(running: Bench) -> None:
    first, second = running.start("order"), running.start("order")
    for instance, body in ((first, b"where"), (second, b"ignored")):
        here = Situation("z1", instance.definition, body)
        running.catalog.save(replace(instance, situation="z1"), None, situation=here)
    assert running.catalog.situation("z1") == Situation("z1", first.definition, b"where")
    assert running.catalog.situation("z2") is None
    assert len(running.catalog.instances(Filter(situation="z1"))) == 2
    running.assert_sound()


def test_what_is_kept_for_an_instance_stays_until_it_is_deleted(running: Bench) -> None:
    instance = running.start("order")
    saved = running.catalog.save(instance, b"moved", keep=[b"state"])
    saved = running.catalog.save(saved, b"later")
    twin = running.catalog.save(running.start("order"), None, keep=[b"state", b"own"])
    assert running.catalog.blob(digest(b"state")) == b"state"
    running.catalog.delete_instance(saved.id)
    assert running.store.has_blob(digest(b"state"))
    running.catalog.delete_instance(twin.id)
    assert not running.store.has_blob(digest(b"state"))
    assert not running.store.has_blob(digest(b"own"))
    running.assert_sound()


def test_blobs_of_definitions_survive_instances_that_share_them(running: Bench) -> None:
    definition = running.catalog.find("order")
    spec = running.catalog.blob(definition.specs["order"])
    instance = running.catalog.save(running.start("order"), None, keep=[spec])
    running.catalog.delete_instance(instance.id)
    assert running.catalog.blob(definition.specs["order"]) == spec


def test_many_instances_change_together_or_not_at_all(running: Bench) -> None:
    one, two = running.start("order"), running.start("order")
    running.catalog.save(two, b"meanwhile")

    def save_both() -> None:
        with running.catalog.transaction() as together:
            together.save(replace(one, user="bob"), b"new")
            assert together.instance(one.id).user == "bob"
            together.save(replace(two, user="bob"), b"new")

    with pytest.raises(ConflictError):
        save_both()
    assert running.catalog.load(one.id) == (one, b"state")
    with running.catalog.transaction() as together:
        for id in (one.id, two.id):
            together.save(replace(together.instance(id), user="bob"), b"new")
    assert {each.user for each in running.catalog.instances()} == {"bob"}


def test_an_instance_that_was_deleted_cannot_be_saved(running: Bench) -> None:
    instance = running.start("order")
    running.catalog.delete_instance(instance.id)
    with pytest.raises(NotFoundError, match=instance.id):
        running.catalog.save(instance, b"late")
    assert running.catalog.instances() == []
