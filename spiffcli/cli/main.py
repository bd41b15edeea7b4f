"""The command `runner`: its global options, the table of its commands, and the one place where errors end.

Exit codes: 0 done; 1 refused because of a state, or a gate was hit; 2 wrong input, usage or environment; 3 a bug;
130 interrupted; 141 whoever read the output went away.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import click

from spiffcli import __version__
from spiffcli.cli.invocation import Invocation
from spiffcli.cli.lazy import Entry, LazyGroup, Sections, load
from spiffcli.errors import InputError, RunnerError
from spiffcli.text import one_line, strip_controls

BUG = 3
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
READER_GONE = 141  # 128 + SIGPIPE

SECTIONS: Sections = {
    "Specs": {
        "add": Entry("spiffcli.cli.add:add", "Add BPMN, DMN and form files as a deployment."),
        "list_specs": Entry("spiffcli.cli.list_specs:list_specs", "List what was added, with versions."),
        "show_spec": Entry("spiffcli.cli.specs:show_spec", "Show one version of a spec."),
        "delete_spec": Entry("spiffcli.cli.specs:delete_spec", "Delete a version nothing runs on."),
        "suspend": Entry("spiffcli.cli.specs:suspend", "Let a version start no more instances."),
        "activate": Entry("spiffcli.cli.specs:activate", "Let a suspended version start instances again."),
        "tag": Entry("spiffcli.cli.specs:tag", "Give a version a name, for KEY@TAG."),
        "why": Entry("spiffcli.cli.specs:why", "Say what changed from the version before."),
    },
    "Deployments": {
        "list_deployments": Entry("spiffcli.cli.deployments:list_deployments", "List every add: when, by whom, what."),
        "show_deployment": Entry("spiffcli.cli.deployments:show_deployment", "Show one deployment and its files."),
        "export_deployment": Entry("spiffcli.cli.deployments:export_deployment", "Write its files out again."),
        "delete_deployment": Entry("spiffcli.cli.deployments:delete_deployment", "Delete the versions it made."),
    },
    "Instances": {
        "run": Entry("spiffcli.cli.run:run", "Start or continue an instance."),
        "list_instances": Entry("spiffcli.cli.list_instances:list_instances", "List instances and where they wait."),
        "show": Entry("spiffcli.cli.instances:show", "Show one instance with its tasks and data."),
        "tasks": Entry("spiffcli.cli.instances:tasks", "List the tasks that wait for somebody."),
        "complete": Entry("spiffcli.cli.run:complete", "Complete one task."),
        "send": Entry("spiffcli.cli.instances:send", "Send a message or a signal."),
        "tick": Entry("spiffcli.cli.instances:tick", "Fire the timers that are due."),
        "retry": Entry("spiffcli.cli.run:retry", "Try a failed instance again."),
        "cancel": Entry("spiffcli.cli.instances:cancel", "Stop an instance for good."),
        "delete": Entry("spiffcli.cli.instances:delete", "Delete an instance and its history."),
        "history": Entry("spiffcli.cli.instances:history", "Show what happened to an instance."),
    },
    "Compare and migrate": {
        "diff_spec": Entry("spiffcli.cli.diff:diff_spec", "Compare two specs."),
        "diff_workflow": Entry("spiffcli.cli.migrate:diff_workflow", "Say what a spec would mean for instances."),
        "migrate": Entry("spiffcli.cli.migrate:migrate", "Move instances to another version."),
        "rollback": Entry("spiffcli.cli.migrate:rollback", "Undo the last migration of an instance."),
        "rules": Entry("spiffcli.cli.rules:rules", "List or explain the rules that changes are judged by."),
    },
    "Services": {
        "check": Entry("spiffcli.cli.services:check", "Check that services and models fit together."),
        "wiring": Entry("spiffcli.cli.services:wiring", "Show which method does which task."),
        "stubs": Entry("spiffcli.cli.services:stubs", "Write a class skeleton for a process."),
    },
    "Models in Git": {
        "repo": Entry("spiffcli.cli.repo:repo", "Work with models in a Git repository."),
        "git_diff": Entry("spiffcli.cli.diff:git_diff", "Compare models, called by git diff."),
        "git_textconv": Entry("spiffcli.cli.diff:git_textconv", "Write a model as text, called by git log."),
        "serve": Entry("spiffcli.cli.serve:serve", "Take over pushes that a forge tells of."),
    },
    "Store and tool": {
        "init": Entry("spiffcli.cli.store:init", "Create a store in the current folder."),
        "store": Entry("spiffcli.cli.store:store", "Check, repair, copy and measure the store."),
        "trust": Entry("spiffcli.cli.trust:trust", "Let a settings file name code and secrets."),
        "untrust": Entry("spiffcli.cli.trust:untrust", "Trust a settings file no longer."),
        "schema": Entry("spiffcli.cli.schema:schema", "Print the JSON Schema of an output."),
        "completion": Entry("spiffcli.cli.completion:completion", "Print the completion script for a shell."),
    },
}


class _ReaderGoneError(Exception):
    """Whoever read our output closed it. (Click would end the program itself, with another exit code.)"""


class _Root(LazyGroup):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as fault:
            raise _ReaderGoneError from fault


@click.group(
    cls=_Root,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Run 'runner COMMAND --help' for more about a command. Hyphens in names are fine: 'diff-spec'.",
)
@click.option("-e", "--engine", metavar="MODULE", help="Engine module. [RUNNER_ENGINE]")
@click.option("--store", metavar="URL", help="Store: tinydb:DIR or sqlite:FILE. [RUNNER_STORE]")
@click.option("--tenant", metavar="T", help="Tenant to work in. [RUNNER_TENANT]")
@click.option(
    "--fallback-default-tenant/--no-fallback-default-tenant",
    default=None,
    help="Look in the default tenant for what the tenant lacks (on). [RUNNER_FALLBACK_DEFAULT_TENANT]",
)
@click.option("--services", metavar="MODULE,...", help="Modules of business code. [RUNNER_SERVICES]")
@click.option("--scripts", metavar="MODE", help="sandbox, trusted or off. [RUNNER_SCRIPTS]")
@click.option("--read-only", is_flag=True, default=None, help="Refuse every change of models. [RUNNER_READ_ONLY]")
@click.option("-v", "--verbose", count=True, help="Say more; -vv says even more.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but results, warnings and errors.")
@click.version_option(__version__, "--version", prog_name="runner", message="%(prog)s %(version)s")
@click.pass_obj
def cli(invocation: Invocation, /, verbose: int, quiet: bool, **flags: str | bool | None) -> None:
    """Run BPMN workflows, see what changed in a model, and move running instances to it."""
    invocation.verbosity = -1 if quiet else verbose
    invocation.flags = flags


def main() -> NoReturn:
    """Run the program with the arguments of the process and end it with an exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str], command: click.Command = cli) -> int:
    """Run `command` with `arguments`; every error ends here.

    Returns:
        The exit code. A result is on standard output, everything else on standard error.
    """
    with_json = _wants_json(arguments)
    try:
        code = _guarded(lambda: _invoke(command, arguments), arguments, with_json)
        return _guarded(lambda: _flushed(code), arguments, with_json)
    except KeyboardInterrupt:  # a second one, while the first was being reported
        return INTERRUPTED


