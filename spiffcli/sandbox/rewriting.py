"""Small pieces of syntax trees: how the policy writes what it puts into a script."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TypeVar

N = TypeVar("N", bound=ast.AST)


def leaving(body: list[ast.stmt], in_loop: bool = False) -> Iterable[ast.AST]:
    """Statements that leave a block before its end, and yields, where control may never come back."""
    for statement in body:
        yield from _leaving_node(statement, in_loop)


def _leaving_node(node: ast.AST, in_loop: bool) -> Iterable[ast.AST]:
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        return
    if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom):
        yield node
    elif isinstance(node, ast.Break | ast.Continue):
        if not in_loop:
            yield node
        return
    inside = in_loop or isinstance(node, ast.For | ast.While)
    for child in ast.iter_child_nodes(node):
        yield from _leaving_node(child, inside)


def at(node: N, original: ast.AST) -> N:
    """`node` with the position of `original`; new nodes in it get theirs at the end."""
    return ast.copy_location(node, original)


def call(guard: str, original: ast.AST, *arguments: ast.expr) -> ast.Call:
    """A call of a guard."""
    return at(ast.Call(ast.Name(guard, ast.Load()), list(arguments), []), original)


def checkpoint_statement(original: ast.AST) -> ast.Expr:
    """A statement that ends a script whose time is over."""
    return at(ast.Expr(call("_checkpoint_", original)), original)


def assign(node: ast.stmt, name: str, guard: str, *arguments: str) -> ast.Assign:
    """`name = guard(arguments)`."""
    value = call(guard, node, *(ast.Constant(argument) for argument in arguments))
    return at(ast.Assign(targets=[ast.Name(name, ast.Store())], value=value), node)
