"""Commands that bring news from outside: a message, a signal, the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from spiffcli.cli.options import Invocation, JsonParam, format_option, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, talk
from spiffcli.cli.suggesting import complete_instances

if TYPE_CHECKING:
    from spiffcli.catalog.suspension import Scheduled, Suspended
    from spiffcli.instances.start_events import TickResult
    from spiffcli.report.outcomes import Changed


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
    from spiffcli.report.instances import instance_cells
    from spiffcli.report.outcomes import sent_json
    from spiffcli.runner import Runner

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
    from spiffcli.report.outcomes import ticked_json
    from spiffcli.runner import Runner

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
    from spiffcli.cli.suspending import changed_cells

    for action, specs, instances in changed:
        emit_lines(changed_cells(action, specs, instances))
    if ticked:
        emit_lines([[each.instance, each.state, each.reason or ""] for each in ticked])
