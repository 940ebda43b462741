"""Which modules are the user's own, and so travel as files, with the packages they lie in.

A module is the user's own if its file lies neither with Python, nor among installed packages,
nor where an editable install points, unless that is the project being worked in.
"""

from __future__ import annotations

import ast
import functools
import inspect
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, ModuleType

from prefect_platform.flows.capture.project_files import select

_PACKAGES = {"site-packages", "dist-packages"}


class LocalModules:
    """The user's own modules, seen from a project folder."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._installed = installed_roots()
        self._roots: set[Path] = {project}
        self._packages: dict[Path, dict[str, Path]] = {}

    def file_of(self, module: ModuleType) -> Path | None:
        """Where this module lies, if it is the user's own."""
        name = getattr(module, "__file__", None)
        if not name or module.__name__.partition(".")[0] == "prefect_platform":
            return None
        file = Path(name).resolve()
        return file if file.is_file() and self.is_own(file) else None

    def is_own(self, file: Path) -> bool:
        if _PACKAGES & set(file.parts) or any(root in file.parents for root in python_roots()):
            return False
        return self._project in file.parents or not any(root in file.parents for root in self._installed)

    def travel(self, names: Iterable[str]) -> dict[str, Path]:
        """Files of these modules and of all they import, by their path in the bundle."""
        found: dict[str, Path] = {}
        waiting, seen = sorted(names), set[str]()
        while waiting:
            name = waiting.pop()
            if name in seen or not name:
                continue
            seen.add(name)
            file = self._file(name)
            if file is None:
                continue
            root = root_of(file, name)
            self._roots.add(root)
            found[file.relative_to(root).as_posix()] = file
            if file.parent != root:
                package = root / file.relative_to(root).parts[0]
                found |= self._data(package, root)
            waiting += [".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)]
            waiting += list(imports(file, name))
        return found

    def _data(self, package: Path, root: Path) -> dict[str, Path]:
        """What lies in a package and is no module, by the rules of the ignore files."""
        if package not in self._packages:
            files = select(package).files.values()
            self._packages[package] = {
                file.relative_to(root).as_posix(): file for file in files if file.suffix != ".py"
            }
        return self._packages[package]

    def edited(self, names: Iterable[str]) -> list[str]:
        """Own modules whose file says something else than what this process has loaded."""
        return sorted(
            name for name in names if (m := sys.modules.get(name)) and self.file_of(m) and is_edited(m)
        )

    def _file(self, name: str) -> Path | None:
        module = sys.modules.get(name)
        if module is not None:
            return self.file_of(module)
        # Not loaded here, such as an import inside a function: look where own modules lie.
        relative = Path(*name.split("."))
        for root in sorted(self._roots):
            for file in (root / relative / "__init__.py", root / relative.with_suffix(".py")):
                if file.is_file() and self.is_own(file.resolve()):
                    return file.resolve()
        return None


def root_of(file: Path, name: str) -> Path:
    """The folder from which this file was imported as the module `name`."""
    parts = [*name.split("."), "__init__"] if file.stem == "__init__" else name.split(".")
    if [*file.parts[-len(parts) : -1], file.stem] == parts:
        return file.parents[len(parts) - 1]
    return import_root(file)


def import_root(file: Path) -> Path:
    """The folder that must be importable for this file's module: above all its packages."""
    folder = file.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def module_name(file: Path) -> str:
    relative = file.relative_to(import_root(file)).with_suffix("")
    return ".".join(relative.parts).removesuffix(".__init__")


def imports(file: Path, name: str) -> Iterator[str]:
    """Every module that the source of `file` may import, submodules among them."""
    if file.suffix != ".py":
        return
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except SyntaxError:
        return  # It travels as it is; whoever imports it is told by Python, here as in the run.
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".") if package else []
            base = parts[: len(parts) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module.split(".") if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names if module)


def is_edited(module: ModuleType) -> bool:
    """Whether a function of the loaded module differs from the one in its file."""
    file = Path(str(module.__file__))
    if file.suffix != ".py":
        return False
    try:
        on_disk = dict(_codes(compile(file.read_bytes(), str(file), "exec")))
    except (OSError, SyntaxError, ValueError):
        return True
    for value in list(vars(module).values()):
        function = inspect.unwrap(getattr(value, "fn", value)) if callable(value) else None
        if not inspect.isfunction(function) or function.__module__ != module.__name__:
            continue
        code = on_disk.get(function.__qualname__)
        if code is None or _essence(code) != _essence(function.__code__):
            return "<" not in function.__qualname__
    return False


def _codes(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant.co_qualname, constant
            yield from _codes(constant)


def _essence(code: CodeType) -> tuple[object, ...]:
    constants = tuple(_essence(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts)
    return code.co_code, code.co_names, code.co_varnames, constants


@functools.cache
def python_roots() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    return tuple({Path(paths[key]).resolve() for key in ("stdlib", "platstdlib", "purelib", "platlib")})


@functools.cache
def installed_roots() -> tuple[Path, ...]:
    """Folders that editable installs have put on the path."""
    found: set[Path] = set()
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages()}:
        for file in sorted(Path(folder).glob("*.pth")):
            lines = (line.strip() for line in file.read_text(errors="replace").splitlines())
            found |= {Path(line).resolve() for line in lines if line.startswith("/") and Path(line).is_dir()}
    for finder in [m for n, m in list(sys.modules.items()) if n.startswith("__editable__")]:
        found |= {Path(place).resolve() for place in getattr(finder, "MAPPING", {}).values()}
    return tuple(sorted(found))
