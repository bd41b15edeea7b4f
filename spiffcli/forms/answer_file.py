"""A file of answers: what a script says to the tasks it will meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from spiffcli.errors import AnswerError
from spiffcli.forms.schema import read_json
from spiffcli.text import quoted


class Unused(Struct, frozen=True):
    """Answers nobody asked for.

    Attributes:
        task: Id or name of a task, as the file has it.
        count: How many answers of it were left.
    """

    task: str
    count: int


class AnswerSource(Struct):
    """Answers by task id or name, given out one after the other.

    Attributes:
        file: Name of the file, for messages.
    """

    file: str
    _answers: Mapping[str, list[dict[str, Any]]]
    _given: dict[str, int] = field(default_factory=dict)

    def next_for(self, task_id: str, task_name: str | None) -> dict[str, Any] | None:
        """The next answers for a task, found by its id or else by its name; None if the file has none for it.

        Raises:
            AnswerError: The task came up more often than there are answers for it.
        """
        key = next((key for key in (task_id, task_name) if key in self._answers), None)
        if key is None:
            return None
        given, answers = self._given.get(key, 0), self._answers[key]
        if given == len(answers):
            raise self._exhausted(key, given)
        self._given[key] = given + 1
        return answers[given]

    def take(self, task_id: str, task_name: str | None) -> dict[str, Any]:
        """Like `next_for`, for a task that cannot go on without answers.

        Raises:
            AnswerError: There are none (left) for the task.
        """
        answers = self.next_for(task_id, task_name)
        if answers is None:
            raise self._missing(task_id, task_name)
        return answers

    def unused(self) -> list[Unused]:
        """What was not asked for, in the order of the file."""
        left = ((task, len(answers) - self._given.get(task, 0)) for task, answers in self._answers.items())
        return [Unused(task, count) for task, count in left if count]

    def _missing(self, task_id: str, task_name: str | None) -> AnswerError:
        named = f"{quoted(task_name)} ({task_id})" if task_name and task_name != task_id else quoted(task_id)
        held = ", ".join(quoted(task) for task in self._answers) or "nothing"
        return AnswerError(
            f"Missing answers for task {named} in {self.file}.",
            hint=f'Add "{task_id}": {{...}} to the file; it holds answers for {held}.',
            file=self.file,
            task=task_id,
            field="",
            rule="",
        )

    def _exhausted(self, task: str, given: int) -> AnswerError:
        times = "once" if given == 1 else f"{given} times"
        return AnswerError(
            f"Task {quoted(task)} came up again, but {self.file} answers it only {times}.",
            hint="Give a list of objects, one for each time the task comes up.",
            file=self.file,
            task=task,
            field="",
            rule="",
        )


def parse_answers(content: bytes, file: str) -> AnswerSource:
    """Read a file of answers: an object keyed by task id or name.

    Each value is an object (field to value), or a list of objects for a task that comes up again.

    Args:
        content: The bytes of the file.
        file: Its name, for messages.

    Raises:
        AnswerError: Not JSON (with line and column), or not of that shape (with the task).
    """
    document = read_json(content, file=file, what="file of answers", error=AnswerError)
    if not isinstance(document, dict):
        raise AnswerError(
            f"The file of answers {file} is not a JSON object.",
            hint='Write {"TASK": {"FIELD": VALUE, ...}, ...} with the ids or names of the tasks.',
            file=file,
            task="",
            field="",
            rule="type",
        )
    return AnswerSource(file, {task: _answers_of(task, value, file) for task, value in document.items()})


def _answers_of(task: str, value: Any, file: str) -> list[dict[str, Any]]:
    answers = value if isinstance(value, list) else [value]
    for number, answer in enumerate(answers, 1):
        if not isinstance(answer, dict):
            which = f"answer {number} for task" if isinstance(value, list) else "the answer for task"
            raise AnswerError(
                f"In {file}, {which} {quoted(task)} is not a JSON object but {quoted(answer)}.",
                hint='Write {"FIELD": VALUE, ...}, or a list of such objects for a task that comes up again.',
                file=file,
                task=task,
                field="",
                rule="type",
            )
    return answers
