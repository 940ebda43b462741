"""Which modules a flow's file needs before it can be loaded."""

from __future__ import annotations

from pathlib import Path

from prefect_platform.launcher import code


def test_what_lies_beside_the_file_is_found(tmp_path: Path) -> None:
    """Prefect imports from the folder of the file, and from where the run works."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "flows.py").write_text("import helper, shared, numpy\n")
    (tmp_path / "jobs" / "helper.py").write_text("import pandas\n")
    (tmp_path / "shared.py").write_text("import scipy\n")
    assert code.imports("jobs/flows.py:etl", tmp_path) == ["numpy", "pandas", "scipy", "shared"]
