"""Replacing attributes of somebody else's classes, and taking it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])

#: Marks an attribute that the owner itself did not have: it was inherited, or did not exist.
_ABSENT = object()


class Note:
    """Something noted on an object of the engine that can be found out again: copies of the object go without."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Become None in a copy."""
        return (type(None), ())


class Overrides:
    """A group of replacements that is applied and reverted as one.

    Groups that replace the same attribute must be reverted in the opposite order of `apply`.
    """

    def __init__(self) -> None:
        self._replacements: list[tuple[Any, str, Any]] = []
        self._saved: list[tuple[Any, str, Any]] = []
        #: Another object each time the group is put in place; marks what was noted under its watch.
        self.epoch = object()

    @property
    def applied(self) -> bool:
        """Whether the replacements are in place."""
        return bool(self._saved)

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Replace `owner.name` by `value` from the next `apply` on."""
        self._replacements.append((owner, name, value))

    def method(self, *owners: Any) -> Callable[[_F], _F]:
        """Decorator: the function replaces the method of its own name in each owner."""

        def decorate(function: _F) -> _F:
            for owner in owners:
                self.set(owner, function.__name__, function)
            return function

        return decorate

    def apply(self) -> None:
        """Put every replacement in place; nothing happens the second time."""
        if self.applied:
            return
        self.epoch = object()
        for owner, name, value in self._replacements:
            # A class must get back what it had itself, or nothing where it inherited.
            own = vars(owner).get(name, _ABSENT) if isinstance(owner, type) else getattr(owner, name)
            self._saved.append((owner, name, own))
            setattr(owner, name, value)

    def revert(self) -> None:
        """Put back what `apply` found; nothing happens when there is nothing to put back."""
        while self._saved:
            owner, name, value = self._saved.pop()
            if value is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, value)
