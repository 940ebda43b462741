"""Code is found again in the cell that a person knows."""

from __future__ import annotations

import linecache

from prefect_platform.flows.capture.cells import Cells, parse


def test_a_cell_that_ends_in_empty_lines_is_still_the_cell() -> None:
    """IPython names the file after the text as sent, and keeps a shorter text."""
    text, filename = "x = 1\n!ls\n", "/kernel/with-line-ends.py"
    compiled = "x = 1\nget_ipython().system('ls')\n"
    linecache.cache[filename] = (len(compiled), None, compiled.splitlines(keepends=True), filename)
    kept = parse("cell 4", "/kernel/without.py", compiled.rstrip("\n"), text.rstrip("\n"))
    assert kept is not None
    binding = Cells([kept]).definition(filename, 2)
    assert binding is not None
    assert binding.where == "cell 4, line 2"
    assert binding.cell.typed_line(2) == "!ls"
