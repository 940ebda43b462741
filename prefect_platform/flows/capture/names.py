"""Which names a statement uses: strong ones when it runs, weak ones when something in it is called.

A strong name must be defined before the statement; a weak one only before the call. Scopes are
the compiler's own (`symtable`), so a local variable is never taken for a global one.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

_COMPREHENSIONS = {"listcomp", "setcomp", "dictcomp", "genexpr"}


@dataclass(frozen=True)
class Used:
    strong: frozenset[str]
    weak: frozenset[str]
    hints: frozenset[str]
    """Names in annotations that need not exist, such as those under `TYPE_CHECKING`."""
    made: frozenset[str]
    """Names that a function in it declares `global` and assigns."""


class _Annotations(ast.NodeTransformer):
    """Takes annotations out of a tree and keeps them: those that run at once, and those inside functions."""

    def __init__(self) -> None:
        self.found: list[ast.expr] = []
        self.later: list[ast.expr] = []
        self._depth = 0

    def _keep(self, annotation: ast.expr | None) -> None:
        if annotation is not None:
            (self.later if self._depth else self.found).append(annotation)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(arg=node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self._keep(node.returns)
        node.returns = None
        for part in ast.walk(node.args):
            if isinstance(part, ast.arg):
                self._keep(part.annotation)
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self._keep(node.annotation)
        self.generic_visit(node)
        value = node.value if node.value is not None else ast.Constant(value=None)
        return ast.Assign(targets=[node.target], value=value)


def used(text: str, *, postponed: bool = False) -> Used:
    """The global names that this source uses; `postponed` as after `from __future__ import annotations`."""
    collector = _Annotations()
    tree = collector.visit(ast.parse(text))
    bare = ast.unparse(ast.fix_missing_locations(tree))
    strong, weak, made = set[str](), set[str](), set[str]()
    _walk(symtable.symtable(bare, "<definition>", "exec"), strong, weak, made, called_later=False)
    parameters = _type_parameters(tree)
    evaluated, quoted = _annotation_names(collector.found, parameters)
    later = set[str]().union(*_annotation_names(collector.later, parameters))
    if postponed:
        quoted |= evaluated
    else:
        strong |= evaluated
    hints = (quoted | later) - strong - weak
    return Used(frozenset(strong), frozenset(weak - strong), frozenset(hints), frozenset(made))


def _walk(
    table: symtable.SymbolTable, strong: set[str], weak: set[str], made: set[str], *, called_later: bool
) -> None:
    top = table.get_type() == "module"
    for symbol in table.get_symbols():
        name = symbol.get_name()
        outside = symbol.is_global() or (top and not symbol.is_local()) or top
        if symbol.is_declared_global() and symbol.is_assigned():
            made.add(name)
        if symbol.is_referenced() and outside and not name.startswith("."):
            (weak if called_later else strong).add(name)
    for child in table.get_children():
        function = child.get_type() == "function" and child.get_name() not in _COMPREHENSIONS
        _walk(child, strong, weak, made, called_later=called_later or function)


def _type_parameters(tree: ast.AST) -> set[str]:
    return {str(p.name) for node in ast.walk(tree) for p in getattr(node, "type_params", [])}


def _annotation_names(annotations: list[ast.expr], parameters: set[str]) -> tuple[set[str], set[str]]:
    evaluated, quoted = set[str](), set[str]()
    for annotation in annotations:
        for node in ast.walk(annotation):
            if isinstance(node, ast.Name):
                evaluated.add(node.id)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                quoted |= set(_quoted_names(node.value))
    return evaluated - parameters, quoted - parameters


def _quoted_names(text: str) -> Iterator[str]:
    try:
        expression = ast.parse(text, mode="eval")
    except SyntaxError:  # A string inside an annotation may be any text: Literal["two words"].
        return
    for node in ast.walk(expression):
        if isinstance(node, ast.Name):
            yield node.id
