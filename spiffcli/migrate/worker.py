"""What a process of its own opens to move its share of many instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spiffcli.migrate.apply import Target
    from spiffcli.migrate.batch import Order
    from spiffcli.workspace import Workspace


def open_order(order: Order) -> tuple[Workspace, Target]:
    """The workspace and target of an order.

    Raises:
        NotFoundError: The target was deleted.
    """
    from spiffcli.runner import Runner

    runner = Runner(order.settings)
    return runner.workspace, runner.target(order.target, policies=order.policies, allow=order.allow, force=order.force)