def _invoke(command: click.Command, arguments: Sequence[str]) -> int:
    result = command.main(list(arguments), prog_name="runner", standalone_mode=False, obj=Invocation())
    return result if isinstance(result, int) else 0


def _guarded(action: Callable[[], int], arguments: Sequence[str], with_json: bool) -> int:

    try:
        return action()
    except RunnerError as error:
        _report(error, with_json)
        return error.exit_code
    except click.ClickException as error:
        _report(_usage(error), with_json)
        return 2
    except (click.Abort, KeyboardInterrupt):
        _say("Interrupted.")
        return INTERRUPTED
    except (_ReaderGoneError, BrokenPipeError):
        _silence()
        return READER_GONE
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            _report(_unwritten(error), with_json)  # the store reports its own; this is standard output
            return 2
        _report(load("spiffcli.cli.bugs:report_bug")(error, arguments), with_json)
        return BUG


def _flushed(code: int) -> int:
    """Write out what is still buffered now, while a failure can be reported."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise _unwritten(fault) from fault
    return code


def _unwritten(fault: OSError) -> RunnerError:

    _silence()
    return InputError(f"The result cannot be written: {fault.strerror}.")


def _silence() -> None:
    """Make sure that Python's own last flush has nobody to complain about."""

    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # standard output is not a file (a test's buffer): nothing to flush
        return


def _usage(error: click.ClickException) -> RunnerError:

    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "runner"
    return InputError(one_line(error.format_message()), hint=f"Try '{command} --help'.")


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether errors are to be JSON. Looked up here, since wrong usage is found before `--format` is parsed."""
    given = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    followed = any(given[place : place + 2] == ["--format", "json"] for place in range(len(given)))
    return followed or "--format=json" in given


def _report(error: RunnerError, with_json: bool) -> None:

    json_text = load("spiffcli.cli.output:json_text")
    _say(json_text({"schema": "runner/error/1", "error": error.to_json()}) if with_json else _in_words(error))


def _in_words(error: RunnerError) -> str:

    where = error.where()
    prefix = f"{where}: " if where and where not in error.message else ""
    element = f" (element {error.element})" if error.element and error.element not in error.message else ""
    head = load("spiffcli.cli.output:paint")("Error:", "red", sys.stderr, bold=True)
    text = f"{head} {strip_controls(prefix + error.message + element)}"
    return f"{text}\n{strip_controls(error.hint)}" if error.hint else text


def _say(text: str) -> None:

    try:
        load("spiffcli.cli.output:write")(sys.stderr, text + "\n")
    except OSError:  # nobody listens; the exit code still says it
        return
