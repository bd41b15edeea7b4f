"""Tests of the model together with the business code, in memory: `python -m pytest` in this folder."""

from __future__ import annotations

from pathlib import Path

from orders import Deliveries, Delivery, Item, LicenceServer, Order, Orders, services

from spiffcli.services import Registry
from spiffcli.testing import WorkflowEnvironment

MODEL = Path(__file__).parent / "order.bpmn"


def test_each_piece_of_each_item_gets_its_licence() -> None:
    env = WorkflowEnvironment(MODEL, services=services)
    order = env.start(Order("7", [Item("office", 2), Item("paint", 1)]))
    office, paint = order.aggregate.items
    assert sorted(office.licences) == ["7-office-0", "7-office-1"]
    assert paint.licences == ["7-paint-0"]
    env.assert_waiting_at("Ship")


def test_the_delivery_is_an_aggregate_of_its_own_and_completed_by_the_carrier() -> None:
    env = WorkflowEnvironment(MODEL, services=services)
    order = env.start(Order("7", [Item("office", 2)]))
    deliveries = env.runner.service(Delivery)
    assert deliveries.load("delivery of 7").pieces == 2
    assert deliveries.instance("delivery of 7").id == order.id
    env.complete("Ship")
    assert order.state == "completed"


def test_an_item_that_is_sold_out_ends_the_order_with_a_refund() -> None:
    soon_gone = Registry(Orders, Deliveries).provide(LicenceServer, lambda: LicenceServer(frozenset({"paint"})))
    env = WorkflowEnvironment(MODEL, services=soon_gone)
    order = env.start(Order("7", [Item("office", 1), Item("paint", 3)]))
    assert (order.state, order.aggregate.refunded) == ("completed", True)
    # What was done before the item that is sold out stays done.
    assert order.aggregate.items[0].licences == ["7-office-0"]
    assert env.trace[-3:] == ["sold_out", "Refund", "refunded"]


def test_an_order_without_items_is_delivered_at_once() -> None:
    env = WorkflowEnvironment(MODEL, services=services)
    env.stub("SHIP", lambda delivery: None)
    assert env.start(Order("8")).state == "completed"
