"""JSON-schema forms of human tasks: what to ask, what an answer means, whether the answers will do.

Pure functions on a schema, a ui-schema and answers; no prompt, no engine, no store.
"""

from __future__ import annotations

from spiffcli.forms.answer_file import AnswerSource, parse_answers
from spiffcli.forms.answers import assemble, coerce, free_form, validate
from spiffcli.forms.instructions import render
from spiffcli.forms.questions import questions
from spiffcli.forms.schema import NOTHING, Choice, Count, FieldPath, Form, Nothing, Question, check_form, read_form

__all__ = [
    "NOTHING",
    "AnswerSource",
    "Choice",
    "Count",
    "FieldPath",
    "Form",
    "Nothing",
    "Question",
    "assemble",
    "check_form",
    "coerce",
    "free_form",
    "parse_answers",
    "questions",
    "read_form",
    "render",
    "validate",
]
