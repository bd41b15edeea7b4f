"""Options that take several values after one flag: `-b one.bpmn two.bpmn -d prices.dmn`.

Click's options take a fixed number of values. A command of this class rewrites its arguments before Click sees
them: every value after an option declared `many=True` gets a flag of its own, up to the next option or `--`. All the
ways to write an option stay possible: `-b A B`, `-bA B`, `--bpmn A B`, `--bpmn=A B`, `-b A -b B`, `-vb A B`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_OPEN = "spiffcli.cli.parsing.open"  # key in Context.meta: the option the last argument belongs to


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
