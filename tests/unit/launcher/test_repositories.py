"""Clones of a program: made whole, kept, made anew; work that is nowhere else is not lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect_platform.launcher.faults import SourceFault, Stopped
from prefect_platform.launcher.repositories import Repositories
from prefect_platform.wire.launch import Repository as Wanted
from tests.interrupts import Quiet
from tests.repositories import Repository, repository


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    return repository(tmp_path / "origin", {"a.txt": "one\n"})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    found = Quiet()
    yield found
    found.close()


def bring(place: Path, quiet: Quiet, origin: Repository | str, **fields: Any) -> str:
    url = origin if isinstance(origin, str) else str(origin.path)
    wanted = Wanted(url=url, **({"path": "code", "local": True} | fields))
    directory = place.parent / "workload"
    directory.mkdir(exist_ok=True)
    said: list[str] = []
    found = Repositories(place, directory, dict(os.environ), quiet, said.append).bring([wanted])
    assert said
    return found


def clone(place: Path) -> Repository:
    return Repository(place / "code")


def left(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_a_clone_is_a_whole_repository(place: Path, quiet: Quiet, origin: Repository) -> None:
    assert bring(place, quiet, origin) == "code cloned"
    assert (place / "code" / "a.txt").read_text() == "one\n"
    assert clone(place).git("symbolic-ref", "--short", "HEAD") == "main"
    assert clone(place).git("remote", "get-url", "origin") == str(origin.path)
    assert left(place) == ["code"]


@pytest.mark.parametrize("kind", ["branch", "tag", "commit"])
def test_a_branch_a_tag_or_a_commit(place: Path, quiet: Quiet, origin: Repository, kind: str) -> None:
    origin.git("checkout", "--quiet", "-b", "side")
    commit = origin.commit({"a.txt": "side\n"})
    origin.git("tag", "v1")
    origin.git("checkout", "--quiet", "main")
    bring(place, quiet, origin, ref={"branch": "side", "tag": "v1", "commit": commit}[kind])
    assert (place / "code" / "a.txt").read_text() == "side\n"


def test_an_empty_repository_is_an_empty_clone(place: Path, quiet: Quiet, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = Repository(tmp_path / "empty")
    empty.git("init", "--quiet", "--initial-branch=main")
    bring(place, quiet, empty)
    assert (place / "code" / ".git").is_dir()


def test_what_is_there_is_preserved(place: Path, quiet: Quiet, origin: Repository) -> None:
    bring(place, quiet, origin)
    (place / "code" / "a.txt").write_text("mine\n")
    origin.commit({"a.txt": "two\n"})
    assert bring(place, quiet, origin) == "code as it was"
    assert (place / "code" / "a.txt").read_text() == "mine\n"


def test_it_is_cloned_anew_where_nothing_is_lost(place: Path, quiet: Quiet, origin: Repository) -> None:
    bring(place, quiet, origin)
    origin.commit({"a.txt": "two\n"})
    assert bring(place, quiet, origin, reclone=True) == "code cloned"
    assert (place / "code" / "a.txt").read_text() == "two\n"
    assert left(place) == ["code"]


def change(place: Path) -> None:
    (place / "code" / "a.txt").write_text("mine\n")


def add(place: Path) -> None:
    (place / "code" / "new.txt").write_text("mine\n")


def commit(place: Path) -> None:
    clone(place).commit({"a.txt": "mine\n"})


def branch(place: Path) -> None:
    clone(place).git("checkout", "--quiet", "-b", "mine")
    commit(place)
    clone(place).git("checkout", "--quiet", "main")


def stash(place: Path) -> None:
    change(place)
    clone(place).git("stash", "--quiet")


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (change, "changes that are not committed"),
        (add, "changes that are not committed"),
        (commit, "commits that were not pushed"),
        (branch, "commits that were not pushed"),
        (stash, "stashed changes"),
    ],
)
def test_work_is_not_lost_unless_that_is_said(
    place: Path, quiet: Quiet, origin: Repository, work: Any, words: str
) -> None:
    bring(place, quiet, origin)
    work(place)
    with pytest.raises(SourceFault, match=words) as refused:
        bring(place, quiet, origin, reclone=True)
    assert "discard_changes: true" in str(refused.value)
    bring(place, quiet, origin, reclone=True, discard=True)
    assert (place / "code" / "a.txt").read_text() == "one\n"
    assert not (place / "code" / "new.txt").exists()


def test_a_folder_that_is_no_clone_is_not_deleted(place: Path, quiet: Quiet, origin: Repository) -> None:
    (place / "code").mkdir()
    (place / "code" / "thesis.txt").write_text("years of work")
    with pytest.raises(SourceFault, match="what is no clone of it"):
        bring(place, quiet, origin, reclone=True)
    assert (place / "code" / "thesis.txt").exists()


def test_a_failed_clone_leaves_what_was_there(place: Path, quiet: Quiet, origin: Repository) -> None:
    bring(place, quiet, origin)
    with pytest.raises(SourceFault, match="there is no git repository"):
        bring(place, quiet, str(place / "gone"), reclone=True)
    assert (place / "code" / "a.txt").read_text() == "one\n"
    assert left(place) == ["code"]


def test_a_ref_that_is_not_there_is_named(place: Path, quiet: Quiet, origin: Repository) -> None:
    with pytest.raises(SourceFault, match="has no branch, tag or commit 'nowhere'"):
        bring(place, quiet, origin, ref="nowhere")
    assert left(place) == []


def test_a_link_does_not_lead_out_of_the_working_directory(
    place: Path, quiet: Quiet, origin: Repository, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (place / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(SourceFault, match="leads out of"):
        bring(place, quiet, origin, path="link/code")
    assert not any((tmp_path / "outside").iterdir())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"local": False}, "takes no repositories from its own machine"),
        ({"ref": "--orphan=x"}, "is no branch, tag or commit"),
    ],
)
def test_what_is_not_taken(
    place: Path, quiet: Quiet, origin: Repository, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(SourceFault, match=words):
        bring(place, quiet, origin, **fields)


@pytest.mark.parametrize("url", ["ext::sh -c id", "--upload-pack=id", "https://me:pw@host.example/x"])
def test_an_address_that_is_none_is_not_given_to_git(place: Path, quiet: Quiet, url: str) -> None:
    with pytest.raises(SourceFault):
        bring(place, quiet, url)


def test_hooks_and_programs_of_a_repository_do_not_run(
    place: Path, quiet: Quiet, origin: Repository, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    origin.commit({".gitattributes": "* filter=evil\n", "hooks/post-checkout": f"#!/bin/sh\ntouch {mark}\n"})
    bring(place, quiet, origin)
    assert not mark.exists()
    assert not list((place / "code" / ".git").glob("hooks/*"))


def test_a_stop_ends_a_clone(place: Path, origin: Repository) -> None:
    stopped = Quiet(stopped=True)
    with pytest.raises(Stopped):
        bring(place, stopped, origin)
    stopped.close()
    assert left(place) == []
