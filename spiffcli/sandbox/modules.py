"""The modules that restricted scripts may import, as read-only collections of their safe names.

A script never gets a module itself: a module leads to everything it imported (`datetime.sys`), its names can be
rebound for everybody (`math.pi = 3`), and `from json import decoder` finds other modules by name.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from spiffcli.sandbox import sizes
from spiffcli.sandbox.offered import Annotation, Names, OfferedModule, guarded_class, paused
from spiffcli.sandbox.refusal import ScriptRefusalError


def _pausing(function: Callable[..., Iterable[Any]]) -> Callable[..., Iterator[Any]]:
    def call(*args: Any, **kwargs: Any) -> Iterator[Any]:
        return paused(function(*args, **kwargs))

    call.__name__ = getattr(function, "__name__", "iterate")
    return call


def _pick(module: str, names: str) -> dict[str, Any]:
    source = importlib.import_module(module)
    return {name: getattr(source, name) for name in names.split()}


def _math() -> Names:
    import math

    names = {name: value for name, value in vars(math).items() if not name.startswith("_")}

    def factorial(n: int, /) -> int:
        if isinstance(n, int) and n > 1:
            sizes.check_bits(n * n.bit_length(), "the factorial")
        return math.factorial(n)

    def comb(n: int, k: int, /) -> int:
        if isinstance(n, int) and isinstance(k, int) and 0 < k < n:
            sizes.check_bits(min(k, n - k) * n.bit_length(), "the number of combinations")
        return math.comb(n, k)

    def perm(n: int, k: int | None = None, /) -> int:
        if isinstance(n, int):
            sizes.check_bits((n if k is None else k) * n.bit_length(), "the number of permutations")
        return math.perm(n, k)

    def prod(iterable: Iterable[Any], /, *, start: Any = 1) -> Any:
        return functools.reduce(sizes.multiply, paused(iterable), start)

    def lcm(*integers: int) -> int:
        return functools.reduce(lambda a, b: math.lcm(sizes.multiply(a, 1), b), paused(integers), 1)

    return {**names, "factorial": factorial, "comb": comb, "perm": perm, "prod": prod, "lcm": lcm}


def _re() -> Names:
    import re

    flags = "A ASCII I IGNORECASE L LOCALE M MULTILINE S DOTALL X VERBOSE U UNICODE NOFLAG Pattern Match error escape"

    def compile(pattern: Any, flags: int = 0) -> re.Pattern[Any]:
        if int(flags) & re.DEBUG:
            raise ScriptRefusalError("re.DEBUG is not available to scripts")
        return re.compile(pattern, flags)

    def method(name: str) -> Callable[..., Any]:
        def call(pattern: Any, string: Any, *args: Any, flags: int = 0, **kwargs: Any) -> Any:
            if name in ("match", "fullmatch", "search", "findall", "finditer") and args:
                flags, args = args[0], args[1:]
            return getattr(compile(pattern, flags), name)(string, *args, **kwargs)

        return call

    def substitute(name: str) -> Callable[..., Any]:
        def call(pattern: Any, repl: Any, string: Any, count: int = 0, flags: int = 0) -> Any:
            return substitute_matches(compile(pattern, flags), repl, string, count, method=name)

        return call

    return {
        **_pick("re", flags),
        "compile": compile,
        **{name: method(name) for name in ("match", "fullmatch", "search", "findall", "finditer", "split")},
        "sub": substitute("sub"),
        "subn": substitute("subn"),
    }


def substitute_matches(pattern: Any, repl: Any, string: Any, count: int = 0, *, method: str = "sub") -> Any:
    """`pattern.sub()` or `pattern.subn()`, counting what it makes where that could be a lot."""
    if isinstance(repl, str | bytes) and len(repl) * (len(string) + 1) > sizes.MAX_ITEMS:
        made = 0
        template, literal = repl, "\\" not in (repl if isinstance(repl, str) else repl.decode("latin-1"))

        def repl(match: Any) -> Any:
            nonlocal made
            part = template if literal else match.expand(template)
            made += len(part)
            sizes.check_items(made, "the text with its parts replaced")
            return part

    return getattr(pattern, method)(repl, string, count)


def _json() -> Names:
    import json

    def dumps(
        obj: Any,
        *,
        skipkeys: bool = False,
        ensure_ascii: bool = True,
        allow_nan: bool = True,
        indent: int | str | None = None,
        separators: tuple[str, str] | None = None,
        default: Callable[[Any], Any] | None = None,
        sort_keys: bool = False,
    ) -> str:
        _check_short(indent, *(separators or ()))
        return json.dumps(
            obj,
            skipkeys=skipkeys,
            ensure_ascii=ensure_ascii,
            allow_nan=allow_nan,
            indent=indent,
            separators=separators,
            default=default,
            sort_keys=sort_keys,
        )

    def loads(
        s: str | bytes,
        *,
        object_hook: Any = None,
        parse_float: Any = None,
        parse_int: Any = None,
        parse_constant: Any = None,
        object_pairs_hook: Any = None,
    ) -> Any:
        return json.loads(
            s,
            object_hook=object_hook,
            parse_float=parse_float,
            parse_int=parse_int,
            parse_constant=parse_constant,
            object_pairs_hook=object_pairs_hook,
        )

    return {"dumps": dumps, "loads": loads, "JSONDecodeError": json.JSONDecodeError}


def _check_short(*values: Any) -> None:
    for value in values:
        if isinstance(value, int):
            sizes.check_items(value * 10_000, "the indented text")
        elif isinstance(value, str | bytes):
            sizes.check_items(len(value) * 10_000, "the indented text")


def _itertools() -> Names:
    import itertools

    names = (
        "accumulate chain combinations combinations_with_replacement compress count cycle dropwhile "
        "filterfalse groupby islice pairwise permutations product repeat starmap takewhile zip_longest"
    )
    picked: dict[str, Any] = {name: _pausing(f) for name, f in _pick("itertools", names).items()}

    def tee(iterable: Iterable[Any], n: int = 2, /) -> tuple[Iterator[Any], ...]:
        sizes.check_items(n * 1000, "the copies of the iterator")
        return itertools.tee(paused(iterable), n)

    flat = _pausing(itertools.chain.from_iterable)
    chain = guarded_class(itertools.chain, picked["chain"], from_iterable=flat)
    return {**picked, "tee": tee, "chain": chain}


def _functools() -> Names:
    missing = object()

    def reduce(function: Callable[..., Any], iterable: Iterable[Any], initial: Any = missing, /) -> Any:
        items = paused(iterable)
        return functools.reduce(function, items) if initial is missing else functools.reduce(function, items, initial)

    return {**_pick("functools", "partial cmp_to_key lru_cache cache"), "reduce": reduce}


def _collections() -> Names:
    import collections

    def namedtuple(typename: str, field_names: str | Iterable[str], *, defaults: Any = None) -> type:
        names = field_names.replace(",", " ").split() if isinstance(field_names, str) else list(field_names)
        for name in [typename, *names]:
            if type(name) is not str or not name.isidentifier() or name.startswith("_"):
                raise ValueError(f"{name!r} cannot be the name of a field or a named tuple")
        return collections.namedtuple(typename, names, defaults=defaults, module="script")

    return {**_pick("collections", "Counter OrderedDict defaultdict deque"), "namedtuple": namedtuple}


def _decimal() -> Names:
    from decimal import Decimal

    names = (
        "ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP ROUND_05UP "
        "DecimalException InvalidOperation DivisionByZero Overflow Underflow Inexact Rounded Clamped Subnormal"
    )
    return {**_pick("decimal", names), "Decimal": guarded_class(Decimal, make_decimal)}


def make_decimal(value: Any = "0", /) -> Any:
    """`Decimal(value)`."""
    from decimal import Decimal

    sizes.check_decimal_text(value)
    return sizes.check_decimal(Decimal(value))


def _fractions() -> Names:
    from fractions import Fraction

    def make_fraction(numerator: Any = 0, denominator: Any = None) -> Fraction:
        sizes.check_decimal_text(numerator)
        return Fraction(numerator, denominator)

    return {"Fraction": guarded_class(Fraction, make_fraction)}


def _random() -> Names:
    # A generator of its own for every import: seeding it changes nobody else's numbers, and no state outlives
    # the script, so that a run and a resumed run behave the same.
    import random

    source = random.Random()
    return {name: getattr(source, name) for name in RANDOM_METHODS} | {
        "Random": guarded_class(random.Random, random.Random)
    }


_RANDOM: Final = (
    "betavariate choice choices expovariate gammavariate gauss lognormvariate normalvariate paretovariate "
    "randint random randrange sample seed shuffle triangular uniform vonmisesvariate weibullvariate"
)
#: Methods of a random number generator that scripts may call.
RANDOM_METHODS: Final = tuple(_RANDOM.split())


def _calendar() -> Names:
    import calendar

    names = {name: tuple(getattr(calendar, name)) for name in ("day_name", "day_abbr", "month_name", "month_abbr")}
    days = {name: index for index, name in enumerate(_WEEKDAYS)}

    def monthrange(year: int, month: int) -> tuple[int, int]:
        first, days = calendar.monthrange(year, month)
        return int(first), days

    def weekday(year: int, month: int, day: int) -> int:
        return int(calendar.weekday(year, month, day))

    functions = _pick("calendar", "isleap leapdays timegm")
    return {**names, **days, **functions, "monthrange": monthrange, "weekday": weekday}


_WEEKDAYS: Final = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


def _textwrap() -> Names:
    import textwrap

    def limited(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(text: str, *args: Any, **kwargs: Any) -> Any:
            _check_short(*(value for value in args if isinstance(value, str)))
            _check_short(*(value for key, value in kwargs.items() if key not in ("width", "predicate", "max_lines")))
            return function(text, *args, **kwargs)

        return call

    return {name: limited(getattr(textwrap, name)) for name in ("dedent", "fill", "indent", "shorten", "wrap")}


def _string() -> Names:
    names = "ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits printable punctuation"
    return _pick("string", f"{names} whitespace")


def _copy() -> Names:
    return _pick("copy", "copy deepcopy")


def _operator() -> Names:
    return _pick("operator", "itemgetter add sub truediv floordiv neg eq ne lt le gt ge and_ or_ not_ contains")


_STATISTICS: Final = (
    "StatisticsError correlation covariance fmean geometric_mean harmonic_mean linear_regression mean median "
    "median_grouped median_high median_low mode multimode pstdev pvariance quantiles stdev variance"
)
_TIME: Final = "time time_ns monotonic perf_counter gmtime localtime mktime strftime strptime struct_time"
_UUID: Final = "UUID uuid3 uuid4 uuid5 NAMESPACE_DNS NAMESPACE_OID NAMESPACE_URL NAMESPACE_X500"
_BASE64: Final = "b64encode b64decode urlsafe_b64encode urlsafe_b64decode b32encode b32decode b16encode b16decode"
_TYPING: Final = (
    "Any Callable Dict Final FrozenSet Iterable Iterator List Literal Mapping Optional Sequence Set Tuple Union"
)

_BUILDERS: Final[dict[str, Callable[[], Names]]] = {
    "base64": lambda: _pick("base64", _BASE64),
    "calendar": _calendar,
    "collections": _collections,
    "copy": _copy,
    "datetime": lambda: _pick("datetime", "date datetime time timedelta timezone tzinfo MINYEAR MAXYEAR UTC"),
    "decimal": _decimal,
    "fractions": _fractions,
    "functools": _functools,
    "itertools": _itertools,
    "json": _json,
    "math": _math,
    "operator": _operator,
    "random": _random,
    "re": _re,
    "statistics": lambda: _pick("statistics", _STATISTICS),
    "string": _string,
    "textwrap": _textwrap,
    "time": lambda: _pick("time", _TIME),
    "typing": lambda: dict.fromkeys(_TYPING.split(), Annotation()),
    "uuid": lambda: _pick("uuid", _UUID),
    "zoneinfo": lambda: _pick("zoneinfo", "ZoneInfo ZoneInfoNotFoundError"),
}

#: Names of the modules that scripts may import.
MODULES: Final = frozenset(_BUILDERS)


@functools.cache
def _shared(name: str) -> OfferedModule:
    return OfferedModule(name, _BUILDERS[name]())


def offered_module(name: str) -> OfferedModule:
    """What a script gets for `import name`.

    Raises:
        KeyError: It is not in `MODULES`.
    """
    return OfferedModule(name, _random()) if name == "random" else _shared(name)


def offered_names(name: str) -> Iterable[str]:
    """The names that the module `name` offers to scripts."""
    return dir(_shared(name))


def import_(module: str, name: str | None = None) -> Any:
    """`import module` or `from module import name`, as the policy writes them."""
    found = offered_module(module)
    return found if name is None else getattr(found, name)
