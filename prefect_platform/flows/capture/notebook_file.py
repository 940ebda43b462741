"""A notebook that is a flow itself: it travels with its project, and a run executes its cells in order.

What a cell tagged `parameters` assigns becomes the flow's parameters, as papermill has it. Outputs do not
travel, so a notebook that is run again is the same version.
"""

from __future__ import annotations

import ast
import importlib.util
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from prefect import Flow

from prefect_platform.errors import RegistrationError, foreign
from prefect_platform.flows.capture.captured import Captured, Entry
from prefect_platform.flows.capture.included import included
from prefect_platform.flows.capture.modules import LocalModules
from prefect_platform.flows.capture.project_files import (
    Selection,
    project_folder,
    select,
    whole_folder_may_travel,
    withheld,
)
from prefect_platform.flows.capture.source import file_name
from prefect_platform.wire.flows import CodeKind

ENDING = ".ipynb"
TAG = "parameters"
NEEDED = ("nbclient", "ipykernel")
_RUNNER = Path(__file__).with_name("notebook_runner.py")
_ENTRY = '''

from prefect import flow


@flow(name={name!r}, persist_result=True)
def {variable}({parameters}):
    """The notebook {file}, from its first cell to its last; the result is the notebook with its outputs."""
    return _run({file!r}, {after}, dict(locals()))
'''
_VARIABLE = "notebook"


@dataclass(frozen=True)
class NotebookFile:
    """A notebook on disk, as far as its flow is concerned."""

    path: Path
    content: dict[str, Any] = field(repr=False)

    @property
    def cells(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.content["cells"]
        return found

    def sources(self) -> Iterator[str]:
        """The text of each code cell, without what only IPython understands."""
        for cell in self.cells:
            if cell.get("cell_type") == "code":
                lines = _text(cell).splitlines()
                yield "\n".join("" if line.lstrip().startswith(("%", "!", "?")) else line for line in lines)

    def parameters(self) -> tuple[int, dict[str, object]]:
        """How many cells stand before what is given in a run, and the defaults of the parameters.

        Raises:
            RegistrationError: a default is no plain value.
        """
        for number, cell in enumerate(self.cells):
            if TAG in cell.get("metadata", {}).get("tags", []):
                return number + 1, dict(_assigned(_text(cell), self.path))
        return 0, {}


def load_notebook(target: str) -> tuple[Flow[..., Any], NotebookFile]:
    """The flow that runs a notebook, and the notebook.

    Raises:
        RegistrationError: there is no such file, it is no Python notebook, or nothing here could run it.
    """
    path = Path(target).resolve()
    notebook = NotebookFile(path, _read(path, target))
    module = ModuleType(_VARIABLE)
    module.__file__ = str(path)
    exec(compile(_entry(notebook), str(path), "exec"), vars(module))  # noqa: S102 - text of ours
    return vars(module)[_VARIABLE], notebook


def check_runnable(packages: Sequence[str]) -> None:
    """Raises RegistrationError where neither this interpreter nor `packages` has what runs a notebook."""
    added = {_project(line) for line in packages}
    lacking = [name for name in NEEDED if name not in added and importlib.util.find_spec(name) is None]
    if lacking:
        raise RegistrationError(
            f"A run of a notebook needs {' and '.join(lacking)}, which this interpreter does not have: "
            f"install it, or register with packages={lacking!r}."
        )


def capture_notebook(notebook: NotebookFile, include: Sequence[str] = ()) -> Captured:
    """The notebook without its outputs, its project, and what runs it.

    Raises:
        RegistrationError: the folder is too large to ship, or a pattern matches nothing.
    """
    folder = notebook.path.parent
    project = project_folder(folder)
    root = project or folder
    selection = _select(root, notebook, whole=project is not None or whole_folder_may_travel(root))
    main = notebook.path.relative_to(root).as_posix()
    selection.files.pop(main, None)
    selection.add(included(include, [(root, ""), (folder, main.rpartition("/")[0])], root))
    entries = [Entry.of_file(path, found) for path, found in selection.files.items()]
    taken = {Path(path).parts[0].removesuffix(".py") for path in selection.files}
    name = file_name(notebook.path.stem, taken | {module.partition(".")[0] for module in _imports(notebook)})
    entries += [
        Entry.of_bytes(main, _without_outputs(notebook)),
        Entry.of_bytes(name, _entry(notebook, main).encode()),
    ]
    entries.sort(key=lambda entry: entry.path)
    return Captured(
        CodeKind.FILES, f"{name}:{_VARIABLE}", str(notebook.path), tuple(entries), withheld(selection)
    )


def _read(path: Path, target: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
        cells, version = content["cells"], content["nbformat"]
    except FileNotFoundError:
        raise RegistrationError(f"There is no notebook {target} in {Path.cwd()}.") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RegistrationError(f"{target} is no notebook of format 4: {foreign(str(error))}") from None
    if version != 4 or not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise RegistrationError(f"{target} is no notebook of format 4: save it again in JupyterLab.")
    language = content.get("metadata", {}).get("kernelspec", {}).get("language", "python")
    if language != "python":
        raise RegistrationError(f"{target} is a notebook in {foreign(str(language))}: only Python runs here.")
    found: dict[str, Any] = content
    return found


def _select(root: Path, notebook: NotebookFile, *, whole: bool) -> Selection:
    if whole:
        return select(root)
    # A notebook in a home folder travels with the modules that its cells import, not with the home.
    return Selection(files=LocalModules(root).travel(_imports(notebook)))


def _imports(notebook: NotebookFile) -> set[str]:
    found: set[str] = set()
    for text in notebook.sources():
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue  # it travels as it is, and its run says what is wrong with it
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
    return found


def _assigned(text: str, path: Path) -> Iterator[tuple[str, object]]:
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise RegistrationError(f"The cell of parameters of {path.name} is no Python: {error}.") from None
    for node in body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name) and not target.id.startswith("_"):
                yield target.id, _plain(target.id, node.value, path)


def _plain(name: str, value: ast.expr, path: Path) -> object:
    try:
        found: object = ast.literal_eval(value)
        json.dumps(found)
    except (ValueError, TypeError, RecursionError):
        raise RegistrationError(
            f"The parameter {name} of {path.name} is `{foreign(ast.unparse(value))}`: a default is a number, "
            "text, list or dict as it stands; compute from it in a later cell."
        ) from None
    return found


def _entry(notebook: NotebookFile, file: str | None = None) -> str:
    """The module that holds the flow."""
    after, defaults = notebook.parameters()
    said = [f"{name}{_kind(value)} = {value!r}" for name, value in defaults.items()]
    text = _ENTRY.format(
        name=notebook.path.stem,
        variable=_VARIABLE,
        parameters=", ".join(["*", *said]) if said else "",
        file=file or notebook.path.name,
        after=after,
    )
    return _RUNNER.read_text(encoding="utf-8") + text


def _kind(value: object) -> str:
    return "" if value is None else f": {type(value).__name__}"


def _without_outputs(notebook: NotebookFile) -> bytes:
    cells = [
        {**cell, "outputs": [], "execution_count": None} if cell.get("cell_type") == "code" else cell
        for cell in notebook.cells
    ]
    for cell in cells:
        cell["metadata"] = {name: value for name, value in cell.get("metadata", {}).items() if name == "tags"}
    minor = notebook.content.get("nbformat_minor", 5)
    kept = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": minor}
    return (json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _text(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def _project(requirement: str) -> str:
    """`nbclient` of `nbclient>=0.10`; an option of the file as it is."""
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return requirement
