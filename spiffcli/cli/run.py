"""Commands that let an instance run: run, complete, retry."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import click

from spiffcli.cli.add import take
from spiffcli.cli.completion import complete_instances, complete_specs
from spiffcli.cli.interactive import Conversation, Stepper, StoppedError, ask
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.output import emit_json, emit_report, talk, warn
from spiffcli.cli.params import JsonParam, format_option
from spiffcli.cli.prompts import Answered, Dialog, StreamDialog
from spiffcli.engine.ports import BusinessError
from spiffcli.errors import AnswerError, DataError, ModelError
from spiffcli.forms import AnswerSource, free_form, parse_answers, validate
from spiffcli.instances.select import find_task
from spiffcli.instances.session import Session, StepHook
from spiffcli.instances.view import RunResult, run_result
from spiffcli.report.outcomes import run_json, run_lines
from spiffcli.runner import Runner
from spiffcli.specs.files import read_bytes
from spiffcli.text import quoted
from spiffcli.values import TaskView

#: Steps one command lets an instance take before it is taken for an endless loop.
MOST_STEPS = 100_000

_max_steps = click.option(
    "--max-steps",
    metavar="N",
    type=click.IntRange(1),
    default=MOST_STEPS,
    show_default=True,
    help="Steps after which the instance is taken for an endless loop.",
)


@click.command(epilog="Example: runner run -s order_product --answers answers.json")
@click.option("-s", "--spec", metavar="REF", shell_complete=complete_specs, help="Start an instance of this spec.")
@click.option("-w", "--workflow", metavar="WF", shell_complete=complete_instances, help="Continue this instance.")
@click.option("--data", type=JsonParam(), help="Data to start with: a JSON object, or @FILE.")
@click.option("--id", "natural_id", metavar="ID", help="Business id of the new instance, unique for its key.")
@click.option("--answers", metavar="FILE", type=click.Path(), help="Answers for human tasks. [RUNNER_ANSWERS]")
@click.option("-a", "--active-ok", is_flag=True, help="Exit with 0 although the instance has not ended.")
@click.option("--step", is_flag=True, help="Show each task that runs, and wait for Enter on a terminal.")
@_max_steps
@format_option()
@pass_invocation
@click.pass_context
def run(
    ctx: click.Context,
    invocation: Invocation,
    /,
    spec: str | None,
    workflow: str | None,
    data: dict[str, Any] | None,
    natural_id: str | None,
    answers: str | None,
    active_ok: bool,
    step: bool,
    max_steps: int,
    format: str,
) -> None:
    """Start an instance of a spec, or continue one, until it ends or has to wait.

    REF can be a model or file of a commit (HEAD~1:shop/order); it is added first where it was not yet.

    On a terminal the open human tasks are asked. From a script, --answers gives a JSON file: an object whose keys are
    ids or names of tasks and whose values are what the forms take, or lists of that for tasks that come up again.
    Without either it stops at the first human task. The exit code is 0 if the instance has ended; otherwise 1, or
    with -a 0.
    """
    _check_usage(spec, workflow, starting=data is not None or natural_id is not None)
    with Runner(invocation.settings(running=True), max_steps=max_steps) as runner:
        source = _answers(answers or runner.settings.answers)
        dialog = _dialog() if source is None else None
        runs = _Run(runner, source, dialog, _stepper(dialog, invocation) if step else None, partial=active_ok)
        if spec is not None:
            left = runs.through(runner.start(take(runner, spec), data, natural_id=natural_id))
        else:
            left = runs.through(runner.session(workflow or "", "run"))
        _show(runner, left, format)
    _tell_unused(source)
    if left.instance.ended is None:
        talk(f"Continue with: runner run -w {left.instance.id}")
        ctx.exit(0 if active_ok else 1)


def _check_usage(spec: str | None, workflow: str | None, *, starting: bool) -> None:
    if (spec is None) == (workflow is None):
        raise click.UsageError("Say what to start with -s REF, or what to continue with -w WF.")
    if spec is None and starting:
        raise click.UsageError("--data and --id are for new instances; they do not go with -w.")


def _answers(file: str | None) -> AnswerSource | None:
    if file is None:
        return None

    return parse_answers(read_bytes(file), file)


def _dialog() -> Dialog | None:
    """Somebody to talk with, if there is somebody."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        return None  # a script; one that closed its input has no stream at all

    return StreamDialog()


def _stepper(dialog: Dialog | None, invocation: Invocation) -> StepHook:
    return Stepper(dialog, talk, everything=invocation.verbosity > 0)


