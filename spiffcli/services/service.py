"""Functions that do tasks, for those who need no class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from spiffcli.services.decorators import (
    Naming,
    ServiceMark,
    default_process_id,
    require_name,
    workflow_task,
    workflow_value,
)
from spiffcli.services.versions import parse_range

A = TypeVar("A")
F = TypeVar("F", bound=Callable[..., Any])


class Service(Generic[A]):
    """A service made of functions.

    Example:
        ```python
        orders = Service(Order, process_id="order")

        @orders.task(task_definition="SEND")
        def send(order: Order) -> None: ...
        ```

    Attributes:
        functions: The functions, in the order of their definition.
    """

    def __init__(
        self,
        aggregate: type[A],
        *,
        process_id: str | None = None,
        version: str | None = None,
        naming: Naming = "exact",
    ) -> None:
        """Serve a process.

        Args:
            process_id: Its id; by default the name of the aggregate's class with its first letter in lower case.
            version: For which versions of it; by default all.

        Raises:
            ServiceError: The range of versions is none.
        """
        self._aggregate = aggregate
        self.functions: list[Callable[..., Any]] = []
        self._marks: list[ServiceMark] = []
        id = default_process_id(aggregate.__name__) if process_id is None else process_id
        self.serves(id, version=version, naming=naming)

    @property
    def marks(self) -> tuple[ServiceMark, ...]:
        """What it serves."""
        return tuple(self._marks)

    def serves(self, process_id: str, *, version: str | None = None, naming: Naming = "exact") -> Service[A]:
        """Serve another process too, with the same functions."""
        require_name("process_id", process_id)
        self._marks.append(ServiceMark(process_id, self._aggregate, parse_range(version), naming))
        return self

    @overload
    def task(self, function: F, /) -> F: ...
    @overload
    def task(
        self, /, *, task_definition: str | None = None, id: str | None = None, version: str | None = None
    ) -> Callable[[F], F]: ...
    def task(
        self,
        function: Any = None,
        /,
        *,
        task_definition: str | None = None,
        id: str | None = None,
        version: str | None = None,
    ) -> Any:
        """Say that a function does a task; as `workflow_task`."""
        decorate = workflow_task(task_definition=task_definition, id=id, version=version)
        if function is not None:
            return self._keep(decorate(function))
        return lambda given: self._keep(decorate(given))

    @overload
    def value(self, function: F, /) -> F: ...
    @overload
    def value(self, /, *, name: str | None = None, version: str | None = None) -> Callable[[F], F]: ...
    def value(self, function: Any = None, /, *, name: str | None = None, version: str | None = None) -> Any:
        """Say that a function calculates a value; as `workflow_value`."""
        decorate = workflow_value(name=name, version=version)
        if function is not None:
            return self._keep(decorate(function))
        return lambda given: self._keep(decorate(given))

    def _keep(self, function: F) -> F:
        if function not in self.functions:
            self.functions.append(function)
        return function
