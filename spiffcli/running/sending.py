"""Events sent from outside, by name."""

from __future__ import annotations

from typing import Any

from spiffcli.engine import Event
from spiffcli.errors import AmbiguousError, InputError
from spiffcli.running.context import Context
from spiffcli.running.delivery import Delivered, send
from spiffcli.values import Instance


def send_named(context: Context, kind: str | None, name: str, payload: Any, instance: Instance | None) -> Delivered:
    """Deliver the message or signal `name`.

    Args:
        kind: `message` or `signal`; None takes what somebody waits for under this name.

    Raises:
        InputError: The payload is not an object.
        AmbiguousError: Some wait for a message of this name and some for a signal.
        NotFoundError: Nobody waits for it.
    """
    if payload is not None and not isinstance(payload, dict):
        raise InputError(
            "The payload of an event is a JSON object.", hint='Write it as --payload \'{"key": "value"}\'.'
        )
    return send(
        context, Event(kind or _kind_waited_for(context, name, instance), name, payload or {}), instance=instance
    )


def _kind_waited_for(context: Context, name: str, instance: Instance | None) -> str:
    found = context.catalog.instances() if instance is None else [instance]
    kinds = {
        subscription.kind
        for row in found
        if row.ended is None
        for subscription in row.subscriptions
        if subscription.name == name and subscription.kind != "timer"
    }
    if len(kinds) > 1:
        raise AmbiguousError(
            f"Some instances wait for a message '{name}' and some for a signal '{name}'.",
            hint="Say which with --message or --signal.",
        )
    return kinds.pop() if kinds else "message"
