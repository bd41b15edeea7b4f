"""Scripts that people write, which must do in restricted mode what plain Python does."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from spiffcli.engine.script_engine import ScriptFailure, check_script, make_script_engine
from spiffcli.sandbox import ScriptMode


def read_scripts(name: str) -> dict[str, str]:
    """The scripts of a text file by their titles."""
    text = (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8")
    parts = [part.partition("\n") for part in re.split("^=== ", text, flags=re.MULTILINE)[1:]]
    return {title: script.rstrip() for title, _, script in parts}


@dataclass
class Product:
    name: str
    price: float

    def total(self, quantity: int) -> float:
        return self.price * quantity


def find_product(name: str) -> Product:
    return Product(name, 2.5)


FUNCTIONS = {"find_product": find_product, "double": lambda x: x * 2}
DATA: dict[str, Any] = {
    "order": {"total": 10, "items": [{"sku": "a", "qty": 2, "price": 1.5}, {"sku": "b", "qty": 1, "price": 4.0}]},
    "names": ["Ann", "Bob", "cid"],
    "n": 3,
    "text": "The quick brown fox",
    "when": "2024-02-29",
    "none": None,
}

SCRIPTS = read_scripts("ordinary") | {
    "long elif chain": "if n == 0:\n    r = 0\n" + "".join(f"elif n == {i + 9}:\n    r = {i}\n" for i in range(200)),
    "long sum": "r = " + " + ".join(["n"] * 300),
}


#: Scripts that leave nothing behind.
UNCHANGED = {"long elif chain"}


def run(mode: ScriptMode, script: str) -> dict[str, Any]:
    data = deepcopy(DATA)
    make_script_engine(mode, functions=FUNCTIONS).environment.execute(script, data)
    return data


#: What the interpreter of the sandbox has not: each says so where it is used, and `add` where the text shows it.
MISSING = {
    "generator function": "yield",
    "bytes and numbers in every form": "from_bytes",
    "uuid": "hex",
    "raise and catch": "takes one argument",
    "string translation": "maketrans",
    "str.format_map": "format_map",
    "bytes": "bytes",
    "number methods": "bit_length",
    "text of numbers": "ascii",
    "iter with sentinel": "pop",
    "sorting": "lower",
    "isinstance": "issubclass",
    "hasattr and getattr": "lower",
    "datetime": "timetuple",
    "re": "subn",
    "json": "msg",
    "json hooks": "default",
    "functools": "cmp_to_key",
    "collections": "OrderedDict",
    "fractions": "fractions",
    "operator": "operator",
    "statistics": "statistics",
    "textwrap": "indent",
    "zoneinfo": "zoneinfo",
    "long elif chain": "nested",
    "long sum": "nested",
}

#: Differences of the interpreter that nothing tells of, named in the documentation: `a *= 2` makes a new list.
DIFFERENT = {"augmented list keeps its identity"}

SAME = SCRIPTS.keys() - MISSING.keys() - DIFFERENT


@pytest.mark.parametrize("name", sorted(MISSING))
def test_what_the_sandbox_has_not_is_said(name: str) -> None:
    with pytest.raises(ScriptFailure) as caught:
        run(ScriptMode.SANDBOX, SCRIPTS[name])
    assert MISSING[name] in str(caught.value)


@pytest.mark.parametrize("name", sorted(SAME))
def test_ordinary_scripts_do_the_same_in_both_modes(name: str) -> None:
    restricted, trusted = run(ScriptMode.SANDBOX, SCRIPTS[name]), run(ScriptMode.TRUSTED, SCRIPTS[name])
    assert restricted == trusted
    assert restricted != DATA or name in UNCHANGED


@pytest.mark.parametrize("name", sorted(SAME))
def test_ordinary_scripts_pass_the_check(name: str) -> None:
    assert check_script(SCRIPTS[name]) == []


def test_there_are_enough_ordinary_scripts() -> None:
    assert len(SCRIPTS) >= 60
