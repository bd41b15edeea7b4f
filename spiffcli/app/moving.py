"""What a process of its own opens to move its share of many instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spiffcli.migrate.applying import Target
    from spiffcli.migrate.bulk import Order
    from spiffcli.running import Context


def open_order(order: Order) -> tuple[Context, Target]:
    """The context and target of an order.

    Raises:
        NotFoundError: The target was deleted.
    """
    from spiffcli.app.runner import Runner

    runner = Runner(order.settings)
    return runner.context, runner.target(order.target, policies=order.policies, allow=order.allow, force=order.force)
