"""The key file: for its account alone, and everything that may be wrong with it is told in words."""

from __future__ import annotations

import base64
import os
import stat
import threading
from pathlib import Path

import pytest

from prefect_platform.errors import Unavailable, UsageError
from prefect_platform.server.stores.file_keyring import FileKeyring
from prefect_platform.server.stores.keyring import KEY_BYTES

KEY = base64.b64encode(bytes(range(KEY_BYTES))).decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keyring"


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_made_file_is_for_its_account_alone_and_made_once(path: Path) -> None:
    (first,) = FileKeyring.make(path).key_ids()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert FileKeyring.make(path).key_ids() == (first,)


def test_the_folder_of_a_made_file_is_made(tmp_path: Path) -> None:
    assert len(FileKeyring.make(tmp_path / "data" / "keys" / "keyring").key_ids()) == 1
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_line_of_openssl_is_a_key(path: Path) -> None:
    assert len(FileKeyring(written(path, f"# ours\n\n{KEY}\n")).key_ids()) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no key"),
        ("# only words\n", "holds no key"),
        (f"{KEY}\n{KEY}  # again\n", "holds a key twice"),
        (f"{KEY}\nnot/a key\n", "Line 2 .* is no base64"),
        ("c2hvcnQ=\n", "Line 1 .* holds 5 bytes: a key has 32"),
        (KEY[:20], "Line 1"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_without_its_content(path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as raised:
        FileKeyring(written(path, text))
    for word in (KEY[:20], "c2hvcnQ", "not/a"):
        assert word not in str(raised.value)


def test_a_file_that_is_no_text_or_no_file(path: Path) -> None:
    path.write_bytes(os.urandom(32) + b"\xff")
    path.chmod(0o600)
    with pytest.raises(UsageError, match="is no text"):
        FileKeyring(path)
    path.unlink()
    with pytest.raises(UsageError, match="is not there: put it back from your copy"):
        FileKeyring(path)
    path.mkdir()
    with pytest.raises(UsageError, match="is no file"):
        FileKeyring(path)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(path: Path, mode: int) -> None:
    written(path, KEY).chmod(mode)
    with pytest.raises(UsageError, match=rf"mode {mode:04o}.*chmod 600"):
        FileKeyring(path)


def test_a_new_key_goes_below_the_head_and_keeps_every_line(path: Path) -> None:
    ring = FileKeyring(written(path, f"# our keys\n{KEY} # of 2026"))
    (old,) = ring.key_ids()
    new = ring.add_key(old)
    lines = path.read_text().splitlines()
    assert (lines[0], lines[2]) == ("# our keys", f"{KEY} # of 2026")
    assert new in lines[1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_file_that_cannot_be_written_is_told_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "mounted" / "keyring"
    path.parent.mkdir()
    ring = FileKeyring(written(path, KEY))
    path.with_name("keyring.lock").mkdir()
    with pytest.raises(Unavailable, match="openssl rand -base64 32"):
        ring.add_key(ring.key_ids()[0])


def test_many_who_add_at_once_add_one_key(path: Path) -> None:
    (old,) = FileKeyring.make(path).key_ids()
    threads = [threading.Thread(target=FileKeyring(path).add_key, args=(old,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(FileKeyring(path).key_ids()) == 2


def test_a_file_that_is_lost_while_the_server_runs_is_told_and_missed_by_nobody(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ring = FileKeyring.make(path)
    wrapped, (first,) = ring.wrap(b"k" * 32, b"here"), ring.key_ids()
    path.unlink()
    assert ring.unwrap(wrapped, b"here") == b"k" * 32
    assert ring.key_ids() == (first,)
    assert caplog.text.count("the keys known before are used") == 1
    with pytest.raises(UsageError, match="is not there"):
        ring.add_key(first)
    written(path, f"{KEY}\n")
    assert ring.key_ids() != (first,), "a file that is back is read again"
