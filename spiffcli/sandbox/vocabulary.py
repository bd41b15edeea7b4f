"""Names that scripts cannot say, and what to say instead."""

from __future__ import annotations

from typing import Final

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

#: Attributes that lead from a value to the interpreter's insides.
REFUSED_ATTRIBUTES: Final = frozenset(INSPECT_ATTRIBUTES) | {
    "mro",
    "func_globals",
    "func_code",
    "func_closure",
    "func_defaults",
    "func_dict",
    "im_func",
    "im_self",
    "im_class",
    "gi_frame",
    "gi_code",
    "gi_yieldfrom",
    "cr_frame",
    "cr_code",
    "cr_await",
    "cr_origin",
    "ag_frame",
    "ag_code",
    "ag_await",
    "tb_frame",
    "tb_next",
    "with_traceback",
}

#: Built-ins that scripts do not get, and what to use instead.
REFUSED_BUILTINS: Final = {
    "__import__": "Use an import statement.",
    "breakpoint": None,
    "bytearray": "Use bytes or a list of numbers.",
    "classmethod": None,
    "compile": None,
    "delattr": None,
    "dir": None,
    "eval": "Use json.loads for data, or an expression in the model.",
    "exec": None,
    "exit": "To end a script early, put the rest into an if block; to fail, raise an exception.",
    "globals": "Test a variable with `try: name ... except NameError`.",
    "help": None,
    "id": None,
    "input": "Use a user task to ask somebody.",
    "locals": "Test a variable with `try: name ... except NameError`.",
    "memoryview": None,
    "object": None,
    "open": "Offer a function that reads or writes the file in an engine module.",
    "property": None,
    "quit": "To end a script early, put the rest into an if block; to fail, raise an exception.",
    "setattr": None,
    "staticmethod": None,
    "super": None,
    "type": "Use isinstance(value, str) and the like.",
    "vars": None,
}


def is_private(name: str) -> bool:
    """Whether a name belongs to Python or to the guards. The name `_` alone is an ordinary one."""
    return name.startswith("_") and name != "_"
