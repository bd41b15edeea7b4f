"""Aggregates and natural ids: R13 to R19."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import pytest

from spiffcli.errors import IncidentError
from spiffcli.services import (
    DuplicateStart,
    NaturalId,
    ServiceError,
    WiringError,
    WorkflowAggregate,
    workflow_service,
    workflow_task,
    workflow_value,
)
from spiffcli.services.aggregates import aggregate_type

from .conftest import Make
from .models import call, choice, many, process, service, sub, user, write
from .shop import Item, Order, Parcel


def test_r13_nothing_but_the_key_of_the_aggregate_is_in_the_data_of_a_process(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task
        def ask(self, order: Order) -> None:
            order.days += 1

        @workflow_task(id="Each")
        def each(self, order: Order) -> None: ...

        @workflow_task(id="In")
        def within(self, order: Order) -> None: ...

    repeated = many(collection="items", item="item")
    inner = sub("S", service("In"), inside=many(cardinality="len(items)", sequential=True))
    env = make(process("p", service("A", "ask"), user("U"), service("Each", inside=repeated), inner), services=Orders)
    workflow = env.start(Order("A-1", items=[Item("cup"), Item("mug")]))
    with env.runner.session(workflow.id, "look") as session:
        for view in session.running.tasks():
            assert dict(view.data) == {}
    workflow.complete("U", {"paid": True})
    assert workflow.state == "completed"
    assert workflow.aggregate.paid
    with env.runner.session(workflow.id, "look") as session:
        assert all(dict(view.data) == {} for view in session.running.tasks())
        assert dict(session.running.workflow.data) == {"aggregate": {"process": "p", "id": "A-1"}}
        assert all(dict(child.data) == {} for child in session.running.workflow.subprocesses.values())


def test_r14_the_natural_id_is_given_by_the_application(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        pass

    env = make(process("p", user("U")), services=Orders)
    assert env.start(Order("ticket 7/b")).instance.natural_id == "ticket 7/b"
    assert env.workflow("ticket 7/b").aggregate.order_id == "ticket 7/b"


def test_r14_an_aggregate_has_exactly_one_natural_id() -> None:
    @dataclass
    class NoId:
        name: str

    @dataclass
    class TwoIds:
        one: Annotated[str, NaturalId()]
        two: Annotated[str, NaturalId()]

    with pytest.raises(ServiceError, match="NoId has no natural id"):
        aggregate_type(NoId)
    with pytest.raises(ServiceError, match=r"TwoIds has 2 natural ids \(one, two\)"):
        aggregate_type(TwoIds)


def test_r15_a_second_start_with_one_natural_id_is_refused_and_the_first_is_untouched(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    @workflow_service(aggregate=Order, process_id="q")
    class Orders:
        pass

    env = make(process("p", user("U")), process("q", user("V")), services=Orders)
    first = env.start(Order("A", days=1), process_id="p")
    revision = first.instance.revision
    with pytest.raises(DuplicateStart) as error:
        env.start(Order("A", days=2), process_id="p")
    assert (error.value.instance, error.value.process, error.value.natural_id) == (first.id, "p", "A")
    assert error.value.exit_code == 1
    assert (first.aggregate.days, first.instance.revision) == (1, revision)
    # Another process may have the id; a workflow that has ended still counts.
    assert env.start(Order("A"), process_id="q").instance.natural_id == "A"
    first.complete("U")
    with pytest.raises(DuplicateStart):
        env.start(Order("A"), process_id="p")


def test_r15_the_existing_workflow_can_be_asked_for_instead(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        pass

    env = make(process("p", user("U")), services=Orders)
    first = env.start(Order("A"))
    assert env.runner.service(Order).start(Order("A"), on_duplicate="existing").id == first.id


def test_r16_the_version_it_was_started_with_stays(make: Make, tmp_path: Path) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task
        def ask(self, order: Order) -> None: ...

    env = make(process("p", user("U")), services=Orders)
    workflow = env.start(Order("A"))
    env.add(write(tmp_path / "v2.bpmn", process("p", user("U"), service("B", "ask"))))
    env.runner.migrate(env.runner.target("p@2"), workflow.id)
    assert workflow.instance.version == 2
    workflow.complete("U")
    assert workflow.state == "completed"
    assert workflow.aggregate.version == 1
    (record,) = env.runner.catalog.aggregates_of(workflow.id)
    assert record.version == 1


def test_r17_a_base_class_offers_where_an_aggregate_comes_from(make: Make) -> None:
    @dataclass
    class Case(WorkflowAggregate):
        case_id: Annotated[str, NaturalId()]
        log: list[str] = field(default_factory=list)

    @workflow_service(aggregate=Case, process_id="p")
    class Cases:
        @workflow_task
        def ask(self, case: Case) -> None:
            case.log.append(f"{case.process_id} {case.process_version}")

    env = make(process("p", service("A", "ask")), services=Cases)
    case = env.start(Case("A")).aggregate
    assert case.log == ["p 1"]
    assert (case.process_id, case.process_version, case.root_id) == ("p", 1, None)
    assert case.definition_id == env.runner.catalog.find("p").id


def test_r17_a_plain_dataclass_needs_none_of_it(make: Make) -> None:
    @dataclass
    class Plain:
        id: Annotated[str, NaturalId()]

    @workflow_service(aggregate=Plain, process_id="p")
    class Plains:
        pass

    env = make(process("p", user("U")), services=Plains)
    workflow = env.start(Plain("A"))
    (record,) = env.runner.catalog.aggregates_of(workflow.id)
    assert (record.process, record.natural_id, record.version, record.root) == ("p", "A", 1, None)
    assert (record.definition, record.instance) == (env.runner.catalog.find("p").id, workflow.id)


@pytest.mark.parametrize(
    "condition", ["days > 5", "long", "${days &gt; 5}", "= days > 5", "#{long}", "days > 5 and not paid", "limit"]
)
def test_r18_conditions_read_fields_and_properties_by_name(make: Make, condition: str) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task
        def yes(self, order: Order) -> None:
            order.log.append("yes")

        @workflow_task
        def no(self, order: Order) -> None:
            order.log.append("no")

        @workflow_value
        def limit(self, order: Order) -> bool:
            return order.days > 5

    text = condition if "&" in condition else condition.replace(">", "&gt;")
    env = make(choice("p", text, service("A", "yes"), service("B", "no")), services=Orders)
    assert env.start(Order("1", days=6)).aggregate.log == ["yes"]
    assert env.start(Order("2", days=5)).aggregate.log == ["no"]


def test_r19_an_aggregate_may_be_a_tree(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task
        def split(self, order: Order) -> None:
            order.items[0].quantity -= 1
            order.items.append(Item("saucer"))

    env = make(process("p", service("A", "split"), user("U")), services=Orders)
    workflow = env.start(Order("1", items=[Item("cup", 2)]))
    assert workflow.aggregate.items == [Item("cup", 1), Item("saucer")]
    assert len(env.runner.catalog.aggregates_of(workflow.id)) == 1


# Calls


def test_r28_a_called_process_may_work_on_the_aggregate_of_its_caller(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task
        def ask(self, order: Order) -> None:
            order.log.append("asked")

        @workflow_task
        def tell(self, order: Order) -> None:
            order.log.append("told")

    @workflow_service(aggregate=Order, process_id="clearance")
    class Clearance:
        @workflow_task
        def clear(self, order: Order) -> None:
            order.log.append("cleared")

    env = make(
        process("p", service("A", "ask"), call("C", "clearance"), service("B", "tell")),
        process("clearance", service("X", "clear")),
        services=[Orders, Clearance],
    )
    workflow = env.start(Order("1"))
    assert workflow.aggregate.log == ["asked", "cleared", "told"]
    assert len(env.runner.catalog.aggregates_of(workflow.id)) == 1


def test_r28_or_the_same_class_serves_both(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    @workflow_service(aggregate=Order, process_id="clearance")
    class Orders:
        @workflow_task
        def clear(self, order: Order) -> None:
            order.log.append("cleared")

    env = make(process("p", call("C", "clearance")), process("clearance", service("X", "clear")), services=Orders)
    assert env.start(Order("1")).aggregate.log == ["cleared"]


@dataclass
class Label:
    label_id: Annotated[str, NaturalId()]


def parcels(*, creator: bool = True, returns: type = Parcel) -> list[type]:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        if creator:

            @workflow_task(id="C")
            def parcel(self, order: Order):  # type: ignore[no-untyped-def]
                order.log.append("packed")
                return Parcel(f"{order.order_id}-1", order.order_id)

            parcel.__annotations__["return"] = returns

    @workflow_service(aggregate=Parcel, process_id="ship")
    class Shipping:
        @workflow_task
        def send(self, parcel: Parcel) -> None:
            parcel.log.append(f"sent for {parcel.order_id}")

    return [Orders, Shipping]


SHIPPING = (process("p", call("C", "ship"), user("U")), process("ship", service("X", "send"), user("V")))


def test_r29_a_called_process_may_have_an_aggregate_of_its_own(make: Make) -> None:
    env = make(*SHIPPING, services=parcels())
    workflow = env.start(Order("1"))
    env.assert_waiting_at("V")
    order, parcel = env.runner.catalog.aggregates_of(workflow.id)
    assert (order.process, parcel.process, parcel.natural_id) == ("p", "ship", "1-1")
    assert env.runner.service(Parcel).load("1-1").log == ["sent for 1"]


def test_r30_it_is_made_by_the_method_of_the_call_activity_from_the_aggregate_of_the_caller(make: Make) -> None:
    env = make(*SHIPPING, services=parcels())
    workflow = env.start(Order("1"))
    assert workflow.aggregate.log == ["packed"]
    assert env.runner.service(Parcel).load("1-1").order_id == "1"
    workflow.complete("V")
    workflow.complete("U")
    assert workflow.state == "completed"


def test_r31_types_decide_and_both_ways_of_getting_it_wrong_are_faults(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    @workflow_service(aggregate=Order, process_id="ship")
    class Needless:
        @workflow_task(id="C")
        def parcel(self, order: Order) -> Order:
            return order

        @workflow_task
        def send(self, order: Order) -> None: ...

    for services, rule in (
        (parcels(creator=False), "creator-missing"),
        (parcels(returns=str), "creator-returns-other"),
        ([Needless], "creator-not-needed"),
        ([parcels()[0]], "called-not-served"),
        ([parcels()[1]], "caller-not-served"),
    ):
        with pytest.raises(WiringError) as error:
            make(*SHIPPING, services=services).start(Order("1"))
        assert rule in {fault.rule for fault in error.value.faults}


def test_r32_natural_ids_versions_and_roots_hold_for_child_aggregates_too(make: Make) -> None:
    env = make(*SHIPPING, services=parcels())
    workflow = env.start(Order("1"))
    _, parcel = env.runner.catalog.aggregates_of(workflow.id)
    assert (parcel.version, parcel.root, parcel.instance) == (1, "1", workflow.id)
    assert env.runner.service(Parcel).load("1-1").version == 1
    with pytest.raises(DuplicateStart) as duplicate:
        env.start(Parcel("1-1"), process_id="ship")
    assert duplicate.value.instance == workflow.id
    env.start(Parcel("2-1"), process_id="ship")
    with pytest.raises(IncidentError, match="'ship' with the natural id '2-1' already"):
        env.start(Order("2"))
    second = env.workflow("2")
    assert (second.state, second.aggregate.log) == ("error", [])
    # Once the id is free the call is made again, from the start.
    env.runner.delete_instance("2-1")
    second.retry()
    assert (second.waiting_at, second.aggregate.log) == (["V"], ["packed"])
    assert env.runner.service(Parcel).instance("2-1").id == second.id


def test_r33_reuse_needs_no_collapsed_pool_and_may_be_nested(make: Make) -> None:
    """A child with an aggregate of its own may call a process that works on that, or on one of its own again."""

    @workflow_service(aggregate=Parcel, process_id="ship")
    class Shipping:
        @workflow_task(id="L")
        def label(self, parcel: Parcel) -> Label:
            return Label(f"label of {parcel.parcel_id}")

    @workflow_service(aggregate=Label, process_id="print")
    class Printing:
        @workflow_task
        def write(self, label: Label) -> None: ...

    env = make(
        process("p", call("C", "ship")),
        process("ship", call("L", "print")),
        process("print", service("W", "write"), user("U")),
        services=[parcels()[0], Shipping, Printing],
    )
    workflow = env.start(Order("1"))
    records = env.runner.catalog.aggregates_of(workflow.id)
    assert {(record.process, record.natural_id, record.root) for record in records} == {
        ("p", "1", None),
        ("ship", "1-1", "1"),
        ("print", "label of 1-1", "1"),
    }
