"""A notebook in memory: cells that run in a namespace of their own, without a kernel."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect_platform.flows.capture.captured import Captured
from prefect_platform.flows.capture.cells import Cell, Cells, parse
from prefect_platform.flows.capture.notebook import capture_source


class Notebook:
    """`run` executes a cell as IPython would; `capture` is what `register` does with a flow of it."""

    def __init__(self, name: str = "nb", first: int = 1) -> None:
        self.variables: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
        self._cells: list[Cell] = []
        self._name = name
        self._number = first

    def run(self, *texts: str) -> Notebook:
        for text in texts:
            filename = f"/kernel/{self._name}-{id(self)}/{self._number}.py"
            linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
            cell = parse(f"cell {self._number}", filename, text)
            assert cell is not None
            self._cells.append(cell)
            self._number += 1
            exec(compile(text, filename, "exec"), self.variables)
        return self

    def capture(self, flow: str, directory: Path, include: Sequence[str] = ()) -> Captured:
        ran = Cells(self._cells)
        return capture_source(
            self.variables[flow], self.variables, "nb.ipynb", directory, ran, include=include
        )


def unpacked(captured: Captured, folder: Path) -> Path:
    """The captured files, as a bundle would put them into `folder`."""
    for entry in captured.entries:
        place = folder / entry.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(entry.content if isinstance(entry.content, bytes) else entry.content.read_bytes())
    return folder


def source_of(captured: Captured) -> str:
    """The generated module."""
    main = captured.entrypoint.partition(":")[0]
    content = next(entry.content for entry in captured.entries if entry.path == main)
    assert isinstance(content, bytes)
    return content.decode()
