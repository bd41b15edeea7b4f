"""Running an instance with a person at the terminal: which task, its questions, and on to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spiffcli.cli.prompts import BACK, HELP, QUIT, Answered, Back, Dialog, Outcome, ask_task
from spiffcli.errors import BusyError, NotFoundError, StateError
from spiffcli.forms import render
from spiffcli.instances.session import StepHook
from spiffcli.instances.view import RunResult as Left
from spiffcli.instances.view import run_result
from spiffcli.report.outcomes import kind_in_words
from spiffcli.runner import Runner
from spiffcli.text import one_line
from spiffcli.values import TaskView


class StoppedError(Exception):
    """The person wants to stop here; everything so far is saved."""


def ask(runner: Runner, view: TaskView, dialog: Dialog) -> Outcome:
    """Talk about one task: its instructions, its questions.

    Raises:
        ModelError: Its form is missing or broken.
    """
    instructions = render(view.instructions, view.data) if view.instructions else ""
    return ask_task(view, runner.form(view), instructions, dialog)


class Stepper:
    """Shows each task that ran, and asks whether to go on where there is somebody to ask.

    Args:
        dialog: Whom to ask; None only shows.
        say: Shows a line.
        everything: Show helpers of the engine too.
    """

    def __init__(self, dialog: Dialog | None, say: Any, *, everything: bool) -> None:
        self._dialog = dialog
        self._say = say
        self._everything = everything

    def __call__(self, view: TaskView) -> None:
        """Show a task that ran.

        Raises:
            StoppedError: The person wants to stop here.
        """
        if view.type == "internal" and not self._everything:
            return
        kind = kind_in_words(view.type)
        self._say(f"Ran {one_line(view.name or view.id)} ({kind}, {one_line(view.id)})")
        if self._dialog is not None:
            self._wait(self._dialog)

    def _wait(self, dialog: Dialog) -> None:
        try:
            word = dialog.ask(f"[Enter: go on; all: to the next stop; {QUIT}: stop here] ").strip().lower()
        except EOFError:
            word = QUIT
        if word == "all":
            self._dialog = None
        elif word in (QUIT, "q"):
            raise StoppedError


class Conversation:
    """The open human tasks of one instance, one after the other. Nothing is locked while the person thinks."""

    def __init__(self, runner: Runner, dialog: Dialog, on_step: StepHook | None = None) -> None:
        self._runner = runner
        self._dialog = dialog
        self._on_step = on_step

    def go_on(self, left: Left) -> Left:
        """Ask the open tasks until none is left or the person stops; what is left then.

        Raises:
            ModelError: A form is missing or broken.
            IncidentError: What followed a task failed.
        """
        while views := [view for view in left.waiting if view.manual and view.state == "READY"]:
            view = self._choose(views)
            if view is None:
                break
            said = ask(self._runner, view, self._dialog)
            if isinstance(said, Answered):
                left = self._complete(left, view, said.answers)
            elif not isinstance(said, Back):
                break
            elif len(views) == 1:
                self._dialog.say("\nThis is the only open task, and what is completed cannot be taken back.")
        return left

    def _choose(self, views: Sequence[TaskView]) -> TaskView | None:
        """The task to do next; None to stop."""
        if len(views) == 1:
            return views[0]
        self._dialog.say()
        self._dialog.title(f"{len(views)} tasks are open")
        for number, view in enumerate(views, 1):
            self._dialog.say(f"{number:>3}  {_described(view)}")
        while True:
            try:
                text = self._dialog.ask(f"Which one? [1; or {QUIT}]: ").strip()
            except EOFError:
                return None
            if text.lower() == QUIT:
                return None
            found = _chosen(views, text or "1")
            if found is not None:
                return found
            self._dialog.say(_advice(text))

    def _complete(self, left: Left, view: TaskView, answers: dict[str, Any]) -> Left:
        id = left.instance.id
        while True:
            try:
                with self._runner.session(id, f"complete {view.id}") as session:
                    try:
                        session.complete(view.task, answers)
                        session.advance(self._on_step, save_steps=self._on_step is not None)
                    except (StateError, NotFoundError) as error:  # somebody else was faster
                        self._dialog.say(f"\n{one_line(error.message)}")
                    except StoppedError:
                        return run_result(session, left.ran)
                    return run_result(session, left.ran)
            except BusyError as error:
                self._dialog.say(f"\n{one_line(error.message)}")
                if self._dialog.ask("[Enter: try again] ").strip().lower() == QUIT:
                    return left


def _described(view: TaskView) -> str:
    about = ", ".join(one_line(part) for part in (view.lane, view.loop) if part)
    name = one_line(view.name or view.id)
    return f"{name} ({about})" if about else name


def _chosen(views: Sequence[TaskView], text: str) -> TaskView | None:
    """The task with this number, or the only one whose name or id begins so."""
    if text.isascii() and text.isdecimal() and len(text) < 6:
        return views[int(text) - 1] if 1 <= int(text) <= len(views) else None
    folded = text.casefold()
    found = [view for view in views if folded in ((view.name or "").casefold(), view.id.casefold())]
    found = found or [view for view in views if (view.name or view.id).casefold().startswith(folded)]
    return found[0] if len(found) == 1 else None


def _advice(text: str) -> str:
    if text.lower() == BACK:
        return f"  There is nothing to go back to; {QUIT} stops here."
    if text == HELP:
        return f"  Type the number or the name of a task; {QUIT} stops here and keeps everything so far."
    return "  Type the number or the name of one of these tasks."
