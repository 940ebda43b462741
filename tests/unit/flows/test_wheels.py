"""Wheels of what no index has: made of what is importable, installed again by a real uv."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from prefect_platform.distributions import scan
from prefect_platform.flows import wheels as wheels_module
from prefect_platform.flows.capture import file_state
from prefect_platform.flows.capture.captured import Entry
from prefect_platform.flows.capture.file_state import FileState, state
from prefect_platform.flows.kept_wheels import KeptWheels
from prefect_platform.flows.wheels import Wheels, wheels
from tests.wheels import UV, environment


def installed(site: Path, name: str, files: dict[str, str], direct_url: dict[str, object]) -> Path:
    """What an installer leaves in `site-packages`."""
    told = site / f"{name}-1.0.dist-info"
    told.mkdir(parents=True)
    content = {
        **files,
        f"{told.name}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{told.name}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{told.name}/INSTALLER": "uv",
        f"{told.name}/direct_url.json": json.dumps(direct_url),
    }
    for file, text in content.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(text)
    (told / "RECORD").write_text("".join(f"{file},,\n" for file in [*content, "../../bin/tool"]))
    return told


def editable(site: Path, name: str, project: Path, **files: str) -> Path:
    url = {"url": project.as_uri(), "dir_info": {"editable": True}}
    return installed(site, name, {f"__editable__.{name}-1.0.pth": f"{project}\n", **files}, url)


def made(site: Path) -> Wheels:
    path = [str(site)]
    return wheels(scan(path), path)


def names(entry: Entry) -> set[str]:
    assert isinstance(entry.content, bytes)
    return {one for one in zipfile.ZipFile(io.BytesIO(entry.content)).namelist() if ".dist-info/" not in one}


def test_an_editable_package_travels_with_what_its_folder_brings(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    for file in ("mine/__init__.py", "mine/sub/a.py", "mine/data.csv", "mine/native.so", "tests/__init__.py",
                 "setup.py", "other.py", "mine/.env", "mine/__pycache__/x.pyc"):  # fmt: skip
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("X = 1\n")
    (root / ".gitignore").write_text("*.so\n")
    editable(tmp_path / "site", "mine", root)
    [entry] = made(tmp_path / "site").entries
    assert names(entry) == {"mine/__init__.py", "mine/sub/a.py", "mine/data.csv", "mine/native.so"}
    assert entry.path.startswith(".wheels/mine-1.0-cp")


def test_a_source_folder_and_a_package_of_another_name(tmp_path: Path) -> None:
    src = tmp_path / "p" / "src"
    (src / "one").mkdir(parents=True)
    (src / "two.py").write_text("")
    (src / "one" / "__init__.py").write_text("")
    editable(tmp_path / "site", "called-otherwise", src)
    [entry] = made(tmp_path / "site").entries
    assert names(entry) == {"one/__init__.py", "two.py"}


def test_an_import_hook_tells_where_its_packages_are(tmp_path: Path) -> None:
    (tmp_path / "lib" / "deep").mkdir(parents=True)
    (tmp_path / "lib" / "deep" / "__init__.py").write_text("")
    finder = f"MAPPING: dict[str, str] = {{'hooked': '{tmp_path}/lib/deep'}}\nNAMESPACES = {{}}\n"
    url = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    files = {
        "__editable___hooked_1_0_finder.py": finder,
        "__editable__.hooked-1.0.pth": "import x; x.install()\n",
    }
    installed(tmp_path / "site", "hooked", files, url)
    [entry] = made(tmp_path / "site").entries
    assert names(entry) == {"hooked/__init__.py"}


def test_the_same_content_gives_the_same_bytes_and_another_content_others(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    (root / "mine.py").write_text("X = 1\n")
    editable(tmp_path / "site", "mine", root)
    first, again = made(tmp_path / "site").entries[0], made(tmp_path / "site").entries[0]
    assert first == again
    (root / "mine.py").write_text("X = 2\n")
    assert made(tmp_path / "site").entries[0].sha256 != first.sha256


def states(file: Path, name: str = "a.py") -> dict[str, FileState]:
    return {name: state(file)}


@pytest.fixture
def settles_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_state, "SETTLED_NS", -1_000_000_000)


@pytest.mark.usefixtures("settles_at_once")
def test_a_wheel_is_made_once_while_no_file_of_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_of: list[set[str]] = []

    def counted(content: Mapping[str, Path | bytes], record: str) -> bytes:
        made_of.append({name for name in content if ".dist-info" not in name})
        return zipped(content, record)

    zipped = wheels_module._zipped
    monkeypatch.setattr(wheels_module, "_zipped", counted)
    root = tmp_path / "mine"
    (root / "mine").mkdir(parents=True)
    (root / "mine" / "__init__.py").write_text("X = 1\n")
    editable(tmp_path / "site", "mine", root)
    first = made(tmp_path / "site").entries
    assert made(tmp_path / "site").entries == first
    assert len(made_of) == 1
    (root / "mine" / "__init__.py").write_text("X = 22\n")
    assert made(tmp_path / "site").entries != first
    (root / "mine" / "more.py").write_text("")
    (root / "mine" / "__init__.py").unlink()
    (root / "mine" / "__init__.py").symlink_to(root / "mine" / "more.py")
    assert names(made(tmp_path / "site").entries[0]) == {"mine/__init__.py", "mine/more.py"}
    assert len(made_of) == 3


@pytest.mark.usefixtures("settles_at_once")
def test_a_token_that_is_written_into_a_file_later_is_seen(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    (root / "mine").mkdir(parents=True)
    (root / "mine" / "__init__.py").write_text("")
    (root / "mine" / "note.txt").write_text("pp_user_")
    editable(tmp_path / "site", "mine", root)
    assert "mine/note.txt" in names(made(tmp_path / "site").entries[0])
    (root / "mine" / "note.txt").write_text("pp_user_" + "x" * 43)
    assert "mine/note.txt" not in names(made(tmp_path / "site").entries[0])


def test_what_was_just_written_is_not_kept(tmp_path: Path) -> None:
    """A second change within the grain of a file system's clock would not be seen."""
    file, kept = tmp_path / "a.py", KeptWheels(100)
    file.write_text("")
    count = itertools.count()
    for _ in range(2):
        entry = kept.wheel("a", states(file), lambda: Entry.of_bytes("a.whl", str(next(count)).encode()))
    assert entry.content == b"1"


