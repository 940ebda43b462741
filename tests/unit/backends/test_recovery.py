"""Reading what a launcher left, and nothing that somebody else put there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from prefect_platform.backends.local import recovery
from prefect_platform.backends.local.directory import open_up, require_below, without
from prefect_platform.backends.local.place import Place
from prefect_platform.backends.local.proc import Process
from prefect_platform.errors import Conflict, UsageError
from prefect_platform.testing.backend_stages import write_spool


def whole(directory: Path, source: str, start: int = 0) -> list[tuple[int, bytes]]:
    return [(piece.offset, piece.data) for piece in recovery.pieces(directory, source, start)]


def test_pieces_follow_each_other_across_segments(tmp_path: Path) -> None:
    data = os.urandom((2 << 20) + 17)
    write_spool(tmp_path, "flow", data, segment=700_001)
    found = whole(tmp_path, "flow")
    assert b"".join(piece for _, piece in found) == data
    assert max(len(piece) for _, piece in found) <= recovery.PIECE
    assert [offset for offset, _ in found] == [sum(len(p) for _, p in found[:n]) for n in range(len(found))]


def test_after_acknowledged_segments_the_offset_says_where_it_goes_on(tmp_path: Path) -> None:
    write_spool(tmp_path, "flow", b"tail", start=1000)
    assert whole(tmp_path, "flow", 900) == [(1000, b"tail")]
    assert whole(tmp_path, "flow", 1002) == [(1002, b"il")]
    assert whole(tmp_path, "flow", 1004) == []
    assert whole(tmp_path, "flow", 5000) == []


def test_sources_are_those_with_a_sources_name(tmp_path: Path) -> None:
    for name in ("flow", "Not-One", "..x"):
        write_spool(tmp_path, name, b"x")
    (tmp_path / "spool" / "link").symlink_to(tmp_path / "spool" / "flow")
    (tmp_path / "spool" / "file").write_text("x")
    assert recovery.sources(tmp_path) == ["flow"]


def test_a_source_has_begun_before_anything_of_it_was_kept(tmp_path: Path) -> None:
    (tmp_path / "spool" / "flow").mkdir(parents=True)
    write_spool(tmp_path, "launcher", b"x")
    found = recovery.end(tmp_path)
    assert (found.begun, found.complete) == ({"flow", "launcher"}, {"launcher"})


def test_a_spool_that_is_a_link_is_none(tmp_path: Path) -> None:
    write_spool(tmp_path / "other", "flow", b"x")
    (tmp_path / "spool").symlink_to(tmp_path / "other" / "spool")
    assert recovery.sources(tmp_path) == []


def test_neither_links_nor_pipes_are_read(tmp_path: Path) -> None:
    write_spool(tmp_path, "flow", b"ours")
    secret = tmp_path / "secret"
    secret.write_text("theirs")
    folder = tmp_path / "spool" / "flow"
    (folder / f"{4:020d}").symlink_to(secret)
    os.mkfifo(folder / f"{5:020d}")
    (folder / f"{6:020d}").mkdir()
    (tmp_path / "result.json").symlink_to(secret)
    assert whole(tmp_path, "flow") == [(0, b"ours")]
    assert recovery.end(tmp_path).result is None


def test_a_closed_source_is_complete_if_the_spool_reaches_its_end(tmp_path: Path) -> None:
    write_spool(tmp_path, "flow", b"12345")
    write_spool(tmp_path, "launcher", b"12345")
    write_spool(tmp_path, "start-script", b"123", closed=False)
    (tmp_path / "spool" / "launcher" / f"{0:020d}").write_bytes(b"123")  # the disk took no more
    end = recovery.end(tmp_path)
    assert end.complete == {"flow"}
    assert end.sizes == {"flow": 5, "launcher": 5}


def test_a_closed_source_without_segments_was_acknowledged(tmp_path: Path) -> None:
    write_spool(tmp_path, "flow", b"", start=1 << 30)
    end = recovery.end(tmp_path)
    assert (set(end.complete), dict(end.sizes)) == ({"flow"}, {"flow": 1 << 30})


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "\x00"])
def test_a_result_that_is_none_of_ours_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "result.json").write_text(text)
    assert recovery.end(tmp_path).result is None


def test_a_result_is_given_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps({"exit_code": 0, "receipt": None}))
    assert recovery.end(tmp_path).result == {"exit_code": 0, "receipt": None}


@pytest.mark.parametrize(("text", "line"), [("a\nb\n\n  \n", "b"), ("", None), ("x" * 9000, "x" * 4096)])
def test_the_last_words_of_a_file(tmp_path: Path, text: str, line: str | None) -> None:
    (tmp_path / "log").write_text(text)
    assert recovery.last_words(tmp_path / "log") == line


def test_removing_follows_no_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    workload = tmp_path / "wl"
    workload.mkdir()
    (workload / "link").symlink_to(precious)
    without(workload)
    assert not workload.exists()
    (tmp_path / "wl").symlink_to(precious)
    without(workload)
    assert not workload.is_symlink()
    assert (precious / "file").exists()
    without(workload)


def test_what_was_closed_to_its_owner_is_opened_and_links_are_left(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    closed = tmp_path / "wl" / "a" / "b"
    closed.mkdir(parents=True)
    (closed / "link").symlink_to(outside)
    closed.chmod(0)
    closed.parent.chmod(0)
    open_up(tmp_path / "wl")
    assert [path.stat().st_mode & 0o777 for path in (closed, closed.parent)] == [0o700, 0o700]
    assert outside.stat().st_mode & 0o777 == 0o500


@pytest.mark.parametrize("directory", ["/etc", "{root}", "{root}/../etc", "{root}/other", "{root}/wl-1/x"])
def test_a_handle_for_another_directory_is_refused(tmp_path: Path, directory: str) -> None:
    place = Place("wl-1", Path(directory.format(root=tmp_path)), 1)
    with pytest.raises(Conflict, match="keeps its workloads in"):
        require_below(tmp_path, place)


@pytest.mark.parametrize("workload_id", ["", "..", ".", "a/b", "-x", "a\0b", "x" * 200])
def test_an_id_that_is_no_directory_is_refused(tmp_path: Path, workload_id: str) -> None:
    with pytest.raises(UsageError, match="cannot name a directory"):
        Place.of(tmp_path, workload_id, 1)


def test_a_place_is_its_handle(tmp_path: Path) -> None:
    place = Place.of(tmp_path, "wl-1", 64)
    assert Place.read(place.handle()) == place
    launched = place.with_launcher(Process(1, 2), "boot")
    assert Place.read(launched.handle()) == launched
    assert Place.read({}) is None
