"""The one door to capturing: looks where a flow lives and picks how it travels."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from prefect import Flow

from prefect_platform.errors import RegistrationError
from prefect_platform.flows.capture.captured import Captured
from prefect_platform.flows.capture.cells import in_notebook
from prefect_platform.flows.capture.files import capture_file
from prefect_platform.flows.capture.notebook import capture_source
from prefect_platform.flows.capture.notebook_file import NotebookFile, capture_notebook
from prefect_platform.flows.capture.stored import Wish, capture_stored
from prefect_platform.flows.settings import notebook_path


def capture(
    flow: Flow[..., Any],
    module: ModuleType | NotebookFile | None,
    directory: Path,
    wish: Wish | None = None,
) -> Captured:
    """The code of a flow. `module` is given when a path or module name asked for the flow, and for a notebook
    that is one.

    Raises:
        RegistrationError: it cannot travel as it is; the message says why and what to do.
    """
    wish = wish or Wish()
    if getattr(flow, "_storage", None) is not None:
        return capture_stored(flow, directory, wish)
    if wish.secret is not None:
        raise RegistrationError("source_secret opens a git repository, and this flow comes from none.")
    if isinstance(module, NotebookFile):
        return capture_notebook(module, wish.include)
    module = module or _home(flow)
    if module is not None and module.__name__ != "__main__":
        return capture_file(flow, module, wish.include)
    variables = _namespace(flow)
    return capture_source(flow, variables, _origin(variables), directory, include=wish.include)


def _home(flow: Flow[..., Any]) -> ModuleType | None:
    """The imported module that holds this very object."""
    module = sys.modules.get(flow.fn.__module__)
    if module is None or getattr(module, "__file__", None) is None:
        return None
    return module if any(value is flow for value in vars(module).values()) else None


def _namespace(flow: Flow[..., Any]) -> dict[str, Any]:
    """`__main__`, or the namespace of the function where that is another one."""
    main = vars(sys.modules["__main__"])
    if any(value is flow for value in main.values()):
        return main
    own: dict[str, Any] = getattr(flow.fn, "__globals__", main)
    return own if own.get("__name__") == "__main__" else main


def _origin(variables: dict[str, Any]) -> str:
    if in_notebook(variables):
        path = variables.get("__vsc_ipynb_file__") or notebook_path()
        return str(path) if path else f"a notebook in {Path.cwd()}"
    file = variables.get("__file__")
    return str(Path(file).resolve()) if file else f"a session in {Path.cwd()}"
