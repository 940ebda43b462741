"""Rules: made, seen, tested and deleted by members; what does not fit is refused in words."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from prefect_platform.errors import Conflict, NotFound, UsageError
from prefect_platform.server.services import notification_rules, notifications
from prefect_platform.server.services.notifications import Event
from prefect_platform.wire.notifications import EventKind, NotificationRuleCreate
from tests.notification_scene import Notifying
from tests.receivers import Webhook

pytestmark = pytest.mark.asyncio


async def test_a_rule_as_it_was_made(stage: Notifying, hook: Webhook) -> None:
    made = await stage.rule(
        hook.url, flows=["etl/*", "etl/*"], states=["failed", "cancelled"], pause_seconds=5
    )
    assert made == await stage.shown()
    assert (made.target, made.flows, made.pause_seconds, made.enabled) == ("team-address", ["etl/*"], 5, True)
    assert (made.created_by, made.waiting, made.last_sent_at, made.last_failure) == ("ana", 0, None, None)
    page = await notification_rules.listing(stage.parts, stage.scene.user, "default", None, None)
    assert page.items == [made]
    assert "hook-password" not in made.model_dump_json()


async def test_a_name_is_taken_once(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    with pytest.raises(Conflict, match="has a notification 'team' already"):
        await stage.rule(hook.url)


async def test_rules_of_a_project_are_bounded(stage: Notifying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notification_rules, "MAX_RULES", 2)
    for number in range(2):
        await stage.rule("json://127.0.0.1:1/", f"r{number}")
    with pytest.raises(Conflict, match="has 2 notifications: delete one first"):
        await stage.rule("json://127.0.0.1:1/", "r2")


async def test_a_target_that_is_none_is_refused_without_its_value(stage: Notifying) -> None:
    request = NotificationRuleCreate(name="team", target="team-adress")
    await stage.secret("team-address", "a-password-only")
    with pytest.raises(UsageError, match="no secret 'team-adress'"):
        await notification_rules.create(stage.parts, stage.scene.user, "default", request)
    request = NotificationRuleCreate(name="team", target="team-address")
    with pytest.raises(UsageError, match="does not begin with a service") as refused:
        await notification_rules.create(stage.parts, stage.scene.user, "default", request)
    assert "a-password-only" not in refused.value.message


@pytest.mark.parametrize(
    "fields",
    [
        {"events": []},
        {"events": ["everything"]},
        {"states": []},
        {"states": ["running"]},
        {"pause_seconds": -1},
        {"pause_seconds": 86_401},
        {"flows": ["x"] * 51},
        {"flows": [""]},
        {"name": "Team"},
        {"target": "../x"},
        {"url": "json://x"},
    ],
)
async def test_what_does_not_fit_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NotificationRuleCreate.model_validate({"name": "team", "target": "x"} | fields)


async def test_strangers_are_told_that_there_is_nothing(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    stranger, services = stage.scene.stranger, notification_rules
    request = NotificationRuleCreate(name="mine", target="team-address")
    for call in (
        services.create(stage.parts, stranger, "default", request),
        services.listing(stage.parts, stranger, "default", None, None),
        services.show(stage.parts, stranger, "default", "team"),
        services.messages(stage.parts, stranger, "default", "team", None, None),
        services.test(stage.parts, stranger, "default", "team"),
        services.remove(stage.parts, stranger, "default", "team"),
    ):
        with pytest.raises(NotFound, match="There is no project 'default'"):
            await call
    assert hook.raw == []


async def test_an_unknown_rule_is_named_with_the_nearest(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    with pytest.raises(NotFound, match="Did you mean 'team'"):
        await stage.shown("taem")
    with pytest.raises(NotFound, match="no notification"):
        await stage.shown("a\0b")


async def test_a_test_message_goes_out_at_once_and_says_what_became_of_it(
    stage: Notifying, hook: Webhook
) -> None:
    await stage.rule(hook.url, enabled=False)
    outcome = await notification_rules.test(stage.parts, stage.scene.user, "default", "team")
    assert (outcome.delivered, outcome.reason) == (True, None)
    assert hook.titles == ["Test of notification team"]
    assert await stage.outbox() == []
    hook.status = 500
    outcome = await notification_rules.test(stage.parts, stage.scene.user, "default", "team")
    assert not outcome.delivered
    assert "500" in (outcome.reason or "")


async def test_what_was_sent_is_listed_and_goes_with_its_rule(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    attempt = await stage.failed()
    await stage.turns()
    await stage.failed()
    page = await notification_rules.messages(stage.parts, stage.scene.user, "default", "team", None, None)
    assert sorted(one.status.value for one in page.items) == ["delivered", "waiting"]
    (sent,) = [one for one in page.items if one.status.value == "delivered"]
    assert (sent.kind, sent.subject, sent.tries) == (EventKind.RUN_ENDED, attempt.flow_run_id, 1)
    assert sent.title == "nightly failed: ValueError: no rows"
    await notification_rules.remove(stage.parts, stage.scene.user, "default", "team")
    assert await stage.outbox() == []
    await stage.rule(hook.url)


async def test_an_event_that_is_told_twice_is_one(stage: Notifying, hook: Webhook) -> None:
    """As a Jupyter server's warning, told by whoever looks, in one transaction after another."""
    await stage.rule(hook.url, events=["jupyter-stopping"], pause_seconds=0)
    project = str(stage.scene.agent.project_id)
    event = Event(
        EventKind.JUPYTER_STOPPING, project, "js-1", "lab stops soon", "Idle for 55 min.", once="12:00"
    )
    for _ in range(2):
        async with stage.parts.database.session() as session:
            await notifications.tell(session, stage.parts, event)
    assert len(await stage.outbox()) == 1
    async with stage.parts.database.session() as session:
        other = Event(EventKind.AGENT_STUCK, project, "ag-1", "x", "y")
        assert await notifications.tell(session, stage.parts, other) == 0
