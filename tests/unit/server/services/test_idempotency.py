"""One key, one effect: the repeat gets the first answer, or is told why it cannot."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from prefect_platform.errors import Conflict, IdempotencyConflict, UsageError
from prefect_platform.server.app.kept_answers import KeptAnswers
from prefect_platform.server.db.tables import IdempotencyRow
from prefect_platform.server.services import idempotency, tokens
from prefect_platform.server.services.idempotency import Kept
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.key_list import fresh_key
from prefect_platform.server.stores.memory_keyring import MemoryKeyring
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.tokens import TokenKind
from tests import server_calls

SECRET = b'{"secret":"pp_user_' + b"x" * 43 + b'"}'


@pytest.fixture
def clock(parts: Parts) -> ManualClock:
    assert isinstance(parts.clock, ManualClock)
    return parts.clock


@pytest.mark.asyncio
async def test_the_repeat_gets_the_first_answer(parts: Parts) -> None:
    assert await idempotency.begin(parts, "tk", "k", b"h") is None
    await idempotency.finish(parts, "tk", "k", 201, b'{"a":1}')
    assert await idempotency.begin(parts, "tk", "k", b"h") == Kept(201, '{"a":1}')
    assert await idempotency.begin(parts, "another token", "k", b"h") is None


@pytest.mark.asyncio
async def test_an_answer_without_a_body_is_kept(parts: Parts) -> None:
    await idempotency.begin(parts, "tk", "k", b"h")
    await idempotency.finish(parts, "tk", "k", 204, b"")
    assert await idempotency.begin(parts, "tk", "k", b"h") == Kept(204, None)


@pytest.mark.asyncio
async def test_another_request_with_the_key_is_refused(parts: Parts) -> None:
    await idempotency.begin(parts, "tk", "k", b"h")
    with pytest.raises(IdempotencyConflict, match="another request"):
        await idempotency.begin(parts, "tk", "k", b"other")


@pytest.mark.asyncio
async def test_the_same_key_at_the_same_moment_passes_once(parts: Parts) -> None:
    found = await asyncio.gather(
        *(idempotency.begin(parts, "tk", "k", b"h") for _ in range(5)), return_exceptions=True
    )
    assert found.count(None) == 1
    assert all(one is None or isinstance(one, Conflict) for one in found)


@pytest.mark.asyncio
async def test_a_first_call_that_died_is_taken_over_after_a_while(parts: Parts, clock: ManualClock) -> None:
    await idempotency.begin(parts, "tk", "k", b"h")
    with pytest.raises(Conflict, match="still under way"):
        await idempotency.begin(parts, "tk", "k", b"h")
    await clock.advance(idempotency.UNDER_WAY.total_seconds())
    assert await idempotency.begin(parts, "tk", "k", b"h") is None
    with pytest.raises(Conflict, match="still under way"):
        await idempotency.begin(parts, "tk", "k", b"h")


@pytest.mark.asyncio
async def test_a_restart_frees_what_was_under_way_and_keeps_the_rest(parts: Parts) -> None:
    await idempotency.begin(parts, "tk", "open", b"h")
    await idempotency.begin(parts, "tk", "done", b"h")
    await idempotency.finish(parts, "tk", "done", 200, b"1")
    await idempotency.forget_interrupted(parts)
    assert await idempotency.begin(parts, "tk", "open", b"h") is None
    assert await idempotency.begin(parts, "tk", "done", b"h") == Kept(200, "1")


@pytest.mark.asyncio
async def test_a_call_that_failed_may_be_tried_again(parts: Parts) -> None:
    await idempotency.begin(parts, "tk", "k", b"h")
    await idempotency.release(parts, "tk", "k")
    assert await idempotency.begin(parts, "tk", "k", b"another") is None


@pytest.mark.asyncio
async def test_a_secret_is_not_stored_and_the_repeat_is_told(parts: Parts) -> None:
    await idempotency.begin(parts, "tk", "k", b"h")
    await idempotency.finish(parts, "tk", "k", 201, SECRET)
    with pytest.raises(IdempotencyConflict, match="held a secret") as caught:
        await idempotency.begin(parts, "tk", "k", b"h")
    assert caught.value.data == {"done": True}
    async with parts.database.reader() as session:
        assert "pp_user_" not in str((await session.scalars(select(IdempotencyRow.body))).all())


@pytest.mark.asyncio
async def test_answers_are_kept_a_day(parts: Parts, clock: ManualClock) -> None:
    await idempotency.begin(parts, "tk", "k", b"h")
    await idempotency.finish(parts, "tk", "k", 200, b"1")
    await clock.advance(idempotency.KEPT.total_seconds() - 1)
    assert await idempotency.sweep(parts) == 0
    assert await idempotency.begin(parts, "tk", "k", b"h") == Kept(200, "1")
    await clock.advance(1)
    assert await idempotency.begin(parts, "tk", "k", b"h") is None
    await clock.advance(idempotency.KEPT.total_seconds() + 1)
    assert await idempotency.sweep(parts) == 1


@pytest.mark.asyncio
async def test_a_repeat_is_known_while_the_keys_are_rotated(parts: Parts) -> None:
    keyring = parts.keyring
    assert isinstance(keyring, MemoryKeyring)
    await idempotency.begin(parts, "tk", "k", b"h")
    await idempotency.finish(parts, "tk", "k", 200, b"1")
    keyring.add_key(keyring.key_ids()[0])
    assert await idempotency.begin(parts, "tk", "k", b"h") == Kept(200, "1")
    keyring.keys.insert(1, keyring.keys.pop())  # keys between others, and in another order
    keyring.keys.append(fresh_key())
    assert await idempotency.begin(parts, "tk", "k", b"h") == Kept(200, "1")
    with pytest.raises(IdempotencyConflict, match="another request"):
        await idempotency.begin(parts, "tk", "k", b"other")


@pytest.mark.asyncio
async def test_a_repeat_whose_key_was_taken_from_the_ring_is_told(parts: Parts, clock: ManualClock) -> None:
    keyring = parts.keyring
    assert isinstance(keyring, MemoryKeyring)
    await idempotency.begin(parts, "tk", "k", b"h")
    await idempotency.finish(parts, "tk", "k", 200, b"1")
    keyring.keys[:] = [fresh_key()]
    with pytest.raises(IdempotencyConflict, match="keyring of the platform has no more"):
        await idempotency.begin(parts, "tk", "k", b"h")
    await clock.advance(idempotency.KEPT.total_seconds())
    assert await idempotency.begin(parts, "tk", "k", b"h") is None


@pytest.mark.asyncio
@pytest.mark.parametrize("key", ["", "x" * 129, "a b", "é"])
async def test_a_key_that_is_none(parts: Parts, key: str) -> None:
    with pytest.raises(UsageError, match="Idempotency-Key"):
        await idempotency.begin(parts, "tk", key, b"h")


async def called(parts: Parts, secret: str, path: str, link: str) -> str:
    """A call with a key, whose route answers with a link."""
    sent: list[dict[str, Any]] = []

    async def route(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps({"url": link}).encode()})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"idempotency-key", b"k"), (b"authorization", f"Bearer {secret}".encode())]
    scope = {
        "type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers,
        "app": SimpleNamespace(state=SimpleNamespace(parts=parts)),
    }  # fmt: skip
    await KeptAnswers(route)(scope, receive, send)
    return str(json.loads(sent[1]["body"])["url"])


@pytest.mark.asyncio
async def test_a_link_that_is_good_once_is_kept_nowhere_and_a_repeat_gets_another(parts: Parts) -> None:
    owner = await server_calls.owner(parts)
    async with parts.database.session() as session:
        _, secret = await tokens.issue(session, parts, kind=TokenKind.USER, label="x", user_id=owner.user_id)
    path = "/api/v1/projects/default/resources/jupyter-server/lab"
    assert await called(parts, secret, f"{path}/open", "http://x/?ticket=1") == "http://x/?ticket=1"
    assert await called(parts, secret, f"{path}/open", "http://x/?ticket=2") == "http://x/?ticket=2"
    async with parts.database.reader() as session:
        assert (await session.scalars(select(IdempotencyRow))).all() == []
    assert await called(parts, secret, f"{path}/stop", "first") == "first"
    assert await called(parts, secret, f"{path}/stop", "second") == "first"
