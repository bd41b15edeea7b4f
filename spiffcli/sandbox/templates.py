"""A Jinja environment for text written by somebody else, over data written by somebody else.

Jinja's sandbox keeps a template away from Python's internals. It does not keep it from running for hours or
filling the memory: `{{ 'a' * 10**10 }}`, loops in loops, a value doubled forty times. So this environment knows
only the part of the language that instructions need, every step looks at the clock, and nothing a template makes
can become large: what goes into an operation has a size limit, and operations that multiply sizes are checked
before they happen. It works in any thread and on any system.
"""

from __future__ import annotations

import datetime
import json
import re
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any, NoReturn

from jinja2 import ChainableUndefined, Environment, TemplateSyntaxError, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.visitor import NodeTransformer

#: Size of one value a template may make: characters, digits, and entries, counted through all levels.
MOST_SIZE = 100_000
#: Seconds one rendering may take.
MOST_SECONDS = 2.0


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What a template may consist of. Macros, blocks, includes and imports are for page layouts.
_KNOWN_NODES = _words(
    "Template Output TemplateData Name Getattr Getitem Slice Const Filter Test If For Compare Operand And Or Not"
    " CondExpr Add Sub Mul Div FloorDiv Mod Pow Neg Pos Concat List Tuple Dict Pair Keyword Call Assign With"
)
# Filters whose result is about as large as what goes in. Those that multiply have versions of ours below.
_KNOWN_FILTERS = _words(
    "abs capitalize count d default dictsort e escape filesizeformat first float forceescape groupby int items last"
    " length list lower map max min reject rejectattr reverse safe select selectattr sort string striptags title trim"
    " truncate unique upper urlencode wordcount"
)
_TEXT_METHODS = _words(
    "capitalize casefold count endswith find index isalnum isalpha isdecimal isdigit islower isnumeric isspace istitle"
    " isupper lower lstrip partition removeprefix removesuffix rfind rpartition rsplit rstrip split splitlines"
    " startswith strip swapcase title upper"
)
_DATE_METHODS = _words("date isoformat isoweekday strftime time total_seconds weekday")
_METHODS: Mapping[type, frozenset[str]] = {
    str: _TEXT_METHODS,
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
    datetime.date: _DATE_METHODS,
    datetime.time: _DATE_METHODS,
    datetime.timedelta: _DATE_METHODS,
    float: frozenset({"is_integer"}),
}


class LimitError(Exception):
    """A template went over one of the limits; the message says which, in a few words."""


class Missing(ChainableUndefined):
    """A value the data do not have: shown as a mark, so that a reader sees that something is not there."""

    def __str__(self) -> str:
        return f"[no {self._undefined_name}]" if self._undefined_name else "[no value]"


def small(value: Any) -> Any:
    """`value`, if it is not too large, counted as a tree: a list that holds another twice counts it twice.

    Raises:
        LimitError: It is too large.
    """
    size = 0
    waiting = [value]
    while waiting:
        item = waiting.pop()
        size += _own_size(item)
        if size + len(waiting) > MOST_SIZE:
            raise LimitError("they make a value that is too large")
        if isinstance(item, Mapping):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list | tuple | set | frozenset):
            waiting.extend(item)
    return value


def _own_size(item: Any) -> int:
    if isinstance(item, str | bytes):
        return len(item) + 1
    return item.bit_length() // 3 + 1 if isinstance(item, int) else 1


def _at_most(size: int) -> None:
    if size > MOST_SIZE:
        raise LimitError("they make a value that is too large")


class Clock:
    """The time of one rendering."""

    def __init__(self) -> None:
        self._end = time.monotonic() + MOST_SECONDS

    def look(self) -> None:
        """Called wherever a template can spend time.

        Raises:
            LimitError: The time is up.
        """
        if time.monotonic() > self._end:
            raise LimitError(f"they take longer than {MOST_SECONDS:g} seconds")

    def each(self, values: Iterable[Any]) -> Iterator[Any]:
        """`values`, with a look at the clock before each."""
        for value in values:
            self.look()
            yield value

    def bounded(self, value: Any) -> Any:
        """`value` if it is small; an iterator is stopped as soon as what came out of it is not small any more."""
        self.look()
        return self._bounded_iterator(value) if isinstance(value, Iterator) else small(value)

    def _bounded_iterator(self, values: Iterator[Any]) -> Iterator[Any]:
        size = 0
        for value in self.each(values):
            size += _own_size(small(value))
            _at_most(size)
            yield value


