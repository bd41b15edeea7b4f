"""Multi-instance: R34 to R42."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest

from spiffcli.errors import IncidentError
from spiffcli.services import (
    Around,
    Element,
    ElementResolver,
    Index,
    MultiInstance,
    NaturalId,
    Total,
    WiringError,
    workflow_service,
    workflow_task,
    workflow_value,
)

from .conftest import Make
from .models import call, many, process, service, sub, user
from .shop import Item, Order

both = pytest.mark.parametrize("sequential", [False, True], ids=["parallel", "sequential"])


@both
def test_r34_element_index_and_total_each_by_its_own_marker(make: Make, sequential: bool) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(id="Each")
        def each(
            self,
            order: Order,
            name: Annotated[str, Element()],
            index: Annotated[int, Index()],
            total: Annotated[int, Total()],
        ) -> None:
            order.log.append(f"{name} {index} of {total}")

    env = make(process("p", service("Each", inside=many(collection="names", sequential=sequential))), services=Orders)
    workflow = env.start(Order("1", names=["ann", "bob", "cy"]))
    assert workflow.aggregate.log == ["ann 0 of 3", "bob 1 of 3", "cy 2 of 3"]
    assert env.start(Order("2")).state == "completed"


def each_with_element() -> type:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(id="Each")
        def each(self, order: Order, name: Annotated[str, Element()]) -> None: ...

    return Orders


def test_r35_a_loop_that_only_counts_has_no_element(make: Make) -> None:
    with pytest.raises(WiringError) as error:
        make(process("p", service("Each", inside=many(cardinality="3"))), services=each_with_element()).start(
            Order("1")
        )
    (fault,) = error.value.faults
    assert fault.rule == "no-element"
    assert "asks for the element of 'Each', which iterates by loopCardinality and has none" in fault.message
    assert "use the index" in fault.fix.lower() or "ask for the index" in fault.fix.lower()


def test_r35_a_task_in_no_loop_has_no_element_and_no_index(make: Make) -> None:
    with pytest.raises(WiringError) as error:
        make(process("p", service("Each")), services=each_with_element()).start(Order("1"))
    assert [fault.rule for fault in error.value.faults] == ["not-repeated"]


@both
def test_r35_the_index_counts_from_0(make: Make, sequential: bool) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(id="Each")
        def each(self, order: Order, index: Annotated[int, Index]) -> None:
            order.log.append(order.names[index])

    loop = many(cardinality="len(names)", sequential=sequential)
    env = make(process("p", service("Each", inside=loop)), services=Orders)
    assert env.start(Order("1", names=["a", "b"])).aggregate.log == ["a", "b"]


@both
def test_r36_tasks_in_a_repeated_sub_process_get_the_nearest_iteration(make: Make, sequential: bool) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(id="In")
        def within(self, order: Order, item: Annotated[Item, Element()], index: Annotated[int, Index()]) -> None:
            order.log.append(f"{item.name} {index}")

    repeated = sub("S", service("In"), inside=many(collection="items", sequential=sequential))
    outer = sub("O", repeated, inside=many(cardinality="2", sequential=True))
    env = make(process("p", outer), services=Orders)
    workflow = env.start(Order("1", items=[Item("cup"), Item("mug")]))
    assert workflow.aggregate.log == ["cup 0", "mug 1", "cup 0", "mug 1"]


def test_r37_one_parameter_may_carry_all_three(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(id="In")
        def within(
            self,
            order: Order,
            nearest: MultiInstance[str],
            outer: Annotated[MultiInstance[Item], Around("S")],
        ) -> None:
            assert outer.element is not None
            order.log.append(f"{nearest.id} {nearest.element} {nearest.index}/{nearest.total} of {outer.element.name}")

    inner = service("In", inside=many(collection="names"))
    env = make(process("p", sub("S", inner, inside=many(collection="items"))), services=Orders)
    workflow = env.start(Order("1", items=[Item("cup")], names=["a", "b"]))
    assert workflow.aggregate.log == ["In a 0/2 of cup", "In b 1/2 of cup"]


@both
def test_r38_the_recommended_modelling_works_from_end_to_end(make: Make, sequential: bool) -> None:
    """Cardinality and completion condition are evaluated on the aggregate, the element is fetched by index."""

    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(id="Each")
        def each(self, order: Order, index: Annotated[int, Index()]) -> None:
            order.log.append(order.names[index])

        @workflow_value
        def enough(self, order: Order) -> bool:
            return len(order.log) >= 2

    loop = many(cardinality="len(names)", condition="enough", sequential=sequential)
    env = make(process("p", service("Each", inside=loop), user("U")), services=Orders)
    workflow = env.start(Order("1", names=["a", "b", "c", "d"]))
    assert workflow.aggregate.log == ["a", "b"]
    env.assert_waiting_at("U")


@pytest.mark.parametrize("cardinality", ["-1", "'3'", "None", "2.0", "names", "True"])
@both
def test_r38_a_cardinality_that_is_no_number_of_instances_is_an_incident(
    make: Make, cardinality: str, sequential: bool
) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(id="Each")
        def each(self, order: Order) -> None: ...

    loop = many(cardinality=cardinality, sequential=sequential)
    env = make(process("p", service("Each", inside=loop)), services=Orders)
    with pytest.raises(IncidentError, match="a whole number from 0 on is needed"):
        env.start(Order("1"))


class Licenses(ElementResolver[Order, str]):
    def resolve(self, aggregate: Order, scopes: Mapping[str, MultiInstance[Any]]) -> str:
        assert list(scopes) == ["OrderItems", "ProcessItem"]
        item = scopes["OrderItems"].element
        assert scopes["ProcessItem"].element is None
        return f"{aggregate.order_id}/{item.name}/{scopes['ProcessItem'].index}"


class Path(ElementResolver[Order, str]):
    def resolve(self, aggregate: Order, scopes: Mapping[str, MultiInstance[Any]]) -> str:
        return " ".join(f"{id}={each.index}/{each.total}" for id, each in scopes.items())


def nested() -> type:
    @workflow_service(aggregate=Order, process_id="p")
    @workflow_service(aggregate=Order, process_id="q")
    class Orders:
        @workflow_task(id="T")
        def task(self, order: Order, path: Annotated[str, Element(resolver=Path)]) -> None:
            order.log.append(path)

    return Orders


twice, thrice = many(cardinality="2", sequential=True), many(cardinality="3", sequential=True)


def test_r39_a_repeated_task_in_a_repeated_sub_process(make: Make) -> None:
    env = make(process("p", sub("S", service("T", inside=thrice), inside=twice)), services=nested())
    expected = [f"S={outer}/2 T={inner}/3" for outer in range(2) for inner in range(3)]
    assert env.start(Order("1")).aggregate.log == expected


def test_r39_a_repeated_task_in_a_repeated_call(make: Make) -> None:
    env = make(process("p", call("C", "q", twice)), process("q", service("T", inside=thrice)), services=nested())
    expected = [f"C={outer}/2 T={inner}/3" for outer in range(2) for inner in range(3)]
    assert env.start(Order("1"), process_id="p").aggregate.log == expected


def test_r39_a_task_in_a_repeated_call_in_a_repeated_sub_process(make: Make) -> None:
    env = make(
        process("p", sub("S", call("C", "q", twice), inside=thrice)), process("q", service("T")), services=nested()
    )
    expected = [f"S={outer}/3 C={inner}/2" for outer in range(3) for inner in range(2)]
    assert env.start(Order("1"), process_id="p").aggregate.log == expected


def test_r39_in_parallel_too_and_saved_in_between(make: Make) -> None:
    parallel = many(cardinality="2")
    model = process("p", sub("S", user("U"), call("C", "q", parallel), inside=parallel))
    env = make(model, process("q", user("V"), service("T", inside=parallel)), services=nested())
    workflow = env.start(Order("1"), process_id="p")
    while views := env.runner.look(workflow.id).open_tasks:
        workflow.complete(views[0].task)
    assert sorted(workflow.aggregate.log) == sorted(
        f"S={a}/2 C={b}/2 T={c}/2" for a in range(2) for b in range(2) for c in range(2)
    )
    assert workflow.state == "completed"


def test_r40_a_resolver_turns_the_iterations_into_what_the_method_wants(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(id="ProcessItem")
        def register(self, order: Order, license: Annotated[str, Element(resolver=Licenses)]) -> None:
            order.log.append(license)

        @workflow_value
        def quantity(self, order: Order, item: Annotated[Item, Element("OrderItems")]) -> int:
            return item.quantity

    inner = service("ProcessItem", inside=many(cardinality="quantity"))
    env = make(process("p", sub("OrderItems", inner, inside=many(collection="items"))), services=Orders)
    workflow = env.start(Order("7", items=[Item("office", 2), Item("paint", 1)]))
    assert sorted(workflow.aggregate.log) == ["7/office/0", "7/office/1", "7/paint/0"]


def test_r41_a_marker_may_name_an_activity_further_out(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(id="T")
        def task(self, order: Order, outer: Annotated[int, Index("S")], inner: Annotated[int, Index("T")]) -> None:
            order.log.append(f"{outer}{inner}")

    env = make(process("p", sub("S", service("T", inside=twice), inside=twice)), services=Orders)
    assert env.start(Order("1")).aggregate.log == ["00", "01", "10", "11"]


def test_r41_a_name_that_is_not_around_the_task_is_a_fault(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(id="T")
        def task(self, order: Order, index: Annotated[int, Index("SubProcess_Region")]) -> None: ...

    with pytest.raises(WiringError) as error:
        make(process("p", service("T", inside=twice)), services=Orders).start(Order("1"))
    (fault,) = error.value.faults
    assert fault.rule == "not-around"
    assert "asks for the index of 'SubProcess_Region', which is not around 'T'" in fault.message
    assert fault.fix == "Name one of 'T'."


reads: list[str] = []


@dataclass
class Counted:
    id: Annotated[str, NaturalId()]
    log: list[int] = field(default_factory=list)

    @property
    def elements(self) -> list[str]:
        reads.append("elements")
        return ["a", None, "c"]  # type: ignore[list-item]  # an element may be nothing


@both
def test_r42_the_collection_is_read_once_when_the_loop_begins(make: Make, sequential: bool) -> None:
    @workflow_service(aggregate=Counted, process_id="p")
    class Counting:
        @workflow_task(id="T")
        def task(self, counted: Counted, index: Annotated[int, Index()]) -> None:
            counted.log.append(index)

    loop = many(collection="elements", sequential=sequential)
    env = make(process("p", service("T", inside=loop), user("U")), services=Counting)
    reads.clear()
    workflow = env.start(Counted("1"))
    assert reads == ["elements"]
    assert workflow.aggregate.log == [0, 1, 2]


@both
def test_r42_an_element_is_fetched_once_where_a_method_asks_for_it(make: Make, sequential: bool) -> None:
    @workflow_service(aggregate=Counted, process_id="p")
    class Counting:
        @workflow_task(id="T")
        def task(self, counted: Counted, element: Annotated[str | None, Element()]) -> None:
            counted.log.append(0 if element is None else ord(element))

    loop = many(collection="elements", item="element", sequential=sequential)
    env = make(process("p", service("T", inside=loop), user("U")), services=Counting)
    reads.clear()
    workflow = env.start(Counted("1"))
    assert reads == ["elements"] * 4
    assert workflow.aggregate.log == [97, 0, 99]
    with env.runner.session(workflow.id, "look") as session:
        assert b'"c"' not in session.running.snapshot().state


def test_the_element_belongs_to_the_aggregate_so_that_changes_to_it_are_kept(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(id="T")
        def task(self, item: Annotated[Item, Element()]) -> None:
            item.done = True

    env = make(process("p", service("T", inside=many(collection="items"))), services=Orders)
    workflow = env.start(Order("1", items=[Item("a"), Item("b")]))
    assert [item.done for item in workflow.aggregate.items] == [True, True]


def test_a_mapping_is_iterated_by_its_keys_as_they_were_when_the_loop_began(make: Make) -> None:
    @dataclass
    class Stock:
        id: Annotated[str, NaturalId()]
        shelves: dict[str, int] = field(default_factory=dict)
        log: list[int] = field(default_factory=list)

    @workflow_service(aggregate=Stock, process_id="p")
    class Stocks:
        @workflow_task(id="T")
        def task(self, stock: Stock, count: Annotated[int, Element()]) -> None:
            stock.shelves = {"new": 9, **stock.shelves}
            stock.log.append(count)

    env = make(process("p", service("T", inside=many(collection="shelves", sequential=True))), services=Stocks)
    assert env.start(Stock("1", {"a": 1, "b": 2})).aggregate.log == [1, 2]


def test_expressions_read_the_element_by_the_name_the_model_gives_it(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(id="T")
        def task(self, order: Order, index: Annotated[int, Index()]) -> None:
            order.log.append(str(index))

    inner = service("T", inside=many(cardinality="item.quantity"))
    env = make(process("p", sub("S", inner, inside=many(collection="items", item="item"))), services=Orders)
    workflow = env.start(Order("1", items=[Item("a", 1), Item("b", 2)]))
    assert sorted(workflow.aggregate.log) == ["0", "0", "1"]
