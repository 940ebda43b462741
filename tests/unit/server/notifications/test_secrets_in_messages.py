"""No secret is in a message, wherever it came from: neither in the outbox nor at the receiver."""

from __future__ import annotations

import base64
import json

import pytest
from sqlalchemy import select, update

from prefect_platform.errors import PlatformError
from prefect_platform.masking.encodings import encoded
from prefect_platform.server.db.tables import (
    FlowRow,
    NotificationRow,
    ProjectRow,
    RunRow,
    SecretRow,
    SecretUseRow,
)
from prefect_platform.server.services import notification_text, notifications
from prefect_platform.server.services.notification_text import Masks, plain
from prefect_platform.server.services.notifications import Event
from prefect_platform.wire.notifications import EventKind
from tests.notification_scene import Notifying
from tests.receivers import Webhook

CANARY = "Canary7Quetzalcoatl9Xylophone"


async def told(stage: Notifying, hook: Webhook) -> str:
    """Everything that is kept or was sent, in one text."""
    async with stage.parts.database.reader() as session:
        rows = list(await session.scalars(select(NotificationRow)))
    kept = [f"{row.title} {row.body} {row.reason} {row.subject} {json.dumps(row.payload)}" for row in rows]
    return "\n".join([*kept, *(data.decode() for data in hook.raw)])


@pytest.mark.asyncio
async def test_a_canary_printed_raised_and_in_names_is_told_nobody(stage: Notifying, hook: Webhook) -> None:
    await stage.secret("canary", CANARY)
    await stage.rule(hook.url)
    async with stage.parts.database.session() as session:
        await session.execute(update(FlowRow).values(name=CANARY))
    attempt = await stage.run()
    forms = (CANARY, base64.b64encode(CANARY.encode()).decode(), CANARY.encode().hex())
    text = "".join(f"begin {form} end\n" for form in forms)
    await stage.log(attempt, text.encode())
    async with stage.parts.database.session() as session:
        await session.execute(update(RunRow).values(name=f"run-{CANARY}", deployment_name=CANARY))
    await stage.end(attempt, lines=f"Traceback (most recent call last):\nValueError: {CANARY}\n")
    hook.status = 500
    await stage.turns()
    hook.status = 200
    await stage.clock.advance(10)
    await stage.turns()
    found = await told(stage, hook)
    for form in forms:
        assert form not in found
        assert form[:20] not in found
    assert hook.titles[0].startswith("*" * len(CANARY))
    assert hook.bodies[0].count("begin ***") == 3
    assert "ValueError: ***" in hook.bodies[0]


@pytest.mark.asyncio
async def test_what_the_run_was_given_is_masked_also_after_it_was_replaced(
    stage: Notifying, hook: Webhook
) -> None:
    await stage.secret("canary", CANARY)
    await stage.rule(hook.url)
    attempt = await stage.run()
    async with stage.parts.database.session() as session:
        secret = (await session.scalars(select(SecretRow).where(SecretRow.name == "canary"))).one()
        session.add(
            SecretUseRow(
                project_id=secret.project_id, secret_id=secret.id, version=1, workload_id=attempt.workload.id,
                at=stage.clock.now(),
            )
        )  # fmt: skip
    await stage.secret("canary", "another value")
    await stage.log(attempt, f"{CANARY} and another value".encode())
    await stage.end(attempt)
    await stage.turns()
    assert hook.bodies[0].endswith(f"{'*' * len(CANARY)} and *************")


@pytest.mark.asyncio
async def test_the_text_of_an_event_is_masked_before_it_is_kept(stage: Notifying, hook: Webhook) -> None:
    await stage.secret("canary", CANARY)
    await stage.rule(hook.url, events=["jupyter-stopping"])
    async with stage.parts.database.session() as session:
        event = Event(
            EventKind.JUPYTER_STOPPING, str(stage.scene.agent.project_id), "js-1",
            title=f"Jupyter server {CANARY} stops soon", sentence=f"Nobody used {CANARY} for an hour.",
            link=f"http://127.0.0.1/{CANARY}", command=f"prefect-platform resource extend {CANARY}",
        )  # fmt: skip
        assert await notifications.tell(session, stage.parts, event) == 1
    assert CANARY not in await told(stage, hook)
    await stage.turns()
    assert CANARY not in await told(stage, hook)
    assert hook.titles == [f"Jupyter server {'*' * len(CANARY)} stops soon"]
    assert "prefect-platform resource extend ***" in hook.bodies[0]


