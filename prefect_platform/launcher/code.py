"""The promise of the code: every file that was registered is here, and everything it imports can be found."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from prefect_platform.launcher.interpreter import Interpreter
from prefect_platform.launcher.promises import Promises

PULLED = "Prefect's pull steps fetch it once the engine runs: nobody can check before what it will be"
"""What is known of code in a storage of Prefect's."""


def imports(entrypoint: str, place: Path) -> list[str]:
    """Modules that the flow's file imports whenever it is loaded, and those of the files beside it that it
    imports so, by the name of their root. A file that is no Python is left to the engine to complain of."""
    path = entrypoint.rpartition(":")[0]
    if not path.endswith(".py"):
        return [path]
    found: set[str] = set()
    beside = (place / path).parent  # Prefect imports from there too
    waiting, seen = [place / path], set[Path]()
    while waiting:
        file = waiting.pop()
        if file not in seen and file.is_file():
            seen.add(file)
            for name in _roots(file):
                if not _is_module(beside, name):
                    found.add(name)
                for folder in (beside, place):
                    waiting += [folder / f"{name}.py", folder / name / "__init__.py"]
    return sorted(found)


def _is_module(folder: Path, name: str) -> bool:
    return (folder / name).is_dir() or (folder / f"{name}.py").is_file()


def _roots(file: Path) -> Iterator[str]:
    """What the top of a module imports, come what may: not in a function, not under `if` or `try`."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):  # the last two: nested too deep
        return
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def judge(promises: Promises, what: str, interpreter: Interpreter) -> None:
    """Keep or break the promise. `what` says what was fetched."""
    if not interpreter.missing:
        promises.keep("code", f"{what}; everything it imports is found.")
        return
    missing = ", ".join(interpreter.missing)
    promises.break_(
        "code",
        f"{what}, but {interpreter.executable} does not find what it imports: {missing}.",
        [f"module {name}: not found" for name in interpreter.missing],
    )
