"""Events sent from outside, by name."""

from __future__ import annotations

from typing import Any

from spiffcli.engine import Event
from spiffcli.errors import AmbiguousError, InputError
from spiffcli.instances.context import Context
from spiffcli.instances.delivery import Delivered, send
from spiffcli.values import Instance


def send_named(context: Context, kind: str | None, name: str, payload: Any, instance: Instance | None) -> Delivered:
    """Deliver the message or signal `name`.

    Args:
        kind: `message` or `signal`; None takes what somebody waits for, or what starts something, under this name.

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
    kinds = [kind for kind in ("message", "signal") if _is_waited_for(context, kind, name, instance)]
    if len(kinds) > 1:
        raise AmbiguousError(
            f"A message '{name}' is waited for, and a signal '{name}' too.",
            hint="Say which with --message or --signal.",
            candidates=kinds,
        )
    return kinds[0] if kinds else "message"


def _is_waited_for(context: Context, kind: str, name: str, instance: Instance | None) -> bool:
    rows = context.catalog.waiting_for(kind, name)
    if any(row.ended is None and (instance is None or row.id == instance.id) for row in rows):
        return True
    return instance is None and bool(context.catalog.started_by(kind, name))
