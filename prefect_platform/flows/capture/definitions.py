"""How a name of the namespace is defined elsewhere: import, statement as typed, expression or pickle."""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from prefect import Flow, Task

from prefect_platform.errors import RegistrationError
from prefect_platform.flows.capture.cells import Binding
from prefect_platform.flows.capture.dispatch import implementations
from prefect_platform.flows.capture.expressions import Expression, express
from prefect_platform.flows.capture.names import Used, used
from prefect_platform.flows.capture.namespace import NOTEBOOK_NAMES, Namespace, code_like, importable
from prefect_platform.flows.capture.values import Pickled, pickle_value

_CO_FUTURE_ANNOTATIONS = 0x1000000
_NOTHING = Used(frozenset(), frozenset(), frozenset(), frozenset())
_HOOKS = (
    "on_completion_hooks",
    "on_failure_hooks",
    "on_cancellation_hooks",
    "on_crashed_hooks",
    "on_running_hooks",
)


class Kind(Enum):
    IMPORT = "import"
    STATEMENT = "statement"
    VALUE = "value"


@dataclass(frozen=True)
class User:
    """Who uses a name, for messages."""

    name: str
    where: str

    def __str__(self) -> str:
        return f"`{self.name}` ({self.where})"


@dataclass(frozen=True)
class Definition:
    """What the generated module says for one name or, where one statement binds several, for all of them."""

    names: tuple[str, ...]
    kind: Kind
    text: str
    where: str
    used: Used = _NOTHING
    modules: frozenset[str] = frozenset()
    """Modules it needs, so that local ones travel too."""
    helpers: frozenset[str] = frozenset()
    """Modules that it imports under a private alias."""
    pickled: Pickled | None = None
    postponed: bool = False
    """Whether it was compiled under `from __future__ import annotations`."""
    attached: frozenset[str] = frozenset()
    """Names that hang on it without being named in it: hooks added by decorator."""


