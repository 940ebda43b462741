"""Runs the cells of a notebook in order, prints what they print at once, and raises where one fails."""

# This file travels with the notebook, so it uses nothing of the platform that registered it.
import importlib
import re
import sys
from pathlib import Path
from typing import Any, TextIO

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class NotebookFailed(Exception):
    """A cell raised."""


def _run(file: str, after: int, parameters: dict[str, Any]) -> dict[str, Any]:
    """The notebook with its outputs, once every cell has run.

    Parameters are set in a cell of their own after the first `after` cells.
    """
    nbformat = importlib.import_module("nbformat")  # without types
    from nbclient.exceptions import CellExecutionError

    path = Path(__file__).parent / file
    notebook = nbformat.read(path, as_version=4)
    if parameters:
        lines = [f"{name} = {value!r}" for name, value in parameters.items()]
        notebook.cells.insert(after, nbformat.v4.new_code_cell("\n".join(["# Parameters", *lines])))
    failed: list[int] = []
    client = _client(notebook, path.parent, failed)
    try:
        client.execute()
    except CellExecutionError as error:
        _write(sys.stderr, _COLOURS.sub("", error.traceback) + "\n")
        before = failed[-1] if failed else 0
        number = before + 1 if not parameters or before < after else before  # as people see them
        raise NotebookFailed(f"{file}, cell {number}: {error.ename}: {error.evalue}") from None
    found: dict[str, Any] = notebook
    return found


def _client(notebook: Any, folder: Path, failed: list[int]) -> Any:
    """What executes the notebook in its own folder and prints output when it comes."""
    from nbclient import NotebookClient

    class Printing(NotebookClient):
        def output(
            self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int
        ) -> Any:
            _print(msg["msg_type"], msg["content"])
            return super().output(outs, msg, display_id, cell_index)

    def note(cell_index: int, **_: Any) -> None:
        failed.append(cell_index)

    return Printing(
        notebook,
        kernel_name="python3",  # the kernel of this very interpreter
        timeout=None,
        resources={"metadata": {"path": str(folder)}},
        on_cell_error=note,
    )


def _print(kind: str, content: dict[str, Any]) -> None:
    if kind == "stream":
        _write(sys.stderr if content["name"] == "stderr" else sys.stdout, content["text"])
    elif kind in ("execute_result", "display_data"):
        _write(sys.stdout, content["data"].get("text/plain", "") + "\n")


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()
