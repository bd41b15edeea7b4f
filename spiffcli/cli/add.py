"""`add`: from files to a deployment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
from click.core import ParameterSource

from spiffcli.cli.completion import complete_specs
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, talk, warn
from spiffcli.cli.params import ManyCommand, format_option, many_option
from spiffcli.deployments.add import Added
from spiffcli.deployments.request import Note, PlannedDefinition
from spiffcli.repo.deploy import add_model
from spiffcli.runner import Runner

_FILE = click.Path()

#: Options that say what --from says already.
_NOT_WITH_FROM = ("process", "collaboration", "binding", "bindings", "model", "rev", "work_tree")

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
    help="Which version calls mean: 'deployment' (the one of these files, the default), 'latest', version:N or tag:T.",
)
@click.option("--bindings", metavar="FILE", type=_FILE, help="Bindings of single elements, as JSON: {ELEMENT: BINDING}")
@click.option("--model", metavar="GROUP/MODEL", help="A model of the repository with all it calls, from one commit.")
@click.option("--rev", metavar="REV", help="With --model: that commit, branch or tag instead of the last commit.")
@click.option("--work-tree", is_flag=True, help="With --model: as the files lie there, committed or not.")
@click.option("--from", "ref", metavar="REF", shell_complete=complete_specs, help="A stored version again, no files.")
@click.option("--force-new", is_flag=True, help="Make new versions even of what has not changed.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and store nothing.")
@format_option()
@pass_invocation
@click.pass_context
def add(
    ctx: click.Context,
    invocation: Invocation,
    /,
    process: str | None,
    collaboration: str | None,
    bpmn: tuple[str, ...],
    dmn: tuple[str, ...],
    form: tuple[str, ...],
    name: str | None,
    tag: str | None,
    move: bool,
    binding: str,
    bindings: str | None,
    model: str | None,
    rev: str | None,
    work_tree: bool,
    ref: str | None,
    force_new: bool,
    dry_run: bool,
    format: str,
) -> None:
    """Add models, decisions and forms as one deployment.

    FILE can be a file of a commit (HEAD~1:order.bpmn); forms are then taken from that commit too.

    Every process, decision and form in the files becomes a new version, unless it does exactly what its latest
    version does. If anything is wrong with any file, nothing is stored.

    With --from KEY@N an earlier version becomes the newest one, bound to what it was bound to; nothing else changes.
    """
    files = [*bpmn, *dmn, *form]
    if ref is not None:
        _refuse_beside_from(ctx, files)
    _check_model(ctx, files, model, rev, work_tree=work_tree, collaboration=collaboration)
    with Runner(invocation.settings(running=True)) as runner:
        if model is not None:
            added, found = add_model(
                runner.workspace,
                model,
                revision=rev,
                work_tree=work_tree,
                process=process,
                name=name,
                tag=tag,
                move_tag=move,
                binding=binding,
                bindings=bindings,
                force_new=force_new,
                dry_run=dry_run,
            )
            _warn_of(found.changed)
        elif ref is None:
            added = runner.add(
                files,
                process=process,
                collaboration=collaboration,
                name=name,
                tag=tag,
                move_tag=move,
                binding=binding,
                bindings=bindings,
                force_new=force_new,
                dry_run=dry_run,
            )
        else:
            added = runner.add_again(ref, name=name, tag=tag, move_tag=move, force_new=force_new, dry_run=dry_run)
    if format == "json":
        emit_json(added_json(added))
    else:
        _show(added, runner.settings.scripts, verbose=invocation.verbosity > 0)


def _check_model(
    ctx: click.Context,
    files: list[str],
    model: str | None,
    rev: str | None,
    *,
    work_tree: bool,
    collaboration: str | None,
) -> None:
    if model is None and (rev is not None or work_tree):
        raise click.UsageError("--rev and --work-tree say where --model is taken from; name a model.", ctx)
    if model is not None and (files or collaboration is not None):
        raise click.UsageError("--model brings its files along; leave files and --collaboration out.", ctx)


def _warn_of(changed: Sequence[str]) -> None:
    if changed:
        warn(
            f"{', '.join(changed)} changed since the last commit, and that is not part of this. Commit it first "
            "(runner repo save), or take the files as they are (--work-tree)."
        )


def _refuse_beside_from(ctx: click.Context, files: list[str]) -> None:
    """Refuse what says something else than --from.

    Raises:
        click.UsageError: Files, a process or bindings are given too.
    """
    given = [name for name in _NOT_WITH_FROM if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if files or given:
        what = "files" if files else f"--{given[0]}"
        raise click.UsageError(f"--from brings its files and bindings along; leave {what} out.", ctx)


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


def take(runner: Runner, ref: str) -> str:
    """What names the stored spec that REF means; one at a revision that nobody added is added, and that is told."""
    taken = runner.take(ref)
    if taken.added is not None:
        _tell_notes([note for note in taken.added.notes if note.warning])
        talk(f"Added {ref}: {', '.join(planned.label for planned in taken.added.plan.new)}.")
    return taken.ref


def _show(added: Added, mode: str, *, verbose: bool) -> None:
    emit_lines([list(_cells(planned)) for planned in added.plan.definitions if verbose or _is_shown(planned)])
    _tell_notes(added.notes)
    talk(_summary(added, mode))


def _tell_notes(notes: Iterable[Note]) -> None:
    for note in notes:
        where = f"{note.where()}: " if note.file else ""
        if note.warning:
            warn(where + note.text)
        elif note.rule not in _SAID:
            talk(where + note.text)


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
