from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from prefect_platform.launcher.spool import MARK, Spool


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "flow", segment_bytes=10)


def segments(tmp_path: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((tmp_path / "flow").glob("[0-9]*"))}


def test_segments_are_named_by_offset(spool: Spool, tmp_path: Path) -> None:
    for piece in (b"12345678", b"abcdefgh", b"XYZ"):
        assert spool.append(piece) == len(piece)
    assert segments(tmp_path) == {"0" * 20: b"12345678abcdefgh", f"{16:020d}": b"XYZ"}
    assert spool.end == 19


def test_reading_goes_on_over_segments(spool: Spool) -> None:
    for n in range(5):
        spool.append(bytes([65 + n]) * 7)
    data = b""
    while piece := spool.read(len(data), 4):
        data += piece
    assert data == b"AAAAAAABBBBBBBCCCCCCCDDDDDDDEEEEEEE"


def test_acknowledged_segments_go_and_the_one_in_use_stays(spool: Spool, tmp_path: Path) -> None:
    for n in range(4):
        spool.append(bytes([65 + n]) * 10)
    spool.acknowledge(25)
    assert list(segments(tmp_path)) == [f"{20:020d}", f"{30:020d}"]
    spool.acknowledge(40)
    assert list(segments(tmp_path)) == [f"{30:020d}"]
    with pytest.raises(LookupError, match="acknowledged"):
        spool.read(5, 10)


def test_marks_are_records_and_vanish_when_all_is_acknowledged(spool: Spool, tmp_path: Path) -> None:
    spool.append(b"12345")
    spool.mark(0, 1_700_000_000_000)
    assert MARK.unpack((tmp_path / "flow" / "marks").read_bytes()) == (0, 1_700_000_000_000)
    spool.acknowledge(5)
    spool.append(b"678")
    spool.mark(5, 1_700_000_000_500)
    assert MARK.unpack((tmp_path / "flow" / "marks").read_bytes()) == (5, 1_700_000_000_500)


def test_closed_says_size_digest_and_what_is_missing(spool: Spool, tmp_path: Path) -> None:
    spool.append(b"12345")
    digest = hashlib.sha256(b"12345").hexdigest()
    spool.close(digest, 7)
    found = json.loads((tmp_path / "flow" / "closed").read_text())
    assert found == {"size": 5, "sha256": digest, "left_out": 7}
    spool.acknowledge(5)
    assert segments(tmp_path) == {}


def test_a_stream_that_has_begun_stands_on_disk_before_its_first_byte(spool: Spool, tmp_path: Path) -> None:
    spool.begin()
    assert (tmp_path / "flow").is_dir()
    assert (spool.append(b"12345"), spool.fault) == (5, "")
    (tmp_path / "other").touch()
    other = Spool(tmp_path / "other", 10)
    other.begin()
    assert "exists" in other.fault


def test_an_empty_stream_can_be_closed(spool: Spool, tmp_path: Path) -> None:
    spool.close(hashlib.sha256().hexdigest(), 0)
    assert json.loads((tmp_path / "flow" / "closed").read_text())["size"] == 0
    assert spool.read(0, 10) == b""


def test_a_directory_that_cannot_be_written_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "flow").write_text("a file is in the way")
    spool = Spool(tmp_path / "flow", 10)
    assert spool.append(b"12345") == 0
    assert "exists" in spool.fault
    assert not spool.append_whole(b"12345")
    spool.append_in_memory(b"last line")
    assert spool.read(0, 4) == b"last"
    assert spool.read(4, 100) == b" line"
    assert spool.end == 9


def test_bytes_in_memory_follow_those_on_disk(spool: Spool) -> None:
    spool.append(b"12345")
    spool.append_in_memory(b"678")
    assert spool.read(3, 100) == b"45"
    assert spool.read(5, 100) == b"678"
    assert spool.read(8, 100) == b""
