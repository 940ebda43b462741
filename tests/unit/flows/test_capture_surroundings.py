"""What lies beside a notebook: packages travel with their data files; other files are named, not taken."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_platform.flows.capture.captured import Captured
from tests.notebook import Notebook

FLOW = "from prefect import flow, task\n"


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a notebook, first on the path as in a kernel."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        del sys.modules[name]


def captured(folder: Path, *cells: str) -> Captured:
    return Notebook(folder.parent.name).run(FLOW, *cells).capture("etl", folder.parent / "out")


def paths(found: Captured) -> set[str]:
    return {entry.path for entry in found.entries}


def test_a_package_travels_with_its_data_files(beside: Path) -> None:
    package = beside / "surround_pkg"
    (package / "sub").mkdir(parents=True)
    (package / "__init__.py").write_text("from .core import f")
    (package / "core.py").write_text("def f():\n    return 1")
    (package / "unused.py").write_text("x = 1")
    (package / "sub" / "rates.csv").write_text("a,b")
    (package / ".env").write_text("SECRET=1")
    (package / ".platformignore").write_text("*.big")
    (package / "dump.big").write_text("much")
    found = captured(beside, "import surround_pkg", "@flow\ndef etl():\n    return surround_pkg.f()")
    assert paths(found) == {
        "etl.py",
        "surround_pkg/__init__.py",
        "surround_pkg/core.py",
        "surround_pkg/sub/rates.csv",
        "surround_pkg/.platformignore",
    }


def test_a_module_is_where_it_was_imported_from(beside: Path) -> None:
    """A stray `__init__.py` beside the notebook makes no package of the modules there."""
    (beside / "__init__.py").write_text("")
    (beside / "surround_mod.py").write_text("def f():\n    return 1")
    found = captured(beside, "import surround_mod", "@flow\ndef etl():\n    return surround_mod.f()")
    assert paths(found) == {"etl.py", "surround_mod.py"}


def test_a_file_that_stays_is_named(beside: Path) -> None:
    (beside / "data.csv").write_text("a")
    (beside / "other.csv").write_text("a")
    cells = (
        "PLACE = 'data.csv'",
        '@flow\ndef etl():\n    """Reads."""\n    return open(PLACE).read() + \'no.csv\'',
    )
    [note] = captured(beside, *cells).notes
    place = str(beside / "data.csv")
    assert note == (
        f"`PLACE` names the file 'data.csv', which does not travel: a run finds it as {place!r}, or takes it "
        "along with include=['data.csv']."
    )


def test_a_file_that_may_not_travel_is_not_offered(beside: Path) -> None:
    (beside / "server.key").write_text("a")
    [note] = captured(beside, "PLACE = 'server.key'", "@flow\ndef etl():\n    return open(PLACE)").notes
    assert "include=" not in note
    assert "holds credentials" in note
