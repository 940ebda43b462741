# ruff: noqa: E501 - a cell reads best as one string
"""Registration from a real kernel: what a person types, where errors point, and what a run then shows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel import Kernel, kernel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CAPTURE = """
import pathlib, tempfile
from prefect_platform.flows.capture.flow import capture

def captured(flow):
    return capture(flow, None, pathlib.Path(tempfile.mkdtemp()))
"""

CELLS = [
    "from dataclasses import dataclass\nimport enum, re\nimport numpy as np\nimport pandas as pd\nfrom prefect import flow, task\nimport helper",
    "class Color(enum.Enum):\n    RED = 1\n\n@dataclass\nclass Setup:\n    words: set\n    color: Color = Color.RED\n    table: object = None",
    (
        "WORDS = {'alpha', 'beta', 'gamma', 'delta'}\nSETUP = Setup(WORDS | {'more'}, table={'k': frozenset('xyz')})\n"
        "FRAME = pd.DataFrame({'a': [1.5, 2.5], 'b': ['x', 'y']})\nARRAY = np.arange(12).reshape(3, 4).T\n"
        "TABLE = {'inc': lambda x: x + len(WORDS), 'rx': [re.compile('a')]}"
    ),
    "@task(retries=2)\ndef scale(x):\n    return x * helper.FACTOR + TABLE['inc'](x)",
    "@flow\ndef etl(x: int = 1):\n    assert SETUP and FRAME is not None and ARRAY is not None\n    return scale.fn(x)",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text("FACTOR = 3\n\ndef late():\n    import lazily\n    return lazily\n")
    (tmp_path / "lazily.py").write_text("def broken(:\n")
    (tmp_path / "unrelated.py").write_text("raise RuntimeError\n")
    return tmp_path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for tests that define names of their own."""
    with kernel(tmp_path_factory.mktemp("shared")) as running:
        running.run("from prefect import flow, task", CAPTURE)
        yield running


def test_the_same_notebook_in_another_kernel_is_the_same_code(folder: Path) -> None:
    """Another process, hash seed, cell numbers, kernel files and times of the files: the same digest."""
    show = "c = captured(etl)\nprint(c.digest, [e.path for e in c.entries])"
    with kernel(folder, {"PYTHONHASHSEED": "1"}) as first:
        one = first.run(*CELLS, CAPTURE, show)
        again = first.run(*CELLS[1:], show)
    os.utime(folder / "helper.py", (1, 1))
    with kernel(folder, {"PYTHONHASHSEED": "2"}) as second:
        two = second.run("import json", CAPTURE, "n = 1", *CELLS, "pass", show)
        changed = second.run("WORDS = WORDS | {'new'}", show)
    assert one == again == two
    assert "helper.py" in one
    assert "lazily.py" in one, "imported inside a function of a helper"
    assert "unrelated.py" not in one
    assert changed.split()[0] != one.split()[0]


def test_a_traceback_shows_the_lines_of_the_cell(folder: Path) -> None:
    with kernel(folder) as running:
        running.run(
            "from prefect import flow",
            "def broken(x):\n    # of all things\n    return x / 0  # the line",
            "@flow\ndef etl():\n    return broken(1)",
            CAPTURE,
        )
        running.run(
            f"for e in captured(etl).entries:\n    pathlib.Path({str(folder / 'out')!r}).mkdir(exist_ok=True)\n"
            f"    (pathlib.Path({str(folder / 'out')!r}) / e.path).write_bytes(e.content)"
        )
    done = subprocess.run(
        [sys.executable, "-c", "import etl; etl.etl.fn()"],
        cwd=folder / "out", capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "return x / 0  # the line" in done.stderr
    assert "return broken(1)" in done.stderr
    assert "in broken" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_what_cannot_travel_is_named_with_its_cell(shared: Kernel) -> None:
    shared.run("import threading\nconfig = {'n': 1, 'lock': threading.Lock()}")
    where = shared.run("print(len(In) - 2)").strip()
    shared.run("@flow\ndef locked():\n    return config['lock']")
    said = shared.fails("captured(locked)")
    assert said.startswith("CannotTravel: `config['lock']` is a lock (_thread.lock)")
    assert f"defined in cell {where}, line 2" in said
    assert f"`locked` (cell {int(where) + 2}, line 1)" in said
    assert "Create it inside the function" in said


def test_an_error_shows_the_callers_line_and_the_sentence(shared: Kernel) -> None:
    shown = shared.traceback("from prefect_platform import register\nregister(3)")
    assert "line 2, in <module>" in shown
    assert shown.endswith(
        "RegistrationError: register() takes a flow, or text such as 'path.py:flow'; it was given int 3."
    )
    assert len(shown.splitlines()) == 3


def test_a_magic_is_named_with_its_line(shared: Kernel) -> None:
    shared.run("@flow\ndef lister():\n    n = 1\n    files = !ls\n    return files")
    said = shared.fails("captured(lister)")
    assert "RegistrationError" in said
    assert "line 4" in said
    assert "files = !ls" in said
    assert "subprocess" in said


def test_a_flow_in_a_timed_cell_is_explained(shared: Kernel) -> None:
    shared.run("%%time\n@flow\ndef timed():\n    return 1")
    assert "magic such as %%time" in shared.fails("captured(timed)")


def test_a_name_that_is_gone_is_named(shared: Kernel) -> None:
    shared.run("factor = 2", "@flow\ndef lost():\n    return factor", "del factor")
    said = shared.fails("captured(lost)")
    assert "`factor` is used by `lost` (cell" in said
    assert "is not defined" in said


def test_a_flow_without_a_name_is_explained(shared: Kernel) -> None:
    shared.run("@flow\ndef anonymous():\n    return 1")
    said = shared.fails("captured(anonymous.with_options(name='x'))")
    assert "nightly = anonymous.with_options" in said


def test_history_of_the_notebook_is_not_a_value(shared: Kernel) -> None:
    shared.run("@flow\ndef peeks():\n    return Out")
    assert "`Out`, which only a notebook has" in shared.fails("captured(peeks)")


def test_an_edited_module_travels_as_it_is_on_disk(folder: Path) -> None:
    (folder / "edited.py").write_text("def f():\n    return 1\n")
    with kernel(folder) as running:
        running.run(
            "import edited\nfrom prefect import flow\n@flow\ndef etl():\n    return edited.f()", CAPTURE
        )
        before = running.run("c = captured(etl)\nprint(c.notes)")
        (folder / "edited.py").write_text("def f():\n    return 22\n")
        after = running.run(
            "c = captured(etl)\nprint(c.notes, [e.content.read_text() for e in c.entries if e.path == 'edited.py'])"
        )
    assert before.strip() == "()"
    assert "`edited` was edited after it was imported" in after
    assert "return 22" in after


def test_a_package_beside_the_notebook_travels_with_its_inits(folder: Path) -> None:
    for path, text in {
        "pkg/__init__.py": "", "pkg/sub/__init__.py": "from .deep import X\n", "pkg/sub/deep.py": "from ..other import Y\nX = Y\n",
        "pkg/other.py": "Y = 5\n", "pkg/unused.py": "",
    }.items():  # fmt: skip
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    with kernel(folder) as running:
        running.run(
            "from pkg.sub import X\nfrom prefect import flow\n@flow\ndef etl():\n    return X", CAPTURE
        )
        found = running.run("print(sorted(e.path for e in captured(etl).entries))")
    assert (
        found.strip()
        == "['etl.py', 'pkg/__init__.py', 'pkg/other.py', 'pkg/sub/__init__.py', 'pkg/sub/deep.py']"
    )
