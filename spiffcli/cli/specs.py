"""Commands about one spec: show, delete, tag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from spiffcli.cli.deleting import delete
from spiffcli.cli.options import Invocation, format_option, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, emit_text, lines_text, paint
from spiffcli.cli.suggesting import complete_specs

if TYPE_CHECKING:
    from spiffcli.specs.describe import Description
    from spiffcli.values import Definition, Reference

_ref = click.argument("ref", shell_complete=complete_specs)


@click.command(epilog="Example: runner show_spec order_product@2")
@_ref
@format_option()
@pass_invocation
def show_spec(invocation: Invocation, ref: str, format: str) -> None:
    """Show everything about the spec REF: versions, what it calls, its tasks and scripts.

    REF is an id or its beginning, KEY (the latest version), KEY@VERSION or KEY@TAG, or what was added of a model or
    file of a commit (HEAD~1:shop/order). Decisions and forms have keys too.
    """
    from spiffcli.runner import Runner
    from spiffcli.specs.describe import describe

    with Runner(invocation.settings()) as runner:
        description = describe(runner.catalog, ref)
    if format == "json":
        emit_json(description.to_json())
    else:
        emit_text("\n".join(_sections(description)))


def _sections(shown: Description) -> Iterator[str]:
    definition = shown.definition
    yield paint(f"{definition.label}  {definition.name}", "", bold=True) + "\n" + _block(list(_facts(shown)))
    yield from _section("Versions", [_version(each, definition) for each in shown.versions])
    yield from _section("Calls", [_call(each, shown) for each in definition.references])
    yield from _section("Nodes", [[str(count), type] for type, count in shown.nodes.items()])
    yield from _section("Tasks for people", [[each.id, each.name or "", each.form or ""] for each in shown.tasks])
    yield from _section("Scripts", [[each.element, each.what, f"{each.file}:{each.line}"] for each in shown.scripts])
    yield from _section("Problems", [[problem] for problem in shown.problems])


def _section(title: str, rows: Sequence[Sequence[object]]) -> Iterator[str]:
    if rows:
        yield paint(title, "", bold=True) + "\n" + _block(rows)


def _block(rows: Sequence[Sequence[object]]) -> str:
    return lines_text([["", *row] for row in rows])


def _facts(shown: Description) -> Iterator[list[str]]:
    from spiffcli.report.deployments import scheduled_in_words
    from spiffcli.report.instances import moment, source_in_words, when

    definition, deployment, source = shown.definition, shown.deployment, shown.definition.source
    named = f" '{deployment.name}'" if deployment.name else ""
    yield ["id", definition.id]
    yield ["kind", definition.kind]
    yield ["file", definition.file]
    yield ["added", f"{definition.created} by {definition.user or 'unknown'}, deployment {deployment.id}{named}"]
    if source.commit:
        yield ["commit", source_in_words(source)]
    if definition.tags:
        yield ["tags", " ".join(f"#{tag}" for tag in definition.tags)]
    if definition.suspended:
        yield ["state", "suspended: no instance can be started"]
    for plan in shown.scheduled:
        yield ["then", f"{scheduled_in_words(plan, definition)} {when(moment(plan.at))}"]
    yield ["hash", definition.hash]


def _version(version: Definition, shown: Definition) -> list[str]:
    marks = [f"#{tag}" for tag in version.tags] + (["suspended"] if version.suspended else [])
    marks += ["(this one)"] if version.id == shown.id else []
    return [version.id, version.label, version.created, " ".join(marks)]


def _call(reference: Reference, shown: Description) -> list[str]:
    target = shown.targets.get(reference.target or "")
    if target is not None:
        bound = f"{target.label}, chosen when it was added" if reference.pinned else target.label
    elif reference.target is not None:
        bound = "deleted"
    else:
        bound = "missing" if reference.binding == "deployment" else f"looked up when entered ({reference.binding})"
    return [reference.element, reference.kind, reference.key, bound]


@click.command(epilog="Example: runner delete_spec order_product@1 --cascade --yes")
@_ref
@click.option("--cascade", is_flag=True, help="Delete its instances as well, running or ended.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@format_option()
@pass_invocation
@click.pass_context
def delete_spec(ctx: click.Context, invocation: Invocation, /, ref: str, cascade: bool, yes: bool, format: str) -> None:
    """Delete the version REF, and its deployment with it if nothing else is left of that.

    It is refused while instances run on it (see --cascade) and while another spec calls it. Version numbers are
    never given again.
    """
    from spiffcli.runner import Runner

    with Runner(invocation.settings()) as runner:
        delete(ctx, runner, runner.catalog.plan_deletion(ref), cascade=cascade, yes=yes, format=format)


@click.command(epilog="Example: runner tag order_product@2 stable --move")
@_ref
@click.argument("name")
@click.option("--move", is_flag=True, help="Take the tag from the version that has it.")
@click.option("--remove", is_flag=True, help="Take the tag off REF.")
@format_option()
@pass_invocation
def tag(invocation: Invocation, /, ref: str, name: str, move: bool, remove: bool, format: str) -> None:
    """Give the version REF the tag NAME, by which KEY@NAME finds it.

    A tag is on one version of a key at a time. It begins with a letter.
    """
    from spiffcli.catalog.listing import entry
    from spiffcli.cli.listing import spec_lines
    from spiffcli.runner import Runner

    with Runner(invocation.settings()) as runner:
        catalog = runner.catalog
        tagged = catalog.untag(ref, name) if remove else catalog.tag(ref, name, move=move)
        row = runner.store.get("definition", tagged.id, body=False)
    entries = [] if row is None else [entry(row.id, row.fields)]
    if format == "json":
        emit_json({"schema": "runner/specs/1", "specs": entries})
    else:
        emit_lines(spec_lines(entries))
