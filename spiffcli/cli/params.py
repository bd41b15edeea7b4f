"""Options and arguments: values of theirs, several after one flag, and what the global ones are kept in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem
from msgspec import Struct

from spiffcli.cli.lazy import load
from spiffcli.errors import InputError

_OPEN = "spiffcli.cli.params.open"  # key in Context.meta: the option the last argument belongs to


class ManyOption(click.Option):
    """An option that may be followed by several values; without `many` an ordinary option."""

    def __init__(self, *args: Any, many: bool = False, **kwargs: Any) -> None:
        if many:
            kwargs["multiple"] = True
        super().__init__(*args, **kwargs)
        self.many = many

    def make_metavar(self, *args: Any, **kwargs: Any) -> str:
        """`FILE...` instead of `FILE`."""
        name = super().make_metavar(*args, **kwargs)
        return f"{name}..." if self.many and not name.endswith("...") else name


class ManyCommand(click.Command):
    """A command whose `many` options take all values up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Rewrite the arguments, then let Click parse them."""
        rewriter = _Rewriter(_options_by_flag(self.get_params(ctx)))
        rest = super().parse_args(ctx, rewriter.rewrite(args))
        ctx.meta[_OPEN] = rewriter.open
        return rest

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """All parameters; while completing a further value, no arguments, which Click would complete instead."""
        params = super().get_params(ctx)
        if ctx.resilient_parsing and ctx.meta.get(_OPEN):
            return [param for param in params if not isinstance(param, click.Argument)]
        return params

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Also completes the second and every further value of a `many` option."""
        option = ctx.meta.get(_OPEN)
        if isinstance(option, click.Option) and not incomplete.startswith("-"):
            return option.shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)


def _options_by_flag(params: Sequence[click.Parameter]) -> dict[str, click.Option]:
    options = [param for param in params if isinstance(param, click.Option)]
    return {flag: option for option in options for flag in (*option.opts, *option.secondary_opts)}


def _takes_value(option: click.Option | None) -> bool:
    return option is not None and not option.is_flag and not option.count


def _is_many(option: click.Option | None) -> bool:
    return isinstance(option, ManyOption) and option.many


class _Rewriter:
    """Goes through the arguments once.

    Attributes:
        open: The `many` option that further values would belong to, or None.
    """

    def __init__(self, options: Mapping[str, click.Option]) -> None:
        self._options = options
        self.open: click.Option | None = None
        self._flag = ""
        self._out: list[str] = []

    def rewrite(self, args: Sequence[str]) -> list[str]:
        """The arguments with one flag before each value of a `many` option."""
        rest = list(args)
        while rest:
            arg = rest.pop(0)
            if arg == "--":
                self.open = None
                self._out += [arg, *rest]
                break
            if arg.startswith("--"):
                self._long(arg, rest)
            elif arg.startswith("-") and arg != "-":
                self._short(arg, rest)
            elif self.open:
                self._out += [self._flag, arg]
            else:
                self._out.append(arg)
        return self._out

    def _long(self, arg: str, rest: list[str]) -> None:
        flag, equals, value = arg.partition("=")
        option = self._options.get(flag)
        if _is_many(option):
            self._begin(option, flag, [value] if equals else _take(rest, 1))
        else:
            self._ordinary(arg, option, rest, glued=bool(equals))

    def _short(self, arg: str, rest: list[str]) -> None:
        """`-b`, `-bVALUE`, and flags in one word of which the last may take a value: `-vb`."""
        for place in range(1, len(arg)):
            flag, glued = f"-{arg[place]}", arg[place + 1 :]
            option = self._options.get(flag)
            if _is_many(option):
                if place > 1:
                    self._out.append(arg[:place])
                self._begin(option, flag, [glued] if glued else _take(rest, 1))
                return
            if _takes_value(option):
                self._ordinary(arg, option, rest, glued=bool(glued))
                return
        self._ordinary(arg, None, rest, glued=False)  # flags only, or nothing Click knows: it will say so

    def _begin(self, option: click.Option | None, flag: str, value: list[str]) -> None:
        # Click takes `-b` for a mistyped `--b...` first, and what it loads for its advice costs more than a small diff.
        long = max(option.opts, key=len) if option is not None else flag
        self.open, self._flag = option, long
        self._out += [long, *value]

    def _ordinary(self, arg: str, option: click.Option | None, rest: list[str], *, glued: bool) -> None:
        self.open = None
        self._out.append(arg)
        if option is not None and _takes_value(option):
            self._out += _take(rest, option.nargs - glued)


