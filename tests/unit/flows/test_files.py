# ruff: noqa: E501 - tables of cases read best one a line
"""A flow of a file travels with its project: what goes along, what stays, and how it is entered."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from prefect_platform.cli.embedded.places import Places
from prefect_platform.client.profile import Profile, write_profile
from prefect_platform.errors import RegistrationError
from prefect_platform.flows.capture.captured import Captured, Entry
from prefect_platform.flows.capture.files import capture_file, load
from prefect_platform.flows.capture.project_files import project_folder, select
from prefect_platform.wire.flows import CodeKind
from tests.notebook import unpacked

FLOW = "from prefect import flow\n@flow\ndef etl():\n    return {value}\n"


def write(root: Path, **files: str) -> Path:
    for path, text in files.items():
        place = root / path.replace("__", "/").replace("DOT", ".")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return root


def files(root: Path) -> set[str]:
    return set(select(root).files)


def captured(target: str) -> Captured:
    return capture_file(*load(target))


def run(captured: Captured, folder: Path) -> str:
    """What the flow returns in a fresh process that is where a run would be."""
    unpacked(captured, folder)
    path, _, name = captured.entrypoint.partition(":")
    code = f"from prefect.utilities.importtools import load_script_as_module as l; print(l({path!r}).{name}.fn())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_project_travels_under_its_rules(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        **{
            "pyproject.toml": "", "flow.py": "", "data/a.csv": "", "data/b.bin": "", "logs/x.log": "", "keep/x.log": "",
            ".gitignore": "*.log\n/data/*.bin\n!keep/x.log\n", "keep/.gitignore": "!x.log\n", ".platformignore": "notes.md\n",
            "notes.md": "", "__pycache__/m.pyc": "", ".git/config": "", "node_modules/x.js": "", "nested/.gitignore": "secret\n",
            "nested/secret": "", "nested/open": "", "venv-x/pyvenv.cfg": "", "venv-x/lib.py": "",
        },
    )  # fmt: skip
    assert files(root) == {
        "pyproject.toml", "flow.py", "data/a.csv", "keep/x.log", ".gitignore", "keep/.gitignore", ".platformignore",
        "nested/.gitignore", "nested/open",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        ".env", ".env.production", "prod.env", "id_rsa", "id_ed25519", "server.key", "cert.pem", ".netrc", ".pypirc",
        "credentials.json", ".aws/credentials", ".ssh/known_hosts", "service-account-prod.json", "deep/down/.env", "store.p12",
    ],
)  # fmt: skip
def test_credentials_never_travel(name: str, tmp_path: Path) -> None:
    place = tmp_path / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("secret")
    (tmp_path / "flow.py").write_text("")
    assert files(tmp_path) == {"flow.py"}


def test_a_private_key_under_another_name_stays(tmp_path: Path) -> None:
    (tmp_path / "harmless.txt").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nabc")
    found = select(tmp_path)
    assert (found.files, found.withheld) == ({}, ["harmless.txt"])


def test_an_example_of_an_env_file_travels(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("KEY=")
    assert files(tmp_path) == {".env.example"}


def test_a_link_out_of_the_project_stays(tmp_path: Path) -> None:
    root = write(tmp_path / "project", **{"a.txt": "a"})
    (tmp_path / "outside").write_text("x")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "in").symlink_to(root / "a.txt")
    (root / "loop").symlink_to(root)
    assert files(root) == {"a.txt", "in"}


def test_the_project_is_the_nearest_marked_folder(tmp_path: Path) -> None:
    root = write(tmp_path, **{"setup.py": "", "a/pyproject.toml": "", "a/b/x.py": ""})
    assert project_folder(root / "a" / "b") == root / "a"
    assert project_folder(root) == root


def test_what_stays_is_said(tmp_path: Path) -> None:
    write(tmp_path, **{"pyproject.toml": "", ".env": "KEY=1", "stays.py": FLOW.format(value=1)})
    made = captured(f"{tmp_path}/stays.py:etl")
    assert made.notes == ("Stayed here, because credentials never travel: .env.",)
    assert "KEY=1" not in str([entry.content for entry in made.entries])


@pytest.mark.slow
def test_a_file_of_a_project(tmp_path: Path) -> None:
    root = write(
        tmp_path / "p",
        **{
            "pyproject.toml": "", "beside.py": "X = 5\n", "data.txt": "7",
            "plain.py": "import beside\nfrom pathlib import Path\n" + FLOW.format(value="beside.X + int(Path('data.txt').read_text())"),
        },
    )  # fmt: skip
    made = captured(f"{root}/plain.py:etl")
    assert (made.kind, made.entrypoint) == (CodeKind.FILES, "plain.py:etl")
    assert run(made, tmp_path / "out") == "12"


@pytest.mark.slow
@pytest.mark.parametrize("source", ["", "src/"])
def test_a_file_of_a_package_keeps_its_relative_imports(source: str, tmp_path: Path) -> None:
    name = f"pack{len(source)}"
    root = write(
        tmp_path / "p",
        **{
            "pyproject.toml": "", f"{source}{name}/init.py": "", f"{source}{name}/other.py": "Y = 3\n",
            f"{source}{name}/flows.py": "from .other import Y\n" + FLOW.format(value="Y"),
        },
    )  # fmt: skip
    (root / source / name / "init.py").rename(root / source / name / "__init__.py")
    made = captured(f"{root}/{source}{name}/flows.py:etl")
    assert made.entrypoint == "etl.py:etl"
    assert run(made, tmp_path / "out") == "3"


def test_an_installed_module_travels_as_its_name() -> None:
    from tests.unit.flows.installed import flow_in_site_packages

    with flow_in_site_packages() as name:
        made = captured(f"{name}:etl")
    assert (made.kind, made.entrypoint, made.entries) == (CodeKind.MODULE, f"{name}:etl", ())
    assert "must be installed where the flow runs" in made.notes[0]


def test_the_same_files_are_the_same_code(tmp_path: Path) -> None:
    one, two = (write(tmp_path / n, **{"pyproject.toml": "", "same.py": FLOW.format(value=1)}) for n in "ab")
    (two / "same.py").chmod(0o600)
    first, second = captured(f"{one}/same.py:etl"), captured(f"{two}/same.py:etl")
    assert first.digest == second.digest
    assert first.origin != second.origin


@pytest.mark.parametrize(
    ("target", "text", "words"),
    [
        ("nowhere.py:etl", None, "There is no file nowhere.py"),
        ("no_such_module:etl", None, "no_such_module could not be imported: ModuleNotFoundError"),
        ("plain", None, "write `path/to/file.py:flow`"),
        ("bad.py:etl", "x = 1\n1 / 0\n", r"could not be run: ZeroDivisionError: division by zero \(line 2\)"),
        ("bad.py:elt", FLOW.format(value=1), "`elt` does not exist in .*bad.py. It has etl"),
        ("bad.py:etl", "def etl():\n    pass\n", "`etl` is no flow in .*It has no flow at all"),
    ],
)
def test_a_wrong_target_is_explained(
    target: str, text: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "bad.py").write_text(text)
    with pytest.raises(RegistrationError, match=words):
        load(target)


def test_a_storage_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    from prefect import flow

    from prefect_platform.flows.capture.flow import capture

    @flow
    def remote() -> None: ...

    remote._storage = object()  # type: ignore[assignment]
    with pytest.raises(RegistrationError, match=r"object cannot be written down for Prefect"):
        capture(remote, None, tmp_path)


def test_the_platforms_own_folders_never_travel(tmp_path: Path) -> None:
    root = write(tmp_path, **{"pyproject.toml": "", "flow.py": ""})
    Places(root / ".platform-data").make()
    write_profile(
        root / "config" / "prefect-platform" / "profile.json", Profile("http://127.0.0.1:1", "t", "p")
    )
    (root / ".platform-data" / "output").mkdir(exist_ok=True)
    (root / ".platform-data" / "output" / "up.txt").write_text("said")
    assert files(root) == {"pyproject.toml", "flow.py"}


TOKEN = "pp_user_" + "A" * 43


def test_a_file_with_a_token_stays_and_that_is_said(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{"pyproject.toml": "", "profile.json": json.dumps({"token": TOKEN}), "a.py": FLOW.format(value=1)},
    )
    made = captured(f"{tmp_path}/a.py:etl")
    assert made.notes == ("Stayed here, because credentials never travel: profile.json.",)
    assert TOKEN not in str([entry.content for entry in made.entries])


def test_a_flow_with_a_token_in_it_is_refused(tmp_path: Path) -> None:
    write(tmp_path, **{"pyproject.toml": "", "told.py": f"TOKEN = {TOKEN!r}\n" + FLOW.format(value=1)})
    with pytest.raises(RegistrationError, match=r"told\.py holds a token of a platform"):
        captured(f"{tmp_path}/told.py:etl")


@pytest.mark.parametrize("before", [0, (1 << 20) - 20, (1 << 20) + 5])
def test_a_token_is_found_wherever_it_stands(tmp_path: Path, before: int) -> None:
    file = tmp_path / "data.bin"
    file.write_bytes(b" " * before + TOKEN.encode() + b" " * 100)
    with pytest.raises(RegistrationError, match="holds a token"):
        Entry.of_file("data.bin", file)
    with pytest.raises(RegistrationError, match="holds a token"):
        Entry.of_bytes("data.bin", file.read_bytes())
