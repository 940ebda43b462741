"""An interpreter is asked once, and again when anything changed that its answer depends on."""

from __future__ import annotations

import os
import sys
import venv
from pathlib import Path

import pytest

from prefect_platform.launcher import interpreter
from prefect_platform.launcher.faults import EngineFault
from prefect_platform.launcher.interpreter import Interpreter, ask
from tests.interrupts import Quiet

ENVIRONMENT = {"PATH": os.defpath, "HOME": "/nonexistent"}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with nothing in it."""
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, with_pip=False, symlinks=True)
    return place / "bin" / "python"


def site_packages(python: Path) -> Path:
    return next((python.parent.parent / "lib").glob("python*/site-packages"))


def install(python: Path, name: str) -> None:
    (site_packages(python) / f"{name}.py").write_text("")


def asked(python: Path, directory: Path, *modules: str, shared: Path | None = None) -> Interpreter:
    return ask(str(python), modules, directory, ENVIRONMENT, shared, Quiet())


def counting(directory: Path, python: Path) -> tuple[Path, Path]:
    """An interpreter that notes each start, and the file that it notes them in."""
    place, starts = directory / "counting" / "bin" / "python", directory / "starts"
    place.parent.mkdir(parents=True)
    place.write_text(f'#!/bin/sh\necho started >> {starts}\nexec {python} "$@"\n')
    place.chmod(0o755)
    return place, starts


def test_it_says_what_it_is_and_what_it_does_not_find(python: Path, tmp_path: Path) -> None:
    found = asked(python, tmp_path, "json", "not_there", "not_there_either.inside")
    assert found.version == "{}.{}.{}".format(*sys.version_info[:3])
    assert found.implementation == "CPython"
    assert str(site_packages(python)) in found.path
    assert list(found.missing) == ["not_there", "not_there_either.inside"]
    assert list(found.collections) == []


def test_what_prefect_loads_is_what_is_installed(python: Path, tmp_path: Path) -> None:
    here = ask(sys.executable, [], tmp_path, ENVIRONMENT, None, Quiet())
    assert "prefect_platform.flows.results" in here.collections
    entry = site_packages(python) / "old-1.0.dist-info"
    entry.mkdir()
    (entry / "METADATA").write_text("Metadata-Version: 2.1\nName: old\nVersion: 1.0\n")
    (entry / "entry_points.txt").write_text("[prefect.collections]\nold = old.blocks\n")
    assert list(asked(python, tmp_path).collections) == ["old.blocks"]


def test_what_lies_beside_the_flow_is_not_asked_for(python: Path, tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "module.py").write_text("raise SystemExit('imported')")
    assert list(asked(python, tmp_path, "module", "package.inside").missing) == []


def test_it_is_asked_once_until_a_package_comes(python: Path, tmp_path: Path) -> None:
    counted, starts = counting(tmp_path, python)
    shared = tmp_path / "shared"
    for _ in range(3):
        assert list(asked(counted, tmp_path, "comes_later", shared=shared).missing) == ["comes_later"]
    assert starts.read_text().count("started") == 1
    install(python, "comes_later")
    assert list(asked(counted, tmp_path, "comes_later", shared=shared).missing) == []
    assert starts.read_text().count("started") == 2


@pytest.mark.parametrize("what", ["executable", "modules", "HOME"])
def test_another_question_is_asked(python: Path, tmp_path: Path, what: str) -> None:
    counted, starts = counting(tmp_path, python)
    shared = tmp_path / "shared"
    ask(str(counted), ["a"], tmp_path, ENVIRONMENT, shared, Quiet())
    if what == "executable":
        status = counted.stat()
        os.utime(counted, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    modules = ["a", "b"] if what == "modules" else ["a"]
    environment = ENVIRONMENT | ({"HOME": "/elsewhere"} if what == "HOME" else {"REGION": "eu"})
    ask(str(counted), modules, tmp_path, environment, shared, Quiet())
    assert starts.read_text().count("started") == 2


@pytest.mark.parametrize("kept", [b"", b"{", b"[]", b'{"interpreter": {}, "state": {}}', b"\xff"])
def test_what_was_kept_and_cannot_be_read_is_asked_for_again(
    python: Path, tmp_path: Path, kept: bytes
) -> None:
    shared = tmp_path / "shared"
    first = asked(python, tmp_path, "json", shared=shared)
    (file,) = (shared / "interpreters").iterdir()
    file.write_bytes(kept)
    assert asked(python, tmp_path, "json", shared=shared) == first


def test_a_shared_folder_that_is_a_file_is_done_without(python: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").write_text("")
    assert asked(python, tmp_path, "json", shared=tmp_path / "shared").version


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("echo no such library >&2; exit 127", r"does not start: no such library"),
        ("exit 3", r"does not start: it has exit status 3"),
        ("kill -9 $$", r"does not start: it was killed by SIGKILL"),
        ("echo Welcome!", r"could not be asked what it is"),
        ("echo '[]'", r"could not be asked what it is"),
        ("echo '{}'", r"could not be asked what it is"),
        ("""echo '{"version": "3", "more": 1}'""", r"could not be asked what it is"),
    ],
)
def test_one_that_does_not_start_or_talks_nonsense_is_a_fault(tmp_path: Path, says: str, told: str) -> None:
    place = tmp_path / "python"
    place.write_text(f"#!/bin/sh\n{says}\n")
    place.chmod(0o755)
    with pytest.raises(EngineFault, match=told) as fault:
        asked(place, tmp_path, shared=tmp_path / "shared")
    assert str(place) in str(fault.value)
    assert not (tmp_path / "shared").exists(), "a fault is not kept"


def test_one_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(EngineFault, match="No such file"):
        asked(tmp_path / "nowhere", tmp_path)


def test_one_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "python"
    place.write_text("#!/bin/sh\nexec sleep 600\n")
    place.chmod(0o755)
    monkeypatch.setattr(interpreter, "ASK_SECONDS", 0.2)
    with pytest.raises(EngineFault, match=r"could not be asked what it is: it did not answer within 0.2 s"):
        asked(place, tmp_path)