@pytest.mark.usefixtures("settles_at_once")
def test_kept_wheels_are_bounded_by_bytes(tmp_path: Path) -> None:
    file, kept, made_for = tmp_path / "a.py", KeptWheels(100), []
    file.write_text("")

    def wheel(name: str, size: int = 40) -> None:
        def make() -> Entry:
            made_for.append(name)
            return Entry.of_bytes("a.whl", bytes(size))

        kept.wheel(name, states(file), make)

    for name in "aba":
        wheel(name)
    wheel("c")
    wheel("a")
    assert made_for == ["a", "b", "c"]
    wheel("b")
    wheel("large", 101)
    wheel("a")
    assert made_for == ["a", "b", "c", "b", "large", "a"]


def test_what_cannot_travel_is_told(tmp_path: Path) -> None:
    editable(tmp_path / "site", "gone", tmp_path / "nowhere")
    large = tmp_path / "large"
    large.mkdir()
    with (large / "large.py").open("wb") as file:
        file.truncate(65 << 20)
    editable(tmp_path / "site", "large", large)
    told = made(tmp_path / "site")
    assert told.entries == []
    assert "gone 1.0 (editable) does not travel: what belongs to it is not found" in told.notes[0]
    assert "large 1.0 (editable) does not travel: it is larger than 64 MiB" in told.notes[1]


def test_what_an_index_or_an_address_has_does_not_travel(tmp_path: Path) -> None:
    site = tmp_path / "site"
    installed(site, "web", {"web.py": ""}, {"url": "https://h.example/w.whl", "archive_info": {}})
    vcs = {"url": "https://h.example/r", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    installed(site, "repo", {"repo.py": ""}, vcs)
    installed(site, "prefect_platform", {"x.py": ""}, {"url": "file:///p", "dir_info": {}})
    assert made(site) == Wheels()


def test_a_local_package_is_installed_again_as_it_was(tmp_path: Path) -> None:
    site = tmp_path / "site"
    files = {"local/__init__.py": "X = 7\n", "local/x.pyc": "", "local_data/a.txt": "a"}
    told = installed(site, "local", files, {"url": "file:///gone/local-1.0.whl", "archive_info": {}})
    (told / "entry_points.txt").write_text("[console_scripts]\nlocal = local:main\n")
    [entry] = made(site).entries
    assert names(entry) == {"local/__init__.py", "local_data/a.txt"}
    assert isinstance(entry.content, bytes)
    path = tmp_path / Path(entry.path).name
    path.write_bytes(entry.content)
    target = tmp_path / "target"
    (tmp_path / "index").mkdir()
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(target), str(path)],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **environment(tmp_path / "index")}, check=True,
    )  # fmt: skip
    assert (target / "local" / "__init__.py").read_text() == "X = 7\n"
    assert (target / "bin" / "local").exists()


def test_a_package_that_cannot_be_read_stays_and_stops_nothing(tmp_path: Path) -> None:
    root = tmp_path / "broken"
    root.mkdir()
    (root / "broken.py").write_text("X = 1\n")
    (root / "broken.abi3.so").symlink_to(tmp_path / "nowhere")
    editable(tmp_path / "site", "broken", root)
    many = tmp_path / "many"
    (many / "many").mkdir(parents=True)
    for number in range(20_001):
        (many / "many" / f"m{number}.py").touch()
    editable(tmp_path / "site", "many", many)
    told = made(tmp_path / "site")
    assert [entry.path for entry in told.entries if "many" in entry.path] == []
    assert any(note.startswith("The package many 1.0 (editable) does not travel:") for note in told.notes)
