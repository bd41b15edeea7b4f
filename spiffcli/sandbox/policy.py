# ruff: noqa: N802, N815 - visitor methods are named after the nodes they visit
"""What a restricted script may say: the rules that are checked, and enforced, on its syntax tree.

The policy accepts what ordinary scripts need and leaves nothing to an object's own methods that a guard has to see:
reading an attribute, changing an object, importing, formatting, and the operators that can blow up memory all become
calls of the guards (`guards.py`). Names that begin with an underscore belong to Python and to the guards; no script
can say one. Nodes that the policy does not know are refused, so new syntax is refused until somebody has looked.

Every loop and function gets a checkpoint, at which a script that runs too long ends (`limits.py`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any, Final

from RestrictedPython.transformer import RestrictingNodeTransformer

from spiffcli.sandbox.modes import ScriptProblem
from spiffcli.sandbox.modules import MODULES, offered_names
from spiffcli.sandbox.rewriting import assign, at, call, checkpoint_statement, leaving
from spiffcli.sandbox.sizes import MAX_BITS
from spiffcli.sandbox.vocabulary import REFUSED_ATTRIBUTES, REFUSED_BUILTINS, is_private

_UNKNOWN: Final = {
    ast.AsyncFunctionDef: "async functions are not available to scripts",
    ast.AsyncFor: "async loops are not available to scripts",
    ast.AsyncWith: "async with is not available to scripts",
    ast.Await: "await is not available to scripts",
    ast.ClassDef: "a script cannot define classes",
    ast.TryStar: "except* is not available to scripts",
}
_UNKNOWN_HINTS: Final = {
    ast.ClassDef: "Use a dictionary or collections.namedtuple, or offer the class in an engine module.",
    ast.TryStar: "Use except.",
}

#: Operators with which a short script makes a huge value; the others at most add two sizes.
_GUARDED_OPERATORS: Final = {ast.Mult: "_mul_", ast.Pow: "_pow_", ast.LShift: "_lshift_", ast.Mod: "_mod_"}


class ScriptPolicy(RestrictingNodeTransformer):
    """Checks a tree and rewrites it to call the guards.

    Attributes:
        problems: What is refused, in the order of the script.
        forecasts: What will fail at run time unless task data or the engine module define it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[ScriptProblem] = []
        self._called: list[tuple[str, int]] = []
        self._bound: set[str] = set()

    def forecasts(self, functions: Iterable[str] = ()) -> list[ScriptProblem]:
        """Calls of built-ins that scripts do not get, unless the script or `functions` define the name."""
        known = self._bound.union(functions)
        return [
            ScriptProblem(line, f"{name}() is not available to scripts", REFUSED_BUILTINS[name])
            for name, line in self._called
            if name not in known
        ]

    # Refusing

    def error(self, node: ast.AST, info: str) -> None:
        """Refuse a node; called by the base class too."""
        self.refuse(node, info)

    def refuse(self, node: ast.AST, message: str, hint: str | None = None) -> None:
        """Note that a node is refused."""
        self.problems.append(ScriptProblem(getattr(node, "lineno", 1), message, hint))

    def not_allowed(self, node: ast.AST) -> None:
        """Refuse a kind of node that no rule allows."""
        kind = type(node)
        message = _UNKNOWN.get(kind, f"{kind.__name__} syntax is not available to scripts")
        self.refuse(node, message, _UNKNOWN_HINTS.get(kind))

    def check_name(self, node: ast.AST, name: str | None, allow_magic_methods: bool = False) -> None:
        """Refuse names that begin with an underscore."""
        if name is not None and is_private(name):
            self.refuse(node, f"the name '{name}' begins with an underscore", "Choose another name.")

    def check_attribute(self, node: ast.AST, name: str) -> None:
        """Refuse attributes that lead to the interpreter's insides."""
        if is_private(name):
            self.refuse(node, f"the attribute '{name}' is private: it begins with an underscore")
        elif name in REFUSED_ATTRIBUTES:
            self.refuse(node, f"the attribute '{name}' is not available to scripts")

    # Names and attributes

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Names are used as they are, unless private."""
        self.check_name(node, node.id)
        if not isinstance(node.ctx, ast.Load):
            self._bound.add(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """`a.b` becomes `_getattr_(a, "b")`, `a.b = c` becomes `_write_(a).b = c`."""
        self.check_attribute(node, node.attr)
        node = self.node_contents_visit(node)
        if isinstance(node.ctx, ast.Load):
            return call("_getattr_", node, node.value, ast.Constant(node.attr))
        node.value = call("_write_", node, node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Reading an item needs no guard; `a[b] = c` becomes `_write_(a)[b] = c`."""
        node = self.node_contents_visit(node)
        if not isinstance(node.ctx, ast.Load):
            node.value = call("_write_", node, node.value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Whatever a script can reach it may call; the guards see to it that it reaches nothing else."""
        if isinstance(node.func, ast.Name) and node.func.id in REFUSED_BUILTINS:
            self._called.append((node.func.id, node.lineno))
        return self.node_contents_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """A hexadecimal number can be written that no operator would be allowed to make."""
        if isinstance(node.value, int) and node.value.bit_length() > MAX_BITS:
            self.refuse(node, "the number is too large")
        return node

    # Operators and formatting

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Operators that can blow up memory become calls of their guards."""
        node = self.node_contents_visit(node)
        guard = _GUARDED_OPERATORS.get(type(node.op))
        return node if guard is None else call(guard, node, node.left, node.right)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Like the operators; everything else keeps Python's own meaning, on targets that may be changed."""
        node = self.node_contents_visit(node)
        guard = _GUARDED_OPERATORS.get(type(node.op))
        if guard is None:
            return node
        target = node.target
        if isinstance(target, ast.Name):
            left = ast.copy_location(ast.Name(target.id, ast.Load()), target)
            value = call(f"_i{guard[1:]}", node, left, node.value)
            return at(ast.Assign(targets=[target], value=value), node)
        if isinstance(target, ast.Subscript):
            if isinstance(target.slice, ast.Slice):
                return node
            arguments = [target.value, target.slice, ast.Name(f"_i{guard[1:]}", ast.Load()), node.value]
            return at(ast.Expr(call("_augment_item_", node, *arguments)), node)
        arguments = [target.value, ast.Constant(target.attr), ast.Name(f"_i{guard[1:]}", ast.Load()), node.value]
        return at(ast.Expr(call("_augment_attribute_", node, *arguments)), node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        """`{value:spec}` becomes `{_format_(value, conversion, spec)}`, which looks at the width."""
        node = self.node_contents_visit(node)
        if node.format_spec is not None:
            text = call("_format_", node, node.value, ast.Constant(node.conversion), node.format_spec)
            node = at(ast.FormattedValue(text, -1, None), node)
        return node

    # Statements

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """Nothing is added to the script as a whole."""
        return self.node_contents_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Unpacking iterates plainly: there are no objects here whose iteration needs a guard."""
        return self.node_contents_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """`x: int = 1` is `x = 1`; annotations are not evaluated."""
        target = self.visit(node.target)
        if node.value is None:
            return at(ast.Pass(), node)
        return at(ast.Assign(targets=[target], value=self.visit(node.value)), node)

    def visit_For(self, node: ast.For) -> ast.AST:
        """Loops get a checkpoint."""
        node = self.node_contents_visit(node)
        node.body.insert(0, checkpoint_statement(node))
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        """Loops get a checkpoint."""
        node = self.node_contents_visit(node)
        node.body.insert(0, checkpoint_statement(node))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        """Loops get a checkpoint."""
        if node.is_async:
            self.refuse(node.target, "async comprehensions are not available to scripts")
        node = self.node_contents_visit(node)
        node.ifs.insert(0, call("_checkpoint_", node.iter))
        return node

    def visit_With(self, node: ast.With) -> ast.AST:
        """Context managers come from the engine module; using them needs no guard."""
        return self.node_contents_visit(node)

    def visit_Try(self, node: ast.Try) -> ast.AST:
        """A bare `except` catches what scripts can raise, and not the end of their time."""
        self._check_finally(node.finalbody)
        node = self.node_contents_visit(node)
        for handler in node.handlers:
            if handler.type is None:
                handler.type = ast.copy_location(ast.Name("_Exception_", ast.Load()), handler)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        """The name of the exception is a name like any other."""
        self.check_name(node, node.name)
        return self.node_contents_visit(node)

    def _check_finally(self, body: list[ast.stmt]) -> None:
        for node in leaving(body):
            word = type(node).__name__.lower().replace("yieldfrom", "yield")
            self.refuse(
                node,
                f"{word} inside finally would swallow an exception",
                f"Move the {word} behind the try statement.",
            )

    def visit_Global(self, node: ast.Global) -> ast.AST:
        """Names are checked, since they may be bound by an import or a definition."""
        for name in node.names:
            self.check_name(node, name)
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        """Safe, as every name is checked where it is bound."""
        for name in node.names:
            self.check_name(node, name)
        return node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.AST:
        """A walrus binds a name like an assignment."""
        return self.node_contents_visit(node)

    # Functions

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Functions get a checkpoint and lose their annotations."""
        self.check_name(node, node.name)
        self._bound.add(node.name)
        self._strip(node.args)
        node.returns = None
        node = self.node_contents_visit(node)
        node.body.insert(0, checkpoint_statement(node))
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Functions get a checkpoint."""
        self._strip(node.args)
        node = self.node_contents_visit(node)
        check = call("_checkpoint_", node)
        node.body = at(ast.IfExp(check, node.body, ast.Constant(None)), node)
        return node

    def _strip(self, arguments: ast.arguments) -> None:
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for argument in [*every, arguments.vararg, arguments.kwarg]:
            if argument is not None:
                self.check_name(argument, argument.arg)
                self._bound.add(argument.arg)
                argument.annotation = None

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Instances of a class that lives only in a script could not be stored."""
        self.not_allowed(node)

    # Refused here, whatever the version of the base class thinks of them.
    visit_TryStar = not_allowed
    visit_AsyncFunctionDef = not_allowed
    visit_AsyncFor = not_allowed
    visit_AsyncWith = not_allowed
    visit_Await = not_allowed
    visit_TemplateStr = not_allowed  # hands out objects of its own
    visit_Interpolation = not_allowed

    # Imports

    def visit_Import(self, node: ast.Import) -> Any:
        """`import math as m` becomes `m = _import_("math")`."""
        statements = []
        for alias in node.names:
            name = alias.asname or alias.name
            if self._check_module(node, alias.name):
                self._bind(node, name)
                statements.append(assign(node, name, "_import_", alias.name))
        return statements or at(ast.Pass(), node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        """`from math import pi` becomes `pi = _import_("math", "pi")`."""
        if node.module == "__future__" and not node.level:
            return at(ast.Pass(), node)
        module = "." * node.level + (node.module or "")
        if not self._check_module(node, module):
            return at(ast.Pass(), node)
        statements = []
        for alias in node.names:
            if self._check_member(node, module, alias.name):
                name = alias.asname or alias.name
                self._bind(node, name)
                statements.append(assign(node, name, "_import_", module, alias.name))
        return statements or at(ast.Pass(), node)

    def _bind(self, node: ast.AST, name: str | None) -> None:
        if name is not None:
            self.check_name(node, name)
            self._bound.add(name)

    def _check_module(self, node: ast.stmt, name: str) -> bool:
        if name in MODULES:
            return True
        self.refuse(
            node,
            f"the module '{name}' is not available to scripts",
            f"Available are {', '.join(sorted(MODULES))}. Offer anything else as a function in an engine module.",
        )
        return False

    def _check_member(self, node: ast.stmt, module: str, name: str) -> bool:
        if name == "*":
            self.refuse(node, "import * is not available to scripts", f"Name what you need from {module}.")
            return False
        names = offered_names(module)
        if name in names:
            return True
        self.refuse(
            node, f"'{module}.{name}' is not available to scripts", f"Available are {', '.join(sorted(names))}."
        )
        return False

    # Pattern matching. The parts of a pattern that are looked up stay as they are: Python demands plain names and
    # attributes there, and only compares with them, so they cannot be carried off.

    def visit_Match(self, node: ast.Match) -> ast.AST:
        """`match` as such is harmless."""
        return self.node_contents_visit(node)

    visit_match_case = visit_Match
    visit_MatchSequence = visit_Match
    visit_MatchOr = visit_Match
    visit_MatchSingleton = visit_Match

    def visit_MatchValue(self, node: ast.MatchValue) -> ast.AST:
        """A constant or a dotted name."""
        self._check_looked_up(node.value)
        return node

    def visit_MatchStar(self, node: ast.MatchStar) -> ast.AST:
        """Binds a name."""
        self._bind(node, node.name)
        return node

    def visit_MatchAs(self, node: ast.MatchAs) -> ast.AST:
        """Binds a name."""
        self._bind(node, node.name)
        return self.node_contents_visit(node)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> ast.AST:
        """Keys are looked up, the rest binds a name."""
        for key in node.keys:
            self._check_looked_up(key)
        self._bind(node, node.rest)
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        return node

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.AST:
        """`case str():` tests a type. `case date(year=y)` would read attributes past the guard."""
        self._check_looked_up(node.cls)
        if node.kwd_attrs:
            self.refuse(
                node,
                "a pattern cannot read attributes",
                "Bind the value and test it: `case date() as day if day.year == 2024`.",
            )
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        return node

    def _check_looked_up(self, expression: ast.expr) -> None:
        for node in ast.walk(expression):
            if isinstance(node, ast.Name):
                self.check_name(node, node.id)
            elif isinstance(node, ast.Attribute):
                self.check_attribute(node, node.attr)
