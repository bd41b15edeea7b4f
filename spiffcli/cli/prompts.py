"""The conversation about one human task: what is asked and why, answers checked as they come, a look over the whole.

It works line by line on any pair of streams: a terminal, a pipe, a test. The end of the input means `quit`.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from getpass import getpass
from typing import Any, Protocol, TextIO, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from spiffcli.cli.lazy import load
from spiffcli.cli.output import WIDTH, write
from spiffcli.config import load_surroundings
from spiffcli.errors import AnswerError
from spiffcli.forms import NOTHING, FieldPath, Form, Question, assemble, coerce, free_form, questions, validate
from spiffcli.forms.wording import expects, show
from spiffcli.text import one_line, shorten, strip_controls
from spiffcli.values import TaskView


class Dialog(Protocol):
    """Somebody to talk with."""

    @property
    def width(self) -> int:
        """Columns a line may have."""
        ...

    def say(self, text: str = "") -> None:
        """Show text and a line end."""
        ...

    def title(self, text: str) -> None:
        """Show a heading."""
        ...

    def ask(self, prompt: str, *, secret: bool = False) -> str:
        """Show a prompt and return the line that is typed, without showing it if it is `secret`.

        Raises:
            EOFError: There is no more input.
        """
        ...


class StreamDialog:
    """A dialog on two text streams; talk goes to standard error by default, since standard output is for data.

    Args:
        source: Where lines come from (default: standard input).
        target: Where everything is shown (default: standard error).
    """

    def __init__(self, source: TextIO | None = None, target: TextIO | None = None) -> None:
        self._source = source or sys.stdin
        self._target = target or sys.stderr
        self._typed = self._source.isatty()
        self._bold = self._target.isatty() and load_surroundings().color

    @property
    def width(self) -> int:
        """Columns of the terminal, at most 80; 80 elsewhere."""
        try:
            columns = os.get_terminal_size(self._target.fileno()).columns
        except (OSError, ValueError):
            columns = 0
        return max(min(columns, WIDTH), 20) if columns else WIDTH  # some terminals do not know, and say 0

    def say(self, text: str = "") -> None:
        """Show text and a line end."""
        self._write(f"{text}\n")

    def title(self, text: str) -> None:
        """Show a heading, in bold where that is possible."""
        self._write(f"\x1b[1m{text}\x1b[0m\n" if self._bold else f"{text}\n")

    def ask(self, prompt: str, *, secret: bool = False) -> str:
        """Show a prompt and read a line.

        Raises:
            EOFError: There is no more input.
        """
        if self._typed and secret:
            return getpass(prompt, self._target)
        if self._typed and self._source is sys.stdin and sys.stdout.isatty():
            return _edited_line(prompt)
        self._write(prompt)
        self._target.flush()
        line = self._source.readline()
        if not line:
            self._write("\n")
            raise EOFError
        answer = line.rstrip("\r\n")
        if not self._typed:  # what came through a pipe is repeated, so that a log can be read
            self._write(f"{'' if secret else strip_controls(answer)}\n")
        return answer

    def _write(self, text: str) -> None:
        write(self._target, text)


def _edited_line(prompt: str) -> str:
    """A line with the editing keys people expect, where Python has them."""
    with suppress(ImportError):
        load("readline")  # importing it is what gives `input` its keys
    return input(prompt)


BACK = "back"
QUIT = "quit"
HELP = "?"
EMPTY = "-"

_WORDS = (BACK, QUIT, HELP, EMPTY)


class Answered(Struct, frozen=True):
    """The person answered everything; `answers` fit the form."""

    answers: dict[str, Any]


class Back(Struct, frozen=True):
    """The person wants to go back to the task before this one."""


class Quit(Struct, frozen=True):
    """The person wants to stop here, or the input ended."""


Outcome: TypeAlias = Answered | Back | Quit


def ask_task(task: TaskView, form: Form | None, instructions: str, dialog: Dialog) -> Outcome:
    """Talk about one task until it is answered or the person goes away.

    Args:
        task: The task, with the data whose values become defaults.
        form: Its form, or None where it has none.
        instructions: Rendered text, or empty.
        dialog: Whom to ask.

    Raises:
        ModelError: The form cannot be used.
    """
    conversation = _Conversation(task, form or free_form(), dialog)
    try:
        conversation.introduce(instructions)
        return conversation.talk() if form is not None else conversation.talk_freely()
    except EOFError:
        return Quit()
    except _GoneBackError:
        return Back()
    except _QuitError:
        return Quit()


class _GoneBackError(Exception):
    """`back` was said, and it is not about the question before."""


class _QuitError(Exception):
    """`quit` was said."""


class _Conversation(Struct):
    """One task.

    Attributes:
        answers: What counts, in the order it was answered.
        before: Every answer ever given, to be offered when its question comes again.
    """

    task: TaskView
    form: Form
    dialog: Dialog
    answers: dict[FieldPath, Any] = field(default_factory=dict)
    before: dict[FieldPath, Any] = field(default_factory=dict)
    looked_over: bool = False

    # What is asked, and why.

    def introduce(self, instructions: str) -> None:
        heading = one_line(self.task.name or self.task.id)
        rule = "─" * max(self.dialog.width - len(heading) - 4, 3)
        self.dialog.say()
        self.dialog.title(f"── {heading} {rule}")
        self.dialog.say(_wrapped(_circumstances(self.task), self.dialog.width))
        about = strip_controls(instructions or self.form.description)
        if about.strip():
            self.dialog.say()
            self.dialog.say(_wrapped(about, self.dialog.width))
        self.dialog.say()
        self.dialog.say(f"({BACK}: one step back; {QUIT}: stop here, everything so far is kept; {HELP}: help)")

    def _show_question(self, question: Question, place: str) -> None:
        self.dialog.say()
        need = "" if question.required else ", may be left empty"
        self.dialog.title(_wrapped(f"{place}{one_line(question.title)}{need}", self.dialog.width))
        for text in (question.description, _sentence(expects(question))):
            if text:
                self.dialog.say(_wrapped(strip_controls(text), self.dialog.width, "  "))
        for number, choice in enumerate([] if _is_yes_no(question) else question.choices, 1):
            mark = f"{number:>3}  " if question.numbered else "  -  "
            self.dialog.say(_wrapped(one_line(choice.title), self.dialog.width, " " * len(mark), mark))
        if question.multiline:
            self.dialog.say("  Several lines; a line with a single dot ends them.")

    # The conversation.

    def talk(self) -> Outcome:
        """Ask question after question; then let the person look over the answers, if there are several."""
        while True:
            asked = self._questions()
            place = next((place for place, one in enumerate(asked) if one.path not in self.answers), None)
            if place is not None:
                self._ask(asked[place], f"{place + 1}/{len(asked)}  " if len(asked) > 1 else "")
            elif not asked:
                self._confirm_empty()
                return Answered(self._validated())
            elif self._is_confirmed(asked):
                try:
                    return Answered(self._validated())
                except AnswerError as refusal:
                    self._take_back(asked, refusal)

    def talk_freely(self) -> Outcome:
        """A task without a form: done is enough, and whoever wants to can add data."""
        question = Question((), "data", "object", False, self.form, rule={"type": "object"})
        while True:
            text = self.dialog.ask("\nDone? [Enter, or a JSON object with data to add]: ").strip()
            if self._is_word(text, "Enter says that the task is done. A JSON object is added to the data."):
                continue
            try:
                found = {} if text.lower() in ("", "yes", "y") else coerce(question, text)
                return Answered(validate(self.form, found, task=self._name))
            except AnswerError as refusal:
                self._refuse(refusal)

    def _confirm_empty(self) -> None:
        while True:
            text = self.dialog.ask("\nDone? [Enter]: ").strip()
            if not self._is_word(text, "Enter says that the task is done."):
                return

    def _questions(self) -> Sequence[Question]:
        return questions(self.form, self.task.data, self.answers)

    @property
    def _name(self) -> str:
        return self.task.name or self.task.id

    def _ask(self, question: Question, place: str) -> None:
        """Ask one question until the answer will do."""
        question = self._with_answer_before(question)
        self._show_question(question, place)
        while True:
            text = self._read(question)
            try:
                if self._is_word(text, self._help(question)):
                    continue
                value = NOTHING if self._is_left_out(question, text) else coerce(question, _unquoted(text))
            except _GoneBackError:
                self._undo_last()
                return
            except AnswerError as refusal:
                self._refuse(refusal)
                continue
            self.answers[question.path] = self.before[question.path] = value
            return

    def _with_answer_before(self, question: Question) -> Question:
        value = self.before.get(question.path, NOTHING)
        return question if value is NOTHING else replace(question, default=value)

    def _undo_last(self) -> None:
        """Take back the last answer, passing over those whose questions are gone."""
        asked = {question.path for question in self._questions()}
        while self.answers:
            path, _ = self.answers.popitem()
            if path in asked:
                return
        raise _GoneBackError

    def _read(self, question: Question) -> str:
        label = shorten(one_line(question.title), 40)
        default = "" if question.default is NOTHING else f" [{shorten(show(question, question.default), 40)}]"
        yes_no = " (yes/no)" if _is_yes_no(question) else ""
        text = self.dialog.ask(f"{label}{yes_no}{default}: ", secret=question.secret)
        if not question.multiline or text.strip().lower() in ("", *_WORDS):
            return text
        lines = []
        while text.strip() != ".":
            lines.append(text)
            text = self.dialog.ask("")
        return "\n".join(lines)

    def _is_word(self, text: str, help: str) -> bool:
        """Whether `text` was a word to us and not an answer; `back` and `quit` leave from here."""
        word = text.strip().lower()
        if word == BACK:
            raise _GoneBackError
        if word == QUIT:
            raise _QuitError
        if word == HELP:
            self.dialog.say(_wrapped(help, self.dialog.width, "  "))
        return word == HELP

    @staticmethod
    def _is_left_out(question: Question, text: str) -> bool:
        named = any(choice.title == EMPTY or choice.value == EMPTY for choice in question.choices)
        return text.strip() == EMPTY and not question.required and not named

    def _help(self, question: Question) -> str:
        lines = ["Type the answer and press Enter."]
        if question.choices:
            how = "by its number, its name, or the beginning of its name" if question.numbered else "by its name"
            lines = ["Answer yes or no."] if _is_yes_no(question) else [f"Name a choice {how}."]
        if question.default is not NOTHING:
            lines.append("Enter alone takes what stands in brackets.")
        if not question.required:
            lines.append(f"{EMPTY} leaves the answer empty.")
        lines.append(f"{BACK} goes one step back, {QUIT} stops here and keeps everything so far.")
        lines.append(f'An answer that is one of these words is written in quotation marks: "{BACK}".')
        return "\n".join(lines)

    def _refuse(self, refusal: AnswerError) -> None:
        self.dialog.say(_wrapped(f"{_sentence(refusal.message)} Please try again.", self.dialog.width, "  "))

    # The look over the whole.

    def _is_confirmed(self, asked: Sequence[Question]) -> bool:
        """Show the answers and ask whether they are right; otherwise what is to be asked again is taken out."""
        if len(asked) == 1 and not self.looked_over:
            return True
        self._show_answers(asked)
        while True:
            text = self.dialog.ask(f"Is this right? [yes; or 1-{len(asked)} to change an answer]: ").strip()
            try:
                if self._is_word(text, "Enter or yes completes the task. The number of an answer lets you change it."):
                    continue
            except _GoneBackError:
                self._undo_last()
                return False
            if text.lower() in ("", "yes", "y"):
                return True
            chosen = _chosen(asked, text)
            if chosen is not None:
                del self.answers[chosen.path]
                return False
            if text.lower() in ("no", "n"):
                self.dialog.say("  Which answer is to be changed? Type its number.")
            else:
                self.dialog.say(f"  There is no answer {shorten(one_line(text), 40)} to change.")

    def _show_answers(self, asked: Sequence[Question]) -> None:
        self.dialog.say()
        self.dialog.title("Your answers")
        titles = [shorten(one_line(question.title), 36) for question in asked]
        widest = max(map(len, titles))
        for number, (question, title) in enumerate(zip(asked, titles, strict=True), 1):
            head = f"{number:>3}  {title:{widest}}  "
            text = show(question, self.answers[question.path])
            self.dialog.say(_wrapped(text, self.dialog.width, " " * len(head), head))

    def _validated(self) -> dict[str, Any]:
        left_out = [path for path, value in self.answers.items() if value is NOTHING]
        document = assemble(self.form, self.task.data, self.answers)
        return validate(self.form, document, task=self._name, omitted=left_out)

    def _take_back(self, asked: Sequence[Question], refusal: AnswerError) -> None:
        """The answers do not fit together: say why, and ask again what is at fault."""
        self.dialog.say()
        self.dialog.say(_wrapped(refusal.message, self.dialog.width, "  "))
        self.looked_over = True
        fields = [str(fault["field"]) for fault in refusal.data.get("faults", [])]
        for question in asked:
            if any(
                name == question.name or name.startswith((f"{question.name}.", f"{question.name}[")) for name in fields
            ):
                del self.answers[question.path]
                return


def _chosen(asked: Sequence[Question], text: str) -> Question | None:
    if text.isascii() and text.isdecimal() and len(text) < 6:
        return asked[int(text) - 1] if 1 <= int(text) <= len(asked) else None
    return next((q for q in asked if text.casefold() in (q.title.casefold(), q.name.casefold())), None)


def _is_yes_no(question: Question) -> bool:
    return [choice.title for choice in question.choices] == ["yes", "no"]


def _unquoted(text: str) -> str:
    """The answer meant by `"back"`: a word of ours in quotation marks."""
    inner = text.strip()[1:-1]
    return inner if text.strip() == f'"{inner}"' and inner.lower() in _WORDS else text


def _circumstances(task: TaskView) -> str:
    parts = [f"Task {one_line(task.id)} of {one_line(task.process)}" if task.process else f"Task {one_line(task.id)}"]
    if task.lane:
        parts.append(f"for {one_line(task.lane)}")
    if task.loop:
        parts.append(one_line(task.loop))
    return ", ".join(parts)


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _wrapped(text: str, width: int, indent: str = "", first: str | None = None) -> str:
    """`text` in lines of at most `width` columns; its own line ends stay."""
    return "\n".join(_lines(text, width, indent, indent if first is None else first))


def _lines(text: str, width: int, indent: str, first: str) -> Iterator[str]:
    for line in text.split("\n"):
        # A list or a table in somebody's text keeps its indentation, also where its lines go on.
        inner = indent + line[: len(line) - len(line.lstrip())]
        folded = textwrap.wrap(
            line.strip(),
            max(width, len(inner) + 20),
            initial_indent=first + inner[len(indent) :],
            subsequent_indent=inner,
            break_on_hyphens=False,
        )
        yield from folded or [first.rstrip()]
        first = indent
