"""Stand-ins: what scripts get instead of modules, of some classes, and of iterators that may never end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from spiffcli.sandbox.limits import checkpoint
from spiffcli.sandbox.refusal import ScriptRefusalError

Names = Mapping[str, Any]


class OfferedModule:
    """The names a script gets instead of a module."""

    __slots__ = ("_names", "_title")
    _names: Names
    _title: str

    def __init__(self, title: str, names: Names) -> None:
        object.__setattr__(self, "_title", title)
        object.__setattr__(self, "_names", dict(names))

    def __getattr__(self, name: str) -> Any:
        names: Names = object.__getattribute__(self, "_names")
        try:
            return names[name]
        except KeyError:
            raise AttributeError(f"'{self._title}.{name}' is not available to scripts") from None

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise ScriptRefusalError(f"'{self._title}' cannot be changed by a script")

    __delattr__ = __setattr__  # type: ignore[assignment]

    def __dir__(self) -> Iterable[str]:
        return sorted(self._names)

    def __repr__(self) -> str:
        return f"<module {self._title!r} for scripts>"

    def __copy__(self) -> OfferedModule:
        return self

    def __deepcopy__(self, _memo: object) -> OfferedModule:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("modules cannot be stored")


def guarded_class(real: type, build: Callable[..., Any], *, bases: tuple[type, ...] = (), **names: Any) -> type:
    """A stand-in for a class: calling it calls `build`, `isinstance` and `case` test for `real`.

    Args:
        real: The class it stands for.
        build: Makes instances of `real`.
        bases: `(real,)` where `case real(x)` has to bind the value itself.
        names: Class and static methods that replace those of `real`.
    """

    class Meta(GuardedClass):
        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            return build(*args, **kwargs)

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, real)

        def __repr__(cls) -> str:
            return repr(real)

        def __eq__(cls, other: object) -> bool:
            return cls is other or other is real

        def __hash__(cls) -> int:
            return hash(real)

    functions = {name: staticmethod(call) for name, call in names.items()}
    return Meta(real.__name__, bases, {"__slots__": (), "_real": real, **functions})


class GuardedClass(type):
    """Metaclass of all stand-ins."""

    _real: type


def paused(items: Iterable[Any]) -> Iterator[Any]:
    """`items` one by one with a checkpoint at each, so that an endless iterator inside C code can be stopped."""
    check = checkpoint()
    for item in items:
        check()
        yield item


class Annotation:
    """What scripts get for the names of `typing`: annotations are not evaluated, so nothing has to be there."""

    __slots__ = ()

    def __getitem__(self, _: object) -> Annotation:
        return self

    def __or__(self, _: object) -> Annotation:
        return self

    __ror__ = __or__

    def __repr__(self) -> str:
        return "typing"
