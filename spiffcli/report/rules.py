"""The catalogue of rules: a list, a page per rule, a document, and the page of the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spiffcli.diff import Rule, Severity
from spiffcli.report.lines import EMPTY, WIDTH, Line, Span, Style, fold, line

_STYLES: dict[Severity, Style] = {"error": "error", "warn": "warn", "info": "", "none": "dim"}

_CLASSES: Mapping[str, str] = {
    "cosmetic": "Only people or drawings see it: a patch.",
    "behaviour": "The process does something else: a minor version.",
    "contract": "Callers, senders or stored work may rely on it: a major version.",
    "refuse": "A running instance that stands there cannot go on by itself: a major version.",
}

_WHERE: Sequence[tuple[str, str]] = (
    ("active", "stands there"),
    ("completed", "has passed"),
    ("future", "may still come there"),
)


def rules_document(rules: Sequence[Rule]) -> dict[str, Any]:
    """A `runner/rules/1` document."""
    return {"schema": "runner/rules/1", "rules": [rule.to_json() for rule in rules]}


def rule_list_lines(rules: Sequence[Rule], width: int = WIDTH) -> Iterator[Line]:
    """One entry per rule: id, severity, what it is about."""
    widest = max((len(rule.id) for rule in rules), default=0)
    for rule in rules:
        first, *more = fold(rule.title, width, " " * (widest + 9))
        title = "".join(span.text for span in first).strip()
        yield (Span(f"{rule.id:{widest}}  "), Span(f"{rule.severity:5}", _STYLES[rule.severity]), Span(f"  {title}"))
        yield from more


def rule_lines(rule: Rule, width: int = WIDTH) -> Iterator[Line]:
    """Everything about one rule."""
    yield (Span(rule.id, "title"), Span("  "), Span(rule.severity, _STYLES[rule.severity]))
    yield from fold(f"{rule.title}.", width)
    yield EMPTY
    yield from fold(rule.text, width)
    yield EMPTY
    yield from fold(rule.example, width, "  ", "Example: ")
    yield EMPTY
    yield line("What it means for an instance that", "title")
    for token, words in _WHERE:
        severity: Severity = getattr(rule, token)
        yield (Span(f"  {words:21}"), Span(f"{severity:5}", _STYLES[severity]))
        yield from fold(rule.consequence(token), width, "      ")
    yield EMPTY
    yield from fold(_CLASSES[rule.class_], width)
    if rule.opposite.id != rule.id:
        yield from fold(f"Undone, it is {rule.opposite.id}.", width)


def rules_markdown(rules: Sequence[Rule]) -> str:
    """The page of the documentation."""
    return "\n".join(_page(rules)) + "\n"


_INTRODUCTION = """\
# Rules

Every difference that `runner diff_spec` finds matches one of these rules, and so does everything that
`runner diff_workflow` and `runner migrate` object to. `runner rules RULE` shows one of them; `runner schema rules`
describes the list as JSON.

**Severity.** `error`: something outside the model, or a running instance, can break. `warn`: the process behaves
differently. `info`: worth knowing. `none`: only a drawing differs. The first severity is that of the change in the
model alone; where an instance stands can change it.

**Gate.** `runner diff_spec --fail-on warn` ends with exit code 1 if any change is at or above `warn`. Without
`--fail-on` the exit code is 0 whatever changed, and it is always 2 if the two could not be compared.

**Severities of your own.** In `runner.toml`, or as `[tool.runner.severity]` in `pyproject.toml`:

```toml
[severity]
script-changed = "error"
documentation-changed = "none"
```

**Findings you live with.** A file `.runner-ignore`, in the current folder or above it within the repository, lists
them, one per line: rule (or the fingerprint of a single finding, or `*`), element (or `*`), last day (or `*`), reason.
They are left out, and counted in the last lines of the diff.

```text
# RULE           ELEMENT          UNTIL       REASON
script-changed   calculate_total  2030-01-31  agreed with accounting
3f2a9c0d1e2b     *                *           looked at, harmless
```

**Version bump.** `major` if a change touches what callers, senders or running instances rely on; `minor` if the
process does something else; `patch` if only people or drawings see it.

In the table, *stands there* is an instance with a task on the element, *has passed* one that has finished it, and
*still to come* one that may reach it.
"""


def _page(rules: Sequence[Rule]) -> Iterator[str]:
    yield _INTRODUCTION
    yield "| rule | in the model | stands there | has passed | still to come |"
    yield "|---|---|---|---|---|"
    for rule in rules:
        yield f"| [{rule.id}](#{rule.id}) | {rule.severity} | {rule.active} | {rule.completed} | {rule.future} |"
    for rule in rules:
        yield from _entry(rule)


def _entry(rule: Rule) -> Iterator[str]:
    yield f"\n## {rule.id}\n"
    yield f"{rule.title}. {rule.text}\n"
    yield f"*Example:* {rule.example}\n"
    yield from (f"- An instance that {words}: {rule.consequence(token)}" for token, words in _WHERE)
    opposite = f" Undone, it is [{rule.opposite.id}](#{rule.opposite.id})." if rule.opposite.id != rule.id else ""
    yield f"\n{_CLASSES[rule.class_]}{opposite}"
