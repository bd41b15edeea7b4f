"""One run of the program: its global options, and the settings they come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spiffcli.cli.lazy import load

if TYPE_CHECKING:  # `--help` needs no settings, and so nothing that they are made of
    from spiffcli.config import Settings


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
        if running:
            load("spiffcli.config:prints_to_stderr").set(True)
            load("spiffcli.cli.output:tell_warnings")()
        settings = self._settings or load("spiffcli.config:load_settings")(self.flags)
        self._settings = settings
        return settings.for_running() if running else settings


pass_invocation = click.make_pass_decorator(Invocation)
