"""`Namespace`: the names of `__main__`, what they stand for, and where each was defined."""

from __future__ import annotations

import builtins
import sys
from functools import cached_property
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

from prefect import Flow, Task

from prefect_platform.flows.capture.cells import Cells

NOTEBOOK_NAMES = frozenset({"get_ipython", "In", "Out", "_ih", "_oh", "_dh", "exit", "quit"})
MODULE_NAMES = frozenset(
    {
        "__name__",
        "__file__",
        "__doc__",
        "__spec__",
        "__package__",
        "__builtins__",
        "__debug__",
        "__annotations__",
    }
)
_INJECTED = NOTEBOOK_NAMES | {"display", "__IPYTHON__"}


def code_like(value: object) -> bool:
    """Whether a value is code rather than data: it travels as the source that made it."""
    return isinstance(value, FunctionType | type | Flow | Task) or _typing_construct(value)


def _typing_construct(value: object) -> bool:
    """`int | None`, `list[int]`, a TypeVar, a NewType and the like."""
    kind = type(value)
    if isinstance(value, ModuleType | BuiltinFunctionType | MethodType | SimpleNamespace):
        return False
    return kind.__module__ in ("typing", "types", "typing_extensions")


class Namespace:
    def __init__(self, variables: dict[str, Any], cells: Cells) -> None:
        self.variables = variables
        self.cells = cells
        self.module = str(variables.get("__name__", "__main__"))

    def is_builtin(self, name: str) -> bool:
        """Whether Python itself provides the name where the flow will run."""
        real = hasattr(builtins, name) and name not in _INJECTED
        if not real or name not in self.variables:
            return real
        # IPython puts its own `open` into the namespace; nobody bound that in a cell.
        return not self.cells.bindings(name)

    def has(self, name: str) -> bool:
        return name in self.variables

    def home(self, value: object) -> str | None:
        """The dotted name under which generated source defines this object, if it does."""
        name = self._by_id.get(id(value))
        if name is not None:
            return name
        if not isinstance(value, FunctionType | type) or value.__module__ != self.module:
            return None
        path = value.__qualname__
        return path if self.resolve(path) is value else None

    def resolve(self, path: str) -> Any:
        """What a dotted name stands for here; None if nothing."""
        first, *rest = path.split(".")
        value = self.variables.get(first)
        for part in rest:
            value = getattr(value, part, None)
        return value

    @cached_property
    def _by_id(self) -> dict[int, str]:
        found: dict[int, str] = {}
        for name, value in self.variables.items():
            if not self._defined_here(value):
                continue
            own = getattr(value, "__name__", "") == name
            if own or id(value) not in found:
                found[id(value)] = name
        return found

    def _defined_here(self, value: object) -> bool:
        if isinstance(value, Flow | Task):
            return True
        return isinstance(value, FunctionType | type) and value.__module__ == self.module

    def names_of(self, value: object) -> list[str]:
        """Every name that stands for this very object, private ones last."""
        names = [n for n, v in self.variables.items() if v is value and not n.startswith("_")]
        return sorted(names)


def importable(module: str, path: str, value: object) -> bool:
    """Whether `from module import path` gives this very object."""
    found: Any = sys.modules.get(module)
    if found is None:
        return False
    for part in path.split("."):
        found = getattr(found, part, _MISSING)
    return found is value


_MISSING = object()
