"""What ran in `__main__`: the cells of a notebook, or the one script. Knows which statement binds a name.

The text of a cell is the text that Python compiled, so line numbers of code objects fit.
"""

from __future__ import annotations

import ast
import linecache
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_COMPOUND = (ast.If, ast.Try, ast.With, ast.AsyncWith, ast.For, ast.AsyncFor, ast.While)


@dataclass(frozen=True)
class Cell:
    """One piece of source that ran in the namespace."""

    label: str
    """What people call it: `cell 4`, or the name of the script."""
    filename: str
    """What its code objects carry as `co_filename`."""
    text: str
    typed: str
    """As the person typed it, magics included."""
    tree: ast.Module = field(compare=False)

    def where(self, line: int) -> str:
        return f"{self.label}, line {line + self._shift}"

    def typed_line(self, line: int) -> str:
        lines, line = self.typed.splitlines(), line + self._shift
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""

    @property
    def _shift(self) -> int:
        """Empty lines at the beginning of what was typed, which IPython does not compile."""
        before = [len(text) - len(text.lstrip("\n")) for text in (self.typed, self.text)]
        return before[0] - before[1]


@dataclass(frozen=True)
class Binding:
    """A statement at module level that gives a name its value."""

    cell: Cell
    statement: ast.stmt

    @property
    def line(self) -> int:
        decorators = getattr(self.statement, "decorator_list", [])
        return int(min([self.statement.lineno, *(d.lineno for d in decorators)]))

    @property
    def where(self) -> str:
        return self.cell.where(self.line)

    @property
    def text(self) -> str:
        """The statement exactly as typed, decorators included."""
        if not isinstance(self.statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return ast.get_source_segment(self.cell.text, self.statement) or ast.unparse(self.statement)
        lines = self.cell.text.splitlines()[self.line - 1 : self.statement.end_lineno]
        text = "\n".join(lines)
        # Indented code keeps its lines: dedenting would change the strings in it.
        return f"if True:\n{text}" if self.statement.col_offset else text


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement at module level, those inside `if`, `try`, `with` and loops included."""
    for statement in body:
        yield statement
        if isinstance(statement, _COMPOUND):
            for part in ("body", "orelse", "finalbody"):
                yield from statements(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                yield from statements(handler.body)


def bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement itself binds."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Import() | ast.ImportFrom():
            for alias in statement.names:
                yield alias.asname or alias.name.partition(".")[0]
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.Expr() | ast.Delete():
            yield from _stored(statement)
        case ast.For() | ast.AsyncFor():
            yield from _stored(statement.target)
        case ast.With() | ast.AsyncWith():
            for item in statement.items:
                yield from _stored(item)
        case _ if type(statement).__name__ == "TypeAlias":
            yield statement.name.id  # type: ignore[attr-defined]


def _stored(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id


class Cells:
    """The cells in the order in which they ran."""

    def __init__(self, cells: list[Cell]) -> None:
        self._by_file = {cell.filename: cell for cell in cells}
        self._bindings: dict[str, list[Binding]] = {}
        self._expressions: list[Binding] = []
        for cell in cells:
            for statement in statements(cell.tree.body):
                if isinstance(statement, ast.Expr):
                    self._expressions.append(Binding(cell, statement))
                for name in bound(statement):
                    self._bindings.setdefault(name, []).append(Binding(cell, statement))

    def bindings(self, name: str) -> list[Binding]:
        """The statements that bind `name`, last one first."""
        return self._bindings.get(name, [])[::-1]

    def expressions(self) -> list[Binding]:
        """The statements that bind nothing and only call, in the order in which they ran."""
        return self._expressions

    def postponed(self, cell: Cell) -> bool:
        """Whether this cell ran under `from __future__ import annotations`, its own or an earlier cell's:
        IPython keeps the switch on."""
        places = {filename: place for place, filename in enumerate(self._by_file)}
        switched = [
            b.cell for b in self.bindings("annotations") if getattr(b.statement, "module", "") == "__future__"
        ]
        return any(places[found.filename] <= places[cell.filename] for found in switched)

    def star_imports(self) -> list[Binding]:
        return self.bindings("*")

    def cell(self, filename: str) -> Cell | None:
        """The cell whose code objects carry this file name."""
        if filename not in self._by_file:
            text = "".join(linecache.getlines(filename))
            cell = self._ran(text) or parse(os.path.basename(filename), filename, text)  # noqa: PTH119 - not always a path
            if cell is None or not cell.text:
                return None
            self._by_file[filename] = cell
        return self._by_file[filename]

    def _ran(self, text: str) -> Cell | None:
        """The cell of this text: IPython's history drops line ends that the file name knows."""
        text = text.rstrip("\n")
        return next(
            (c for c in reversed(self._by_file.values()) if text and c.text.rstrip("\n") == text), None
        )

    def definition(self, filename: str, line: int) -> Binding | None:
        """The module-level statement that holds this line of this source."""
        cell = self.cell(filename)
        found = None
        for statement in statements(cell.tree.body) if cell else ():
            binding = Binding(cell, statement)  # type: ignore[arg-type]  # cell is not None in the loop
            if binding.line <= line <= (statement.end_lineno or line):
                found = binding
        return found


def parse(label: str, filename: str, text: str, typed: str = "") -> Cell | None:
    """A cell, or nothing where the text is not Python (a cell that failed to compile)."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    return Cell(label, filename, text, typed or text, tree)


def of_main(namespace: dict[str, Any]) -> Cells:
    """What has run in this namespace: IPython's history, or the script that Python was started with."""
    shell = _shell()
    if shell is not None and shell.user_ns is namespace:
        return Cells(list(_history(shell)))
    filename = str(namespace.get("__file__", ""))
    text = "".join(linecache.getlines(filename)) if filename else ""
    cell = parse(os.path.basename(filename), filename, text) if text else None  # noqa: PTH119
    return Cells([cell] if cell else [])


def in_notebook(namespace: dict[str, Any]) -> bool:
    shell = _shell()
    return shell is not None and shell.user_ns is namespace


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _history(shell: Any) -> Iterator[Cell]:
    history = shell.history_manager
    pairs = zip(history.input_hist_parsed, history.input_hist_raw, strict=False)
    for number, (text, typed) in enumerate(pairs):
        if not text:
            continue
        filename = shell.compile.get_code_name(typed, text, number)
        cell = parse(f"cell {number}", filename, text, typed)
        if cell is not None:
            yield cell
