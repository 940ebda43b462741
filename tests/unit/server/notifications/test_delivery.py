"""Messages on their way out: tried again, counted together, sent by one of several servers, never lost."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from prefect_platform.server.app.notifier import EVERY_SECONDS, Notifier, notifier
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import NotificationRuleRow
from prefect_platform.server.services import notification_delivery, notification_rules, secrets
from prefect_platform.server.services.notification_delivery import MAX_TRIES, SPARE_SECONDS, TURN_SECONDS
from prefect_platform.wire.notifications import NotificationRuleChange
from tests.notification_scene import Notifying
from tests.receivers import Webhook, mailbox, webhook
from tests.server_scene import until

pytestmark = pytest.mark.asyncio


async def test_an_error_is_tried_again_and_then_delivered(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    await stage.failed()
    hook.status = 500
    await stage.turns()
    (row,) = await stage.outbox()
    assert (row.status, row.tries) == ("waiting", 1)
    assert "500" in (row.reason or "")
    assert row.next_try_at - stage.clock.now() == timedelta(seconds=10)
    rule = await stage.shown()
    assert (rule.waiting, rule.last_failure) == (1, row.reason)
    await stage.turns()
    assert len(hook.raw) == 1, "not before its time"
    hook.status = 200
    await stage.clock.advance(10)
    await stage.turns()
    assert len(hook.got) == 1
    (row,) = await stage.outbox()
    assert (row.status, row.reason) == ("delivered", None)


async def test_what_is_refused_is_given_up_with_the_reason_and_without_the_address(stage: Notifying) -> None:
    with webhook() as gone:
        url = gone.url
    await stage.rule(url)
    await stage.failed()
    pauses = []
    for _ in range(MAX_TRIES):
        await stage.turns()
        (row,) = await stage.outbox()
        pauses.append((row.next_try_at - stage.clock.now()).total_seconds())
        await stage.clock.advance(pauses[-1])
    assert pauses == [10, 30, 90, 270, 810, 2430, 7290]
    assert (row.status, row.tries, row.ended_at is not None) == ("failed", MAX_TRIES, True)
    assert "onnection error" in (row.reason or "")
    for part in ("127.0.0.1", "hook-user", "hook-password", "path", str(gone.port)):
        assert part not in (row.reason or "")
    await stage.turns()
    assert (await stage.outbox())[0].tries == MAX_TRIES


async def test_a_redirect_is_not_followed(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    await stage.failed()
    hook.status = 302
    await stage.turns()
    (row,) = await stage.outbox()
    assert (row.status, len(hook.raw)) == ("waiting", 1)


async def test_a_target_that_hangs_holds_up_nothing_else(stage: Notifying, hook: Webhook) -> None:
    with webhook() as slow:
        slow.hangs = threading.Event()
        await stage.rule(slow.url, "slow")
        await stage.failed()
        background = Notifier(stage.parts)
        await background.round()
        await asyncio.to_thread(slow.asked.acquire)
        await stage.rule(hook.url, "quick")
        await stage.failed()
        await background.round()
        await until(lambda: delivered(stage, "quick"), 30)
        assert hook.titles == ["nightly failed: ValueError: no rows"]
        assert (await stage.shown("slow")).waiting == 2
        slow.hangs.set()

        async def gave_up() -> bool:
            return (await stage.shown("slow")).last_failure is not None

        await until(gave_up, 30)
        assert (await stage.shown("slow")).waiting == 2
        await background.stop()


async def said(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return text in caplog.text


async def delivered(stage: Notifying, name: str) -> bool:
    return (await stage.shown(name)).last_sent_at is not None


async def test_a_burst_becomes_one_message_and_a_count(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url, pause_seconds=60)
    await stage.failed()
    await stage.turns()
    for number in range(8):
        await stage.failed(f"Traceback (most recent call last):\nValueError: number {number}\n")
    await stage.turns()
    assert len(hook.got) == 1
    await stage.clock.advance(59)
    await stage.turns()
    assert len(hook.got) == 1
    await stage.clock.advance(1)
    await stage.turns()
    assert len(hook.got) == 2
    assert "(and 7 more)" in hook.titles[1]
    counted = hook.bodies[1].split("\n\n")[0].split("\n")
    assert counted[0] == "And 7 more since 00:00 UTC:"
    assert len(counted) == 7
    assert all(line.startswith("- nightly failed: ValueError: number") for line in counted[1:6])
    assert counted[6] == "- and 2 others"
    statuses = [row.status for row in await stage.outbox()]
    assert sorted(statuses) == ["counted"] * 7 + ["delivered"] * 2


async def test_a_burst_that_is_refused_is_tried_together(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url, pause_seconds=0)
    for _ in range(5):
        await stage.failed()
    hook.status = 500
    await stage.turns()
    assert len(hook.raw) == 1
    assert [row.tries for row in await stage.outbox()] == [1] * 5


async def test_two_replicas_send_each_message_once(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url, pause_seconds=0)
    database = Database(stage.parts.database.url)
    other = stage.scene.on(database)
    for _ in range(5):
        await stage.failed()
        rule = await rule_id(stage)
        await asyncio.gather(*(notification_delivery.deliver(parts, rule) for parts in (stage.parts, other)))
        await stage.clock.advance(1)
    assert len(hook.got) == 5
    await database.aclose()


async def rule_id(stage: Notifying) -> str:
    return (await stage.outbox())[0].rule_id


async def test_what_a_killed_server_left_is_sent_by_the_next(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    await stage.failed()
    async with stage.parts.database.session() as session:  # it had claimed the rule, and died
        expires = stage.clock.now() + timedelta(seconds=TURN_SECONDS + SPARE_SECONDS)
        values = {"lock_token": "of-the-dead", "lock_expires_at": expires}
        await session.execute(update(NotificationRuleRow).values(values))
    await stage.turns()
    assert hook.got == [], "somebody else's turn"
    if not stage.parts.database.is_sqlite:  # there nobody else can be alive at a start
        await stage.clock.advance(TURN_SECONDS + SPARE_SECONDS + 1)
    async with notifier(stage.parts):
        await until(lambda: delivered(stage, "team"), 30)
    assert len(hook.got) == 1


async def test_a_turn_that_lost_its_claim_notes_nothing(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    await stage.failed()
    turn = notification_delivery._Turn(stage.parts, await rule_id(stage))
    assert await turn.claim()
    async with stage.parts.database.session() as session:
        await session.execute(update(NotificationRuleRow).values(lock_token="another"))
    await turn.take()
    (row,) = await stage.outbox()
    assert (row.status, row.tries, len(hook.got)) == ("waiting", 0, 1), "sent, and sent again: at least once"


async def test_a_secret_that_is_gone_or_no_address_is_the_reason(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    await stage.failed()
    await stage.secret("team-address", "postgresql://user:sesame-open@db/x")
    await stage.turns()
    failure = (await stage.shown()).last_failure or ""
    assert failure.startswith("Secret 'team-address' is no address for messages: it begins with a scheme")
    assert "postgresql" not in failure
    assert "sesame-open" not in failure
    await secrets.remove(stage.parts, stage.scene.user, "default", "team-address")
    await stage.clock.advance(10)
    await stage.turns()
    assert "no secret 'team-address' any more" in ((await stage.shown()).last_failure or "")
    await stage.secret("team-address", hook.url)
    await stage.clock.advance(30)
    await stage.turns()
    assert len(hook.got) == 1


async def test_what_waits_when_a_rule_is_disabled_is_dropped(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    await stage.failed()
    off = NotificationRuleChange(enabled=False)
    await notification_rules.change(stage.parts, stage.scene.user, "default", "team", off)
    await stage.turns()
    assert hook.got == []
    (row,) = await stage.outbox()
    assert (row.status, "was disabled" in (row.reason or "")) == ("failed", True)


async def test_what_ended_long_ago_is_forgotten(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    await stage.failed()
    await stage.turns()
    await notification_delivery.sweep(stage.parts)
    assert len(await stage.outbox()) == 1
    await stage.clock.advance(timedelta(days=31).total_seconds())
    await notification_delivery.sweep(stage.parts)
    assert await stage.outbox() == []


async def test_mail_is_plain_text(stage: Notifying) -> None:
    with mailbox() as box:
        await stage.rule(box.url)
        await stage.failed("Traceback (most recent call last):\nValueError: <b>bold</b> & *stars*\n")
        await stage.turns()
        (mail,) = box.got
    assert mail["Subject"] == "nightly failed: ValueError: <b>bold</b> & *stars*"
    assert mail["To"] == "ana@example.org"
    parts = [part for part in mail.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/plain"]
    text = parts[0].get_content().replace("\r\n", "\n")
    assert "ValueError: <b>bold</b> & *stars*" in text
    assert "Last lines of the log (flow):" in text


async def test_the_background_goes_on_after_a_failure_and_ends_with_its_block(
    stage: Notifying, hook: Webhook, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.rule(hook.url)
    await stage.failed()
    found, broken = notification_delivery.due, True

    async def due(parts: object) -> list[str]:
        if broken:
            raise OSError("the database is away")
        return await found(stage.parts)

    monkeypatch.setattr(notification_delivery, "due", due)
    before = asyncio.all_tasks()
    async with notifier(stage.parts):
        await until(lambda: said(caplog, "tried again"), 30)
        broken = False
        await stage.clock.advance(EVERY_SECONDS)
        await until(lambda: delivered(stage, "team"), 30)
    assert asyncio.all_tasks() == before
