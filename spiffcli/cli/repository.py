"""Commands about models under version control."""

from __future__ import annotations

import click

from spiffcli.cli.options import format_option
from spiffcli.cli.output import emit_json, emit_text


class _Group(click.Group):
    """A group whose commands are found with underscores and with hyphens."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name.replace("_", "-"))


@click.group(cls=_Group)
def repo() -> None:
    """Work with models in a Git repository."""


@repo.command("install-diff", epilog="Example: runner repo install-diff")
@format_option()
def install_diff(format: str) -> None:
    """Teach Git to compare models here: git diff, git log -p and git show.

    Sets diff.bpmn.command and diff.bpmn.textconv in the configuration of the repository, and adds *.bpmn and *.dmn to
    its .gitattributes. Commit that file; the configuration is yours alone.
    """
    from spiffcli.repo.drivers import install

    done = install()
    if format == "json":
        document = {"settings": done.settings, "patterns": list(done.patterns), "attributes": str(done.attributes)}
        emit_json({"schema": "runner/driver/1", **document})
        return
    lines = [f"Set {name} to '{value}'." for name, value in done.settings.items()]
    if done.patterns:
        lines.append(f"Added {' and '.join(done.patterns)} to {done.attributes}; commit that file.")
    emit_text("\n".join(lines) or "Everything is set up already.")
