"""Collections as other engines write them: attributes of Camunda and Flowable, and the extension of Zeebe."""

from __future__ import annotations

from typing import Annotated

import pytest

from spiffcli.services import Element, WiringError, workflow_service, workflow_task, workflow_value

from .conftest import Make
from .models import process, service, user
from .shop import Item, Order

FLOWABLE = 'xmlns:flowable="http://flowable.org/bpmn"'
ZEEBE = 'xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"'


def loop(attributes: str, inside: str = "") -> str:
    return f"<multiInstanceLoopCharacteristics {attributes}>{inside}</multiInstanceLoopCharacteristics>"


WRITTEN = {
    "camunda": loop('camunda:collection="items" camunda:elementVariable="item"'),
    "camunda, as an expression": loop('camunda:collection="${items}" camunda:elementVariable="item"'),
    "flowable": loop(f'{FLOWABLE} flowable:collection="items" flowable:elementVariable="item" isSequential="true"'),
    "zeebe": loop(
        ZEEBE,
        '<extensionElements><zeebe:loopCharacteristics inputCollection="= items" inputElement="item"/>'
        "</extensionElements>",
    ),
    "of its own, as an expression": loop(
        "", '<loopDataInputRef>${items}</loopDataInputRef><inputDataItem id="item" name="item"/>'
    ),
    "camunda, a value": loop('camunda:collection="chosen" camunda:elementVariable="item"'),
    "camunda, with a condition": loop(
        'camunda:collection="items" camunda:elementVariable="item" isSequential="true"',
        "<completionCondition>${item.name == 'c'}</completionCondition>",
    ),
}


@workflow_service(aggregate=Order, process_id="p")
class Orders:
    @workflow_task(id="T")
    def pack(self, order: Order) -> None:
        order.log.append("packed")

    @workflow_value
    def chosen(self, order: Order) -> list[Item]:
        return [each for each in order.items if each.name != "b"]


def order() -> Order:
    return Order("1", items=[Item("a"), Item("b"), Item("c")])


@pytest.mark.parametrize("how", WRITTEN)
def test_a_collection_is_iterated_over_however_it_is_written(make: Make, how: str) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Elements:
        @workflow_task(id="T")
        def pack(self, order: Order, item: Annotated[Item, Element()]) -> None:
            order.log.append(item.name)
            item.done = True

        @workflow_value
        def chosen(self, order: Order) -> list[Item]:
            return [each for each in order.items if each.name != "b"]

    env = make(process("p", service("T", inside=WRITTEN[how])), services=Elements)
    workflow = env.start(order())
    assert workflow.state == "completed"
    assert workflow.aggregate.log == (["a", "c"] if "value" in how else ["a", "b", "c"])
    assert all(each.done for each in workflow.aggregate.items if each.name != "b")
    assert env.runner.look(workflow.id).data == {"aggregate": {"process": "p", "id": "1"}}


def test_the_element_has_its_name_in_expressions(make: Make) -> None:
    inside = loop(
        'camunda:collection="items" camunda:elementVariable="item" isSequential="true"',
        "<completionCondition>${len(log) == 2 and item.name == 'b'}</completionCondition>",
    )
    env = make(process("p", service("T", inside=inside)), services=Orders)
    assert env.start(order()).aggregate.log == ["packed", "packed"]


def test_a_collection_that_is_no_name_is_a_fault(make: Make) -> None:
    inside = loop('camunda:collection="${items[1:]}"')
    env = make(process("p", service("T", inside=inside), user("U")), services=Orders)
    with pytest.raises(WiringError) as refused:
        env.start(order())
    assert "service task 'T', collection: 'items[1:]' is no name of a collection" in refused.value.message
    assert "Fix: Let a @workflow_value return it, and write its name." in refused.value.message


def test_a_count_beside_a_collection_is_a_fault(make: Make) -> None:
    inside = loop('camunda:collection="items"', "<loopCardinality>2</loopCardinality>")
    env = make(process("p", service("T", inside=inside)), services=Orders)
    with pytest.raises(WiringError) as refused:
        env.start(order())
    assert "service task 'T': it iterates over 'items' and by loopCardinality" in refused.value.message
    assert "Fix: Leave one of them: the collection, if its elements are asked for." in refused.value.message