class Definer:
    """Finds the definition of one name after the other."""

    def __init__(self, namespace: Namespace, values: Path) -> None:
        self._space = namespace
        self._values = values
        self._first_name: dict[int, str] = {}

    def define(self, name: str, user: User) -> Definition:
        """The definition of `name`, which `user` uses.

        Raises:
            RegistrationError: it has none that could go elsewhere.
            CannotTravel: it is, or holds, an object that cannot go elsewhere.
        """
        if name in NOTEBOOK_NAMES:
            raise self._belongs_to_notebook(name, user)
        if name == "display" and not self._space.has(name):
            return Definition((name,), Kind.IMPORT, "from IPython.display import display", "IPython")
        value = self._space.variables[name]
        imported = self._imported(name, value)
        if imported is not None:
            return imported
        if code_like(value) or self._bound_by_definition(name):
            return self._code(name, value, user)
        return self._data(name, value, user)

    def _bound_by_definition(self, name: str) -> bool:
        """Whether `def`, `class` or `type` bound it last: decorators may return anything."""
        bindings = self._space.cells.bindings(name)
        kinds = ("FunctionDef", "AsyncFunctionDef", "ClassDef", "TypeAlias")
        return bool(bindings) and type(bindings[0].statement).__name__ in kinds

    def knows(self, name: str) -> bool:
        return self._space.has(name) or name in NOTEBOOK_NAMES or name == "display"

    def undefined(self, name: str, user: User) -> RegistrationError:
        return RegistrationError(
            f"`{name}` is used by {user} but is not defined. Run the cell that defines it, then register "
            "again."
        )

    def _belongs_to_notebook(self, name: str, user: User) -> RegistrationError:
        return RegistrationError(
            f"{user} uses `{name}`, which only a notebook has. "
            "Take magics (% and !) and get_ipython out of code that the flow calls; subprocess.run "
            "replaces `!`."
        )

    def _imported(self, name: str, value: object) -> Definition | None:
        for binding in self._space.cells.bindings(name) + self._space.cells.star_imports():
            found = self._by_statement(name, value, binding)
            if found is not None:
                return found
            if name in _real_names(binding.statement):
                break  # The last statement that binds it is no import.
        if isinstance(value, ModuleType):
            return _import(name, f"import {value.__name__} as {name}", value.__name__, "imported")
        module = str(getattr(value, "__module__", None) or "")
        path = str(getattr(value, "__qualname__", ""))
        if module in ("", self._space.module) or not path or not importable(module, path, value):
            return None
        if "." in path:
            return None
        return _import(name, _from(module, path, name), module, "imported")

    def _by_statement(self, name: str, value: object, binding: Binding) -> Definition | None:
        statement = binding.statement
        if isinstance(statement, ast.Import) and isinstance(value, ModuleType):
            lines, modules = self._import_lines(name, value)
            return Definition((name,), Kind.IMPORT, lines, binding.where, modules=modules) if lines else None
        if not isinstance(statement, ast.ImportFrom):
            return None
        module = _absolute(statement, str(self._space.variables.get("__package__") or ""))
        for alias in statement.names:
            path = name if alias.name == "*" else alias.name
            if (alias.asname or path) != name:
                continue
            if importable(module, path, value):
                return _import(name, _from(module, path, name), module, binding.where, f"{module}.{path}")
        return None

    def _import_lines(self, name: str, value: ModuleType) -> tuple[str, frozenset[str]]:
        """Every `import a.b` that binds `a`, since `a.b` is used through `a`."""
        lines, modules = set[str](), set[str]()
        for binding in self._space.cells.bindings(name):
            for alias in binding.statement.names if isinstance(binding.statement, ast.Import) else ():
                bound_name = alias.asname or alias.name.partition(".")[0]
                root = sys.modules.get(alias.name if alias.asname else bound_name)
                if bound_name == name and root is value and alias.name in sys.modules:
                    lines.add(f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else ""))
                    modules.add(alias.name)
        return "\n".join(sorted(lines)), frozenset(modules)

    def _code(self, name: str, value: Any, user: User) -> Definition:
        binding = self._definition_of(name, value)
        if binding is None:
            return self._alias(name, value, user)
        text = "\n\n\n".join([binding.text, *implementations(name, value, self._space)])
        function = _function(value)
        code = function.__code__ if function is not None else _class_code(value)
        if code is not None:
            postponed = bool(code.co_flags & _CO_FUTURE_ANNOTATIONS)
        else:
            postponed = self._space.cells.postponed(binding.cell)
        names = tuple(_real_names(binding.statement)) or (name,)
        self._refuse_magic(names[0], binding)
        return Definition(
            names=names if name in names else (name, *names),
            kind=Kind.STATEMENT,
            text=text,
            where=binding.where,
            used=used(text, postponed=postponed),
            postponed=postponed,
            attached=self._hooks(value),
        )

    def _definition_of(self, name: str, value: Any) -> Binding | None:
        """The statement that made this object, found by its code where it has code of its own."""
        bindings = self._space.cells.bindings(name)
        last = bindings[0] if bindings else None
        function = _function(value)
        code = function.__code__ if function is not None else _class_code(value)
        if code is not None and getattr(function, "__module__", self._space.module) == self._space.module:
            made = self._space.cells.definition(code.co_filename, code.co_firstlineno)
            if made is not None and name in _real_names(made.statement):
                return made
            if last is None or isinstance(last.statement, ast.Import | ast.ImportFrom):
                return None
        return last

    def _alias(self, name: str, value: Any, user: User) -> Definition:
        home = self._space.home(value)
        if home is not None and home != name:
            needed = Used(frozenset({home.partition(".")[0]}), frozenset(), frozenset(), frozenset())
            return Definition((name,), Kind.VALUE, f"{name} = {home}", "alias", needed)
        raise RegistrationError(
            f"The source of `{name}`, which {user} uses, is not known: Python keeps none for code that "
            "was made by "
            "exec, or typed into a cell that begins with a magic such as %%time. Define it in a plain cell."
        )

    def _refuse_magic(self, name: str, binding: Binding) -> None:
        for node in ast.walk(binding.statement):
            if isinstance(node, ast.Name) and node.id == "get_ipython":
                typed = binding.cell.typed_line(node.lineno)
                raise RegistrationError(
                    f"`{name}` uses a notebook magic at {binding.cell.where(node.lineno)}: `{typed}`. "
                    "Magics work in a notebook only; use Python, such as subprocess.run for `!`."
                )

    def _hooks(self, value: object) -> frozenset[str]:
        if not isinstance(value, Flow | Task):
            return frozenset()
        hooks = [hook for attribute in _HOOKS for hook in getattr(value, attribute, None) or ()]
        names = (self._space.home(hook) for hook in hooks)
        return frozenset(name.partition(".")[0] for name in names if name)

    def _data(self, name: str, value: object, user: User) -> Definition:
        bindings = self._space.cells.bindings(name)
        where = bindings[0].where if bindings else "defined outside the cells"
        first = self._first_name.setdefault(id(value), name)
        if first != name and not isinstance(
            value, str | bytes | int | float | complex | tuple | frozenset | None
        ):
            needed = Used(frozenset({first}), frozenset(), frozenset(), frozenset())
            return Definition((name,), Kind.VALUE, f"{name} = {first}", where, needed)
        found = express(value, self._space)
        if found is not None:
            return self._expressed(name, found, where)
        used_by = f"It is defined in {where}, and {user} uses it."
        pickled = pickle_value(name, value, self._space, self._values, used_by)
        needed = Used(frozenset(pickled.references - {name}), frozenset(), frozenset(), frozenset())
        modules = frozenset(pickled.modules)
        return Definition(
            (name,), Kind.VALUE, f'{name} = _value("{name}")', where, needed, modules, pickled=pickled
        )

    def _expressed(self, name: str, found: Expression, where: str) -> Definition:
        modules = frozenset(found.modules)
        needed = Used(frozenset(found.references - {name}), frozenset(), frozenset(), frozenset())
        text = f"{name} = {found.text}"
        return Definition((name,), Kind.VALUE, text, where, needed, modules, helpers=modules)


def _real_names(statement: ast.stmt) -> list[str]:
    from prefect_platform.flows.capture.cells import bound

    return list(dict.fromkeys(bound(statement)))


def _import(name: str, text: str, module: str, where: str, *more: str) -> Definition:
    return Definition((name,), Kind.IMPORT, text, where, modules=frozenset({module, *more}))


def _from(module: str, path: str, name: str) -> str:
    return f"from {module} import {path}" + ("" if path == name else f" as {name}")


def _absolute(statement: ast.ImportFrom, package: str) -> str:
    if not statement.level:
        return statement.module or ""
    parts = package.split(".")[: len(package.split(".")) - statement.level + 1]
    return ".".join([*parts, *([statement.module] if statement.module else [])])


def _function(value: Any) -> FunctionType | None:
    """The function under a flow, a task or decorators."""
    if isinstance(value, Flow | Task):
        value = value.fn
    value = inspect.unwrap(value) if callable(value) and not isinstance(value, type) else value
    return value if isinstance(value, FunctionType) else None


def _class_code(value: Any) -> CodeType | None:
    """Code of a method that stands in the class's own body."""
    if not isinstance(value, type):
        return None
    for item in vars(value).values():
        function = _function(getattr(item, "fget", None) or getattr(item, "__func__", item))
        if function is None or function.__code__.co_filename.startswith("<"):
            continue
        if function.__qualname__ == f"{value.__qualname__}.{function.__name__}":
            return function.__code__
    return None
