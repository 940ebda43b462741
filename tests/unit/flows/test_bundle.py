"""A bundle is the same bytes for the same content, carries its manifest, and is never whole in memory."""

from __future__ import annotations

import json
import os
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from prefect_platform.errors import DigestMismatch, NotSignedIn, RegistrationError
from prefect_platform.flows.bundle import build
from prefect_platform.flows.capture.captured import Captured, Entry
from prefect_platform.flows.storage import WebhookStorage, pull_bundle, unpack
from prefect_platform.wire.flows import CodeKind


def captured(*entries: Entry) -> Captured:
    return Captured(CodeKind.FILES, "a.py:etl", "here", entries)


def test_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x = 1\n")
    one = build(captured(Entry.of_file("a.py", tmp_path / "f")), tmp_path / "1.zip")
    os.utime(tmp_path / "f", (1, 1))
    (tmp_path / "f").chmod(0o777)
    two = build(captured(Entry.of_bytes("a.py", b"x = 1\n")), tmp_path / "2.zip")
    assert one.sha256 == two.sha256
    assert one.size == (tmp_path / "1.zip").stat().st_size


def test_the_manifest_says_what_is_in_it(tmp_path: Path) -> None:
    code = captured(Entry.of_bytes("a.py", b"x"), Entry.of_bytes("b/c.txt", b"yy"))
    with zipfile.ZipFile(build(code, tmp_path / "b.zip").path) as archive:
        manifest = json.loads(archive.read("bundle.json"))
        assert archive.read("b/c.txt") == b"yy"
    assert manifest["entrypoint"] == "a.py:etl"
    assert manifest["code_digest"] == code.digest
    assert [(f["path"], f["size"]) for f in manifest["files"]] == [("a.py", 1), ("b/c.txt", 2)]


def test_a_projects_own_file_of_that_name_wins(tmp_path: Path) -> None:
    code = captured(Entry.of_bytes("bundle.json", b"mine"))
    with zipfile.ZipFile(build(code, tmp_path / "b.zip").path) as archive:
        assert archive.namelist() == ["bundle.json"]
        assert archive.read("bundle.json") == b"mine"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        RegistrationError, match=r"gone\.csv belongs to this flow's project but cannot be read"
    ):
        Entry.of_file("gone.csv", tmp_path / "gone.csv")


def test_a_value_counts_by_its_identity_and_not_by_its_bytes() -> None:
    one = Entry("values/x.pkl", b"1", 1, "a" * 64, "same")
    two = Entry("values/x.pkl", b"2", 1, "b" * 64, "same")
    assert captured(one).digest == captured(two).digest
    assert captured(Entry.of_bytes("x", b"1")).digest != captured(Entry.of_bytes("x", b"2")).digest


def test_where_it_came_from_is_no_part_of_the_digest() -> None:
    assert captured().digest == Captured(CodeKind.FILES, "a.py:etl", "elsewhere").digest


@pytest.mark.slow
def test_200_mb_pass_without_being_held(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(200 << 20)
    tracemalloc.start()
    made = build(captured(Entry.of_file("big.bin", tmp_path / "big")), tmp_path / "b.zip")
    unpack(made.path, tmp_path / "out")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "out" / "big.bin").stat().st_size == 200 << 20
    assert peak < 32 << 20


def test_a_bundle_cannot_reach_outside_itself(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("../evil.py", "x")
    with pytest.raises(DigestMismatch, match="outside itself"):
        unpack(tmp_path / "b.zip", tmp_path / "out")
    assert not (tmp_path / "evil.py").exists()


def test_storage_is_one_of_prefects() -> None:
    from prefect.runner.storage import RunnerStorage

    storage = WebhookStorage("http://127.0.0.1:4280/", "fv-1", "a" * 64)
    assert isinstance(storage, RunnerStorage)
    assert storage == WebhookStorage("http://127.0.0.1:4280", "fv-1", "a" * 64)
    assert storage != WebhookStorage("http://127.0.0.1:4280", "fv-2", "a" * 64)
    [(step, inputs)] = storage.to_pull_step().items()
    assert step == "prefect_platform.flows.storage.pull_bundle"
    assert inputs["token"] == "{{ $PREFECT_PLATFORM_TOKEN }}"
    assert storage.destination.name == "fv-1"


@pytest.mark.parametrize("token", ["", "{{ $PREFECT_PLATFORM_TOKEN }}"])
def test_a_run_without_a_token_is_told(token: str, tmp_path: Path) -> None:
    with pytest.raises(NotSignedIn, match="set PREFECT_PLATFORM_TOKEN where the worker runs"):
        pull_bundle("http://127.0.0.1:9", "fv-1", "a" * 64, token, str(tmp_path / "code"))