class _Run:
    """One command that lets an instance run.

    Attributes:
        instance: Id of the instance, once there is one.
    """

    def __init__(
        self,
        runner: Runner,
        answers: AnswerSource | None,
        dialog: Dialog | None,
        on_step: StepHook | None,
        *,
        partial: bool,
    ) -> None:
        self.instance: str | None = None
        self._runner = runner
        self._answers = answers
        self._dialog = dialog
        self._on_step = on_step
        self._partial = partial

    def through(self, opened: AbstractContextManager[Session]) -> RunResult:
        """Run until the instance ends, or nobody answers any more."""
        with self._explained():
            left = self._first(opened)
            if self._dialog is None or left.instance.ended is not None:
                return left

            return Conversation(self._runner, self._dialog, self._on_step).go_on(left)

    def _first(self, opened: AbstractContextManager[Session]) -> RunResult:
        with opened as session:
            session.require_sound()
            self.instance = session.instance.id
            try:
                session.advance(self._on_step, save_steps=self._on_step is not None)
                if self._answers is not None:
                    self._runner.answer(session, self._answers, partial=self._partial, on_step=self._on_step)
            except StoppedError:
                pass
            return run_result(session)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Whatever ends the run says how to go on with the instance."""
        try:
            yield
        except (KeyboardInterrupt, click.Abort):
            if self.instance is not None:
                talk(
                    f"\nInstance {self.instance} is as it was saved last. Continue with: runner run -w {self.instance}"
                )
            raise
        except (AnswerError, DataError, ModelError) as error:
            if self.instance is not None:
                error.data["instance"] = self.instance
                way_on = f"The instance is saved; continue with: runner run -w {self.instance}"
                error.hint = f"{error.hint}\n{way_on}" if error.hint else way_on
            raise


def _show(runner: Runner, left: RunResult, format: str) -> None:
    if format == "json":
        emit_json(run_json(left))
    else:
        emit_report(run_lines(left, runner.secrets(left.instance)))


def _tell_unused(source: AnswerSource | None) -> None:
    for unused in source.unused() if source is not None else ():
        answers = "1 answer" if unused.count == 1 else f"{unused.count} answers"
        warn(f"{source.file if source else ''}: {answers} for {quoted(unused.task)} not used, as nobody asked.")


@click.command(epilog="""Example: runner complete -w 4af0 -t review_order --data '{"approved": true}'""")
@click.option("-w", "--workflow", metavar="WF", required=True, shell_complete=complete_instances, help="The instance.")
@click.option(
    "-t", "--task", metavar="TASK", required=True, help="Its task: id, BPMN id, name, or beginning of its id."
)
@click.option("--data", type=JsonParam(), help="What its form takes: a JSON object, or @FILE.")
@click.option("--error", metavar="CODE", help="Let a task that its method left open take the error path of CODE.")
@_max_steps
@format_option()
@pass_invocation
@click.pass_context
def complete(
    ctx: click.Context,
    invocation: Invocation,
    /,
    workflow: str,
    task: str,
    data: dict[str, Any] | None,
    error: str | None,
    max_steps: int,
    format: str,
) -> None:
    """Complete one open task, and run what follows until a person or an event is due again.

    What --data gives is checked against the form of the task. Without it the form is asked on a terminal. A task that
    a method of a service left open is completed by its id; --data then goes into the aggregate.
    """
    if error is not None and data is not None:
        raise click.UsageError("--error gives the task up; --data does not go with it.", ctx)

    with Runner(invocation.settings(running=True), max_steps=max_steps) as runner:
        look = runner.look(workflow)
        view = find_task(look, task)
        answers = (data or {}) if view.open or error is not None else _answers_for(runner, view, data)
        if answers is None:
            talk("Nothing was completed.")
            ctx.exit(1)
        with runner.session(look.instance.id, f"complete {view.id}") as session:
            if error is not None:
                session.raise_error(view.task, BusinessError(error))
            else:
                session.complete(view.task, answers)
            session.advance()
            left = run_result(session)
        _show(runner, left, format)


def _answers_for(runner: Runner, view: TaskView, data: dict[str, Any] | None) -> dict[str, Any] | None:
    """The answers given or asked for; None where the person went away."""
    dialog = _dialog() if data is None else None
    if dialog is not None:
        said = ask(runner, view, dialog)
        return said.answers if isinstance(said, Answered) else None
    form = runner.form(view) or free_form()
    return validate(form, data or {}, task=view.name or view.id, data=view.data)


@click.command(epilog="""Example: runner retry -w 4af0 --data '{"price": 4}'""")
@click.option("-w", "--workflow", metavar="WF", required=True, shell_complete=complete_instances, help="The instance.")
@click.option(
    "--data", type=JsonParam(), help="Corrects the data of what failed, or its aggregate: a JSON object, or @FILE."
)
@_max_steps
@format_option()
@pass_invocation
def retry(invocation: Invocation, /, workflow: str, data: dict[str, Any] | None, max_steps: int, format: str) -> None:
    """Try what failed again, with the same data or corrected ones, and run what follows."""
    with Runner(invocation.settings(running=True), max_steps=max_steps) as runner:
        with runner.session(workflow, "retry") as session:
            session.retry(data or {})
            session.advance()
            left = run_result(session)
        _show(runner, left, format)
