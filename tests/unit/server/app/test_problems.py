"""What becomes of exceptions that no route expected."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from prefect_platform.errors import NotFound
from prefect_platform.server.app.problems import Problems

SCOPE: Scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}


async def answer(error: BaseException, *, started: bool = False) -> list[Message]:
    """What is sent when the layers below raise `error`, before or after their answer began."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing more is read")

    await Problems(app)(SCOPE, receive, send)
    return sent


def problem(sent: list[Message]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sent[1]["body"])
    assert sent[0]["status"] == found["status"]
    return found


def failed(text: str) -> OperationalError:
    return OperationalError("SELECT secret", {}, sqlite3.OperationalError(text))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFound("no such thing"), 404, "not-found"),
        (failed("database or disk is full"), 507, "storage-full"),
        (failed("database is locked"), 503, "unavailable"),
        (ConnectionRefusedError("10.0.0.7"), 503, "unavailable"),
        (ValueError("hunter2"), 500, "internal"),
    ],
)
async def test_each_fault_has_its_code_and_keeps_its_text(error: Exception, status: int, code: str) -> None:
    found = problem(await answer(error))
    assert (found["status"], found["code"]) == (status, code)
    assert not any(text in json.dumps(found) for text in ("hunter2", "SELECT", "10.0.0.7"))


@pytest.mark.asyncio
async def test_an_answer_that_began_breaks_off_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    sent = await answer(NotFound("the blob went away"), started=True)
    assert [one["type"] for one in sent] == ["http.response.start"]
    assert "GET '/x' broke off: the blob went away" in caplog.text


@pytest.mark.asyncio
async def test_who_hung_up_is_not_answered() -> None:
    assert await answer(ClientDisconnect()) == []
