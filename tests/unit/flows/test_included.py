# ruff: noqa: E501 - tables of cases read best one a line
"""`include=`: what a pattern takes along, and what no pattern can."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prefect_platform.errors import RegistrationError
from prefect_platform.flows.capture.captured import Captured
from prefect_platform.flows.capture.files import capture_file, load
from prefect_platform.flows.capture.included import check_include, included
from tests.notebook import Notebook
from tests.unit.flows.installed import flow_in_site_packages

FLOW = "from prefect import flow\n@flow\ndef etl():\n    return open('data/a.csv').read()\n"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose data git ignores, with things that never travel among them."""
    root = tmp_path / "project"
    files = {
        ".git/config": "", ".gitignore": "data/\nsql/\n", "jobs/flows.py": FLOW, "jobs/near.txt": "near",
        "data/a.csv": "a", "data/b.csv": "b", "data/deep/c.csv": "c", "data/notes.txt": "n", "data/.env": "X=1",
        "data/server.key": "k", "data/odd": KEY, "sql/one.sql": "1", "sql/more/two.sql": "2", "sql/[x].sql": "x",
        "data/__pycache__/m.pyc": "",
    }  # fmt: skip
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (tmp_path / "outside.csv").write_text("outside")
    return root


def taken(project: Path, *patterns: str) -> set[str]:
    return set(included(check_include(patterns), [(project, "")], project).files)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("data/*.csv", {"data/a.csv", "data/b.csv"}),
        ("data/**/*.csv", {"data/a.csv", "data/b.csv", "data/deep/c.csv"}),
        ("**/*.sql", {"sql/one.sql", "sql/more/two.sql", "sql/[x].sql"}),
        ("sql/**", {"sql/one.sql", "sql/more/two.sql", "sql/[x].sql"}),
        ("sql", {"sql/one.sql", "sql/more/two.sql", "sql/[x].sql"}),
        ("./sql/more/", {"sql/more/two.sql"}),
        ("data/[ab].csv", {"data/a.csv", "data/b.csv"}),
        ("data/?.csv", {"data/a.csv", "data/b.csv"}),
        ("sql/[[]x].sql", {"sql/[x].sql"}),
        ("*/deep/*", {"data/deep/c.csv"}),
        ("data/notes.txt", {"data/notes.txt"}),
    ],
)
def test_what_a_pattern_takes(project: Path, pattern: str, found: set[str]) -> None:
    assert taken(project, pattern) == found


def test_credentials_stay_and_are_named(project: Path) -> None:
    found = included(["data"], [(project, "")], project)
    assert set(found.files) == {"data/a.csv", "data/b.csv", "data/deep/c.csv", "data/notes.txt"}
    assert set(found.withheld) == {"data/.env", "data/server.key", "data/odd"}


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("data/.env", "holds credentials"),
        ("data/*.key", "data/server.key holds credentials"),
        ("data/odd", "holds credentials"),
        (".git/**", "version control"),
        ("data/__pycache__/*", "version control, Python"),
        ("data/*.parquet", "matches no file in"),
        ("missing/**", "matches no file in"),
    ],
)
def test_a_pattern_that_takes_nothing_is_an_error(project: Path, pattern: str, why: str) -> None:
    with pytest.raises(RegistrationError, match=re.escape(f"include={pattern!r}")) as error:
        taken(project, pattern)
    assert why in str(error.value)


def test_links_do_not_lead_outside(project: Path) -> None:
    (project / "data" / "out.csv").symlink_to("../../outside.csv")
    (project / "away").symlink_to("../")
    (project / "data" / "harmless.txt").symlink_to(".env")
    (project / "data" / "inside.csv").symlink_to("a.csv")
    for pattern in ("data/out.csv", "away/outside.csv", "away/*.csv"):
        with pytest.raises(RegistrationError, match="leads out of the project"):
            taken(project, pattern)
    with pytest.raises(RegistrationError, match="holds credentials"):
        taken(project, "data/harmless.txt")
    assert taken(project, "data/inside.csv") == {"data/inside.csv"}


def test_a_loop_of_links_ends(project: Path) -> None:
    (project / "sql" / "loop").symlink_to("..")
    assert taken(project, "sql/**") == {"sql/one.sql", "sql/more/two.sql", "sql/[x].sql"}


@pytest.mark.parametrize(
    "patterns",
    [
        "data/*.csv", ["/etc/passwd"], ["../x"], ["data/../../x"], ["~/x"], [""], ["/"], [3], {"a": 1}, ["a\0b"], ["a\nb"],
        ["x" * 10_000], ["a"] * 201,
    ],
)  # fmt: skip
def test_patterns_that_are_none_are_refused(patterns: object) -> None:
    with pytest.raises(RegistrationError, match="include"):
        check_include(patterns)


def test_odd_names_match_nothing_and_say_so(project: Path) -> None:
    for pattern in ("'; drop", '"', "ünï/*", "[", "a" * 1024):
        with pytest.raises(RegistrationError, match="matches no file"):
            taken(project, pattern)


def captured(project: Path, *include: str) -> Captured:
    return capture_file(*load(f"{project / 'jobs' / 'flows.py'}:etl"), include=include)


def test_a_file_flow_takes_what_git_ignores(project: Path) -> None:
    plain, made = captured(project), captured(project, "data/*.csv", "near.txt")
    assert "data/a.csv" not in {entry.path for entry in plain.entries}
    paths = {entry.path for entry in made.entries}
    assert {"data/a.csv", "data/b.csv", "jobs/near.txt", "jobs/flows.py"} <= paths
    assert made.digest != plain.digest
    (project / "data" / "a.csv").write_text("changed")
    assert captured(project, "data/*.csv", "near.txt").digest != made.digest


def test_an_installed_module_takes_nothing_along() -> None:
    with flow_in_site_packages() as name, pytest.raises(RegistrationError, match="only the name"):
        capture_file(*load(f"{name}:etl"), include=["x"])


def test_a_notebook_takes_files_from_beside_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """First from beside it, where its own code looks; then from the project."""
    monkeypatch.chdir(project / "jobs")
    (project / "jobs" / "data").mkdir()
    (project / "jobs" / "data" / "a.csv").write_text("beside")
    notebook = Notebook("nb").run(
        "from prefect import flow", "@flow\ndef etl():\n    return open('data/a.csv').read()"
    )
    made = notebook.capture("etl", tmp_path / "out", include=["data/*.csv", "sql/one.sql"])
    entries = {entry.path: entry.content for entry in made.entries}
    assert set(entries) == {"etl.py", "data/a.csv", "sql/one.sql"}
    assert Path(str(entries["data/a.csv"])).read_text() == "beside"
    assert not made.notes, "what travels is not said to stay"


def test_a_file_of_a_generated_name_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(project)
    (project / "values").mkdir()
    (project / "values" / "table.pkl").write_text("mine")
    cells = (
        "from prefect import flow\nfrom functools import partial\ntable = partial(lambda a, b: a + b, 3)",
        "@flow\ndef etl():\n    return table(1)",
    )
    with pytest.raises(RegistrationError, match="made from this flow's cells"):
        Notebook("nb").run(*cells).capture("etl", tmp_path / "out", include=["values/*"])