@pytest.mark.asyncio
async def test_an_address_is_in_no_message(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    await stage.failed(f"Traceback (most recent call last):\nValueError: {hook.url}\n")
    await stage.turns()
    assert "hook-password" not in await told(stage, hook)


@pytest.mark.asyncio
async def test_without_the_keyring_nothing_is_sent(
    stage: Notifying, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.secret("canary", CANARY)
    await stage.rule(hook.url)
    await stage.failed(CANARY)

    async def closed(*_: object) -> str:
        raise PlatformError("The keyring has no such key.")

    with monkeypatch.context() as patched:
        patched.setattr(notification_text.secret_values, "read", closed)
        await stage.turns()
    (row,) = await stage.outbox()
    assert (row.status, row.tries, row.reason) == ("waiting", 1, "The keyring has no such key.")
    assert hook.raw == []
    await stage.clock.advance(10)
    await stage.turns()
    assert CANARY not in await told(stage, hook)
    assert len(hook.got) == 1


@pytest.mark.asyncio
async def test_an_end_is_told_although_the_secret_for_prefect_is_gone(
    stage: Notifying, hook: Webhook
) -> None:
    await stage.secret("canary", CANARY)
    await stage.rule(hook.url)
    async with stage.parts.database.session() as session:
        await session.execute(update(ProjectRow).values(orchestrator_secret="deleted-since"))
    await stage.failed(CANARY)
    await stage.turns()
    assert len(hook.got) == 1
    assert CANARY not in await told(stage, hook)


def test_the_beginning_of_a_secret_at_a_cut_is_masked() -> None:
    masks = Masks([CANARY])
    assert masks.text("ValueError: x Canary7Quetz…") == "ValueError: x " + "*" * 12 + "…"
    assert masks.text("Canary7Quetz… and more") == "Canary7Quetz… and more", "not at an end"
    assert masks.line("Canary7\x00Quetzalcoatl9Xylophone") == "*" * len(CANARY)


def test_a_token_of_the_platform_is_masked() -> None:
    token = "pp_user_" + "x" * 43
    assert Masks([]).text(f"a {token} b") == f"a {'*' * len(token)} b"
    assert Masks([]).data(encoded("plain")) == b"plain"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("a\x00b\x07c\x7fd\x85e", "abcde"),
        ("one\r\ntwo\rthree\tfour", "one\ntwo\nthree    four"),
        ("abc\u202edef\u2066g\ufeff", "abcdefg"),
        ("half \ud800 pair", "half  pair"),
        ("hello @everyone and @here", "hello @\u200beveryone and @\u200bhere"),
        ("<!channel> <@U123> <#C1> <b>", "<\u200b!channel> <\u200b@U123> <\u200b#C1> <b>"),
        ("ana@example.org", "ana@example.org"),
        ("naïve 漢字 🎉", "naïve 漢字 🎉"),
    ],
)
def test_nothing_moves_a_terminal_hides_text_or_calls_people(text: str, told: str) -> None:
    assert plain(text) == told


@pytest.mark.asyncio
async def test_foreign_text_is_bounded(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    attempt = await stage.run()
    lines = b"".join(b"line %d %s\n" % (number, b"x" * 2000) for number in range(100))
    await stage.log(attempt, lines)
    await stage.end(attempt, reason="y" * 4000)
    await stage.turns()
    assert len(hook.titles[0]) <= notifications.MAX_TITLE
    assert len(hook.bodies[0]) <= 5000
    assert "line 99 xxx" in hook.bodies[0]
