"""One try: its time is bounded, its address stays hidden, and nothing on this machine is touched."""

from __future__ import annotations

import logging
import threading

import pytest

from prefect_platform.errors import UsageError
from prefect_platform.server.config import LOCAL_SCHEMES, SAFE_SCHEMES, from_environment
from prefect_platform.server.services import notification_sending
from prefect_platform.server.services.notification_sending import MOST_THREADS, Sending, hidden, problem
from tests.receivers import webhook
from tests.server_scene import until


@pytest.mark.asyncio
async def test_a_try_ends_at_its_time_and_what_hangs_is_not_joined_by_more() -> None:
    sending = Sending()
    with webhook() as slow:
        slow.hangs = threading.Event()
        first = await sending.send("rule", slow.url, "t", "b", 0.3)
        assert first.reason == "The target had not taken the message after 0.3 s."
        again = await sending.send("rule", slow.url, "t", "b", 0.3)
        assert again.reason == "The target has not answered the try before this one yet."
        slow.hangs.set()
        await until(lambda: rests(sending), 20)
        slow.hangs = None
        assert (await sending.send("rule", slow.url, "t", "b", 20)).delivered


async def rests(sending: Sending) -> bool:
    return not sending._busy


@pytest.mark.asyncio
async def test_threads_that_hang_are_few() -> None:
    sending = Sending()
    sending._busy = {str(number) for number in range(MOST_THREADS)}
    outcome = await sending.send("one more", "json://127.0.0.1:1/", "t", "b", 1)
    assert outcome.reason == "Too many targets do not answer at the moment."


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("jsons://example.org/x", None),
        (" mailto://u:p@example.org ", None),
        ("slack://a/b/c", None),
        ("json://127.0.0.1", "json:// is not allowed"),
        ("https://example.org", "https:// is not allowed"),
        ("file:///etc/passwd", "file:// is not allowed"),
        ("syslog://", "syslog:// is not allowed"),
        ("MACOSX://x", "macosx:// is not allowed"),
        ("hunter2secret://x", "it begins with a scheme that is not allowed"),
        ("just a password", "does not begin with a service"),
        ("", "does not begin with a service"),
        ("slack://a/b/c?template=/etc/passwd", "would read a file"),
        ("slack://a/b/c?x=1&TEMPLATE=/etc/passwd", "would read a file"),
        ("slack://a/b/c?%74emplate=x", "would read a file"),
        ("mailto://u:p@example.org?pgp=yes&pgpkey=/x", "would read a file"),
        ("jsons://example.org?keyfile=/x", "would read a file"),
    ],
)
def test_which_addresses_are_allowed(url: str, why: str | None) -> None:
    found = problem(url, SAFE_SCHEMES)
    assert (found is None) if why is None else (found is not None and why in found)
    assert "hunter2" not in (found or "")


def test_what_acts_on_this_machine_is_never_allowed() -> None:
    for scheme in LOCAL_SCHEMES:
        assert problem(f"{scheme}://x", [scheme]) is not None
        with pytest.raises(
            UsageError, match=f"names {scheme}, which would act on the platform's own machine"
        ):
            from_environment(
                {"PREFECT_PLATFORM_DATA_DIR": "/x", "PREFECT_PLATFORM_NOTIFICATION_SCHEMES": scheme}
            )
    assert not LOCAL_SCHEMES.intersection(SAFE_SCHEMES)
    given = {"PREFECT_PLATFORM_DATA_DIR": "/x", "PREFECT_PLATFORM_NOTIFICATION_SCHEMES": "JSON, mailto"}
    assert from_environment(given).notifications.schemes == ("json", "mailto")


def test_the_schemes_that_are_allowed_are_services_of_the_library() -> None:
    notification_sending._library()
    known = set(notification_sending._services().schemas())
    assert set(SAFE_SCHEMES) - known == set()
    assert (LOCAL_SCHEMES - {"file"}) - known == set()


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "jsons://us%65r:p%40ssw%C3%B6rd@host.example.org:8443/deep/er?token=abc%2Fdef",
        "mailto://[broken",
    ],
)
def test_no_part_of_an_address_is_told(url: str) -> None:
    from urllib.parse import unquote

    said = f"no way to {url} or {unquote(url)} at host.example.org: p@sswörd, TIiajkdnlazkcOXrIdevi7FQ"
    told = hidden(url, said)
    for part in ("T1JJ3T3L2", "TIiajkdnlazkcOXrIdevi7FQ", "sswörd", "abc", "def", "broken"):
        if part in unquote(url):
            assert part not in told


class Everything(logging.Handler):
    """What the server's own log would hold; pytest's also listens to loggers that keep to themselves."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.names: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.names.append(record.name)


def test_what_the_library_logs_stays_here() -> None:
    root, told = logging.getLogger(), Everything()
    level = root.level
    root.addHandler(told)
    root.setLevel(logging.DEBUG)
    try:
        outcome = notification_sending._attempted("slack://not/a-token/canary-of-slack", "t", "b")
        other = notification_sending._attempted("json://user:canary-of-json@127.0.0.1:1/", "t", "b")
    finally:
        root.removeHandler(told)
        root.setLevel(level)
    assert not outcome.delivered
    assert not other.delivered
    assert "canary" not in f"{outcome.reason} {other.reason}"
    assert [name for name in told.names if name.startswith("apprise")] == []
