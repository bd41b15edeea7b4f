"""Commands about instances: list, show, tasks, history, cancel, delete, events and timers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from spiffcli.catalog.suspension import Scheduled, Suspended
from spiffcli.cli.completion import complete_instances
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, emit_report, emit_text, talk
from spiffcli.cli.params import JsonParam, format_option
from spiffcli.cli.specs import changed_cells
from spiffcli.errors import InputError
from spiffcli.instances.start_events import TickResult
from spiffcli.instances.view import run_result
from spiffcli.report.instances import history_cells, history_json, instance_cells
from spiffcli.report.looks import look_json, look_lines, shown_tasks, task_cells, tasks_json
from spiffcli.report.outcomes import Changed, run_json, sent_json, ticked_json
from spiffcli.runner import Runner
from spiffcli.values import Instance

_workflow = click.option(
    "-w", "--workflow", metavar="WF", required=True, shell_complete=complete_instances, help="The instance."
)


@click.command(epilog="Example: runner show -w 4af0")
@_workflow
@format_option()
@pass_invocation
def show(invocation: Invocation, /, workflow: str, format: str) -> None:
    """Show one instance: its tasks and their states, its data, what it waits for, and what failed.

    With -v also the helper nodes of the engine, the tasks it expects, and the ids of all of them.
    """
    everything = invocation.verbosity > 0
    with Runner(invocation.settings(running=True)) as runner:
        look = runner.look(workflow)
        secrets = runner.secrets(look.instance)
    if format == "json":
        emit_json(look_json(look, everything=everything))
    else:
        emit_report(look_lines(look, secrets, everything=everything))


@click.command(epilog="Example: runner tasks -w 4af0")
@_workflow
@click.option("--all", "everything", is_flag=True, help="All tasks of the model, not only open ones.")
@format_option()
@pass_invocation
def tasks(invocation: Invocation, /, workflow: str, everything: bool, format: str) -> None:
    """List the tasks of an instance that a person can complete: task id, BPMN id, name, state, type, lane."""
    with Runner(invocation.settings(running=True)) as runner:
        look = runner.look(workflow)
    views = shown_tasks(look.tasks, everything=False) if everything else list(look.open_tasks)
    if format == "json":
        emit_json(tasks_json(look, views))
    elif views:
        emit_lines(task_cells(views))
    else:
        talk(f"No task of instance {look.instance.id} waits for a person; it is {look.instance.state}.")


@click.command(epilog="Example: runner history -w 4af0")
@_workflow
@format_option()
@pass_invocation
def history(invocation: Invocation, /, workflow: str, format: str) -> None:
    """Show what happened to an instance: when, what, by whom. Times are in UTC."""
    with Runner(invocation.settings()) as runner:
        instance = runner.catalog.instance(workflow)
        entries = runner.history(instance.id)
    if format == "json":
        emit_json(history_json(instance.id, entries))
    else:
        emit_lines(history_cells(entries))


@click.command(epilog="Example: runner cancel -w 4af0 --reason 'ordered twice'")
@_workflow
@click.option("--reason", default="", help="Why, for its history.")
@format_option()
@pass_invocation
def cancel(invocation: Invocation, /, workflow: str, reason: str, format: str) -> None:
    """Stop an instance for good. It stays in the store with its data and history."""
    with Runner(invocation.settings(running=True)) as runner, runner.session(workflow, "cancel") as session:
        session.cancel(reason)
        left = run_result(session)
    if format == "json":
        emit_json(run_json(left))
    else:
        emit_text(f"Instance {left.instance.id} was cancelled.")


@click.command(epilog="Example: runner delete -w 4af0 --yes")
@_workflow
@click.option("--yes", is_flag=True, help="Do not ask, even if it has not ended.")
@format_option()
@pass_invocation
@click.pass_context
def delete(ctx: click.Context, invocation: Invocation, /, workflow: str, yes: bool, format: str) -> None:
    """Delete an instance with its data and history. One that has not ended is deleted only after asking."""
    with Runner(invocation.settings()) as runner:
        instance = runner.catalog.instance(workflow)
        if instance.ended is None and not yes and not _agreed(instance):
            talk("Nothing was deleted.")
            ctx.exit(1)
        runner.delete_instance(instance.id)
    if format == "json":
        emit_json({"schema": "runner/deleted/1", "specs": [], "deployments": [], "instances": [instance.id]})
    else:
        emit_text(f"Deleted instance {instance.id}.")


def _agreed(instance: Instance) -> bool:
    """Whether the person at the terminal agrees.

    Raises:
        InputError: There is nobody to ask.
    """
    what = f"Instance {instance.id} of {instance.key}@{instance.version} is {instance.state}"
    if sys.stdin is not None and sys.stdin.isatty():
        return click.confirm(f"{what}. Delete it?", err=True)

    raise InputError(
        f"{what}, and there is nobody to ask.",
        hint="Say --yes to delete it all the same, or end it first with runner cancel.",
        instance=instance.id,
    )


@click.command(epilog="""Example: runner send payment_received --payload '{"order_number": 7}'""")
@click.argument("name")
@click.option("--payload", type=JsonParam(), help="What comes with it: a JSON object, or @FILE.")
@click.option("-w", "--workflow", metavar="WF", shell_complete=complete_instances, help="Only to this instance.")
@click.option("--message", "kind", flag_value="message", help="It is a message.")
@click.option("--signal", "kind", flag_value="signal", help="It is a signal.")
@format_option()
@pass_invocation
def send(
    invocation: Invocation,
    /,
    name: str,
    payload: dict[str, Any] | None,
    workflow: str | None,
    kind: str | None,
    format: str,
) -> None:
    """Deliver the message or signal NAME, and run what it sets off.

    A signal reaches every instance that waits for it, and starts what it starts. A message reaches exactly one: the
    one it is correlated with by its payload, or where none waits the one it starts. Where it starts none, or several
    wait and -w names none, nothing is delivered.
    """
    with Runner(invocation.settings(running=True)) as runner:
        delivered = runner.send(kind, name, payload, instance=workflow)
    if format == "json":
        emit_json(sent_json(delivered.event, delivered.instances))
    else:
        emit_lines(instance_cells(delivered.instances))


@click.command(epilog="Example: runner tick")
@format_option()
@pass_invocation
@click.pass_context
def tick(ctx: click.Context, invocation: Invocation, /, format: str) -> None:
    """Fire every timer that is due, in all instances, and run what that sets off until nothing more happens.

    Instances whose last command was broken off go on, too, and what could not be delivered is delivered. Before that,
    versions whose date has come are suspended or activated. The exit code is 1 if an instance could not go on.
    """
    with Runner(invocation.settings(running=True)) as runner:
        done: list[tuple[Scheduled, Suspended]] = []
        ticked = runner.tick(lambda *each: done.append(each))
        changed = [
            (plan.action, [runner.catalog.definition(id) for id in what.definitions], what.instances)
            for plan, what in done
        ]
    if format == "json":
        emit_json(ticked_json(ticked, changed))
    elif ticked or changed:
        _show(ticked, changed)
    else:
        talk("Nothing is due.")
    if any(each.reason is not None for each in ticked):
        ctx.exit(1)


def _show(ticked: Sequence[TickResult], changed: Sequence[Changed]) -> None:
    for action, specs, instances in changed:
        emit_lines(changed_cells(action, specs, instances))
    if ticked:
        emit_lines([[each.instance, each.state, each.reason or ""] for each in ticked])
