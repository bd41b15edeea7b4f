"""Business code and models: check, wiring, stubs."""

from __future__ import annotations

import click

from spiffcli.cli.completion import complete_specs
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.output import emit_json, emit_report, emit_text, talk, width
from spiffcli.cli.params import format_option
from spiffcli.errors import ConfigError
from spiffcli.report.wiring import fault_lines, faults_document, wiring_document, wiring_lines
from spiffcli.runner import Runner
from spiffcli.services.runtime import Services
from spiffcli.wiring.check import check_services, describe_wiring, write_stubs


@click.command(epilog="Example: runner --services shop.services check")
@click.argument("ref", required=False, shell_complete=complete_specs)
@format_option()
@pass_invocation
@click.pass_context
def check(ctx: click.Context, invocation: Invocation, /, ref: str | None, format: str) -> None:
    """Check that services and the models in use fit together. Nothing moves.

    Looked at are the newest version of every process that is served, and those on which instances have not ended; or
    the key or version REF. The exit code is 1 if something is wrong, 0 if there is nothing but warnings.
    """
    with Runner(invocation.settings(running=True)) as runner:
        checked, faults = check_services(runner.workspace, _services(runner), ref)
    if format == "json":
        emit_json(faults_document(checked, faults))
    else:
        emit_report(fault_lines(checked, faults, width()))
    if any(not fault.warning for fault in faults):
        ctx.exit(1)


@click.command(epilog="Example: runner --services shop.services wiring order")
@click.argument("ref", required=False, shell_complete=complete_specs)
@format_option()
@pass_invocation
def wiring(invocation: Invocation, /, ref: str | None, format: str) -> None:
    """Show which method does which task, and what expressions read, for the versions in use or for REF.

    For each task: element, task definition, method with file and line, and what it is given. For each expression:
    element, text, and who offers the names in it.
    """
    with Runner(invocation.settings(running=True)) as runner:
        described = describe_wiring(runner.workspace, _services(runner), ref)
    if format == "json":
        emit_json(wiring_document(described))
    elif described:
        emit_report(wiring_lines(described))
    else:
        talk("No process that was added is served.")


@click.command(epilog="Example: runner stubs order.bpmn > shop/order.py")
@click.argument("process", shell_complete=complete_specs)
@pass_invocation
def stubs(invocation: Invocation, /, process: str) -> None:
    """Write a class skeleton for PROCESS: a spec that was added, or a file (order.bpmn, order.bpmn#order).

    It has a method for each task that needs one, and a field for each name that expressions read. Tasks that methods
    of the services given do already are left out.
    """
    with Runner(invocation.settings(running=True)) as runner:
        text = write_stubs(runner.workspace, process)
    emit_text(text)


def _services(runner: Runner) -> Services:
    """The services of the settings.

    Raises:
        ConfigError: There are none.
    """
    if runner.services is None:
        raise ConfigError(
            "There are no services to look at.",
            hint="Name their module with --services MODULE (or in runner.toml: services = [...]), offer them in the "
            "engine module, or as an entry point of the group spiffcli.services.",
        )
    return runner.services
