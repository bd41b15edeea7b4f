"""Human tasks, answered by a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from spiffcli.errors import AnswerError
from spiffcli.values import TaskView

if TYPE_CHECKING:
    from spiffcli.forms import AnswerSource, Form
    from spiffcli.instances import Session
    from spiffcli.instances.session import StepHook


def answer(
    form_of: Callable[[TaskView], Form | None],
    session: Session,
    answers: AnswerSource,
    *,
    partial: bool = False,
    on_step: StepHook | None = None,
) -> None:
    """Complete the open human tasks of an instance, in tree order, until none is open.

    Args:
        form_of: Gives the form of a task.
        partial: Leave tasks open that there are no answers for.

    Raises:
        AnswerError: Answers are missing or do not fit. The instance is saved as it was before that task.
        IncidentError: What followed failed.
    """
    from spiffcli.forms import free_form, validate

    while views := session.running.human_tasks():
        found = _next(views, answers, partial=partial)
        if found is None:
            return
        view, given = found
        form = form_of(view) or free_form()
        session.complete(view.task, validate(form, given, task=view.name or view.id, data=view.data))
        session.advance(on_step, save_steps=on_step is not None)


def _next(views: Sequence[TaskView], answers: AnswerSource, *, partial: bool) -> tuple[TaskView, dict[str, Any]] | None:
    """The first task that has answers, with them; None where only tasks are left that may stay open."""
    for view in views:
        try:
            given = answers.next_for(view.id, view.name)
        except AnswerError:
            if not partial:
                raise
            continue
        if given is not None:
            return view, given
    return None if partial else (views[0], answers.take(views[0].id, views[0].name))
