from __future__ import annotations

import pytest

from .commands import Cli

pytestmark = pytest.mark.one_store


def test_help_needs_no_store(cli: Cli) -> None:
    assert "list_specs" in cli.ok("--help").stdout
    assert list(cli.folder.iterdir()) == []


def test_wrong_usage_is_a_json_document_too(cli: Cli) -> None:
    error = cli.fails(2, "completion", "--nonsense", "--format", "json").error()
    assert error["type"] == "input"
