from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from prefect_platform.launcher.redaction import Redaction
from prefect_platform.launcher.source import TAIL_BYTES, Source
from prefect_platform.launcher.spool import Spool

Make = Callable[..., Source]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def source(cap: int = 1 << 20, secrets: tuple[str, ...] = ()) -> Source:
        return Source(
            "flow", Spool(tmp_path / "flow", 1 << 20), Redaction(secrets).stream(), cap, lambda: None
        )

    return source


def everything(source: Source) -> bytes:
    data = b""
    while piece := source.spool.read(len(data), 1 << 20):
        data += piece
    return data


def test_offsets_and_digest_are_those_of_the_masked_stream(make: Make) -> None:
    source = make(secrets=("secret",))
    for piece in (b"a sec", b"ret and sec", b"ond"):
        source.write(piece)
    source.close()
    assert everything(source) == b"a ****** and second"
    assert source.size == 19
    assert source.sha256 == hashlib.sha256(everything(source)).hexdigest()


def test_past_its_cap_a_source_counts_and_says_so_at_the_end(make: Make) -> None:
    source = make(cap=10)
    for _ in range(3):
        source.write(b"1234567")
    assert source.size == 10
    source.close()
    assert everything(source).startswith(b"1234567123\n[prefect-platform] 11 bytes are missing here: ")
    assert b"cap of 10 bytes" in everything(source)
    assert source.sha256 == hashlib.sha256(everything(source)).hexdigest()


def test_the_tail_is_kept_past_the_cap_and_begins_with_a_line(make: Make) -> None:
    source = make(cap=10)
    for n in range(2000):
        source.write(f"line {n}\n".encode())
    assert source.tail.endswith("line 1999\n")
    assert len(source.tail) <= TAIL_BYTES
    assert re.match(r"line \d+\n", source.tail)


def test_the_tail_is_text_whatever_was_written(make: Make) -> None:
    source = make()
    source.write(b"a\0b\xffc")
    assert source.tail == "a\ufffdb\ufffdc"


def test_a_full_disk_leaves_a_line_where_bytes_are_missing(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, write = make(), os.write
    source.write(b"before")

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("prefect_platform.launcher.spool.os.write", full)
    source.write(b"lost")
    source.write(b"lost too")
    monkeypatch.setattr("prefect_platform.launcher.spool.os.write", write)
    source.write(b"after")
    source.close()
    reason = b"the disk of the run took no more (No space left on device)"
    line = b"\n[prefect-platform] 12 bytes are missing here: " + reason + b"\n"
    assert everything(source) == b"before" + line + b"after"
    assert source.sha256 == hashlib.sha256(everything(source)).hexdigest()


def test_what_a_filling_disk_still_takes_is_kept(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    source, write, room = make(), os.write, [3]

    def filling(fd: int, data: bytes) -> int:
        count = min(room[0], len(data))
        room[0] -= count
        if not count:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[:count])

    monkeypatch.setattr("prefect_platform.launcher.spool.os.write", filling)
    source.write(b"abcdef")
    source.close()
    assert everything(source).startswith(b"abc\n[prefect-platform] 3 bytes are missing here")
    assert source.sha256 == hashlib.sha256(everything(source)).hexdigest()


def test_a_closed_source_takes_nothing_more(make: Make) -> None:
    source = make()
    source.write(b"all")
    source.close()
    source.write(b"more")
    source.close()
    assert everything(source) == b"all"


def test_sentences_carry_their_time(make: Make) -> None:
    source = make()
    source.say("Something was done.")
    assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z Something was done\.\n", everything(source))


def test_a_secret_of_the_marker_leaves_the_marker_to_read(make: Make) -> None:
    """Markers are the launcher's own and are not masked: what they say is counted, never read back."""
    source = make(cap=10, secrets=("prefect-platform", "bytes are missing here"))
    source.write(b"1234567890 prefect-platform")
    source.close()
    assert everything(source).startswith(b"1234567890\n[prefect-platform] 17 bytes are missing here: ")


def test_what_is_held_back_stays_small_whatever_the_secret(make: Make) -> None:
    secret = "".join(chr(33 + n * 31 % 90) for n in range(60_000))
    source = make(secrets=(secret,))
    source.write(secret[:50_000].encode())
    assert source.size > 50_000 - 64
