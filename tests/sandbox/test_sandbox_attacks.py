"""Attempts to get out of the sandbox, or to exhaust it: each must be refused, or do no harm."""

from __future__ import annotations

import io
import json
import math
import random
import re
import signal
import sys
import time
import types
from pathlib import Path
from typing import Any

import pytest

from spiffcli.engine.script_engine import ScriptFailure, make_script_engine
from spiffcli.sandbox import ScriptMode

SECRET = "do not tell"
LIMIT_S = 0.5


class Label(str):
    """Text of a class that an engine module brings."""


class Product:
    def total(self) -> int:
        return 1


class Settings(Product):
    module = re
    region = "eu"
    _token = SECRET

    def sort(self, **_: Any) -> None:
        raise AssertionError("called past the guard")


def greet(name: str = SECRET) -> str:
    return f"hello {name}"


def offered() -> dict[str, Any]:
    tools = types.ModuleType("tools")
    tools.os = sys  # type: ignore[attr-defined]
    tools.helper = greet  # type: ignore[attr-defined]
    return {
        "greet": greet,
        "Product": Product,
        "settings": Settings(),
        "config": {"limit": 1, "nested": {"deep": 1}},
        "tools": tools,
        "label": Label("{0.__globals__}"),
    }


def attacks() -> list[Any]:
    text = (Path(__file__).parent / "attacks.txt").read_text(encoding="utf-8")
    parts = [part.partition("\n") for part in re.split("^=== ", text, flags=re.MULTILINE)[1:]]
    cases = []
    for head, _, script in parts:
        title = head.partition(" | ")[0]
        cases.append(pytest.param(script.strip("\n").replace("\\0", "\0"), id=title))
    return cases


def state_of_the_world(functions: dict[str, Any]) -> Any:
    """Everything a script might have changed for others."""
    return (
        dict(math.__dict__),
        vars(greet).copy(),
        set(vars(Product)),
        dict(vars(Settings)),
        vars(functions["settings"]).copy(),
        repr(functions["config"]),
        set(vars(functions["tools"])),
        random.getstate(),
        sys.getrecursionlimit(),
        signal.getitimer(signal.ITIMER_REAL),
        signal.getsignal(signal.SIGALRM),
    )


@pytest.mark.parametrize("script", attacks())
def test_attack_is_refused_or_harmless(script: str) -> None:
    functions, errors = offered(), io.StringIO()
    environment = make_script_engine(
        ScriptMode.SANDBOX, functions=functions, time_limit_s=LIMIT_S, stderr=errors
    ).environment
    before = state_of_the_world(functions)
    data: dict[str, Any] = {"order": {"total": 1}}
    failure: ScriptFailure | None = None
    began = time.monotonic()
    try:
        environment.execute(script, data)
    except ScriptFailure as error:
        failure = error
    if failure is not None:
        assert SECRET not in str(failure)
        assert data == {"order": {"total": 1}}
    assert time.monotonic() - began < LIMIT_S + 1.5
    assert not data.get("leak")
    assert SECRET not in repr(data)
    assert "\x1b" not in errors.getvalue()
    json.dumps(data, default=str)
    assert state_of_the_world(functions) == before
    environment.execute("import math\nr = [len([1]), math.pi > 3, config['limit'], greet('x')]", data)
    assert data["r"] == [1, True, 1, "hello x"]


def test_there_are_enough_attacks() -> None:
    assert len(attacks()) >= 80