class InstructionEnvironment(ImmutableSandboxedEnvironment):
    """The environment of one rendering; it carries the clock and cannot be shared.

    Args:
        show: How a value is written into the text.
    """

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, show: Callable[[Any], str]) -> None:
        super().__init__(autoescape=False, undefined=Missing, finalize=lambda value: show(small(value)))
        self.clock = Clock()
        self.globals = {"range": _range}
        own = {"center": _center, "format": _format, "indent": _indent, "join": _join, "replace": _replace}
        own |= {"round": _round, "sum": _sum, "tojson": _tojson, "wordwrap": _wordwrap, "small": _same}
        known = {name: FILTERS[name] for name in _KNOWN_FILTERS} | own
        self.filters = {name: self._bounded(function) for name, function in known.items()}
        self.filters["each"] = self.clock.each

    def _bounded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` with a limit on what goes in and on what comes out."""

        @wraps(function)
        def bounded(*args: Any, **kwargs: Any) -> Any:
            # Some filters get the environment or the context first; neither is a value.
            values = [self.clock.bounded(arg) if _is_value(arg) else arg for arg in args]
            return self.clock.bounded(function(*values, **kwargs))

        return bounded

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        _refuse_unknown(tree)
        bounded: nodes.Template = _Bounds().visit(tree)
        return bounded

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field of the data before a method of the same name: `order.items` is what the form asked for."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Of what can be called, only the known methods of built-in types can even be seen."""
        if not super().is_safe_attribute(obj, attr, value):
            return False
        return isinstance(value, Undefined) or not callable(value) or _is_known(obj, attr)

    def is_safe_callable(self, obj: Any) -> bool:
        """Only `range`, `format` and the known methods of built-in types can be called."""
        own = obj is _range or getattr(obj, "of_instructions", False) is True
        return own or _is_known(getattr(obj, "__self__", None), getattr(obj, "__name__", ""))

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        """Say at once that something is refused, instead of showing it as missing."""
        raise SecurityError(f"'{attribute}' of {type(obj).__name__} cannot be used in instructions")

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`'{:.2f}'.format(price)`, with a limit on every width."""
        if getattr(value, "__name__", "") != "format" or not isinstance(getattr(value, "__self__", None), str):
            return None
        text: str = value.__self__

        def formatted(*args: Any, **kwargs: Any) -> str:
            _check_format(text, (*args, *kwargs.values()), _BRACE_FIELD)
            return str(SandboxedFormatter(self).vformat(text, args, kwargs))

        formatted.of_instructions = True  # type: ignore[attr-defined]
        return formatted

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Calls what may be called, with a limit on what comes out."""
        if not self.is_safe_callable(obj):
            name = obj._undefined_name if isinstance(obj, Missing) else getattr(obj, "__name__", type(obj).__name__)
            raise SecurityError(f"'{name}' cannot be called in instructions")
        return self.clock.bounded(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Refuses an operation whose result would be too large, before it happens."""
        self.clock.bounded([left, right])
        if operator == "*":
            _check_product(left, right)
        elif operator == "**":
            _check_power(left, right)
        elif operator == "%" and isinstance(left, str):
            return _format(left, *(right if isinstance(right, tuple) else (right,)))
        return small(super().call_binop(context, operator, left, right))


def _is_value(arg: Any) -> bool:
    return not isinstance(arg, Environment | EvalContext | Context)


def _is_known(owner: Any, method: str) -> bool:
    return any(isinstance(owner, kind) and method in names for kind, names in _METHODS.items())


def _refuse_unknown(tree: nodes.Node) -> None:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        waiting.extend(node.iter_child_nodes())
        if type(node).__name__ not in _KNOWN_NODES or getattr(node, "recursive", False):
            what = type(node).__name__.lower() if type(node).__name__ not in _KNOWN_NODES else "recursive"
            raise TemplateSyntaxError(f"'{what}' cannot be used in instructions", node.lineno)


class _Bounds(NodeTransformer):
    """Puts a limit on what a template makes without a call: loops, joined text, literals."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "each")
        return node

    def _limited(self, node: nodes.Node) -> nodes.Node:
        self.generic_visit(node)
        # A tuple or list that is assigned to is a pattern, not a value.
        return node if getattr(node, "ctx", "load") != "load" else _filtered(node, "small")

    visit_Concat = visit_List = visit_Tuple = visit_Dict = _limited  # noqa: N815


def _filtered(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


# Operations that multiply sizes.


def _range(*bounds: int) -> range:
    values = range(*bounds)
    if len(values) > MOST_SIZE:
        raise LimitError("they count too far")
    return values


def _check_product(left: Any, right: Any) -> None:
    for value, times in ((left, right), (right, left)):
        if isinstance(value, str | bytes | list | tuple) and isinstance(times, int):
            _at_most(sum(_own_size(item) for item in value if not isinstance(value, bytes)) * max(times, 0))
    if isinstance(left, int) and isinstance(right, int):
        _at_most(left.bit_length() + right.bit_length())


def _check_power(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        _at_most(left.bit_length() * max(right, 0))


_PERCENT_FIELD = re.compile(r"%(?:\([^)]*\))?([^a-zA-Z%]*)[a-zA-Z%]")
_BRACE_FIELD = re.compile(r"\{[^{}:]*:?([^{}]*)[{}]")


def _check_format(text: str, values: tuple[Any, ...], field: re.Pattern[str]) -> None:
    fields = field.findall(small(text))
    if any("*" in spec or re.search(r"\d{4}|\.\d{3}", spec) for spec in fields) or re.search(r"\{[^{}]*\{[^{]", text):
        raise LimitError("they format with a width that is too large")
    longest = max((len(str(small(value))) for value in values), default=0)
    _at_most(len(text) + len(fields) * (longest + 10))


def _format(text: Any, *args: Any, **kwargs: Any) -> str:
    text = str(text)
    for value in (*args, *kwargs.values()):
        if isinstance(value, Undefined):
            value._fail_with_undefined_error()  # says which value is missing; `%` would only say "not a number"
    _check_format(text, (*args, *kwargs.values()), _PERCENT_FIELD)
    filled: str = text % (kwargs or (args[0] if len(args) == 1 and isinstance(args[0], Mapping) else args))
    return filled


def _center(text: Any, width: int = 80) -> str:
    _at_most(width)
    return str(text).center(width)


def _indent(text: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    indention = width if isinstance(width, str) else " " * min(width, MOST_SIZE)
    lines = str(text).split("\n")
    _at_most(len(lines) * len(indention))
    changed = [indention + line if (number or first) and (line or blank) else line for number, line in enumerate(lines)]
    return "\n".join(changed)


def _join(values: Any, separator: str = "", attribute: Any = None) -> str:
    entries = list(values)
    if attribute is not None:
        entries = [_field(entry, attribute) for entry in entries]
    texts = [str(entry) for entry in small(entries)]
    _at_most(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _field(entry: Any, name: Any) -> Any:
    if isinstance(entry, Mapping):
        return entry.get(name, "")
    hidden = not isinstance(name, str) or name.startswith("_")
    return "" if hidden else getattr(entry, name, "")


def _replace(value: Any, old: str, new: str, count: int = -1) -> str:
    text = str(value)
    _at_most(text.count(old) * len(str(new)) + len(text))
    return text.replace(old, str(new), count)


def _round(value: Any, precision: int = 0, method: str = "common") -> Any:
    if not -20 <= precision <= 20:
        raise LimitError("they round to too many digits")
    return FILTERS["round"](value, precision, method)


def _sum(values: Any, attribute: Any = None, start: Any = 0) -> Any:
    if not isinstance(start, int | float):
        raise TypeError("'sum' adds numbers")
    numbers = values if attribute is None else [_field(entry, attribute) for entry in values]
    return sum(numbers, start)


def _tojson(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, indent=min(indent, 8) if indent else None, ensure_ascii=False, default=str)


def _wordwrap(text: Any, width: int = 79) -> str:
    wrapped = (textwrap.wrap(line, max(int(width), 1), break_on_hyphens=False) for line in str(text).split("\n"))
    return "\n".join("\n".join(lines) for lines in wrapped)


def _same(value: Any) -> Any:
    return value
