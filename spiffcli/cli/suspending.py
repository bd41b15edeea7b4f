"""`suspend` and `activate`: decide what can be started, now or from a date on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spiffcli.cli.dates import DateParam
from spiffcli.cli.deleting import short
from spiffcli.cli.options import Invocation, format_option, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, emit_text, talk
from spiffcli.cli.suggesting import complete_specs

if TYPE_CHECKING:
    from spiffcli.catalog.suspension import Action, Scheduled
    from spiffcli.runner import Runner
    from spiffcli.values import Definition

Command = TypeVar("Command", bound=Callable[..., Any])

_DONE: dict[str, str] = {"suspend": "suspended", "activate": "active"}


def _options(command: Command) -> Command:
    for option in (
        click.option("--cancel", is_flag=True, help="Take back what --at has noted down."),
        click.option("--at", type=DateParam(), help="Not now, but with the first tick from this date on (UTC)."),
        click.option("--with-instances", "--instances", "instances", is_flag=True, help="Instances on it as well."),
        click.option("--all-versions", is_flag=True, help="Every version of the key."),
        click.argument("ref", shell_complete=complete_specs),
    ):
        command = option(command)
    return command


@click.command(epilog="Example: runner suspend order_product@2 --with-instances")
@_options
@format_option()
@pass_invocation
def suspend(invocation: Invocation, /, **options: Any) -> None:
    """Let the version REF start no more instances, and not be entered by calls.

    Its instances go on, unless they are suspended too (--with-instances); then nothing moves them until they are
    activated again.
    """
    _change(invocation, "suspend", **options)


@click.command(epilog="Example: runner activate order_product --all-versions --with-instances")
@_options
@format_option()
@pass_invocation
def activate(invocation: Invocation, /, **options: Any) -> None:
    """Let the suspended version REF start instances again."""
    _change(invocation, "activate", **options)


def _change(
    invocation: Invocation,
    action: Action,
    *,
    ref: str,
    all_versions: bool,
    instances: bool,
    at: datetime | None,
    cancel: bool,
    format: str,
) -> None:
    from spiffcli.runner import Runner

    if cancel and (at is not None or all_versions or instances):
        raise click.UsageError("--cancel goes with no other option.")
    with Runner(invocation.settings()) as runner:
        if cancel:
            _cancel(runner, action, ref, format)
        elif at is not None:
            _schedule(runner, action, ref, at, all_versions, instances, format)
        else:
            _change_now(runner, action, ref, all_versions, instances, format)


def _change_now(runner: Runner, action: Action, ref: str, all_versions: bool, instances: bool, format: str) -> None:
    catalog, user = runner.catalog, runner.settings.user
    change = catalog.suspend if action == "suspend" else catalog.activate
    changed = change(ref, whole_key=all_versions, instances=instances, user=user)
    specs = [catalog.definition(id) for id in changed.definitions]
    if format == "json":
        emit_json(_document(action, specs, changed.instances))
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
    from spiffcli.errors import InputError

    if at.timestamp() <= runner.catalog.clock():
        raise InputError(f"{at.isoformat()} is past.", hint="Leave --at out to do it now.")
    plan = runner.catalog.schedule(
        action, ref, at.timestamp(), whole_key=all_versions, instances=instances, user=runner.settings.user
    )
    _tell(runner, action, [plan], format, "{what} with the first tick from {at} on.")


def _cancel(runner: Runner, action: Action, ref: str, format: str) -> None:
    plans = runner.catalog.unschedule(ref, action)
    if not plans and format != "json":
        talk(f"No date was given to {action} {ref}.")
        return
    _tell(runner, action, plans, format, "Taken back: {what} at {at}.")


def _tell(runner: Runner, action: Action, plans: Sequence[Scheduled], format: str, sentence: str) -> None:
    from spiffcli.report.deployments import scheduled_in_words
    from spiffcli.report.instances import moment, when

    if format == "json":
        emit_json(_document(action, scheduled=plans))
        return
    for plan in plans:
        what = scheduled_in_words(plan, runner.catalog.definition(plan.definition))
        what = what.replace("every", "Every", 1) if plan.whole_key and sentence.startswith("{what}") else what
        emit_text(sentence.format(what=what, at=when(moment(plan.at))))


def _document(
    action: Action,
    specs: Sequence[Definition] = (),
    instances: Sequence[str] = (),
    scheduled: Sequence[Scheduled] = (),
) -> dict[str, Any]:
    from spiffcli.report.deployments import scheduled_json

    return {
        "schema": "runner/suspended/1",
        "action": action,
        "specs": [short(each) for each in specs],
        "instances": list(instances),
        "scheduled": [scheduled_json(plan) for plan in scheduled],
    }
