"""What a method wants to be called with, read once from its annotations."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from msgspec import Struct

from spiffcli.services.markers import Around, Element, Index, MultiInstance, Payload, TaskEvent, TaskId, Total

#: What a parameter gets.
Role = Literal["aggregate", "element", "index", "total", "iteration", "task-id", "event", "payload", "unknown"]

#: Roles that need an iteration around the task.
REPEATED: frozenset[Role] = frozenset({"element", "index", "total", "iteration"})


class Wanted(Struct, frozen=True):
    """A parameter of a method.

    Attributes:
        scope: BPMN id of the activity whose iteration is meant; None for the nearest.
        resolver: What makes the element, or None.
        annotation: Its type, without markers; None where it has none.
        optional: Whether it has a default.
        keyword: Whether it can only be given by name.
    """

    name: str
    role: Role
    scope: str | None = None
    resolver: type[Any] | None = None
    annotation: Any = None
    optional: bool = False
    keyword: bool = False


class Signature(Struct, frozen=True):
    """A method as it is to be called.

    Attributes:
        result: Type it returns, or None where that is not said.
        unresolved: Why its annotations cannot be read, or None.
    """

    parameters: tuple[Wanted, ...]
    result: Any = None
    unresolved: str | None = None

    def wants(self, role: Role) -> bool:
        """Whether some parameter gets this."""
        return any(each.role == role for each in self.parameters)


def read_signature(function: Callable[..., Any], aggregate: type[Any], *, bound: bool) -> Signature:
    """What a function wants.

    Args:
        aggregate: Type of the aggregate it works on.
        bound: Whether its first parameter is the object it belongs to.
    """
    names = {aggregate.__name__: aggregate}
    try:
        # Annotations are text under `from __future__ import annotations`.
        hints = get_type_hints(function, localns=names, include_extras=True)
        unresolved = None
    except Exception as error:
        hints, unresolved = {}, f"{type(error).__name__}: {error}"
    parameters = list(inspect.signature(function).parameters.values())[1 if bound else 0 :]
    fixed = (each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD))
    wanted = tuple(_wanted(each, hints.get(each.name), aggregate) for each in fixed)
    return Signature(wanted, hints.get("return"), unresolved)


def _wanted(parameter: inspect.Parameter, hint: Any, aggregate: type[Any]) -> Wanted:
    markers: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *rest = get_args(hint)
        markers = tuple(each() if isinstance(each, type) and each in _MARKERS else each for each in rest)
    role, scope, resolver = _role(hint, markers, aggregate)
    return Wanted(
        parameter.name,
        role,
        scope,
        resolver,
        hint,
        parameter.default is not parameter.empty,
        parameter.kind is parameter.KEYWORD_ONLY,
    )


_MARKERS = (Element, Index, Total, Payload)


def _role(hint: Any, markers: tuple[Any, ...], aggregate: type[Any]) -> tuple[Role, str | None, type[Any] | None]:
    for each in markers:
        if isinstance(each, Element):
            return "element", each.name, each.resolver
        if isinstance(each, Index):
            return "index", each.name, None
        if isinstance(each, Total):
            return "total", each.name, None
        if isinstance(each, Payload):
            return "payload", None, None
    if hint is MultiInstance or get_origin(hint) is MultiInstance:
        return "iteration", next((each.name for each in markers if isinstance(each, Around)), None), None
    if hint is TaskId:
        return "task-id", None, None
    if hint is TaskEvent:
        return "event", None, None
    if isinstance(hint, type) and hint is not object and issubclass(aggregate, hint):
        return "aggregate", None, None
    return "unknown", None, None


def place_of_code(code: Any) -> tuple[str, int]:
    """File and line of a function or class; an empty name where that is not known. The file is short."""
    try:
        file = inspect.getsourcefile(code) or ""
        _, line = inspect.getsourcelines(code)
    except (OSError, TypeError):
        return "", 0
    return _short(file), line


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name


def type_name(annotation: Any) -> str:
    """A type as messages name it."""
    if annotation is None:
        return "None"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
