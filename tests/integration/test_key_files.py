"""A server and its key file: missing, wrong, from before a rotation. It does not start, and says why."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from prefect_platform.client.api import PlatformClient
from prefect_platform.errors import UsageError
from prefect_platform.server.config import ServerConfig
from prefect_platform.server.stores.file_keyring import FileKeyring
from prefect_platform.testing.live_server import live_server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory of a platform that keeps a secret."""
    with live_server(tmp_path / "data") as server, PlatformClient(server.url, server.token) as client:
        client.secrets.set("default", "aws-key", "correct horse battery")
    return tmp_path / "data"


def refusal(data: Path) -> str:
    with pytest.raises(UsageError) as raised, live_server(data):
        pytest.fail("the server started")
    return raised.value.message


def test_the_file_is_made_for_its_account_alone_and_serves_again(data: Path) -> None:
    assert (data / "keyring").stat().st_mode & 0o777 == 0o600
    with live_server(data) as server, PlatformClient(server.url, server.token) as client:
        assert client.secrets.get("default", "aws-key").version == 1


def test_a_missing_file(data: Path) -> None:
    (data / "keyring").unlink()
    said = refusal(data)
    assert f"{data / 'keyring'} is gone" in said
    assert "1 secret values" in said
    assert not (data / "keyring").exists()


def test_a_wrong_file(data: Path) -> None:
    (data / "keyring").unlink()
    FileKeyring.make(data / "keyring")
    assert "does not open 1 of 1 secret values" in refusal(data)


def test_a_file_that_others_may_read(data: Path) -> None:
    (data / "keyring").chmod(0o644)
    assert "can be read by others" in refusal(data)


def test_a_damaged_file(data: Path) -> None:
    text = (data / "keyring").read_text()
    (data / "keyring").write_text(text.replace(text.splitlines()[-1], text.splitlines()[-1][:20]))
    assert "Line 3" in refusal(data)


def test_a_file_from_before_a_rotation(data: Path) -> None:
    shutil.copy2(data / "keyring", data / "copy")
    with live_server(data) as server, PlatformClient(server.url, server.token) as client:
        done = client.secrets.rotate_keys()
    (data / "copy").replace(data / "keyring")
    assert f"it lacks the keys {done.key_id} (1)" in refusal(data)


def test_a_rotation_goes_on_where_it_was_cut_short_and_the_old_key_can_go(data: Path) -> None:
    ring = FileKeyring(data / "keyring")
    (old,) = ring.key_ids()
    new = ring.add_key(old)
    with live_server(data) as server, PlatformClient(server.url, server.token) as client:
        done = client.secrets.rotate_keys()
        assert (done.key_id, done.added, done.rewrapped, done.unused) == (new, False, 1, [old])
    lines = (data / "keyring").read_text().splitlines(keepends=True)
    (data / "keyring").write_text("".join(line for line in lines if old not in line))
    with live_server(data) as server:
        assert server.parts.keyring.key_ids() == (new,)


def test_a_shared_database_without_a_keyring(postgres_url: str, tmp_path: Path) -> None:
    config = ServerConfig(data_dir=tmp_path, backend="memory", database_url=postgres_url)
    with pytest.raises(UsageError, match=r"PREFECT_PLATFORM_KEYRING is not set"), live_server(config=config):
        pytest.fail("the server started")


def test_two_servers_with_one_database_and_one_file(postgres_url: str, tmp_path: Path) -> None:
    keyring = FileKeyring.make(tmp_path / "keyring").path
    config = ServerConfig(data_dir=tmp_path, backend="memory", database_url=postgres_url, keyring=keyring)
    with (
        live_server(tmp_path / "one", config=config) as one,
        live_server(tmp_path / "two", config=config) as two,
        PlatformClient(one.url, one.token) as first,
        PlatformClient(two.url, two.token) as second,
    ):
        first.secrets.set("default", "aws-key", "correct horse battery")
        done = second.secrets.rotate_keys()
        assert (done.added, done.rewrapped) == (True, 1)
        assert first.secrets.set("default", "aws-key", "another value").version == 2
        assert second.secrets.rotate_keys(new_key=False).rewrapped == 0, (
            "the first server writes under it too"
        )
