"""A group of commands that imports a command only when it is run.

The names and short help texts of all commands stand in a table, so that `runner --help` and the completion of
command names import none of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

#: Widest text of a help page.
MOST_COLUMNS = 100


class Entry(NamedTuple):
    """A command in the table.

    Attributes:
        target: Where it is, as `module:attribute`.
        help: What it does, in one line.
    """

    target: str
    help: str


#: Title of a section of the help -> name of a command -> the command.
Sections = Mapping[str, Mapping[str, Entry]]


class LazyGroup(click.Group):
    """A group whose commands are named in sections and imported on use.

    Names are written with underscores; hyphens are accepted (`diff-spec` is `diff_spec`).
    """

    def __init__(self, *args: Any, sections: Sections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections

    @property
    def entries(self) -> dict[str, Entry]:
        """All commands of the table by name."""
        return {name: entry for section in self.sections.values() for name, entry in section.items()}

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of a run, with the width of the terminal (Click's own way to it imports a lot)."""
        if parent is None:
            extra.setdefault("terminal_width", _terminal_width())
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the group's own options; without any argument, show the help as `--help` does."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order of the table."""
        return [*self.entries, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None if there is none."""
        name = cmd_name.replace("-", "_")
        entry = self.entries.get(name)
        return _command(name, entry) if entry else super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command the arguments begin with; an unknown name is refused with the nearest ones."""
        name = args[0]
        command = self.get_command(ctx, name)
        if command is not None:
            return command.name, command, args[1:]
        if ctx.resilient_parsing:
            return None, None, args[1:]
        raise click.UsageError(f"No such command '{_printable(name)}'.{self._advice(ctx, name)}", ctx)

    def _advice(self, ctx: click.Context, name: str) -> str:
        near = get_close_matches(name.replace("-", "_"), self.list_commands(ctx), n=3, cutoff=0.5)
        return f" Did you mean {' or '.join(near)}?" if near else ""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands section by section."""
        width = max(map(len, self.entries))
        for title, section in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:{width}}", entry.help) for name, entry in section.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands and of options that begin with what was typed."""
        commands = [CompletionItem(name, help=help) for name, help in self._beginning_with(incomplete)]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def _beginning_with(self, text: str) -> Iterator[tuple[str, str]]:
        for name, entry in self.entries.items():
            shown = name.replace("_", "-") if "-" in text else name
            if shown.startswith(text):
                yield shown, entry.help


def load(target: str) -> Any:
    """Import `module:attribute`, or a module, now: the one way to import on use."""
    module, _, attribute = target.partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def _command(name: str, entry: Entry) -> click.Command:
    command: click.Command = load(entry.target)
    command.name = name
    return command


def _terminal_width() -> int:
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError, AttributeError):  # not a terminal, or not even a file
        columns = 0
    return max(min(columns or 80, MOST_COLUMNS) - 2, 50)  # some terminals do not know, and say 0


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
