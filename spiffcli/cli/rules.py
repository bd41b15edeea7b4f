"""`rules`: what changes are judged by."""

from __future__ import annotations

from difflib import get_close_matches

import click
from click.shell_completion import CompletionItem

from spiffcli.cli.output import emit_json, emit_report, width
from spiffcli.cli.params import format_option
from spiffcli.diff import Rule
from spiffcli.diff.rules import rules as all_rules
from spiffcli.errors import NotFoundError
from spiffcli.report.rules import rule_lines, rule_list_lines, rules_document


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(rule.id, help=rule.title) for rule in all_rules() if rule.id.startswith(incomplete)]


@click.command(epilog="Example: runner rules node-removed")
@click.argument("rule", required=False, shell_complete=_complete)
@format_option()
def rules(rule: str | None, format: str) -> None:
    """List the rules that changes are judged by, or explain RULE."""
    chosen = all_rules() if rule is None else (find_rule(rule),)
    if format == "json":
        emit_json(rules_document(chosen))
    elif rule is None:
        emit_report(rule_list_lines(chosen, width()))
    else:
        emit_report(rule_lines(chosen[0], width()))


def find_rule(id: str) -> Rule:
    """The rule with this id.

    Raises:
        NotFoundError: There is none; the nearest ones are named.
    """
    known = {rule.id: rule for rule in all_rules()}
    if id in known:
        return known[id]
    near = get_close_matches(id, known, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else "runner rules lists them all."
    raise NotFoundError(f"There is no rule '{id}'.", hint=hint, candidates=near)
