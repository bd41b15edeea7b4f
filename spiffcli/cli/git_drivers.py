"""Commands that Git calls to compare models. They never fail: what is no model is shown as text."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from spiffcli.cli.output import emit_text, warn, write

if TYPE_CHECKING:
    from spiffcli.specs.diff_git import Version

_AS_GIT_CALLS = {"ignore_unknown_options": True}


@click.command(context_settings=_AS_GIT_CALLS, epilog="Example: git config diff.bpmn.command 'runner git-diff'")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="PATH OLD-FILE OLD-HEX OLD-MODE NEW-FILE ...")
def git_diff(arguments: tuple[str, ...]) -> None:
    """Compare two versions of a model, called by git diff.

    'runner repo install-diff' sets it up. The exit code is 0 whatever is found; a file that is no model is compared
    line by line.
    """
    from spiffcli.specs.diff_git import Version

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
    from spiffcli.cli.showing import emit_report, width
    from spiffcli.report.diff_text import diff_lines
    from spiffcli.report.findings import judge
    from spiffcli.report.lines import EMPTY, line
    from spiffcli.specs.diff_git import compare_versions

    lines = list(diff_lines(judge(compare_versions(old, new)), width()))
    emit_report([line(heading, "title"), *lines, EMPTY], paged=True)


def _show_text_diff(heading: str, old: Version, new: Version, reason: str) -> None:
    from difflib import unified_diff

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
    from spiffcli.report.listing import model_text
    from spiffcli.specs.diff_git import load_file

    content = _content(file)
    try:
        text = model_text(load_file(file, content))
    except Exception:  # whoever reads a log wants to see something
        sys.stdout.buffer.write(content)
        return
    write(sys.stdout, text)
