"""Commands that compare: two specs, and two states of a file for Git."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Literal

import click

from spiffcli import __version__
from spiffcli.cli.completion import complete_specs
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.output import clean_text, emit_json, emit_report, emit_text, json_text, talk, warn, width, write
from spiffcli.cli.params import ManyCommand, format_option, many_option
from spiffcli.model import Problem
from spiffcli.report.diff_github import diff_github
from spiffcli.report.diff_json import diff_document
from spiffcli.report.diff_junit import diff_junit
from spiffcli.report.diff_markdown import diff_markdown
from spiffcli.report.diff_sarif import diff_sarif
from spiffcli.report.diff_summary import gate_sentence, name_lines, stat_lines
from spiffcli.report.diff_text import diff_lines
from spiffcli.report.findings import Findings, judge
from spiffcli.report.ignoring import Entry, read_entries
from spiffcli.report.lines import EMPTY, line
from spiffcli.report.listing import model_text
from spiffcli.runner import Runner
from spiffcli.specs.diff_git import Version, compare_versions, load_file
from spiffcli.specs.files import read_bytes

#: Name of the file of what a project ignores.
_IGNORE_FILE = ".runner-ignore"

#: Problems of the files that are told one by one.
_MOST_PROBLEMS = 3

#: What a comparison can be written as, besides text and JSON.
FORMATS: dict[str, Callable[[Findings], str]] = {
    "markdown": lambda findings: clean_text(diff_markdown(findings)),
    "sarif": lambda findings: json_text(diff_sarif(findings, __version__)) + "\n",
    "junit": lambda findings: clean_text(diff_junit(findings)),
    "github": lambda findings: clean_text(diff_github(findings)),
}

_EPILOG = (
    "Example: runner diff_spec -o HEAD~1:order.bpmn -n order.bpmn --fail-on warn\n\n"
    "Exit code 0: nothing at or above --fail-on; 1: something is; 2: the two could not be compared."
)


@click.command(cls=ManyCommand, epilog=_EPILOG)
@many_option("-o", "--old", metavar="REF", required=True, shell_complete=complete_specs, help="The spec as it was.")
@many_option("-n", "--new", metavar="REF", required=True, shell_complete=complete_specs, help="The spec as it is now.")
@click.option("-d", "--dependencies", is_flag=True, help="Also compare what they call: processes, decisions, forms.")
@click.option("--layout", is_flag=True, help="List differences in the drawing, too.")
@click.option("--extensions", is_flag=True, help="List differences in extensions of other tools, too.")
@click.option("--stat", is_flag=True, help="Only count, definition by definition.")
@click.option("--name-only", is_flag=True, help="Only name what changed.")
@click.option("--fail-on", type=click.Choice(["info", "warn", "error"]), help="Exit with 1 from this severity on.")
@click.option("--ignore-file", metavar="FILE", help="Findings to leave out, instead of the next .runner-ignore.")
@click.option("--no-ignore", is_flag=True, help="Leave nothing out.")
@format_option(*FORMATS)
@pass_invocation
@click.pass_context
def diff_spec(
    ctx: click.Context,
    invocation: Invocation,
    /,
    old: tuple[str, ...],
    new: tuple[str, ...],
    dependencies: bool,
    layout: bool,
    extensions: bool,
    stat: bool,
    name_only: bool,
    fail_on: Literal["info", "warn", "error"] | None,
    ignore_file: str | None,
    no_ignore: bool,
    format: str,
) -> None:
    """Say what changed between two specs.

    A REF is a stored spec (KEY, KEY@VERSION, KEY@TAG, an id or its beginning), a model (order.bpmn, or
    order.bpmn#process for one of several), a folder of models (v1/), one of these at a revision of Git
    (HEAD~1:order.bpmn; :order.bpmn for what is staged), or - for standard input. Files that belong together can be
    named one after the other: -o order.bpmn prices.dmn.

    Nothing of the models is imported, run or stored.
    """
    if stat and name_only:
        raise click.UsageError("Give --stat or --name-only, not both.", ctx)
    if (stat or name_only) and format != "text":
        raise click.UsageError(f"--{'stat' if stat else 'name-only'} is for --format text.", ctx)
    if no_ignore and ignore_file:
        raise click.UsageError("Give --ignore-file or --no-ignore, not both.", ctx)
    settings = invocation.settings()
    problems: list[Problem] = []
    with Runner(settings) as runner:
        diff = runner.diff_spec(old, new, dependencies=dependencies, on_problem=problems.append)
    _warn_of(problems)

    findings = judge(
        diff,
        severities=settings.severity,
        entries=() if no_ignore else _entries(ignore_file),
        gate=fail_on,
        layout=layout,
        extensions=extensions,
    )
    _show(findings, format, stat=stat, name_only=name_only)
    for entry in findings.unused:
        talk(f"Line {entry.line} of .runner-ignore is about nothing here: {entry.rule} {entry.element}.", level=1)
    failed = gate_sentence(findings)
    if failed is not None:
        talk(failed)
        ctx.exit(1)


def _warn_of(problems: Sequence[Problem]) -> None:
    """Say what was read past; the comparison may be wrong about it."""
    for problem in problems[:_MOST_PROBLEMS]:
        place = f"{problem.file}:{problem.line}" if problem.line else problem.file
        warn(f"{place}: {problem.message} [{problem.rule}]")
    if len(problems) > _MOST_PROBLEMS:
        warn(f"There are {len(problems) - _MOST_PROBLEMS} more such problems in the files.")


def _entries(given: str | None) -> tuple[Entry, ...]:
    """What the project ignores: the file that is named, or the next `.runner-ignore` from here upwards."""
    file = given if given is not None else _next_ignore_file()
    if file is None:
        return ()

    return read_entries(read_bytes(file), file)


def _next_ignore_file() -> str | None:
    here = Path.cwd()
    for folder in (here, *here.parents):
        file = folder / _IGNORE_FILE
        if file.is_file():
            return str(file)
        if (folder / ".git").exists():
            break
    return None


def _show(findings: Findings, format: str, *, stat: bool, name_only: bool) -> None:
    if format in FORMATS:
        write(sys.stdout, FORMATS[format](findings))
    elif format == "json":
        emit_json(diff_document(findings))
    elif name_only:
        emit_report(name_lines(findings))
    elif stat:
        emit_report(stat_lines(findings, width()))
    else:
        emit_report(diff_lines(findings, width()))


_AS_GIT_CALLS = {"ignore_unknown_options": True}


@click.command(context_settings=_AS_GIT_CALLS, epilog="Example: git config diff.bpmn.command 'runner git-diff'")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="PATH OLD-FILE OLD-HEX OLD-MODE NEW-FILE ...")
def git_diff(arguments: tuple[str, ...]) -> None:
    """Compare two versions of a model, called by git diff.

    'runner repo install-diff' sets it up. The exit code is 0 whatever is found; a file that is no model is compared
    line by line.
    """
    if len(arguments) < 7:  # Git gives the path alone where a merge left several versions
        emit_text(f"* Unmerged path {arguments[0]}" if arguments else "Git calls this command with seven arguments.")
        return
    path, old_file, old_blob, _, new_file, new_blob, _ = arguments[:7]
    moved = arguments[7] if len(arguments) > 7 else path
    old, new = Version(path, old_file, old_blob), Version(moved, new_file, new_blob)
    heading = f"runner diff a/{path} b/{moved}"
    try:
        _show_model_diff(heading, old, new)
    except Exception as fault:  # whatever it is, whoever reads a diff wants to see one
        _show_text_diff(heading, old, new, str(fault))


def _show_model_diff(heading: str, old: Version, new: Version) -> None:
    lines = list(diff_lines(judge(compare_versions(old, new)), width()))
    emit_report([line(heading, "title"), *lines, EMPTY], paged=True)


def _show_text_diff(heading: str, old: Version, new: Version, reason: str) -> None:
    warn(f"{new.path} is compared as text: {reason}")
    before, after = _lines(old), _lines(new)
    lines = unified_diff(before, after, old.label, new.label, lineterm="")
    emit_text("\n".join([heading, *lines]))


def _lines(version: Version) -> Sequence[str]:
    return _content(version.file).decode("utf-8", "replace").splitlines() if version.exists else []


def _content(file: str) -> bytes:
    try:
        with open(file, "rb") as opened:  # noqa: PTH123  # as Git names it
            return opened.read()
    except OSError:
        return b""


@click.command(context_settings=_AS_GIT_CALLS, epilog="Example: git config diff.bpmn.textconv 'runner git-textconv'")
@click.argument("file", type=click.UNPROCESSED)
def git_textconv(file: str) -> None:
    """Write the model in FILE as text, element by element, called by git log -p and git show.

    The drawing is left out. A file that is no model is written as it is.
    """
    content = _content(file)
    try:
        text = model_text(load_file(file, content))
    except Exception:  # whoever reads a log wants to see something
        sys.stdout.buffer.write(content)
        return
    write(sys.stdout, text)
