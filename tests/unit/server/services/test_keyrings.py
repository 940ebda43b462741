"""The keyring at the start and in rotation: what is missing, wrong or half-way is told, and repaired."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from prefect_platform.errors import Forbidden, UsageError
from prefect_platform.server.config import ServerConfig
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import SecretRow, SecretVersionRow
from prefect_platform.server.services import keyrings, secret_values, secrets
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.file_keyring import FileKeyring
from prefect_platform.server.stores.memory_keyring import MemoryKeyring
from prefect_platform.wire.secrets import KeyRotated, KeyRotation, SecretSet
from tests import server_calls

pytestmark = pytest.mark.asyncio


async def fill(parts: Parts, count: int = 3) -> None:
    owner = await server_calls.owner(parts)
    for number in range(count):
        await secrets.put(parts, owner, "default", f"s{number}", SecretSet(value=f"value {number}"))


async def readable(parts: Parts) -> list[str]:
    async with parts.database.reader() as session:
        rows = (await session.scalars(select(SecretRow).order_by(SecretRow.name))).all()
        return [await secret_values.read(session, parts.keyring, row, row.version) for row in rows]


async def under(parts: Parts) -> set[str]:
    async with parts.database.reader() as session:
        return set((await session.scalars(select(SecretVersionRow.key_id))).all())


async def rotate(parts: Parts, *, new_key: bool = True) -> KeyRotated:
    return await keyrings.rotate(parts, await server_calls.owner(parts), KeyRotation(new_key=new_key))


async def test_rotation_brings_everything_under_a_new_key(parts: Parts) -> None:
    await fill(parts)
    (old,) = parts.keyring.key_ids()
    done = await rotate(parts)
    assert (done.added, done.rewrapped, done.unused) == (True, 3, [old])
    assert await under(parts) == {done.key_id} != {old}
    assert await readable(parts) == ["value 0", "value 1", "value 2"]
    again = await rotate(parts, new_key=False)
    assert (again.added, again.rewrapped, again.key_id) == (False, 0, done.key_id)


async def test_a_rotation_that_was_cut_short_is_finished_and_not_begun_anew(parts: Parts) -> None:
    await fill(parts)
    (old,) = parts.keyring.key_ids()
    new = parts.keyring.add_key(old)
    moved = await keyrings._batch(parts, new)
    await keyrings._move(parts, moved[:1])
    assert await under(parts) == {old, new}
    assert await readable(parts) == ["value 0", "value 1", "value 2"], "half-way everything can be read"
    await keyrings.check(parts.database, parts.keyring)
    done = await rotate(parts)
    assert (done.added, done.rewrapped, done.key_id) == (False, 2, new)
    assert await under(parts) == {new}


async def test_two_servers_that_rotate_at_once(parts: Parts) -> None:
    await fill(parts, 5)
    assert isinstance(parts.keyring, MemoryKeyring)
    other = replace(parts, keyring=MemoryKeyring(parts.keyring.keys))
    first, second = await asyncio.gather(rotate(parts), rotate(other))
    assert await under(parts) == {parts.keyring.key_ids()[0]}
    assert first.rewrapped + second.rewrapped >= 5
    assert await readable(other) == [f"value {n}" for n in range(5)]


async def test_only_an_administrator_rotates(parts: Parts) -> None:
    member = await server_calls.user(parts, "ana", "owner")
    with pytest.raises(Forbidden, match="administrator"):
        await keyrings.rotate(parts, member, KeyRotation())
    assert len(parts.keyring.key_ids()) == 1


async def test_a_wrong_key_is_found_at_the_start(parts: Parts) -> None:
    await keyrings.check(parts.database, MemoryKeyring())
    await fill(parts)
    with pytest.raises(UsageError, match=r"does not open 3 of 3 secret values.*another file") as raised:
        await keyrings.check(parts.database, MemoryKeyring())
    assert parts.keyring.key_ids()[0] in raised.value.message


async def test_a_key_file_from_before_a_rotation_is_found_at_the_start(parts: Parts) -> None:
    await fill(parts)
    assert isinstance(parts.keyring, MemoryKeyring)
    copy = list(parts.keyring.keys)
    new = parts.keyring.add_key(parts.keyring.key_ids()[0])
    moved = await keyrings._batch(parts, new)
    await keyrings._move(parts, moved[:2])
    with pytest.raises(UsageError, match=f"does not open 2 of 3.*{new} .2.*an older or shortened copy"):
        await keyrings.check(parts.database, MemoryKeyring(copy))


async def test_an_altered_value_is_found_at_the_start(parts: Parts) -> None:
    await fill(parts, 1)
    async with parts.database.session() as session:
        await session.execute(update(SecretVersionRow).values(wrapped_key="AAAA"))
    with pytest.raises(UsageError, match="Version 1 of secret 's0' cannot be opened"):
        await keyrings.check(parts.database, parts.keyring)


async def test_a_shared_database_without_a_key_refuses(postgres_url: str, tmp_path: Path) -> None:
    database = Database(postgres_url)
    with pytest.raises(UsageError, match=r"PREFECT_PLATFORM_KEYRING is not set.*shared"):
        await keyrings.opened(ServerConfig(data_dir=tmp_path, database_url=postgres_url), database)
    named = FileKeyring.make(tmp_path / "ours")
    config = ServerConfig(data_dir=tmp_path, database_url=postgres_url, keyring=named.path)
    assert (await keyrings.opened(config, database)).key_ids() == named.key_ids()
    assert not (tmp_path / "keyring").exists()
    await database.aclose()


async def test_with_sqlite_a_file_is_made_once_and_missed_when_it_is_gone(
    sqlite_template: Path, tmp_path: Path, parts: Parts
) -> None:
    if not parts.database.is_sqlite:
        pytest.skip("a shared database names its keyring")
    made = await keyrings.opened(parts.config, parts.database)
    assert isinstance(made, FileKeyring)
    assert (made.path, made.path.stat().st_mode & 0o777) == (tmp_path / "keyring", 0o600)
    await fill(replace(parts, keyring=made))
    made.path.unlink()
    with pytest.raises(UsageError, match="is gone, and the database holds 3 secret values"):
        await keyrings.opened(parts.config, parts.database)
    assert not made.path.exists(), "no other key takes its place"
