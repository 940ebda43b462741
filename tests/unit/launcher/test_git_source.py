"""Commits on their way into the folder of a run: hostile repositories, shared mirrors, faults in words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from prefect_platform.launcher.bundle import MAX_MEMBERS
from prefect_platform.launcher.checkout import Written
from prefect_platform.launcher.faults import SourceFault, Stopped
from prefect_platform.launcher.git_source import Source, key, working_directory
from prefect_platform.testing.embedded import until
from prefect_platform.wire.launch import GitSource
from tests.git_http import git_server
from tests.interrupts import Quiet
from tests.repositories import Repository, repository


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    made = Quiet()
    yield made
    made.close()


class Machine:
    """Launchers of one machine, one after the other."""

    def __init__(self, folder: Path, quiet: Quiet) -> None:
        self.shared = folder / "shared"
        self.said: list[str] = []
        self._folder, self._quiet, self._runs = folder, quiet, 0

    def provide(
        self, source: GitSource, quiet: Quiet | None = None, most: int = MAX_MEMBERS
    ) -> tuple[Path, Written]:
        self._runs += 1
        directory = self._folder / f"run-{self._runs}"
        directory.mkdir()
        wanted = Source(source, directory, self.shared, os.environ, quiet or self._quiet, most=most)
        return directory / "code", wanted.provide(directory / "code", self.said.append)

    def mirror(self, source: GitSource) -> Path:
        return self.shared / "git" / key(source)


@pytest.fixture
def machine(tmp_path: Path, quiet: Quiet) -> Machine:
    (tmp_path / "machine").mkdir()
    return Machine(tmp_path / "machine", quiet)


@pytest.fixture
def there(tmp_path: Path) -> Repository:
    return repository(tmp_path / "there")


def source(there: Repository, commit: str | None = None, **changes: Any) -> GitSource:
    commit = commit or there.git("rev-parse", "HEAD")
    return GitSource(str(there.path), commit, **{"local": True, **changes})


def test_every_byte_of_the_commit(machine: Machine, there: Repository) -> None:
    files: dict[str, str | bytes] = {"a.bin": bytes(range(256)) * 4096, "empty": "", "deep/er/x y.txt": "é\n"}
    first = there.commit(files)
    (there.path / "run.sh").write_text("#!/bin/sh\n")
    (there.path / "run.sh").chmod(0o755)
    second = there.commit({"a.bin": "changed"})
    code, written = machine.provide(source(there, first))
    assert {name: (code / name).read_bytes() for name in files} == {
        name: content.encode() if isinstance(content, str) else content for name, content in files.items()
    }
    assert written.files == 6
    code, _ = machine.provide(source(there, second))
    assert (code / "a.bin").read_text() == "changed"
    assert os.access(code / "run.sh", os.X_OK)
    assert not os.access(code / "flows.py", os.X_OK)
    assert not (code / ".git").exists()


def test_nothing_but_the_commit_decides(machine: Machine, there: Repository, tmp_path: Path) -> None:
    """Attributes, filters and hooks of a repository are files like others, or nothing."""
    hook = there.path / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\n")
    hook.chmod(0o755)
    there.git("config", "filter.evil.smudge", f"touch {tmp_path}/pwned")
    there.git("config", "uploadpack.packObjectsHook", f"touch {tmp_path}/pwned")
    files: dict[str, str | bytes] = {
        ".gitattributes": "*.txt filter=evil export-ignore\nsub export-subst\n* text eol=crlf\n",
        "a.txt": "one\ntwo\n",
        "sub": "$Format:%H$\n",
    }
    code, _ = machine.provide(source(there, there.commit(files)))
    assert (code / "a.txt").read_bytes() == b"one\ntwo\n"
    assert (code / "sub").read_text() == "$Format:%H$\n"
    assert not (tmp_path / "pwned").exists()


def test_links_within_are_made(machine: Machine, there: Repository) -> None:
    (there.path / "shortcut").symlink_to("data/words.txt")
    (there.path / "data" / "up").symlink_to("../helper.py")
    (there.path / "folder").symlink_to("data")
    code, _ = machine.provide(source(there, there.commit({})))
    assert (code / "shortcut").read_text() == "some words\n"
    assert (code / "data" / "up").read_text().startswith("def double")
    assert (code / "folder" / "words.txt").exists()


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "data/../../outside", "..", "loop/../../x"])
def test_a_link_that_leads_outside_is_refused(machine: Machine, there: Repository, target: str) -> None:
    (there.path / "loop").symlink_to("data")
    (there.path / "zz").symlink_to(target)
    with pytest.raises(SourceFault, match="'zz', which leads outside"):
        machine.provide(source(there, there.commit({})))


def test_links_that_lead_outside_together_are_refused(machine: Machine, there: Repository) -> None:
    (there.path / "data" / "a").symlink_to("..")
    (there.path / "b").symlink_to("data/a/..")
    with pytest.raises(SourceFault, match="leads outside"):
        machine.provide(source(there, there.commit({})))


def hostile(there: Repository, *entries: tuple[bytes, bytes, bytes]) -> str:
    return there.commit_tree(b"".join(mode + b" " + name + b"\0" + raw for mode, name, raw in entries))


@pytest.mark.parametrize(
    "name", [b"..", b".", b".git", b".GIT", b"git~1", b".git ", b"a\\b", b"../x", b"/etc/x", b""]
)
def test_a_name_that_leads_outside_is_refused(machine: Machine, there: Repository, name: bytes) -> None:
    commit = hostile(there, (b"100644", name, there.blob(b"x")))
    with pytest.raises(SourceFault):
        machine.provide(source(there, commit))
    assert not (machine.shared.parent / "x").exists()


def test_a_file_is_never_written_through_a_link(machine: Machine, there: Repository, tmp_path: Path) -> None:
    """The same name as a link and as a folder, which git itself would never make."""
    (tmp_path / "outside").mkdir()
    inner = there.git("mktree", "-z", stdin=b"100644 blob " + there.blob(b"x").hex().encode() + b"\tpwned\0")
    link = there.blob(str(tmp_path / "outside").encode())
    commit = hostile(there, (b"120000", b"a", link), (b"40000", b"a", bytes.fromhex(inner)))
    with pytest.raises(SourceFault):
        machine.provide(source(there, commit))
    assert not list((tmp_path / "outside").iterdir())


def test_a_small_repository_that_stands_for_billions_of_files(machine: Machine, there: Repository) -> None:
    tree = there.git("mktree", "-z", stdin=b"")
    raw = bytes.fromhex(tree)
    for _ in range(12):
        lines = b"".join(b"40000 d%d\0" % n + raw for n in range(10))
        raw = bytes.fromhex(
            there.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=lines)
        )
    commit = hostile(there, (b"40000", b"bomb", raw))
    with pytest.raises(SourceFault, match="more than 200 files and folders"):
        machine.provide(source(there, commit), most=200)


def test_a_name_that_looks_like_an_option_is_a_file(machine: Machine, there: Repository) -> None:
    code, _ = machine.provide(source(there, there.commit({"--help": "x", "-rf": "y"})))
    assert (code / "--help").read_text() == "x"


def test_a_device_is_refused(machine: Machine, there: Repository) -> None:
    commit = hostile(there, (b"60644", b"dev", there.blob(b"x")))
    with pytest.raises(SourceFault, match="no plain file"):
        machine.provide(source(there, commit))


def test_submodules_stay_empty_and_are_named(machine: Machine, there: Repository, tmp_path: Path) -> None:
    commit = hostile(there, (b"160000", b"sub", b"\1" * 20), (b"100644", b"z", there.blob(b"z")))
    code, _ = machine.provide(source(there, commit))
    assert list((code / "sub").iterdir()) == []
    assert machine.said == ["Submodules are not fetched, their folders are empty: sub."]


def test_what_git_lfs_keeps_elsewhere_is_named(machine: Machine, there: Repository) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n"
    machine.provide(source(there, there.commit({"model.bin": pointer})))
    assert "model.bin" in machine.said[0]


def test_some_directories(machine: Machine, there: Repository) -> None:
    commit = there.commit({"a/b/c.txt": "", "a/x.txt": "", "a/other/y.txt": "", "z/z.txt": ""})
    code, _ = machine.provide(source(there, commit, directories=["a/b"]))
    found = sorted(str(path.relative_to(code)) for path in code.rglob("*") if path.is_file())
    assert found == ["a/b/c.txt", "a/x.txt", "flows.py", "helper.py"]


def test_where_the_run_works(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    assert working_directory(GitSource("u", "c", "jobs"), tmp_path) == tmp_path / "jobs"
    assert working_directory(GitSource("u", "c"), tmp_path) == tmp_path
    for bad in ("missing", "..", "/etc", "jobs/../.."):
        with pytest.raises(SourceFault, match="no folder"):
            working_directory(GitSource("u", "c", bad), tmp_path)


def test_what_is_mirrored_needs_nobody(machine: Machine, there: Repository, tmp_path: Path) -> None:
    wanted = source(there)
    machine.provide(wanted)
    there.path.rename(tmp_path / "away")
    code, _ = machine.provide(wanted)
    assert (code / "helper.py").exists()


def test_a_commit_that_was_pushed_away_is_still_had(machine: Machine, there: Repository) -> None:
    """By its id, as no branch holds it any more."""
    lost = there.commit({"x": "lost"})
    there.git("reset", "--quiet", "--hard", "HEAD~1")
    code, _ = machine.provide(source(there, lost))
    assert (code / "x").read_text() == "lost"


def test_a_commit_that_is_gone(machine: Machine, there: Repository) -> None:
    with pytest.raises(SourceFault, match="has not got the commit any more"):
        machine.provide(source(there, "1" * 40))


def test_a_repository_that_is_gone(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(SourceFault, match="there is no git repository"):
        machine.provide(GitSource(str(tmp_path / "none"), "1" * 40, local=True))


@pytest.mark.parametrize("url", ["ext::sh -c x", "--upload-pack=x", "https://me:s3cret@host/x", "relative"])
def test_a_hostile_address_is_refused_here_again(machine: Machine, url: str) -> None:
    with pytest.raises(SourceFault) as refusal:
        machine.provide(GitSource(url, "1" * 40, local=True))
    assert "s3cret" not in str(refusal.value)


def test_a_path_is_taken_only_where_the_operator_says_so(machine: Machine, there: Repository) -> None:
    with pytest.raises(SourceFault, match="PREFECT_PLATFORM_LOCAL_REPOSITORIES"):
        machine.provide(source(there, local=False))


@pytest.mark.parametrize("commit", ["main", "--help", "1" * 39, "1" * 41, "HEAD", "A" * 40])
def test_only_a_whole_commit_is_taken(machine: Machine, there: Repository, commit: str) -> None:
    with pytest.raises(SourceFault, match="no commit"):
        machine.provide(source(there, commit))


def truncate(mirror: Path) -> None:
    for pack in mirror.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        os.truncate(pack, pack.stat().st_size // 2)


def flip(mirror: Path) -> None:
    for pack in mirror.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        data = bytearray(pack.read_bytes())
        for at in range(20, len(data) - 20, 7):
            data[at] ^= 0xFF
        pack.write_bytes(data)


def lose_objects(mirror: Path) -> None:
    for file in mirror.glob("objects/pack/*"):
        file.unlink()


def lose_config(mirror: Path) -> None:
    (mirror / "config").unlink()
    (mirror / "HEAD").write_text("")


def leave_locks(mirror: Path) -> None:
    lose_objects(mirror)
    (mirror / "shallow.lock").touch()
    (mirror / "objects" / "pack" / "tmp_pack_x").write_bytes(b"half")


@pytest.mark.parametrize("damage", [truncate, flip, lose_objects, lose_config, leave_locks])
def test_a_broken_mirror_is_made_anew(machine: Machine, there: Repository, damage: Any) -> None:
    wanted = source(there)
    machine.provide(wanted)
    damage(machine.mirror(wanted))
    code, _ = machine.provide(wanted)
    assert (code / "data" / "words.txt").read_text() == "some words\n"
    assert not list(machine.mirror(wanted).glob("objects/pack/tmp_*"))


def test_an_altered_object_in_a_mirror_is_found(machine: Machine, there: Repository) -> None:
    """Another blob under the name of this one: git would hand it out, as it believes its own store."""
    wanted = source(there)
    machine.provide(wanted)
    mirror = machine.mirror(wanted)
    name = there.git("rev-parse", "HEAD:helper.py")
    for pack in mirror.glob("objects/pack/*.pack"):
        objects = pack.read_bytes()
        for file in mirror.glob("objects/pack/*"):
            file.unlink()
        subprocess.run(["git", f"--git-dir={mirror}", "unpack-objects", "-q"], input=objects, check=True)
    import zlib

    loose = mirror / "objects" / name[:2] / name[2:]
    loose.chmod(0o600)
    loose.write_bytes(zlib.compress(b"blob 4\0evil"))
    code, _ = machine.provide(wanted)
    assert (code / "helper.py").read_text().startswith("def double")


def test_a_private_mirror_is_not_shared(machine: Machine, there: Repository, tmp_path: Path) -> None:
    mine = source(there, scope="project-a")
    machine.provide(mine)
    there.path.rename(tmp_path / "away")
    with pytest.raises(SourceFault):
        machine.provide(replace(mine, scope="project-b"))


def test_a_machine_without_a_shared_folder(there: Repository, tmp_path: Path, quiet: Quiet) -> None:
    for number, shared in enumerate([None, Path("/proc/none")]):
        directory = tmp_path / f"run-{number}"
        directory.mkdir()
        Source(source(there), directory, shared, os.environ, quiet).provide(directory / "code", print)
        assert (directory / "code" / "helper.py").exists()


def test_a_start_that_is_stopped_leaves_no_git(machine: Machine, there: Repository) -> None:
    stopped = Quiet(stopped=True)
    try:
        with pytest.raises(Stopped):
            machine.provide(source(there), stopped)
    finally:
        stopped.close()
    code, _ = machine.provide(source(there))
    assert (code / "helper.py").exists()


def test_a_mirror_that_nobody_reads_is_removed(machine: Machine, there: Repository, tmp_path: Path) -> None:
    wanted = source(there)
    machine.provide(wanted)
    os.utime(machine.mirror(wanted), (0, 0))
    other = repository(tmp_path / "other")
    machine.provide(source(other))
    assert not machine.mirror(wanted).exists()
    assert machine.mirror(source(other)).exists()


LAUNCHER = """
import os, sys
from pathlib import Path
from prefect_platform.launcher.git_source import Source
from prefect_platform.launcher.signals import Signals
from prefect_platform.wire.launch import GitSource
url, commit, directory, shared = sys.argv[1:]
Path(directory).mkdir()
wanted = Source(GitSource(url, commit, local=True), Path(directory), Path(shared), os.environ, Signals())
print("ready", flush=True)
sys.stdin.readline()
print(wanted.provide(Path(directory) / "code", print).files, flush=True)
"""


def launcher(wanted: GitSource, directory: Path, shared: Path, **env: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, wanted.url, wanted.commit, str(directory), str(shared)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **env},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_launchers_at_once(there: Repository, tmp_path: Path) -> None:
    there.commit({f"data/{n}.txt": str(n) * 1000 for n in range(200)})
    wanted = source(there)
    started = [launcher(wanted, tmp_path / f"w{n}", tmp_path / "shared") for n in range(3)]
    for process in started:
        go(process)
    assert [process.communicate(timeout=60)[0] for process in started] == ["203\n"] * 3
    assert [process.returncode for process in started] == [0] * 3


GIT = """#!/bin/sh
# Stands in the way of a fetch: notes that it began, and waits.
case "$*" in *fetch*) touch {began}; while [ ! -e {go} ]; do sleep 0.02; done;; esac
exec {real} "$@"
"""


@pytest.fixture
def slow_git(tmp_path: Path) -> tuple[str, Path, Path]:
    """A `PATH` whose git waits in the middle of a fetch, the file that says so, and the file to let it go."""
    import shutil

    folder = tmp_path / "bin"
    folder.mkdir()
    began, let_go = tmp_path / "began", tmp_path / "go"
    (folder / "git").write_text(GIT.format(began=began, go=let_go, real=shutil.which("git")))
    (folder / "git").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}", began, let_go


def test_a_launcher_killed_in_the_middle(
    machine: Machine, there: Repository, tmp_path: Path, slow_git: tuple[str, Path, Path]
) -> None:
    path, began, _ = slow_git
    wanted = source(there)
    process = launcher(wanted, tmp_path / "w", machine.shared, PATH=path)
    go(process)
    until(began.exists, 30, "the fetch to begin")
    process.kill()
    process.communicate()
    code, _ = machine.provide(wanted)
    assert (code / "helper.py").exists()


def test_a_launcher_that_is_told_to_end_while_git_runs(
    there: Repository, tmp_path: Path, slow_git: tuple[str, Path, Path]
) -> None:
    path, began, _ = slow_git
    process = launcher(source(there), tmp_path / "w", tmp_path / "shared", PATH=path)
    go(process)
    until(began.exists, 30, "the fetch to begin")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)  # Stopped is raised out of it
    assert process.returncode == 1


class Asking(BaseHTTPRequestHandler):
    """A server that lets in `me` with `s3cret`, and then has no repository; it notes what it was told."""

    seen: list[str | None] = []

    def do_GET(self) -> None:
        told = self.headers.get("Authorization")
        self.seen.append(told)
        self.send_response(404 if told else 401)
        if not told:
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def asking() -> Iterator[str]:
    Asking.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Asking)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/org/repo.git"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_repository_that_asks_for_a_password(machine: Machine, asking: str) -> None:
    with pytest.raises(SourceFault, match=r"asks for a password.*source_secret='git-token'"):
        machine.provide(GitSource(asking, "1" * 40))
    assert set(Asking.seen) == {None}


def test_a_token_reaches_the_server_and_nobody_else(machine: Machine, asking: str) -> None:
    with pytest.raises(SourceFault, match="there is no git repository") as refusal:
        machine.provide(GitSource(asking, "1" * 40, user="me", token="s3cret"))
    assert Asking.seen[-1] == "Basic bWU6czNjcmV0"
    assert "s3cret" not in str(refusal.value)
    left = [
        file for file in machine.shared.parent.rglob("*") if file.is_file() and b"s3cret" in file.read_bytes()
    ]
    assert left == []


def test_a_server_that_does_not_answer(machine: Machine) -> None:
    with pytest.raises(SourceFault, match="it does not answer"):
        machine.provide(GitSource("http://127.0.0.1:9/org/repo.git", "1" * 40))


def test_a_private_repository_by_http(machine: Machine, there: Repository) -> None:
    first = there.git("rev-parse", "HEAD")
    second = there.commit({"helper.py": "changed"})
    with git_server(there.path.parent, "me:s3cret") as address:
        wanted = GitSource(f"{address}/there/.git", first, user="me", token="s3cret", scope="p")
        code, _ = machine.provide(wanted)
        assert (code / "helper.py").read_text().startswith("def double")
        code, _ = machine.provide(replace(wanted, commit=second))
        assert (code / "helper.py").read_text() == "changed"
        with pytest.raises(SourceFault, match="asks for a password") as refusal:
            machine.provide(replace(wanted, token="wr0ng", scope="other"))
    assert "wr0ng" not in str(refusal.value)
    code, _ = machine.provide(replace(wanted, token="expired"))
    assert (code / "helper.py").exists(), "what is mirrored needs no password"


SSH = """#!/bin/sh
# Stands for ssh: notes what it was given, and runs the command here.
printf '%s\\n' "$@" > {told}
while [ $# -gt 0 ]; do
    case "$1" in
        -i) cp "$2" {told}.key; stat -c %a "$2" > {told}.mode; shift 2;;
        -o) shift 2;;
        -*) shift;;
        *) break;;
    esac
done
shift
exec sh -c "$1"
"""


def test_a_private_key_is_given_to_ssh_alone(
    machine: Machine, there: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    told = tmp_path / "told"
    (tmp_path / "bin" / "ssh").write_text(SSH.format(told=told))
    (tmp_path / "bin" / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    key_text = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n"
    head = there.git("rev-parse", "HEAD")
    code, _ = machine.provide(GitSource(f"git@host.example:{there.path}", head, token=key_text))
    assert (code / "helper.py").exists()
    arguments = told.read_text().splitlines()
    assert "git@host.example" in arguments
    assert "-oBatchMode=yes" in arguments or "BatchMode=yes" in arguments
    assert (told.with_suffix(".key").read_text(), told.with_suffix(".mode").read_text()) == (
        key_text,
        "600\n",
    )
    assert not list(code.parent.glob("git-key")), "it is gone with the fetch"
