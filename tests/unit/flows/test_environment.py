"""The arguments of `register` about the environment: each mistake is named, before anything is sent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from prefect_platform.errors import RegistrationError
from prefect_platform.flows import installed
from prefect_platform.flows.environment import EnvironmentOptions, capture_environment, check_environment
from prefect_platform.flows.installed import Installed, repositories
from prefect_platform.wire.environments import EnvironmentSpec


def checked(**given: Any) -> EnvironmentOptions:
    return check_environment(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"env": [("A", "1")]}, ["env is list", "env={'REGION': 'eu'}"]),
        ({"env": {"A B": "1"}}, ["'A B' is no name of a variable"]),
        ({"env": {"A": 1}}, ["the value of A is int"]),
        ({"env": {"A": "x\0"}}, ["the value of A"]),
        ({"env": {"PATH": "/x"}}, ["PATH cannot be set: it decides which programs"]),
        ({"env": {"LD_PRELOAD": "/x"}}, ["LD_PRELOAD cannot be set"]),
        ({"env": {"PYTHONPATH": "/x"}}, ["PYTHONPATH cannot be set"]),
        ({"env": {"PREFECT__FLOW_RUN_ID": "/x"}}, ["which flow run it is of"]),
        ({"env": {"PREFECT_API_KEY": "geheim"}}, ["PREFECT_API_KEY cannot be set"]),
        ({"env": {"PREFECT_PLATFORM_TOKEN": "geheim"}}, ["where its platform is"]),
        ({"packages": "polars"}, ["packages is 'polars'", "packages=['polars>=1']"]),
        ({"packages": [1]}, ["The package 1 is not text"]),
        ({"packages": ["polars >>"]}, ["is no requirement"]),
        (
            {"packages": ["git+https://user:geheim@host/x"]},
            ["entry 1: git+https://…@host/x is no requirement"],
        ),
        ({"packages": ["./mine"]}, ["is no requirement", "Install a package of a folder into this kernel"]),
        ({"packages": ["mine @ file:///home/u/mine"]}, ["which a run may not have"]),
        (
            {"packages": ["x @ git+https://user:geheim@host/x"]},
            ["the address of x holds a user or a password"],
        ),
        ({"packages": ["--index-url https://host"]}, ["is no requirement"]),
        ({"packages": [f"p{n}" for n in range(1001)]}, ["There are 1001 requirements"]),
        ({"requirements": 7}, ["requirements is 7", "'requirements.txt'"]),
        ({"requirements": "/nowhere/r.txt"}, ["/nowhere/r.txt cannot be read: No such file"]),
        ({"start_script": 7}, ["start_script is int"]),
        ({"start_script": Path("/nowhere/start.sh")}, ["/nowhere/start.sh cannot be read: No such file"]),
        ({"start_script": "x" * 70_000}, ["longer than 65536"]),
        ({"start_script": "a\0b"}, ["no Unicode text"]),
        ({"working_directory": 7}, ["working_directory is 7", "'~/work'"]),
        ({"working_directory": " "}, ["working_directory is ' '"]),
        ({"working_directory": "a\0"}, ["working_directory is"]),
        ({"strict": "yes"}, ["strict is 'yes'"]),
    ],
)
def test_mistakes_are_named(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(RegistrationError) as raised:
        checked(**given)
    for word in words:
        assert word in raised.value.message
    assert "geheim" not in raised.value.message


def test_what_fits_is_taken(tmp_path: Path) -> None:
    (tmp_path / "start.sh").write_text("echo hello\n")
    found = checked(
        env={"REGION": "eu", "PREFECT_LOGGING_LEVEL": "DEBUG"}, packages=["polars>=1", "polars>=1"],
        start_script=tmp_path / "start.sh", working_directory=Path("~/work"), strict=True,
    )  # fmt: skip
    assert found == EnvironmentOptions(
        {"REGION": "eu", "PREFECT_LOGGING_LEVEL": "DEBUG"},
        ("polars>=1",),
        "echo hello\n",
        "~/work",
        strict=True,
    )
    assert checked() == EnvironmentOptions()
    assert checked(start_script="  \n").start_script is None


@pytest.mark.parametrize(
    ("name", "value", "noted"),
    [
        ("DB_PASSWORD", "x", True),
        ("API_KEY", "x", True),
        ("GITHUB_TOKEN", "x", True),
        ("DATABASE_URL", "postgresql://u:pw@host/db", True),
        ("ID", "AKIAIOSFODNN7EXAMPLE", True),
        ("DB_PASSWORD", "", False),
        ("REGION", "eu", False),
        ("KEYBOARD", "qwertz", False),
        ("MONKEY", "x", False),
        ("DATABASE_URL", "postgresql://host/db", False),
    ],
)
def test_what_looks_like_a_secret_is_noted_without_its_value(name: str, value: str, noted: bool) -> None:
    notes = checked(env={name: value}).notes
    assert bool(notes) is noted
    assert all(f"secrets=['<name>={name}']" in note and value not in note for note in notes)


def test_a_requirements_file_is_read_as_pip_reads_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "base.txt").write_text("attrs\n-r ../last.txt\n")
    (tmp_path / "last.txt").write_text("tzdata")
    (tmp_path / "requirements.txt").write_text(
        "\ufeff# a comment\nnumpy == 2.4.6  # why\n\npolars[async] >= 1 ; python_version > '3'\n"
        "-r more/base.txt\n--extra-index-url https://packages.example/simple\n-i https://other.example\n"
        "click==8.1.0 \\\n  --hash=sha256:aaaa \\\n  --hash=sha256:bbbb\nx @ git+https://h.example/x@abc#egg=x\n"
    )
    found = checked(requirements=str(tmp_path / "requirements.txt"), packages=["attrs"])
    assert found.packages == (
        "attrs", "numpy == 2.4.6", "polars[async] >= 1 ; python_version > '3'", "tzdata",
        "--extra-index-url https://packages.example/simple", "--index-url https://other.example",
        "click==8.1.0", "x @ git+https://h.example/x@abc#egg=x",
    )  # fmt: skip
    [note] = found.notes
    assert "line 8: the hash is not checked" in note


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ok\nnot a requirement\n", "line 2: not a requirement is no requirement"),
        ("--index-url https://user:geheim@host/simple", "line 1: the address of --index-url holds a user"),
        ("--find-links ./wheels", "--find-links must name an http address"),
        ("-e .", "-e cannot be used here"),
        ("-c limits.txt", "-c cannot be used here"),
        ("--trusted-host x", "--trusted-host cannot be used here"),
        ("-r ../../outside.txt", "lies outside of"),
        ("-r /etc/hostname", "lies outside of"),
        ("-r requirements.txt", "includes itself"),
        ("-r missing.txt", "missing.txt cannot be read"),
        ("./folder", "Install a package of a folder"),
    ],
)
def test_lines_that_no_run_could_install(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "requirements.txt").write_text(text)
    with pytest.raises(RegistrationError) as raised:
        checked(requirements=tmp_path / "requirements.txt")
    assert words in raised.value.message
    assert "geheim" not in raised.value.message


@flow
def etl() -> None:
    pass


def test_this_kernel_is_captured(tmp_path: Path) -> None:
    installed = Installed()
    spec, wheels = capture_environment(checked(env={"A": "1"}, packages=["x"]), installed, travels=True)
    installed.close()
    by_name = {one.name: one for one in spec.distributions}
    assert spec.python_version == "{}.{}.{}".format(*sys.version_info[:3])
    assert by_name["prefect"].origin == "index"
    assert by_name["prefect-platform"].origin == "editable"
    assert (spec.packages, spec.variables) == (["x"], {"A": "1"})
    assert wheels.entries == [], "the platform brings its own package"
    assert EnvironmentSpec.model_validate_json(spec.model_dump_json()) == spec


def test_an_interpreter_that_does_not_start_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegistrationError, match="/nowhere/python, does not start"):
        Installed("/nowhere/python")
    silent = Installed("/bin/true")
    with pytest.raises(RegistrationError, match="/bin/true, does not start"):
        silent.path()
    silent.close()


def test_what_the_kernel_added_to_its_path_does_not_count(tmp_path: Path) -> None:
    installed = Installed(environ={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"})
    assert str(tmp_path) not in installed.path()
    installed.close()


def git(folder: Path, *arguments: str) -> str:
    quiet = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *quiet, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_checkout_with_its_commit_and_whether_it_is_dirty(tmp_path: Path) -> None:
    assert repositories(tmp_path) == []
    git(tmp_path, "init")
    (tmp_path / "deep").mkdir()
    assert repositories(tmp_path / "deep") == [], "there is no commit yet"
    (tmp_path / "a.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "x")
    git(tmp_path, "remote", "add", "origin", "https://user:geheim@host.example/r.git")
    [clean] = repositories(tmp_path / "deep")
    assert (clean.path, clean.commit, clean.dirty) == (
        str(tmp_path),
        git(tmp_path, "rev-parse", "HEAD"),
        False,
    )
    assert clean.url == "https://host.example/r.git"
    (tmp_path / "a.py").write_text("2")
    assert repositories(tmp_path)[0].dirty


def counting_git(place: Path, monkeypatch: pytest.MonkeyPatch, odd: str = "") -> Path:
    """A git on PATH that notes each call, and the file that it notes them in."""
    real, calls = shutil.which("git"), place / "calls"
    place.mkdir()
    (place / "git").write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{odd}\nexec {real} "$@"\n')
    (place / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return calls


def committed(folder: Path) -> str:
    git(folder, "init")
    (folder / "a.py").write_text("1")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


def test_git_is_asked_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = committed(tmp_path)
    calls = counting_git(tmp_path / "bin", monkeypatch)
    assert repositories(tmp_path)[0].commit == commit
    assert len(calls.read_text().splitlines()) == 2


def test_a_checkout_that_git_does_not_look_through_counts_as_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = committed(tmp_path)
    counting_git(tmp_path / "bin", monkeypatch, 'case "$*" in *status*) exec sleep 1000;; esac')
    monkeypatch.setattr(installed, "_GIT_SECONDS", 0.5)
    [found] = repositories(tmp_path)
    assert (found.commit, found.dirty, found.url) == (commit, True, None)


PROGRAMS = {
    "watched by a program": [("core.fsmonitor", "!")],
    "hooks": [("core.hooksPath", "HOOKS")],
    "a filter": [("filter.evil.clean", "!"), ("filter.evil.required", "true")],
    "a filter that stays": [("filter.evil.process", "!"), ("filter.evil.required", "true")],
    "a filter with an odd name": [("filter.o.d=d.clean", "!")],
    "a transport": [
        ("extensions.partialClone", "origin"), ("remote.origin.promisor", "true"),
        ("remote.origin.url", "ext::!"), ("protocol.ext.allow", "always"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("settings", PROGRAMS.values(), ids=PROGRAMS)
def test_nothing_that_a_checkout_configures_is_run(tmp_path: Path, settings: list[tuple[str, str]]) -> None:
    """Registering from a folder that somebody else made runs none of its programs."""
    folder, ran = tmp_path / "checkout", tmp_path / "ran"
    commit, hostile = hostile_checkout(folder), tmp_path / "hostile"
    hostile.write_text(f"#!/bin/sh\ntouch {ran}\nexit 1\n")
    hostile.chmod(0o755)
    (tmp_path / "HOOKS").mkdir()
    (tmp_path / "HOOKS" / "post-index-change").symlink_to(hostile)
    for name, value in settings:
        git(
            folder, "config", name, value.replace("!", str(hostile)).replace("HOOKS", str(tmp_path / "HOOKS"))
        )
    for name in ("a.py", "b.py"):
        (folder / name).write_text("2")
    if ("remote.origin.promisor", "true") in settings:
        tree = git(folder, "rev-parse", "HEAD^{tree}")
        (folder / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    [found] = repositories(folder)
    assert (found.commit, found.dirty) == (commit, True)
    assert not ran.exists()
    run_by_git_alone(folder)
    assert ran.exists(), "the checkout is as hostile as it is meant to be"


def hostile_checkout(folder: Path) -> str:
    folder.mkdir()
    git(folder, "init")
    (folder / ".gitattributes").write_text("a.py filter=evil\nb.py filter=o.d=d\n")
    (folder / "a.py").write_text("1")
    (folder / "b.py").write_text("1")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


def run_by_git_alone(folder: Path) -> None:
    subprocess.run(["git", "status"], cwd=folder, check=False, capture_output=True)
    subprocess.run(["git", "add", "."], cwd=folder, check=False, capture_output=True)


def test_a_filter_of_the_users_own_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as that of Git LFS: without it every file that it keeps would count as changed."""
    home, folder = tmp_path / "home", tmp_path / "checkout"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    git(home, "config", "--global", "filter.evil.clean", "tr a-z A-Z")
    hostile_checkout(folder)
    (folder / "a.py").write_text("1")
    os.utime(folder / "a.py", (1, 1))
    assert not repositories(folder)[0].dirty
    git(folder, "config", "filter.evil.clean", "echo x")
    os.utime(folder / "a.py", (2, 2))
    assert not repositories(folder)[0].dirty, "as it lies there"


