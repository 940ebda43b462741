"""The promise of the code: what the flow imports whenever it is loaded is found, or is named."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from prefect_platform.launcher import code
from prefect_platform.launcher.interpreter import Interpreter
from prefect_platform.launcher.promises import Promises
from prefect_platform.launcher.report import Promise


def judged(*missing: str) -> Promise:
    told: list[Promise] = []

    def tell(promises: Iterable[Promise]) -> None:
        told.extend(promises)

    promises = Promises(tell)
    found = Interpreter("/opt/python", "3.11.7", "CPython", [], list(missing), [])
    code.judge(promises, "2 files from 1 KB", found)
    promises.tell()
    return next(one for one in told if one.name == "code")


def test_only_what_is_imported_come_what_may_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(
        "import os, pandas.api as api\nfrom polars.io import read\n"
        "from . import beside\nfrom .other import x\n"
        "if os.environ:\n    import maybe\ntry:\n    import fast\nexcept ImportError:\n    fast = None\n"
        "def later():\n    import late\nimport pandas\n"
    )
    assert code.imports("flow.py:etl", tmp_path) == ["os", "pandas", "polars"]


def test_files_beside_the_flow_are_followed(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "package").mkdir()
    (tmp_path / "sub" / "flow.py").write_text("import helper, package.inside\n")
    (tmp_path / "helper.py").write_text("import sub_of_helper\nimport helper\nimport package\n")
    (tmp_path / "package" / "__init__.py").write_text("import sub_of_package\n")
    (tmp_path / "package" / "inside.py").write_text("import not_looked_at\n")
    found = code.imports("sub/flow.py:etl", tmp_path)
    assert found == ["helper", "package", "sub_of_helper", "sub_of_package"]


@pytest.mark.parametrize(
    "text", [b"import (", b"\x00", b"\xff\xfe", b"x = " + b"(" * 300, b"-" * 200_000 + b"1", b""]
)
def test_a_file_that_is_no_python_is_the_engines_to_complain_of(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "flow.py").write_bytes(text)
    assert code.imports("flow.py:etl", tmp_path) == []


def test_a_flow_that_is_not_there_imports_nothing(tmp_path: Path) -> None:
    assert code.imports("flow.py:etl", tmp_path) == []


def test_an_installed_flow_is_its_module(tmp_path: Path) -> None:
    assert code.imports("package.flows:etl", tmp_path) == ["package.flows"]


def test_the_promise_is_kept_or_names_every_module() -> None:
    kept = judged()
    assert (kept.kept, kept.summary) == (True, "2 files from 1 KB; everything it imports is found.")
    broken = judged("pandas", "polars")
    assert not broken.kept
    assert "/opt/python does not find what it imports: pandas, polars" in broken.summary
    assert list(broken.differences) == ["module pandas: not found", "module polars: not found"]


def test_what_lies_beside_the_file_is_found(tmp_path: Path) -> None:
    """Prefect imports from the folder of the file, and from where the run works."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "flows.py").write_text("import helper, shared, numpy\n")
    (tmp_path / "jobs" / "helper.py").write_text("import pandas\n")
    (tmp_path / "shared.py").write_text("import scipy\n")
    assert code.imports("jobs/flows.py:etl", tmp_path) == ["numpy", "pandas", "scipy", "shared"]
