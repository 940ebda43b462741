"""A flow of a file travels as that file and its project folder; a flow of an installed module as its name."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from prefect import Flow

from prefect_platform.errors import RegistrationError
from prefect_platform.flows.capture.captured import Captured, Entry
from prefect_platform.flows.capture.included import check_nothing, included
from prefect_platform.flows.capture.modules import LocalModules, import_root, module_name
from prefect_platform.flows.capture.project_files import (
    Selection,
    project_folder,
    select,
    whole_folder_may_travel,
    withheld,
)
from prefect_platform.flows.capture.source import file_name
from prefect_platform.wire.flows import CodeKind

_ENTRY = '''\
"""Entry of flow {flow}: the module {module}."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent{root}))

from {module} import {variable}
'''


def capture_file(flow: Flow[..., Any], module: ModuleType, include: Sequence[str] = ()) -> Captured:
    """Capture a flow that `module`, loaded from a file, holds; files that match `include` come with it.

    Raises:
        RegistrationError: no variable of the module holds it, or the folder is too large to ship.
    """
    file = Path(str(module.__file__)).resolve()
    variable = variable_of(flow, module)
    project = project_folder(file.parent)
    local = LocalModules(project or file.parent)
    if not local.is_own(file):
        check_nothing(include)
        return _module(module.__name__, variable, file)
    root = project or import_root(file)
    selection = _select(root, local, module, whole=project is not None or whole_folder_may_travel(root))
    main = file.relative_to(root).as_posix()
    selection.files.setdefault(main, file)
    selection.add(included(include, [(root, ""), (file.parent, main.rpartition("/")[0])], root))
    entries = [Entry.of_file(path, found) for path, found in selection.files.items()]
    entrypoint = f"{main}:{variable}"
    if import_root(file) != file.parent:
        entry = _entry(flow, file, root, variable, {Path(path).parts[0] for path in selection.files})
        entries.append(entry)
        entrypoint = f"{entry.path}:{variable}"
    entries.sort(key=lambda entry: entry.path)
    return Captured(CodeKind.FILES, entrypoint, str(file), tuple(entries), withheld(selection))


def variable_of(flow: Flow[..., Any], module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if value is flow]
    if not names:
        raise RegistrationError(
            f"The flow {flow.name!r} is in no variable of {module.__file__}, so it cannot be found again "
            "where it will run. Bind it at the top level of the file."
        )
    return flow.fn.__name__ if flow.fn.__name__ in names else min(names)


def load(target: str) -> tuple[Flow[..., Any], ModuleType]:
    """The flow that `path.py:flow` or `package.module:flow` names, and the module that holds it.

    Raises:
        RegistrationError: there is no such file, module or flow, or running it failed.
    """
    where, colon, variable = target.rpartition(":")
    if not colon or not where or not variable:
        raise RegistrationError(
            f"{target!r} names no flow: write `path/to/file.py:flow` or `package.module:flow`."
        )
    module = _load_file(Path(where)) if where.endswith(".py") else _load_module(where)
    value = getattr(module, variable, None)
    if isinstance(value, Flow):
        return value, module
    known = sorted(name for name, found in vars(module).items() if isinstance(found, Flow))
    has = (
        f"It has {', '.join(known)}." if known else "It has no flow at all; a flow is a function under @flow."
    )
    what = "is no flow" if value is not None else "does not exist"
    raise RegistrationError(f"`{variable}` {what} in {where}. {has}")


def _load_file(path: Path) -> ModuleType:
    import importlib.util

    file = path.resolve()
    if not file.is_file():
        raise RegistrationError(f"There is no file {path} in {Path.cwd()}.")
    name, root = module_name(file), str(import_root(file))
    loaded = sys.modules.get(name)
    if loaded is not None and Path(getattr(loaded, "__file__", None) or "/").resolve() == file:
        return loaded
    for folder in (root, str(Path.cwd())):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    if loaded is not None:  # Another module has this name: load under one that nobody uses.
        name = f"{name.replace('.', '_')}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise RegistrationError(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise RegistrationError(f"{path} could not be run: {_told(error, file)}") from error
    return module


def _load_module(name: str) -> ModuleType:
    import importlib

    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise RegistrationError(f"The module {name} could not be imported: {_told(error)}") from error


def _told(error: Exception, file: Path | None = None) -> str:
    """The error in one line, with the line of the file it came through."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if file is not None and trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    place = f" (line {line})" if line else ""
    return f"{type(error).__name__}: {error}{place}"


def _select(root: Path, local: LocalModules, module: ModuleType, *, whole: bool) -> Selection:
    if whole:
        return select(root)
    # A file in a home folder travels with the modules it imports, not with the home.
    return Selection(files=local.travel([module.__name__]))


def _entry(flow: Flow[..., Any], file: Path, root: Path, variable: str, taken: set[str]) -> Entry:
    """A file beside the project's own that imports a flow of a package, relative imports and all."""
    parts = import_root(file).relative_to(root).parts
    module = module_name(file)
    text = _ENTRY.format(
        flow=repr(flow.name),
        module=module,
        root="".join(f" / {part!r}" for part in parts),
        variable=variable,
    )
    name = file_name(flow.name, {part.removesuffix(".py") for part in taken} | {module.partition(".")[0]})
    return Entry.of_bytes(name, text.encode())


def _module(name: str, variable: str, file: Path) -> Captured:
    return Captured(
        CodeKind.MODULE,
        f"{name}:{variable}",
        str(file),
        notes=(
            f"`{name}` is installed, so only its name travels; it must be installed where the flow runs.",
        ),
    )
