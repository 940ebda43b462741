"""Every byte once and in order, whatever the connection does: downloads and live logs."""

from __future__ import annotations

import json

import pytest

from prefect_platform.client import live
from prefect_platform.client.api import PlatformClient
from prefect_platform.client.retries import Retries, Timeouts
from prefect_platform.errors import NotFound, Unavailable
from tests.unit.client.scripted import Handler, answer, cut, events, problem, raw, reset

TEXT = "abcdefghijklmnopqrstuvwxyz"


def client(url: str) -> PlatformClient:
    found = PlatformClient(url, "t", timeouts=Timeouts(connect=1, read=0.5))
    found.transport._sleep = lambda _: None
    return found


def chunk(start: int, end: int, source: str = "flow") -> dict[str, object]:
    return {
        "workload_id": "w1", "source": source, "offset": start, "end": end, "first_line": 0,
        "text": TEXT[start:end], "at": None, "eof": False,
    }  # fmt: skip


def event(number: int, start: int, end: int, source: str = "flow") -> str:
    return f"id: {number}\nevent: log\ndata: {json.dumps(chunk(start, end, source))}\n\n"


END = "event: end\ndata: {}\n\n"


def followed(script) -> str:
    with client(script.url) as found:
        return "".join(c.text for c in found.logs.follow("r1"))


def test_a_live_log_is_followed_to_its_end(script) -> None:
    script.then(events(": hello\n\n", event(1, 0, 5), event(2, 5, 26), "event: sealed\ndata: {}\n\n", END))
    assert followed(script) == TEXT


def test_a_broken_stream_goes_on_where_it_was(script) -> None:
    script.then(
        events(event(1, 0, 5), cut_off=True), reset, events(event(2, 5, 9)), events(event(3, 9, 26), END)
    )
    assert followed(script) == TEXT
    assert [seen.headers.get("last-event-id") for seen in script.seen] == [None, "1", "1", "2"]


def test_half_an_event_never_happened(script) -> None:
    script.then(events(event(1, 0, 5), event(2, 5, 9)[:-1]), events(event(2, 5, 26), END))
    assert followed(script) == TEXT
    assert script.seen[1].headers["last-event-id"] == "1"


def test_what_comes_twice_is_told_once(script) -> None:
    script.then(events(event(1, 0, 5), event(1, 0, 5), event(2, 5, 26), END))
    assert followed(script) == TEXT


@pytest.mark.parametrize("start", [3, 7])
def test_an_overlap_or_a_hole_is_filled_by_reading(script, start: int) -> None:
    script.then(
        events(event(1, 0, 5), event(2, start, 26), END), answer(200, chunk(5, 9)), answer(200, chunk(9, 26))
    )
    assert followed(script) == TEXT
    assert [seen.path.partition("?")[2] for seen in script.seen[1:]] == ["start=5&end=26", "start=9&end=26"]


def test_sources_are_counted_apart(script) -> None:
    script.then(events(event(1, 0, 3), event(2, 0, 4, "launcher"), event(3, 3, 6), END))
    assert followed(script) == TEXT[0:3] + TEXT[0:4] + TEXT[3:6]


def test_a_stream_that_never_comes_back_is_given_up(script) -> None:
    script.then(events(event(1, 0, 5), cut_off=True), reset)
    waits: list[float] = []
    with client(script.url) as found, pytest.raises(Unavailable, match="broke off 3 times in a row"):
        list(live.events(found.transport, "/x", retries=Retries(attempts=3), sleep=waits.append))
    assert len(waits) == 2


def test_a_refused_stream_is_refused_at_once(script) -> None:
    script.then(problem(NotFound("no such run")))
    with client(script.url) as found, pytest.raises(NotFound, match="no such run"):
        list(found.logs.follow("r1"))
    assert len(script.seen) == 1


def test_events_in_all_their_spellings() -> None:
    lines = [
        "data:one",
        "data: two",
        "",
        "event: x",
        "",
        ": comment",
        "id: 7",
        "event: y",
        "data",
        "",
        "data: lost",
    ]
    assert list(live.parse(lines)) == [live.Event("message", None, "one\ntwo"), live.Event("y", "7", "")]


def ranged(body: bytes):
    def act(handler: Handler) -> None:
        start, end = handler.headers["range"].removeprefix("bytes=").split("-")
        handler.reply(206, body[int(start) : int(end) + 1], "text/plain")

    return act


def test_a_download_goes_on_where_it_broke(script) -> None:
    piece = 1 << 16
    body = TEXT.encode() * 20_000
    script.then(cut(body[: piece + 10], len(body), 206), reset, ranged(body))
    with client(script.url) as found:
        assert b"".join(found.logs.pieces("w1", "flow", 0, len(body))) == body
    starts = [seen.headers["range"].partition("-")[0] for seen in script.seen]
    assert starts == ["bytes=0", f"bytes={piece}", f"bytes={piece}"]


def test_a_server_that_knows_no_ranges_is_cut_to_size(script) -> None:
    script.then(raw(200, TEXT.encode(), "text/plain"))
    with client(script.url) as found:
        assert b"".join(found.logs.pieces("w1", "flow", 5, 9)) == TEXT[5:9].encode()


def test_a_download_that_never_moves_is_given_up(script) -> None:
    script.then(cut(b"", 26, 206))
    with client(script.url) as found, pytest.raises(Unavailable):
        list(found.logs.pieces("w1", "flow", 0, 26))


def hits(*lines: int) -> str:
    found = [
        {
            "workload_id": "w1", "source": "flow", "line": line, "at": None, "text": "a delay", "start": 2,
            "end": 7,
        }
        for line in lines
    ]  # fmt: skip
    return f"event: hits\ndata: {json.dumps(found)}\n\n"


def test_a_search_that_breaks_off_is_begun_anew_and_tells_each_hit_once(script) -> None:
    script.then(events(hits(0, 3), cut_off=True), events(hits(0, 3), hits(9), END))
    with client(script.url) as found:
        lines = [
            hit.line for hit in found.logs.search("r1", "a&b", case=True, sources=["flow", "x"], limit=7)
        ]
    assert lines == [0, 3, 9]
    query = "q=a%26b&case=True&source=flow&source=x&limit=7"
    assert [one.path for one in script.seen] == [f"/api/v1/runs/r1/logs/search?{query}"] * 2


ONE = {"workload_id": "w", "source": "flow", "line": 4, "at": None, "text": "KeyError", "start": 0, "end": 8}


@pytest.mark.parametrize("body", [None, ONE], ids=["none", "one"])
def test_the_first_error_is_a_line_or_nothing(script, body) -> None:
    script.then(answer(200, body))
    with client(script.url) as found:
        hit = found.logs.first_error("r1")
    assert (hit and hit.line) == (body and 4)