def _take(rest: list[str], count: int) -> list[str]:
    taken, rest[:] = rest[:count], rest[count:]
    return taken


class DateParam(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of Click only
    """A date, with or without a time, in ISO 8601; UTC where no time zone is given."""

    name = "DATE"
    _ways = "Write it as 2026-12-01 or 2026-12-01T09:30 (UTC), or with a zone."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment, with its time zone."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is no date. {self._ways}")
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class PastParam(DateParam):
    """A date as above, or an age such as `30d`: that long before now."""

    name = "WHEN"
    _ways = "Write it as 2026-12-01 or 2026-12-01T09:30 (UTC), with a zone, or as an age: 90m, 12h, 30d, 4w."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment, with its time zone."""
        if isinstance(value, str) and value[:-1].isdecimal() and value[-1] in _UNITS:
            try:
                return datetime.now(UTC) - timedelta(seconds=int(value[:-1]) * _UNITS[value[-1]])
            except OverflowError:
                self.fail(f"'{value}' is longer ago than any date.")
        return super().convert(value, param, ctx)


#: Seconds in a minute, an hour, a day and a week.
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def format_option(*formats: str) -> Callable[[Decorated], Decorated]:
    """`--format`, with `text` (the default), `json`, and whatever else the command can write."""
    return click.option(
        "--format",
        "format",
        type=click.Choice(["text", "json", *formats]),
        default="text",
        show_default=True,
        help="How to write the result.",
    )


def many_option(*names: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    """An option that takes several values after one flag; the command must be a `ManyCommand`."""
    return click.option(*names, cls=ManyOption, many=True, **attributes)


def grouped(name: str, kind: type[Struct], *options: Callable[[Any], Any]) -> Callable[[Decorated], Decorated]:
    """Options that a command takes as one value: its parameter `name`, a `kind` with a field for each of them."""

    def decorate(command: Decorated) -> Decorated:
        @wraps(command)
        def call(*args: Any, **values: Any) -> Any:
            values[name] = kind(**{field: values.pop(field) for field in kind.__struct_fields__ if field in values})
            return command(*args, **values)

        decorated: Any = call
        for option in reversed(options):
            decorated = option(decorated)
        return cast(Decorated, decorated)

    return decorate


class JsonParam(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of Click only
    """A JSON value on the command line: the JSON itself, `@FILE`, or `@-` for standard input.

    Args:
        name: What the value is called in help texts.
        kind: Type the value must have (`dict` for a JSON object), or None for any.
    """

    def __init__(self, name: str = "JSON", kind: type | None = dict) -> None:
        self.name = name
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value, read and checked.

        Raises:
            InputError: The file cannot be read, or this is not JSON of the kind that is needed.
        """
        if not isinstance(value, str):
            return value

        what = param.opts[-1] if param is not None else self.name
        found = _read_json(value, what)
        if self.kind is not None and not isinstance(found, self.kind):
            raise InputError(
                f"{what} must be a JSON object, and this is JSON of another kind.",
                hint="""Write it like '{"quantity": 2}'.""",
            )
        return found


def _read_json(value: str, what: str) -> Any:
    read_json = load("spiffcli.forms.schema:read_json")
    if value.startswith("@"):
        return read_json(_read_source(value[1:]), file=value[1:], what=f"file of {what}", error=InputError)
    content = value.encode("utf-8", "surrogateescape")
    return read_json(content, file="the command line", what=f"{what} on", error=InputError)


def _read_source(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as fault:
        raise InputError(f"Cannot read {name}: {fault.strerror}.", file=name) from fault
