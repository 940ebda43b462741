"""Code is found again in the cell that a person knows."""

from __future__ import annotations

import linecache
from pathlib import Path

from prefect_platform.flows.capture.cells import Cells, parse
from tests.notebook import Notebook


def test_a_cell_among_empty_lines_is_still_the_cell() -> None:
    """IPython names the file after the text as sent, keeps a shorter one and compiles a shorter one yet."""
    text, filename = "\n\nx = 1\n!ls\n", "/kernel/with-line-ends.py"
    compiled = "x = 1\nget_ipython().system('ls')\n"
    linecache.cache[filename] = (len(compiled), None, compiled.splitlines(keepends=True), filename)
    kept = parse("cell 4", "/kernel/without.py", compiled.rstrip("\n"), text.rstrip("\n"))
    assert kept is not None
    binding = Cells([kept]).definition(filename, 2)
    assert binding is not None
    assert binding.where == "cell 4, line 4", "as the person counts"
    assert binding.cell.typed_line(2) == "!ls"


def test_a_pickled_function_knows_nothing_of_its_kernel(tmp_path: Path) -> None:
    """Else every change of a flow would show its unchanged values as changed."""
    cells = (
        "from prefect import flow\nfrom functools import partial\nadd = partial(lambda a, b: a + b, 3)",
        "@flow\ndef etl():\n    return add(1)",
    )
    kernels = [Notebook(name).run(*cells).capture("etl", tmp_path / name) for name in ("one", "another")]
    digests = [{entry.path: entry.sha256 for entry in captured.entries} for captured in kernels]
    assert "values/add.pkl" in digests[0]
    assert digests[0] == digests[1]
