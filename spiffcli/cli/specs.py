"""Commands about specs: show, tag, delete, suspend, and what changed from one version to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import click
from msgspec import Struct

from spiffcli.catalog.definitions import STARTABLE
from spiffcli.catalog.listing import entry
from spiffcli.catalog.suspension import Action, Scheduled
from spiffcli.cli.completion import complete_specs
from spiffcli.cli.deployments import delete, short
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.list_specs import spec_lines
from spiffcli.cli.output import emit_json, emit_lines, emit_report, emit_text, lines_text, paint, talk, width
from spiffcli.cli.params import DateParam, format_option, grouped
from spiffcli.deployments.rebinding import meant
from spiffcli.errors import InputError
from spiffcli.report.deployments import rebound_cells, scheduled_in_words, scheduled_json, why_json, why_title
from spiffcli.report.diff_json import diff_document
from spiffcli.report.diff_summary import stat_lines
from spiffcli.report.findings import judge
from spiffcli.report.instances import moment, source_in_words, when
from spiffcli.report.lines import EMPTY, fold, line
from spiffcli.report.outcomes import section
from spiffcli.runner import Runner
from spiffcli.specs.describe import Description, describe
from spiffcli.values import Definition, Reference


def add_bindings(invocation: Invocation, entries: Sequence[dict[str, Any]]) -> None:
    """Give every entry its `references`: what it refers to, and what that means."""
    if not entries:
        return
    with Runner(invocation.settings()) as runner:
        for each in entries:
            references = runner.catalog.definition(each["id"]).references
            each["references"] = [
                {
                    "element": r.element,
                    "kind": r.kind,
                    "key": r.key,
                    "binding": r.binding,
                    "means": meant(runner.store, r),
                }
                for r in references
            ]


def named(invocation: Invocation, ref: str) -> list[dict[str, Any]]:
    """The one version a reference names that is no key.

    Raises:
        NotFoundError: There is none; the hint has near matches.
    """
    with Runner(invocation.settings()) as runner:
        definition = runner.catalog.with_scope(fallback=False).find(ref, STARTABLE)
        row = runner.store.get("definition", definition.id, body=False)
    return [] if row is None else [entry(row.id, row.fields)]


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
    with Runner(invocation.settings()) as runner:
        description = describe(runner.catalog, ref)
    if format == "json":
        emit_json(description.to_json())
    else:
        emit_text("\n".join(_sections(description)))


def _sections(shown: Description) -> Iterator[str]:
    definition = shown.definition
    yield paint(f"{definition.label}  {definition.name}", "", bold=True) + "\n" + _block(list(_facts(shown)))
    yield from _section("Versions", [_version_cells(each, definition) for each in shown.versions])
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


def _version_cells(version: Definition, shown: Definition) -> list[str]:
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
    with Runner(invocation.settings()) as runner:
        catalog = runner.catalog
        tagged = catalog.untag(ref, name) if remove else catalog.tag(ref, name, move=move)
        row = runner.store.get("definition", tagged.id, body=False)
    entries = [] if row is None else [entry(row.id, row.fields)]
    if format == "json":
        emit_json({"schema": "runner/specs/1", "specs": entries})
    else:
        emit_lines(spec_lines(entries))


@click.command(epilog="Example: runner why order_product@3")
@click.argument("ref", shell_complete=complete_specs)
@format_option()
@pass_invocation
def why(invocation: Invocation, ref: str, format: str) -> None:
    """Say why there is the version REF: what changed from the version before, in it and in what it calls."""
    settings = invocation.settings()
    with Runner(settings) as runner:
        found = runner.why(ref)

    findings = None if found.diff is None else judge(found.diff, severities=settings.severity)
    if format == "json":
        document = None if findings is None else diff_document(findings)
        emit_json(why_json(found.definition, found.previous, document, found.rebound))
        return

    lines = list(fold(why_title(found.definition, found.previous), width()))
    if findings is not None and found.previous is not None:
        lines += [EMPTY, line(f"Since {found.previous.label}", "title"), *stat_lines(findings, width())]
        lines += section("Means another version now", rebound_cells(found.rebound))
        lines += [EMPTY, line(f"All of it: runner diff_spec -d -o {found.previous.label} -n {found.definition.label}")]
    emit_report(lines)


_DONE: dict[str, str] = {"suspend": "suspended", "activate": "active"}


class SuspensionOptions(Struct, frozen=True):
    """What is to be suspended or activated, and when."""

    ref: str
    all_versions: bool
    instances: bool
    at: datetime | None
    cancel: bool


_suspension_options = grouped(
    "wished",
    SuspensionOptions,
    click.argument("ref", shell_complete=complete_specs),
    click.option("--all-versions", is_flag=True, help="Every version of the key."),
    click.option("--with-instances", "--instances", "instances", is_flag=True, help="Instances on it as well."),
    click.option("--at", type=DateParam(), help="Not now, but with the first tick from this date on (UTC)."),
    click.option("--cancel", is_flag=True, help="Take back what --at has noted down."),
)


@click.command(epilog="Example: runner suspend order_product@2 --with-instances")
@_suspension_options
@format_option()
@pass_invocation
def suspend(invocation: Invocation, /, wished: SuspensionOptions, format: str) -> None:
    """Let the version REF start no more instances, and not be entered by calls.

    Its instances go on, unless they are suspended too (--with-instances); then nothing moves them until they are
    activated again.
    """
    _change_suspension(invocation, "suspend", wished, format)


@click.command(epilog="Example: runner activate order_product --all-versions --with-instances")
@_suspension_options
@format_option()
@pass_invocation
def activate(invocation: Invocation, /, wished: SuspensionOptions, format: str) -> None:
    """Let the suspended version REF start instances again."""
    _change_suspension(invocation, "activate", wished, format)


def _change_suspension(invocation: Invocation, action: Action, wished: SuspensionOptions, format: str) -> None:
    if wished.cancel and (wished.at is not None or wished.all_versions or wished.instances):
        raise click.UsageError("--cancel goes with no other option.")
    with Runner(invocation.settings()) as runner:
        if wished.cancel:
            _cancel(runner, action, wished.ref, format)
        elif wished.at is not None:
            _schedule(runner, action, wished.ref, wished.at, wished.all_versions, wished.instances, format)
        else:
            _change_now(runner, action, wished.ref, wished.all_versions, wished.instances, format)


def _change_now(runner: Runner, action: Action, ref: str, all_versions: bool, instances: bool, format: str) -> None:
    catalog, user = runner.catalog, runner.settings.user
    change = catalog.suspend if action == "suspend" else catalog.activate
    changed = change(ref, whole_key=all_versions, instances=instances, user=user)
    specs = [catalog.definition(id) for id in changed.definitions]
    if format == "json":
        emit_json(_suspended_json(action, specs, changed.instances))
    elif rows := changed_cells(action, specs, changed.instances):
        emit_lines(rows)
    else:
        talk(f"{ref} is {_DONE[action]} already.")


def changed_cells(action: Action, specs: Sequence[Definition], instances: Sequence[str]) -> list[list[str]]:
    """A line for each definition and instance that is suspended or active now and was not before."""
    state = _DONE[action]
    return [[each.id, each.label, state] for each in specs] + [[id, "instance", state] for id in instances]


def _schedule(
    runner: Runner, action: Action, ref: str, at: datetime, all_versions: bool, instances: bool, format: str
) -> None:
    if at.timestamp() <= runner.catalog.clock():
        raise InputError(f"{at.isoformat()} is past.", hint="Leave --at out to do it now.")
    plan = runner.catalog.schedule(
        action, ref, at.timestamp(), whole_key=all_versions, instances=instances, user=runner.settings.user
    )
    _tell_plans(runner, action, [plan], format, "{what} with the first tick from {at} on.")


def _cancel(runner: Runner, action: Action, ref: str, format: str) -> None:
    plans = runner.catalog.unschedule(ref, action)
    if not plans and format != "json":
        talk(f"No date was given to {action} {ref}.")
        return
    _tell_plans(runner, action, plans, format, "Taken back: {what} at {at}.")


def _tell_plans(runner: Runner, action: Action, plans: Sequence[Scheduled], format: str, sentence: str) -> None:
    if format == "json":
        emit_json(_suspended_json(action, scheduled=plans))
        return
    for plan in plans:
        what = scheduled_in_words(plan, runner.catalog.definition(plan.definition))
        what = what.replace("every", "Every", 1) if plan.whole_key and sentence.startswith("{what}") else what
        emit_text(sentence.format(what=what, at=when(moment(plan.at))))


def _suspended_json(
    action: Action,
    specs: Sequence[Definition] = (),
    instances: Sequence[str] = (),
    scheduled: Sequence[Scheduled] = (),
) -> dict[str, Any]:
    return {
        "schema": "runner/suspended/1",
        "action": action,
        "specs": [short(each) for each in specs],
        "instances": list(instances),
        "scheduled": [scheduled_json(plan) for plan in scheduled],
    }
