"""Modules of the standard library that scripts may import and the interpreter of the sandbox has not.

Their functions run in this process, where the limits of scripts do not hold: only those are here whose work and
result are no larger than what they are given.
"""

from __future__ import annotations

import calendar
import string
import textwrap
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any, Final

from pydantic_monty import ExternalModule

_NAMES: Final[Mapping[ModuleType, str]] = {
    calendar: "FRIDAY MONDAY SATURDAY SUNDAY THURSDAY TUESDAY WEDNESDAY "
    "day_abbr day_name isleap leapdays month_abbr month_name monthrange timegm weekday",
    string: "ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits printable punctuation "
    "whitespace",
    textwrap: "dedent fill shorten wrap",
}


@cache
def external_modules() -> dict[str, ExternalModule | Callable[[], ExternalModule]]:
    """Return the modules by name; functions of them run in this process, on copies of what they are given."""
    made = {module.__name__: _offered(module, names.split()) for module, names in _NAMES.items()}
    return {**made, "uuid": ExternalModule({**_uuid_functions(), **_NAMESPACES})}


_NAMESPACES: Final = {name: str(getattr(uuid, name)) for name in ("NAMESPACE_DNS", "NAMESPACE_OID", "NAMESPACE_URL")}


def _uuid_functions() -> dict[str, Callable[..., str]]:
    """Return the makers of UUIDs; scripts get them as text, which is what task data hold."""
    return {
        "UUID": lambda text: str(uuid.UUID(text)),
        "uuid1": lambda: str(uuid.uuid1()),
        "uuid3": lambda space, name: str(uuid.uuid3(uuid.UUID(space), name)),
        "uuid4": lambda: str(uuid.uuid4()),
        "uuid5": lambda space, name: str(uuid.uuid5(uuid.UUID(space), name)),
    }


def _offered(module: ModuleType, names: list[str]) -> ExternalModule:
    return ExternalModule({name: _plain(getattr(module, name)) for name in names})


def _plain(value: Any) -> Any:
    return value if callable(value) or isinstance(value, str | int) else list(value)
