"""`add`: from files to a deployment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from spiffcli.cli.options import Invocation, format_option, many_option, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, talk, warn
from spiffcli.cli.parsing import ManyCommand

if TYPE_CHECKING:
    from spiffcli.app.adding import Added
    from spiffcli.catalog import Note, PlannedDefinition

_FILE = click.Path()

#: Notes that the list of definitions says already.
_SAID = frozenset({"unchanged"})


@click.command(cls=ManyCommand, epilog="Example: runner add -p order -b order.bpmn packing.bpmn -d prices.dmn")
@click.option("-p", "--process", metavar="ID", help="Process you mean; others in the files are added too.")
@click.option("-c", "--collaboration", metavar="ID", help="Collaboration you mean, instead of a process.")
@many_option("-b", "--bpmn", metavar="FILE", type=_FILE, help="BPMN files.")
@many_option("-d", "--dmn", metavar="FILE", type=_FILE, help="Decision files.")
@many_option("-f", "--form", metavar="FILE", type=_FILE, help="Forms; those beside the models are found by themselves.")
@click.option("--name", help="Name of the deployment.")
@click.option("--tag", help="Tag for the new version, for KEY@TAG.")
@click.option("--move", is_flag=True, help="Take the tag from the version that has it.")
@click.option(
    "--binding",
    metavar="BINDING",
    default="deployment",
    help="Which version calls mean: 'deployment' (the one of these files, the default) or 'latest'.",
)
@click.option("--force-new", is_flag=True, help="Make new versions even of what has not changed.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and store nothing.")
@format_option()
@pass_invocation
def add(
    invocation: Invocation,
    /,
    bpmn: tuple[str, ...],
    dmn: tuple[str, ...],
    form: tuple[str, ...],
    move: bool,
    dry_run: bool,
    format: str,
    **wish: Any,
) -> None:
    """Add models, decisions and forms as one deployment.

    Every process, decision and form in the files becomes a new version, unless it does exactly what its latest
    version does. If anything is wrong with any file, nothing is stored.
    """
    from spiffcli.app import Runner

    with Runner(invocation.settings(running=True)) as runner:
        added = runner.add([*bpmn, *dmn, *form], move_tag=move, dry_run=dry_run, **wish)
    if format == "json":
        emit_json(added_json(added))
    else:
        _show(added, runner.settings.scripts, verbose=invocation.verbosity > 0)


def added_json(added: Added) -> dict[str, Any]:
    """A `runner/added/1` document."""
    return {
        "schema": "runner/added/1",
        "deployment": added.deployment.id if added.deployment else None,
        "tenant": added.plan.tenant,
        "name": added.plan.contents.request.name,
        "specs": [_planned_json(planned) for planned in added.plan.definitions],
        "notes": [_note_json(note) for note in added.notes],
        "scripts": added.scripts,
    }


def _planned_json(planned: PlannedDefinition) -> dict[str, Any]:
    kind, key = planned.name
    return {
        "id": planned.id,
        "kind": kind,
        "key": key,
        "version": planned.version,
        "new": planned.new,
        "file": planned.candidate.file,
        "hash": planned.hash,
    }


def _note_json(note: Note) -> dict[str, Any]:
    return {
        "rule": note.rule,
        "text": note.text,
        "warning": note.warning,
        "file": note.file,
        "line": note.line,
        "element": note.element,
    }


def _show(added: Added, mode: str, *, verbose: bool) -> None:
    emit_lines([list(_cells(planned)) for planned in added.plan.definitions if verbose or _is_shown(planned)])
    for note in added.notes:
        where = f"{note.where()}: " if note.file else ""
        if note.warning:
            warn(where + note.text)
        elif note.rule not in _SAID:
            talk(where + note.text)
    talk(_summary(added, mode))


def _is_shown(planned: PlannedDefinition) -> bool:
    """Whether it matters to somebody who did not ask for everything: not forms, of which there are dozens."""
    if planned.candidate.kind == "form":
        return False
    return planned.new or planned.candidate.kind in ("process", "collaboration")


def _cells(planned: PlannedDefinition) -> Iterator[str]:
    kind, _ = planned.name
    yield planned.id
    yield planned.label
    yield kind
    yield "new" if planned.new else f"unchanged since version {planned.version}"


def _summary(added: Added, mode: str) -> str:
    new = len(added.plan.new)
    counts = {"new": new, "unchanged": len(added.plan.definitions) - new}
    found = " and ".join(f"{count} {word}" for word, count in counts.items() if count)
    if added.deployment is None:
        begin = f"Nothing was stored; there would be {found}."
    else:
        begin = f"Deployment {added.deployment.id}: {found}."
    scripts = "1 script or condition" if added.scripts == 1 else f"{added.scripts} scripts and conditions"
    return f"{begin} The models execute {scripts} (--scripts {mode})."
