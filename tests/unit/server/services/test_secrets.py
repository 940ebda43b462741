"""Secrets: names, versions, owners, the end of them, and what nobody is told."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError
from sqlalchemy import func, select

from prefect_platform.errors import Forbidden, NotFound, RegistrationError, UsageError
from prefect_platform.server.db.tables import EnvironmentRow, FlowRow, SecretRow, SecretVersionRow
from prefect_platform.server.services import registration, secret_values, secrets
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.environments import EnvironmentSpec
from prefect_platform.wire.flows import RegisterRequest
from prefect_platform.wire.secrets import MAX_SECRET_BYTES, Secret, SecretAttachment, SecretSet
from tests import server_calls

pytestmark = pytest.mark.asyncio
VALUE = "correct horse battery"
LONG = "x" * 10_000
STRANGE = ["", "AWS_KEY", "a b", "-a", "a-", "a/b", "../a", "'; drop table secrets;--", "é", "a\0b", LONG]


async def put(
    parts: Parts, name: str = "aws-key", value: str = VALUE, caller: Caller | None = None
) -> Secret:
    caller = caller or await server_calls.owner(parts)
    return await secrets.put(parts, caller, "default", name, SecretSet(value=value))


async def names(parts: Parts) -> list[str]:
    found = await secrets.listing(parts, await server_calls.owner(parts), "default", None, None)
    return [one.name for one in found.items]


async def kept(parts: Parts) -> int:
    async with parts.database.reader() as session:
        return (await session.scalars(select(func.count()).select_from(SecretVersionRow))).one()


async def test_each_value_is_a_version_and_none_is_told(parts: Parts) -> None:
    owner = await server_calls.owner(parts)
    first = await put(parts)
    second = await put(parts, value="another value")
    assert (first.version, second.version, second.owner) == (1, 2, owner.name)
    assert await secrets.show(parts, owner, "default", "aws-key") == second
    assert VALUE not in f"{first!r} {first.model_dump_json()} {SecretSet(value=VALUE)!r}"
    async with parts.database.reader() as session:
        row = (await session.scalars(select(SecretRow))).one()
        assert await secret_values.read(session, parts.keyring, row, 1) == VALUE
        assert await secret_values.read(session, parts.keyring, row, 2) == "another value"


async def test_the_database_holds_no_value(parts: Parts) -> None:
    await put(parts)
    async with parts.database.reader() as session:
        row = (await session.scalars(select(SecretVersionRow))).one()
        assert VALUE not in "".join(str(value) for value in vars(row).values())


async def test_a_value_moved_to_another_row_is_not_opened(parts: Parts) -> None:
    await put(parts, "mine")
    await put(parts, "other", "the other value")
    async with parts.database.session() as session:
        rows = {row.name: row for row in await session.scalars(select(SecretRow))}
        mine = await session.get(SecretVersionRow, (rows["mine"].id, 1))
        other = await session.get(SecretVersionRow, (rows["other"].id, 1))
        assert mine is not None
        assert other is not None
        mine.wrapped_key, mine.ciphertext = other.wrapped_key, other.ciphertext
        await session.flush()
        with pytest.raises(Exception, match="moved from another row"):
            await secret_values.read(session, parts.keyring, rows["mine"], 1)


@pytest.mark.parametrize("name", STRANGE)
async def test_strange_names_are_refused_in_words(parts: Parts, name: str) -> None:
    owner = await server_calls.owner(parts)
    with pytest.raises(UsageError, match="lowercase letters, digits and dashes") as raised:
        await put(parts, name)
    assert len(raised.value.message) < 700
    for ask in (secrets.show, secrets.remove):
        with pytest.raises(NotFound):
            await ask(parts, owner, "default", name)
    with pytest.raises(NotFound):
        await secrets.uses(parts, owner, "default", name, None, None)


async def test_the_refusal_offers_a_name(parts: Parts) -> None:
    with pytest.raises(UsageError, match="Perhaps 'aws-key'"):
        await put(parts, "AWS_KEY")


@pytest.mark.parametrize(
    "value", ["", "a\0b", "x" * (MAX_SECRET_BYTES + 1), "é" * MAX_SECRET_BYTES, "\ud800"]
)
async def test_values_that_no_process_can_be_given(value: str) -> None:
    with pytest.raises(ValidationError) as raised:
        SecretSet(value=value)
    assert not value or value[:20] not in str(raised.value)


async def test_short_values_are_known_as_not_maskable(parts: Parts) -> None:
    assert not (await put(parts, value="12345")).maskable
    assert not (await put(parts, value="12345\n\n")).maskable
    assert (await put(parts, value="123456")).maskable


async def test_deleting_takes_the_values_and_setting_again_goes_on_counting(parts: Parts) -> None:
    owner = await server_calls.owner(parts)
    await put(parts)
    await put(parts)
    await secrets.remove(parts, owner, "default", "aws-key")
    assert await kept(parts) == 0
    assert await names(parts) == []
    with pytest.raises(NotFound, match="no secret 'aws-key'"):
        await secrets.show(parts, owner, "default", "aws-key")
    with pytest.raises(NotFound):
        await secrets.remove(parts, owner, "default", "aws-key")
    assert (await secrets.uses(parts, owner, "default", "aws-key", None, None)).items == []
    assert (await put(parts)).version == 3
    assert await names(parts) == ["aws-key"]


async def test_what_there_is_not_comes_with_the_nearest_name(parts: Parts) -> None:
    await put(parts)
    with pytest.raises(NotFound, match="Did you mean 'aws-key'"):
        await secrets.show(parts, await server_calls.owner(parts), "default", "aws-kee")


async def test_whose_secret_it_is(parts: Parts) -> None:
    """A member makes secrets and changes their own; an owner of the project changes all; others see none."""
    ana, bob = (
        await server_calls.user(parts, "ana", "member"),
        await server_calls.user(parts, "bob", "member"),
    )
    stranger = await server_calls.user(parts, "eve")
    await put(parts, caller=ana)
    assert (await put(parts, caller=ana)).version == 2
    with pytest.raises(Forbidden, match="belongs to ana"):
        await put(parts, caller=bob)
    with pytest.raises(Forbidden, match="belongs to ana"):
        await secrets.remove(parts, bob, "default", "aws-key")
    assert (await secrets.show(parts, bob, "default", "aws-key")).owner == "ana"
    owner = await server_calls.owner(parts)
    assert (await put(parts, caller=owner)).owner == "ana"
    for call in (
        secrets.show(parts, stranger, "default", "aws-key"),
        secrets.remove(parts, stranger, "default", "aws-key"),
        secrets.listing(parts, stranger, "default", None, None),
        secrets.uses(parts, stranger, "default", "aws-key", None, None),
        secrets.put(parts, stranger, "default", "aws-key", SecretSet(value="mine")),
    ):
        with pytest.raises(NotFound, match="no project"):
            await call
    await secrets.remove(parts, owner, "default", "aws-key")
    assert (await put(parts, caller=bob)).owner == "bob"


async def test_one_name_made_twice_at_one_moment_has_two_versions(parts: Parts) -> None:
    made = await asyncio.gather(*(put(parts, value=f"value {n}") for n in range(4)))
    assert sorted(one.version for one in made) == [1, 2, 3, 4]
    assert await kept(parts) == 4


def wanted(*attachments: SecretAttachment, **variables: str) -> RegisterRequest:
    spec = EnvironmentSpec(python_version="3.11.7", secrets=list(attachments), variables=variables)
    return server_calls.registration().model_copy(update={"environment": spec})


async def test_all_missing_secrets_are_named_and_nothing_is_written(parts: Parts) -> None:
    owner = await server_calls.owner(parts)
    await put(parts)
    await put(parts, "gone")
    await secrets.remove(parts, owner, "default", "gone")
    request = wanted(
        SecretAttachment(secret="aws-key", variable="KEY"),
        SecretAttachment(secret="aws-kee", variable="A"),
        SecretAttachment(secret="gone", path="~/b"),
    )
    with pytest.raises(RegistrationError, match=r"'aws-kee'\. Did you mean 'aws-key'\?.*'gone'") as raised:
        await registration.register(parts, owner, "default", request)
    assert "secret set" in raised.value.message
    async with parts.database.reader() as session:
        for kind in (FlowRow, EnvironmentRow):
            assert (await session.scalars(select(kind))).all() == []


async def test_two_things_for_one_place_are_refused(parts: Parts) -> None:
    owner = await server_calls.owner(parts)
    for name in ("one", "two"):
        await put(parts, name)
    one, two = (SecretAttachment(secret=name, variable="KEY") for name in ("one", "two"))
    nested = [SecretAttachment(secret="one", path="~/a"), SecretAttachment(secret="two", path="a/b")]
    same = [SecretAttachment(secret="one", path="~/a/./b"), SecretAttachment(secret="two", path="a/b")]
    for request, told in (
        (wanted(one, two), "KEY is given twice"),
        (wanted(*nested), "a folder of another"),
        (wanted(*same), "~/a/b is given twice"),
        (wanted(one, KEY="in the open"), "by env"),
    ):
        with pytest.raises(RegistrationError, match=told):
            await registration.register(parts, owner, "default", request)


async def test_a_value_too_short_to_mask_is_noted_at_the_attachment(parts: Parts) -> None:
    await put(parts, value="1234")
    request = wanted(SecretAttachment(secret="aws-key", variable="KEY"))
    found = await registration.register(parts, await server_calls.owner(parts), "default", request)
    assert any("'aws-key'" in note and "not masked" in note for note in found.notes)
