"""Commands about trust: which settings files may name code."""

from __future__ import annotations

from pathlib import Path

import click

from spiffcli.cli.output import emit_text
from spiffcli.config import modules_of, read_settings_file, user_trust
from spiffcli.errors import StateError
from spiffcli.trust import fingerprint

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command(epilog="Example: runner trust .")
@click.argument("folder", metavar="[DIR]", type=_FOLDER, default=Path())
@click.option("--list", "listed", is_flag=True, help="List the files that are trusted.")
def trust(folder: Path, listed: bool) -> None:
    """Let the settings file of a folder name code, as it is now.

    Without trust, what a runner.toml says about engine modules, services, script modes, tenants and secrets does not
    count: it may have come with somebody else's models. A file that changes, or whose modules beside it change, is to
    be trusted anew. RUNNER_TRUST=DIR (several as in PATH, or all) trusts without a note, for CI.
    """
    kept = user_trust()
    if listed:
        emit_text("\n".join(sorted(kept.entries())) or "No settings file is trusted.")
        return
    file, in_file = read_settings_file(folder.resolve())
    kept.add(file, fingerprint(file, modules_of(in_file)))
    names = ", ".join(modules_of(in_file))
    emit_text(f"Trusted {file}{f', which names {names}' if names else ''}.")


@click.command(epilog="Example: runner untrust .")
@click.argument("folder", metavar="[DIR]", type=_FOLDER, default=Path())
def untrust(folder: Path) -> None:
    """Let the settings file of a folder name no code any more."""
    file, _ = read_settings_file(folder.resolve())
    if not user_trust().remove(file):
        raise StateError(f"{file} was not trusted.", hint="runner trust --list shows what is.")
    emit_text(f"{file} is not trusted any more.")
