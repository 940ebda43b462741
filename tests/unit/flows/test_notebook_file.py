"""A notebook that is a flow: what travels, what its parameters are, what is refused, and that it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prefect_platform.errors import RegistrationError
from prefect_platform.flows.capture.captured import Captured
from prefect_platform.flows.capture.flow import capture
from prefect_platform.flows.capture.notebook_file import check_runnable, load_notebook
from tests.notebook import unpacked

PARAMETERS = {"tags": ["parameters"], "collapsed": True}


def code(text: str, **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": f"c{abs(hash(text))}",
        "source": text.splitlines(keepends=True),
        "metadata": metadata,
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "old"}],
        "execution_count": 7,
    }


def write(path: Path, *cells: dict[str, Any], **metadata: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content))
    return path


def captured(path: Path, tmp_path: Path) -> Captured:
    flow, notebook = load_notebook(str(path))
    return capture(flow, notebook, tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project" / ".git").mkdir(parents=True)
    (tmp_path / "project" / "helper.py").write_text("WORD = 'helped'\n")
    (tmp_path / "project" / ".env").write_text("PASSWORD=x\n")
    return tmp_path / "project"


def test_parameters_are_those_of_the_tagged_cell(tmp_path: Path) -> None:
    text = "day = '2013-01-01'\nn: int = 3\nwords = ['a']\n_hidden = 1\nnothing = None\nx, y = 1, 2\n"
    flow, _ = load_notebook(str(write(tmp_path / "daily report.ipynb", code(text, **PARAMETERS))))
    assert flow.name == "daily report"
    properties = flow.parameters.properties
    assert {name: one.get("default") for name, one in properties.items()} == {
        "day": "2013-01-01",
        "n": 3,
        "words": ["a"],
        "nothing": None,
    }
    assert properties["n"]["type"] == "integer"


def test_a_notebook_travels_with_its_project_and_without_its_outputs(project: Path, tmp_path: Path) -> None:
    path = write(project / "reports" / "daily.ipynb", code("import helper\nprint(helper.WORD)"))
    found = captured(path, tmp_path)
    files = {entry.path: entry for entry in found.entries}
    assert set(files) == {"daily.py", "helper.py", "reports/daily.ipynb"}
    assert found.entrypoint == "daily.py:notebook"
    content = files["reports/daily.ipynb"].content
    assert isinstance(content, bytes)
    assert b"old" not in content
    assert any(".env" in note for note in found.notes)


def test_a_notebook_that_was_run_again_is_the_same_version(project: Path, tmp_path: Path) -> None:
    cell = code("print(1)")
    first = captured(write(project / "daily.ipynb", cell), tmp_path)
    again = {**cell, "execution_count": 8, "outputs": [], "metadata": {"scrolled": True}}
    second = captured(write(project / "daily.ipynb", again, kernelspec={"language": "python"}), tmp_path)
    assert first.digest == second.digest
    assert captured(write(project / "daily.ipynb", code("print(2)")), tmp_path).digest != first.digest


def test_its_module_hides_none_that_it_imports(project: Path, tmp_path: Path) -> None:
    found = captured(write(project / "json.ipynb", code("import json")), tmp_path)
    assert found.entrypoint == "json_flow.py:notebook"


def run(folder: Path, call: str) -> subprocess.CompletedProcess[str]:
    """The flow's function, without Prefect around it, in a process of its own."""
    text = f"from daily import notebook; result = notebook.fn({call}); print(len(result['cells']))"
    return subprocess.run(
        [sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_its_cells_run_in_order_with_the_parameters_given(project: Path, tmp_path: Path) -> None:
    path = write(
        project / "daily.ipynb",
        code("word = 'default'\nn = 2", **PARAMETERS),
        code("import helper, os\nprint(helper.WORD, word * n)\nos.system('echo from a subprocess')\nn"),
    )
    folder = unpacked(captured(path, tmp_path), tmp_path / "bundle")
    done = run(folder, "word='given', n=2")
    assert done.returncode == 0, done.stderr
    assert "helped givengiven" in done.stdout
    assert "from a subprocess" in done.stdout
    assert done.stdout.endswith("\n2\n3\n")


def test_the_cell_that_fails_is_named(project: Path, tmp_path: Path) -> None:
    path = write(
        project / "daily.ipynb",
        code("n = 0", **PARAMETERS),
        {"cell_type": "markdown", "id": "m", "source": "# Words", "metadata": {}},
        code("print('before')\n1 / n"),
        code("print('never')"),
    )
    folder = unpacked(captured(path, tmp_path), tmp_path / "bundle")
    done = run(folder, "n=0")
    assert done.returncode == 1
    assert "daily.ipynb, cell 3: ZeroDivisionError: division by zero" in done.stderr
    assert ("before" in done.stdout, "never" in done.stdout) == (True, False)
    assert "\x1b[" not in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", "is no notebook"),
        ("[]", "is no notebook"),
        ('{"cells": [], "nbformat": 3}', "format 4"),
        ('{"cells": [1], "nbformat": 4}', "format 4"),
        (
            '{"cells": [], "nbformat": 4, "metadata": {"kernelspec": {"language": "R"}}}',
            "a notebook in R",
        ),
    ],
)
def test_what_is_no_python_notebook_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(text)
    with pytest.raises(RegistrationError, match=words):
        load_notebook(str(path))


def test_a_missing_file_and_a_computed_parameter_are_told(tmp_path: Path) -> None:
    with pytest.raises(RegistrationError, match="There is no notebook"):
        load_notebook(str(tmp_path / "none.ipynb"))
    path = write(tmp_path / "x.ipynb", code("import datetime\nday = datetime.date.today()", **PARAMETERS))
    with pytest.raises(RegistrationError, match=r"parameter day of x\.ipynb"):
        load_notebook(str(path))


def test_what_runs_it_must_be_there_or_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    check_runnable(())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RegistrationError, match="nbclient and ipykernel"):
        check_runnable(())
    check_runnable(("nbclient>=0.10", "ipykernel", "--index-url x"))
