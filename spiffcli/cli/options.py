"""Options that many commands share, and what the global ones are kept in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spiffcli.cli.parsing import ManyOption

if TYPE_CHECKING:
    from spiffcli.config import Settings

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class Invocation:
    """One run of the program: the global options, and the settings once a command asks for them.

    Attributes:
        flags: Global options that name settings; None where not given.
        verbosity: -1 with `-q`, 0, or the number of `-v`.
    """

    def __init__(self) -> None:
        self.flags: dict[str, str | bool | None] = {}
        self.verbosity = 0
        self._settings: Settings | None = None

    def settings(self, *, running: bool = False) -> Settings:
        """The settings; read on first use, since most of what `--help` shows needs none.

        Args:
            running: The command adds or runs, so settings of the file that name code are in force.

        Raises:
            ConfigError: A setting cannot be used.
        """
        if self._settings is None:
            from spiffcli.config import load_settings

            self._settings = load_settings(self.flags)
        if running:
            from spiffcli.cli.output import tell_warnings
            from spiffcli.prints import to_stderr

            to_stderr.set(True)
            tell_warnings()
        return self._settings.for_running() if running else self._settings


pass_invocation = click.make_pass_decorator(Invocation)


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
        from spiffcli.errors import InputError

        what = param.opts[-1] if param is not None else self.name
        found = _read_json(value, what)
        if self.kind is not None and not isinstance(found, self.kind):
            raise InputError(
                f"{what} must be a JSON object, and this is JSON of another kind.",
                hint="""Write it like '{"quantity": 2}'.""",
            )
        return found


def _read_json(value: str, what: str) -> Any:
    from spiffcli.errors import InputError
    from spiffcli.forms.json_text import read_json

    if value.startswith("@"):
        return read_json(_read_source(value[1:]), file=value[1:], what=f"file of {what}", error=InputError)
    return read_json(
        value.encode("utf-8", "surrogateescape"), file="the command line", what=f"{what} on", error=InputError
    )


def _read_source(name: str) -> bytes:
    import sys
    from pathlib import Path

    from spiffcli.errors import InputError

    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as fault:
        raise InputError(f"Cannot read {name}: {fault.strerror}.", file=name) from fault
