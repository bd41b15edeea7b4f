"""Plans as a file: what was looked at is what is applied, or nothing is."""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct

from spiffcli.engine.retarget.values import Policies
from spiffcli.errors import InputError
from spiffcli.migrate.values import Waivers, policies_from


class SavedPlan(Struct, frozen=True):
    """What a file of plans says.

    Attributes:
        target: Id of the definition the instances go to.
        label: The same as `key@version`.
        hashes: Hash of the plan by id of the instance.
    """

    target: str
    label: str
    policies: Policies
    waivers: Waivers
    hashes: dict[str, str]


def read_plan(content: bytes, file: str) -> SavedPlan:
    """The plans in a file.

    Args:
        file: Its name, for messages.

    Raises:
        InputError: It is not a file of plans.
    """
    try:
        document = json.loads(content)
        return SavedPlan(
            target=_text(document["definition"]),
            label=_text(document["spec"]),
            policies=policies_from(document["policies"]),
            waivers=Waivers(frozenset(map(_text, document["allow"])), document["force"] is True),
            hashes={_text(plan["id"]): _text(plan["plan"]) for plan in document["plans"]},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise InputError(
            f"{file} is not a plan that can be applied.",
            hint="Plans are written by: runner migrate ... --dry-run --save-plan FILE",
            file=file,
        ) from fault


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text")
    return value
