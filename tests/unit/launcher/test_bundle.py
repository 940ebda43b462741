from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from prefect_platform.launcher import bundle
from prefect_platform.launcher.faults import BundleFault


def archive(tmp_path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as made:
        for name, data in members:
            made.writestr(name, data)
    return path


def info(name: str, mode: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    return made


def test_files_arrive_with_their_content_and_the_archive_goes(tmp_path: Path) -> None:
    path = archive(
        tmp_path,
        ("flows.py", b"x = 1"),
        ("sub/deep/data.bin", bytes(range(256))),
        (info("run.sh", stat.S_IFREG | 0o755), b"#!/bin/sh"),
    )
    assert bundle.unpack(path, tmp_path / "code") == 3
    assert (tmp_path / "code" / "flows.py").read_bytes() == b"x = 1"
    assert (tmp_path / "code" / "sub" / "deep" / "data.bin").read_bytes() == bytes(range(256))
    assert (tmp_path / "code" / "run.sh").stat().st_mode & 0o111
    assert not (tmp_path / "code" / "flows.py").stat().st_mode & 0o111
    assert not path.exists()


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "a/../../outside", "a\\..\\b", "."])
def test_nothing_is_written_elsewhere(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path, ("good.py", b""), (name, b"evil"))
    with pytest.raises(BundleFault, match="outside of its place"):
        bundle.unpack(path, tmp_path / "code")
    assert not (tmp_path / "code").exists()
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_only_plain_files_and_directories(tmp_path: Path, kind: int) -> None:
    path = archive(tmp_path, (info("link", kind | 0o777), b"/etc/passwd"))
    with pytest.raises(BundleFault, match="no plain file"):
        bundle.unpack(path, tmp_path / "code")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_no_name_twice(tmp_path: Path) -> None:
    path = archive(tmp_path, ("a.py", b"1"), ("a.py", b"2"))
    with pytest.raises(BundleFault, match="twice"):
        bundle.unpack(path, tmp_path / "code")


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path, ("a", b"12345"), ("b", b"12345"))
    monkeypatch.setattr(bundle, "MAX_UNPACKED_BYTES", 9)
    with pytest.raises(BundleFault, match="10 bytes unpacked"):
        bundle.unpack(path, tmp_path / "code")
    monkeypatch.setattr(bundle, "MAX_MEMBERS", 1)
    with pytest.raises(BundleFault, match="2 files"):
        bundle.unpack(path, tmp_path / "code")


def test_a_member_cannot_be_larger_than_it_says(tmp_path: Path) -> None:
    path = archive(tmp_path, ("bomb", b"x" * 100_000))
    data = path.read_bytes()
    size = (100_000).to_bytes(4, "little")
    assert data.count(size) == 4
    path.write_bytes(data.replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(BundleFault, match="no readable archive"):
        bundle.unpack(path, tmp_path / "code")
    assert (tmp_path / "code" / "bomb").stat().st_size <= 10


def test_what_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"not a zip")
    with pytest.raises(BundleFault, match="no readable archive"):
        bundle.unpack(path, tmp_path / "code")


def test_a_file_in_the_way_of_a_directory(tmp_path: Path) -> None:
    path = archive(tmp_path, ("a", b"1"), ("a/b", b"2"))
    with pytest.raises(BundleFault, match="could not be unpacked"):
        bundle.unpack(path, tmp_path / "code")


def test_other_ways_of_packing_are_not_opened(tmp_path: Path) -> None:
    made = zipfile.ZipInfo("bomb")
    made.compress_type = zipfile.ZIP_BZIP2
    with pytest.raises(BundleFault, match="unknown way"):
        bundle.unpack(archive(tmp_path, (made, b"0" * 1000)), tmp_path / "code")


def test_a_name_in_another_encoding_than_it_claims(tmp_path: Path) -> None:
    path = archive(tmp_path, ("é.py", b""))
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xfe"))
    with pytest.raises(BundleFault, match="no readable archive"):
        bundle.unpack(path, tmp_path / "code")
