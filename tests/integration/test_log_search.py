"""Looking for lines in logs over HTTP, and hearing of what changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from prefect_platform.client.settings import connect
from prefect_platform.server.services import change_watch, log_search
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.wire.resources import ResourceKind
from tests.integration.test_log_routes import Launcher, make_launcher


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server() as found:
        yield found


@pytest.fixture
def launcher(server: LiveServer) -> Launcher:
    return server.call(make_launcher(server))


def events(answer: requests.Response) -> Iterator[tuple[str, Any]]:
    assert answer.status_code == 200, answer.text
    name = ""
    for line in answer.iter_lines(decode_unicode=True):
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


def search(launcher: Launcher, **params: object) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    url = f"{launcher.server.url}/api/v1/runs/{launcher.run_id}/logs/search"
    answer = requests.get(url, headers=launcher.server.headers, params=params, stream=True, timeout=20)
    found = list(events(answer))
    assert found[-1][0] == "end"
    return [hit for name, hits in found if name == "hits" for hit in hits], found[-1][1]


def test_a_word_is_found_wherever_it_stands(launcher: Launcher) -> None:
    launcher.append(0, b"first\nthe \x1b[31mDel\x1b[0may is 12\nnothing\ndelay again", times="0:1000,6:2000")
    hits, end = search(launcher, q="delay")
    assert [(hit["line"], hit["text"], hit["start"], hit["end"]) for hit in hits] == [
        (1, "the Delay is 12", 4, 9),
        (3, "delay again", 0, 5),
    ]
    assert hits[0]["at"] == "1970-01-01T00:00:02Z"
    assert (end["hits"], end["truncated"]) == (2, False)
    assert [hit["line"] for hit in search(launcher, q="delay", case=True)[0]] == [3]
    assert search(launcher, q="delay", source="launcher")[0] == []


def test_lines_keep_their_numbers_over_blocks(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_search, "BLOCK_BYTES", 1000)
    lines = [f"line {n} {'needle' if n % 7 == 0 else 'hay'}" for n in range(500)]
    launcher.append(0, "\n".join(lines).encode())
    hits, _ = search(launcher, q="needle")
    assert [hit["line"] for hit in hits] == list(range(0, 500, 7))
    assert all(hit["text"] == lines[hit["line"]] for hit in hits)
    few, end = search(launcher, q="needle", limit=5)
    assert ([hit["line"] for hit in few], end["truncated"]) == ([0, 7, 14, 21, 28], True)


def test_a_line_longer_than_a_block_is_searched(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_search, "BLOCK_BYTES", 1000)
    launcher.append(0, b"x" * 5000 + b" needle\nneedle\n")
    hits, _ = search(launcher, q="needle")
    assert [hit["line"] for hit in hits] == [0, 1]
    assert len(hits[0]["text"]) < 1000


def test_levels_are_what_loggers_and_tracebacks_write(launcher: Launcher) -> None:
    launcher.append(
        0,
        b"10:00 | INFO    | no error here, ERRORS none\n"
        b"10:00 | WARNING | low\n"
        b"10:00 | ERROR   | high\n"
        b"Traceback (most recent call last):\n"
        b'  File "x.py", line 1\n'
        b"KeyError: 'region'\n",
    )
    assert [hit["line"] for hit in search(launcher, level="error")[0]] == [2, 3, 5]
    assert [hit["line"] for hit in search(launcher, level="warning")[0]] == [1, 2, 3, 5]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "exactly one"),
        ({"q": "a", "level": "error"}, "exactly one"),
        ({"q": ""}, "a character at least"),
        ({"q": "a\nb"}, "no line break"),
        ({"q": "x" * 2000}, "at most 1000"),
        ({"level": "loud"}, "'error' or 'warning'"),
        ({"q": "a", "limit": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_searched_for_is_refused(
    launcher: Launcher, params: dict[str, object], words: str
) -> None:
    launcher.append(0, b"a\n")
    url = f"{launcher.server.url}/api/v1/runs/{launcher.run_id}/logs/search"
    answer = requests.get(url, headers=launcher.server.headers, params=params, timeout=20)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def first_error(launcher: Launcher) -> dict[str, Any] | None:
    url = f"{launcher.server.url}/api/v1/runs/{launcher.run_id}/logs/first-error"
    answer = requests.get(url, headers=launcher.server.headers, timeout=20)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] | None = answer.json()
    return found


def test_the_first_error_is_the_line_that_names_the_exception(launcher: Launcher) -> None:
    assert first_error(launcher) is None
    launcher.append(
        0,
        b"10:00 | ERROR | Task run failed\n"
        b"Traceback (most recent call last):\n"
        b'  File "report.py", line 42, in region_of\n'
        b"    return row['region']\n"
        b"\x1b[31mKeyError: 'region'\x1b[0m\n"
        b"more\n",
    )
    found = first_error(launcher)
    assert found is not None
    assert (found["source"], found["line"], found["text"]) == ("flow", 4, "KeyError: 'region'")


def test_without_a_traceback_it_is_the_first_that_a_logger_calls_one(launcher: Launcher) -> None:
    launcher.append(0, b"fine\n10:00 | CRITICAL | disk is full\n10:00 | ERROR | so it ends\n")
    found = first_error(launcher)
    assert found is not None
    assert found["line"] == 1


def test_a_run_that_is_not_there_is_not_searched(server: LiveServer) -> None:
    url = f"{server.url}/api/v1/runs/run-of-nobody/logs/search"
    answer = requests.get(url, headers=server.headers, params={"q": "a"}, timeout=20)
    assert answer.status_code == 404


def test_changes_name_the_lists_that_are_other_now(server: LiveServer) -> None:
    url = f"{server.url}/api/v1/projects/default/changes"
    with (
        requests.get(url, headers=server.headers, stream=True, timeout=20) as answer,
        connect(url=server.url, token=server.token) as client,
    ):
        lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
        assert next(lines) == ": here"
        client.secrets.set("default", "heard", "of-this-one")
        assert told(lines) == {"secrets"}
        client.resources.create("default", ResourceKind.JUPYTER_SERVER, "heard-too", {}, start=False)
        assert told(lines) >= {"resources", "agents"}


def test_changes_end_with_the_token_that_asked(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_watch, "CHECK_SECONDS", 0.0)
    with connect(url=server.url, token=server.token) as client:
        made = client.tokens.create("for a page")
        headers = {"Authorization": f"Bearer {made.secret}"}
        url = f"{server.url}/api/v1/projects/default/changes"
        with requests.get(url, headers=headers, stream=True, timeout=20) as answer:
            lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
            assert next(lines) == ": here"
            client.tokens.revoke(made.id)
            assert not [line for line in lines if line.startswith("data: ")]


def told(lines: Iterator[str]) -> set[str]:
    """The topics of the next event."""
    data = next(line for line in lines if line.startswith("data: "))
    return set(json.loads(data[6:])["topics"])


def test_changes_of_a_project_that_is_not_ones_own_are_not_told(server: LiveServer) -> None:
    url = f"{server.url}/api/v1/projects/nobodys/changes"
    assert requests.get(url, headers=server.headers, timeout=20).status_code == 404
