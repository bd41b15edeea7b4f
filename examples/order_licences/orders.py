"""Orders of software: each item needs as many licences as pieces were ordered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from spiffcli.services import (
    Element,
    ElementResolver,
    MultiInstance,
    NaturalId,
    Registry,
    TaskException,
    TaskId,
    workflow_service,
    workflow_task,
)


@dataclass
class Item:
    """One line of an order."""

    product: str
    quantity: int
    licences: list[str] = field(default_factory=list)


@dataclass
class Order:
    """An order, with its items: the root of the tree is what the workflow works on."""

    order_id: Annotated[str, NaturalId()]
    items: list[Item] = field(default_factory=list)
    refunded: bool = False


@dataclass
class Delivery:
    """What is delivered, and by whom: another process works on it, and knows nothing of orders."""

    delivery_id: Annotated[str, NaturalId()]
    pieces: int
    tracking: str | None = None


class LicenceServer:
    """Stands for the system that hands out licence keys."""

    def __init__(self, sold_out: frozenset[str] = frozenset()) -> None:
        self._sold_out = sold_out

    def key(self, order_id: str, product: str, number: int) -> str | None:
        """A key, or None where there are no more."""
        return None if product in self._sold_out else f"{order_id}-{product}-{number}"


class Licences(ElementResolver[Order, str | None]):
    """From where the workflow is in its loops to the licence that is meant: methods need not know the loops."""

    def __init__(self, server: LicenceServer) -> None:
        self._server = server

    def resolve(self, aggregate: Order, scopes: Mapping[str, MultiInstance[Any]]) -> str | None:
        """The licence for one piece of one item."""
        item: Item | None = scopes["OrderItems"].element
        assert item is not None
        return self._server.key(aggregate.order_id, item.product, scopes["RegisterLicence"].index)


@workflow_service(aggregate=Order, process_id="order")
class Orders:
    """What is done for an order."""

    @workflow_task
    def registerLicence(  # noqa: N802 - the name in the model
        self,
        licence: Annotated[str | None, Element(resolver=Licences)],
        item: Annotated[Item, Element("OrderItems")],
    ) -> None:
        """Note a licence; one that cannot be had is an outcome that the model handles."""
        if licence is None:
            raise TaskException("SOLD_OUT", item.product)
        item.licences.append(licence)

    @workflow_task
    def refund(self, order: Order) -> None:
        """Pay the money back."""
        order.refunded = True

    @workflow_task(id="Deliver")
    def delivery(self, order: Order) -> Delivery:
        """Make what the called process works on."""
        return Delivery(f"delivery of {order.order_id}", sum(item.quantity for item in order.items))


@workflow_service(aggregate=Delivery, process_id="delivery")
class Deliveries:
    """What is done for a delivery, whoever ordered it."""

    @workflow_task(task_definition="SHIP")
    def ship(self, delivery: Delivery, task_id: TaskId) -> None:
        """Hand it to the carrier, who says when it has arrived: the task stays open till then."""
        delivery.tracking = f"carrier-{task_id[:8]}"


services = Registry(Orders, Deliveries).provide(LicenceServer, LicenceServer)
