"""Notifications at the command line of a live platform, from the secret to the message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from prefect_platform.errors import Conflict, UsageError
from prefect_platform.server.config import NotificationSettings, ServerConfig
from prefect_platform.testing.embedded import until
from prefect_platform.testing.live_server import live_server
from prefect_platform.wire.flows import RunRequest
from tests.receivers import Webhook, webhook
from tests.unit.cli import scene as scenes
from tests.unit.cli.scene import Scene

LINES = b"Traceback (most recent call last):\nValueError: no rows\n"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as found:
        yield found


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """As everywhere, but with webhooks without TLS."""

    def config(directory: Path, **rest: object) -> ServerConfig:
        made = ServerConfig(directory, **rest)  # type: ignore[arg-type]
        return replace(made, notifications=NotificationSettings(("json",)))

    monkeypatch.setattr(scenes, "ServerConfig", config)
    with scenes.scene(tmp_path) as made:
        yield made


def fail(platform: Scene) -> str:
    version = platform.register({"flow.py": b"def etl(): pass\n"})
    run = platform.client.flows.run(version.flow_id, RunRequest())
    launched = platform.launched(run)
    launched.write("flow", LINES)
    launched.end("FAILED")
    return run.id


def test_from_the_secret_to_the_message_and_away_again(platform: Scene, hook: Webhook) -> None:
    assert platform.type("secret", "set", "chat", "-", input=hook.url).exit_code == 0
    assert "No notifications in default." in platform.type("notification", "list").stdout
    made = platform.type("notification", "create", "nightly", "--to", "chat", "--flow", "etl", "--pause", "0")
    assert made.exit_code == 0, made.output
    assert "`prefect-platform notification test nightly`" in made.stdout
    tested = platform.type("notification", "test", "nightly")
    assert (tested.exit_code, tested.stdout) == (0, "The receiver has taken the message.\n")
    run = fail(platform)
    until(lambda: len(hook.got) == 2, 20, "the message")
    assert hook.titles[1].startswith("nightly failed: ")
    assert f"prefect-platform run show {run}" in hook.bodies[1]
    assert "ValueError: no rows" in hook.bodies[1]

    def listed() -> dict[str, object]:
        (found,) = json.loads(platform.type("notification", "list", "--json").stdout)
        return dict(found)

    until(lambda: listed()["last_sent_at"], 20, "the note of it")
    shown = platform.type("notification", "show", "nightly")
    assert "delivered" in shown.stdout
    assert "nightly failed" in shown.stdout
    for words in (("list",), ("show", "nightly"), ("show", "nightly", "--json")):
        told = platform.type("notification", *words)
        assert told.exit_code == 0
        assert "hook-password" not in told.output
    assert platform.type("notification", "disable", "nightly").stdout.endswith("sends nothing any more.\n")
    assert listed()["enabled"] is False
    assert platform.type("notification", "enable", "nightly").exit_code == 0
    assert platform.type("notification", "delete", "nightly").exit_code == 0
    assert platform.type("notification", "show", "nightly").exit_code == 2


def test_a_test_that_is_not_delivered_fails_and_says_why(platform: Scene, hook: Webhook) -> None:
    platform.client.secrets.set("default", "chat", hook.url)
    platform.client.notifications.create("default", "nightly", "chat")
    hook.status = 500
    done = platform.type("notification", "test", "nightly")
    assert done.exit_code == 1
    assert "not delivered" in done.stderr
    assert "500" in done.stderr


def test_what_does_not_fit_is_refused(platform: Scene) -> None:
    platform.client.secrets.set("default", "chat", "json://127.0.0.1:1/")
    notifications = platform.client.notifications
    notifications.create("default", "nightly", "chat")
    with pytest.raises(Conflict, match="already"):
        notifications.create("default", "nightly", "chat")
    with pytest.raises(UsageError, match=r"name cannot be 'No Name': it takes lowercase letters"):
        notifications.create("default", "No Name", "chat")
    with pytest.raises(UsageError, match="no name for a notification"):
        notifications.get("default", "../secrets/chat")
    done = platform.type("notification", "create", "other", "--to", "caht")
    assert (done.exit_code, "Did you mean 'chat'?" in done.stderr) == (2, True)
    platform.client.secrets.set("default", "web", "https://example.org/hook")
    done = platform.type("notification", "create", "other", "--to", "web")
    assert (done.exit_code, "https:// is not allowed" in done.stderr) == (2, True)


def test_the_choices_are_those_of_the_wire() -> None:
    from prefect_platform.cli.notification_create import _ENDS, _Event
    from prefect_platform.wire.notifications import EventKind
    from prefect_platform.wire.runs import FINAL

    assert [event.value for event in _Event] == [event.value for event in EventKind]
    assert sorted(_ENDS) == sorted(FINAL)


def test_a_message_that_a_server_could_not_send_is_sent_by_the_next(tmp_path: Path) -> None:
    """The receiver is away, the server stops; both come back."""
    config = ServerConfig(tmp_path, backend="memory", notifications=NotificationSettings(("json",)))
    with webhook() as gone:
        url, port = gone.url, gone.port
    with live_server(tmp_path / "data", config=config) as server:
        from prefect_platform.client.api import PlatformClient

        with PlatformClient(server.url, server.token) as client:
            client.secrets.set("default", "chat", url)
            client.notifications.create("default", "agents", "chat", events=["agent-stuck"])

        async def happens() -> None:
            from prefect_platform.server.services import notifications
            from prefect_platform.wire.notifications import EventKind
            from tests.server_calls import project_id

            async with server.parts.database.session() as session:
                event = notifications.Event(
                    EventKind.AGENT_STUCK, await project_id(server.parts), "ag-1", "agent stuck", "No word."
                )
                await notifications.tell(session, server.parts, event)

        server.call(happens())
    with webhook(port) as back, live_server(tmp_path / "data", config=config):
        until(lambda: back.titles == ["agent stuck"], 40, "the message")