def test_a_submodule_is_looked_at_from_outside(tmp_path: Path) -> None:
    inner, outer, ran = tmp_path / "inner", tmp_path / "outer", tmp_path / "ran"
    for one in (inner, outer):
        one.mkdir()
        committed(one)
    git(outer, "-c", "protocol.file.allow=always", "submodule", "add", str(inner), "sub")
    git(outer, "commit", "-m", "y")
    git(outer / "sub", "config", "core.fsmonitor", f"touch {ran}; false")
    git(outer / "sub", "config", "filter.evil.clean", f"touch {ran}; cat")
    (outer / ".git" / "modules" / "sub" / "info" / "attributes").write_text("* filter=evil\n")
    (outer / "sub" / "a.py").write_text("2")
    assert not repositories(outer)[0].dirty
    assert not ran.exists()
    git(outer / "sub", "-c", "core.fsmonitor=false", "-c", "filter.evil.clean=", "commit", "-am", "z")
    ran.unlink(missing_ok=True)
    assert repositories(outer)[0].dirty
    assert not ran.exists()


def test_no_git_is_no_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert repositories(tmp_path) == []


def test_a_spec_with_a_reserved_variable_is_refused_by_the_platform_too() -> None:
    with pytest.raises(ValueError, match="LD_PRELOAD cannot be set"):
        EnvironmentSpec.model_validate_json(
            json.dumps({"python_version": "3.11.7", "variables": {"LD_PRELOAD": "x"}})
        )
