"""Files of secrets: confined to home, never over another file, gone at the end."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from prefect_platform.backends.local import secret_files as backend
from prefect_platform.launcher.faults import SecretFault
from prefect_platform.launcher.secret_files import RECORD, SecretFiles
from prefect_platform.wire.launch import SecretFile

VALUE = "-----BEGIN KEY-----\nabc\n-----END KEY-----\n"


def key(path: str = "~/.ssh/id_ed25519", *, mode: int = 0o600, value: str = VALUE) -> SecretFile:
    return SecretFile("ssh-key", path, mode, value)


class Machine:
    """A home directory and the launchers that use it."""

    def __init__(self, root: Path) -> None:
        self.root, self.home = root, root / "home"
        self.home.mkdir()
        self._launchers = 0

    def launcher(self) -> SecretFiles:
        self._launchers += 1
        self.workload.mkdir()
        return SecretFiles(self.home, self.workload, self.root / "shared")

    @property
    def workload(self) -> Path:
        """The directory of the last launcher."""
        return self.root / f"w{self._launchers}"

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.home)) for path in self.home.rglob("*") if path.is_file())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_a_file_has_its_mode_and_its_folder_is_private(machine: Machine, mode: int) -> None:
    files = machine.launcher()
    assert files.write(key(mode=mode)) == "written"
    path = machine.home / ".ssh" / "id_ed25519"
    assert path.read_text() == VALUE
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert machine.files() == [".ssh/id_ed25519"], "no draft is left"
    assert files.remove() == []
    assert machine.files() == []
    assert not (machine.workload / RECORD).exists()
    assert list((machine.root / "shared").rglob("*-*")) == [machine.root / "shared" / "secret-files"]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "~/../outside",
        "~/a/../../b",
        "~/",
        "~",
        "~root/x",
        "~/a//b",
        "~/./a",
        "~/a\0b",
        "plain",
    ],
)
def test_a_path_outside_of_home_is_refused(machine: Machine, path: str) -> None:
    with pytest.raises(SecretFault, match="'ssh-key'"):
        machine.launcher().write(key(path))
    assert machine.files() == []


def test_a_folder_that_is_a_link_out_of_home_is_refused(machine: Machine) -> None:
    (machine.root / "outside").mkdir()
    (machine.home / ".ssh").symlink_to(machine.root / "outside")
    with pytest.raises(SecretFault, match="leads out of home"):
        machine.launcher().write(key())
    assert list((machine.root / "outside").iterdir()) == []


def test_a_folder_that_is_a_link_within_home_is_followed(machine: Machine) -> None:
    (machine.home / "dotfiles" / "ssh").mkdir(parents=True)
    (machine.home / ".ssh").symlink_to("dotfiles/ssh")
    assert machine.launcher().write(key()) == "written"
    assert machine.files() == ["dotfiles/ssh/id_ed25519"]


@pytest.mark.parametrize("target", ["elsewhere", "/etc/passwd", "id_ed25519"])
def test_a_link_in_the_place_of_the_file_is_neither_followed_nor_replaced(
    machine: Machine, target: str
) -> None:
    (machine.home / ".ssh").mkdir()
    (machine.home / ".ssh" / "id_ed25519").symlink_to(target)
    with pytest.raises(SecretFault, match=r"a link is at .* already"):
        machine.launcher().write(key())
    assert os.readlink(machine.home / ".ssh" / "id_ed25519") == target  # noqa: PTH115 - as it is


def test_another_file_is_not_overwritten(machine: Machine) -> None:
    (machine.home / ".netrc").write_text("machine example.org\n")
    with pytest.raises(SecretFault, match="is not overwritten") as raised:
        machine.launcher().write(key("~/.netrc"))
    assert VALUE not in str(raised.value)
    assert (machine.home / ".netrc").read_text() == "machine example.org\n"


def test_a_folder_or_a_pipe_in_the_place_of_the_file(machine: Machine) -> None:
    (machine.home / "folder").mkdir()
    os.mkfifo(machine.home / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(SecretFault):
            machine.launcher().write(key(f"~/{name}"))


def test_a_file_in_the_place_of_a_folder(machine: Machine) -> None:
    (machine.home / ".ssh").write_text("a file")
    with pytest.raises(SecretFault, match="Not a directory"):
        machine.launcher().write(key())


def test_the_users_own_file_of_the_same_content_is_used_and_stays(machine: Machine) -> None:
    (machine.home / "token").write_text(VALUE)
    for files in (machine.launcher(), machine.launcher()):
        assert files.write(key("~/token")) == "was there already, and stays"
        assert files.remove() == []
    assert machine.files() == ["token"]


def test_two_runs_share_a_file_and_the_last_removes_it(machine: Machine) -> None:
    first, second, third = machine.launcher(), machine.launcher(), machine.launcher()
    assert first.write(key()) == "written"
    assert second.write(key()) == "shared with another run"
    first.remove()
    assert machine.files() == [".ssh/id_ed25519"]
    assert third.write(key()) == "shared with another run"
    second.remove()
    third.remove()
    assert machine.files() == []


def test_another_version_waits_for_the_run_that_has_the_first(machine: Machine) -> None:
    first, second = machine.launcher(), machine.launcher()
    first.write(key())
    with pytest.raises(SecretFault, match="another version"):
        second.write(key(value="the next one"))
    first.remove()
    assert second.write(key(value="the next one")) == "written"


def test_what_a_run_put_in_the_place_of_a_secret_is_left_and_told(machine: Machine) -> None:
    files = machine.launcher()
    files.write(key("~/config"))
    (machine.home / "config").unlink()
    (machine.home / "config").write_text("the run's own")
    assert files.remove() == [str(machine.home / "config")]
    assert machine.files() == ["config"]


def test_a_run_that_removed_the_file_itself(machine: Machine) -> None:
    files = machine.launcher()
    files.write(key("~/config"))
    (machine.home / "config").unlink()
    assert files.remove() == []


def test_no_home(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(SecretFault, match="does not exist"):
        SecretFiles(tmp_path / "nobody", tmp_path, None).write(key())


def test_without_a_shared_folder_files_are_made_and_removed(machine: Machine) -> None:
    files = SecretFiles(machine.home, machine.root, None)
    assert files.write(key()) == "written"
    files.remove()
    assert machine.files() == []


class TestAfterAKill:
    @pytest.fixture
    def left(self, machine: Machine) -> Path:
        """The directory of a launcher that was killed."""
        directory = machine.root / "killed"
        directory.mkdir()
        pid = os.fork()
        if pid == 0:
            SecretFiles(machine.home, directory, machine.root / "shared").write(key())
            os._exit(0)
        os.waitpid(pid, 0)
        assert machine.files() == [".ssh/id_ed25519"]
        return directory

    def test_the_backend_removes_the_file(self, machine: Machine, left: Path) -> None:
        backend.remove(left)
        backend.remove(left)
        assert machine.files() == []
        assert list((machine.root / "shared" / "secret-files").iterdir()) == []

    def test_the_next_run_takes_it_over(self, machine: Machine, left: Path) -> None:
        files = machine.launcher()
        assert files.write(key()) == "shared with another run"
        backend.remove(left)
        assert machine.files() == [".ssh/id_ed25519"], "it is in use"
        files.remove()
        assert machine.files() == []

    def test_a_record_that_was_altered_removes_nothing_else(self, machine: Machine, left: Path) -> None:
        precious = machine.home / "precious"
        precious.write_text("x")
        (machine.home / "link").symlink_to(left / RECORD)
        found = json.loads((left / RECORD).read_text())
        altered = [{**found[0], "path": str(precious), "mark": str(precious)}, {"path": 1}, 7]
        (left / RECORD).write_text(json.dumps(altered))
        backend.remove(left)
        assert precious.exists()
        for text in ("", "[", "{}", '"text"', "[" * 100_000):
            (left / RECORD).write_text(text)
            backend.remove(left)
        assert precious.exists()
