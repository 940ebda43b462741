"""Somebody else's JSON: as it is where it is small, and cut where it is not, with every cut told."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_platform.server.services import bounded_json
from prefect_platform.server.services.bounded_json import BoundedJson
from prefect_platform.wire.run_parameters import CutKind

SECRET = "hunter2-hunter2"


def shown(document: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str, int]], dict[str, str]]:
    one = BoundedJson(lambda text: text.replace(SECRET, "*" * len(SECRET)))
    found = one.bounded(document)
    return found, [(cut.path, cut.kind.value, cut.left_out) for cut in one.cuts], one.large_numbers


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"a": None, "b": True, "c": 1, "d": -2.5, "e": "", "f": [], "g": {}},
        {"x": {"y": [{"z": ["deep", 1e300]}]}},
        {"<script>": "<img onerror=x>", "\u202eevil": "\x00\x1b[2J\u2066", "emoji": "👩‍💻" * 100},
    ],
    ids=["nothing", "kinds", "nested", "hostile"],
)
def test_what_is_small_is_all_there_as_it_is(document: dict[str, Any]) -> None:
    assert shown(document) == (document, [], {})


def test_a_long_text_is_cut_and_hides_no_other() -> None:
    found, cuts, _ = shown({"long": "x" * 1_000_000, "short": "y"})
    assert found == {"long": "x" * bounded_json.MOST_TEXT, "short": "y"}
    assert cuts == [("/long", "text", 1_000_000 - bounded_json.MOST_TEXT)]


def test_long_lists_and_objects_are_cut() -> None:
    most = bounded_json.MOST_ITEMS
    found, cuts, _ = shown({"list": list(range(most + 5)), "map": {str(n): n for n in range(most + 7)}})
    assert (len(found["list"]), len(found["map"])) == (most, most)
    assert cuts == [("/list", "items", 5), ("/map", "items", 7)]


def test_all_of_it_together_has_a_bound() -> None:
    many = {f"p{n}": [["z" * 1000] * 900] * 900 for n in range(300)}
    found, cuts, _ = shown(many)
    assert len(str(found)) < 2 * bounded_json.MOST_OUTERMOST * bounded_json.LEAST_SHARE
    assert len(found) == bounded_json.MOST_OUTERMOST
    assert ("", "items", 100) in cuts
    assert len(cuts) < 1000


def test_what_lies_too_deep_is_left_out() -> None:
    deep: Any = ["bottom", "other"]
    for _ in range(bounded_json.MOST_DEPTH):
        deep = [deep]
    found, cuts, _ = shown({"a": deep})
    assert str(found).count("[") == bounded_json.MOST_DEPTH
    assert cuts == [("/a" + "/0" * bounded_json.MOST_DEPTH, "depth", 2)]


def test_numbers_that_a_browser_would_round_come_as_they_are_written_too() -> None:
    document = {"id": 2**53, "fits": 2**53 - 1, "in~/it": [-(10**30)], "yes": True}
    assert shown(document) == (
        document,
        [],
        {"/id": "9007199254740992", "/in~0~1it/0": "-1" + "0" * 30},
    )


def test_no_secret_is_shown_wherever_it_stands() -> None:
    around = "x" * (bounded_json.MOST_TEXT - 5)
    document = {SECRET: 1, "a": [f"say {SECRET}!"], "cut": around + SECRET, "k": {"b" * 250 + SECRET: 2}}
    found, cuts, _ = shown(document)
    assert SECRET[:5] not in str(found)
    assert found["a"] == ["say ***************!"]
    assert [kind for _, kind, _ in cuts] == ["text", "text"]


def test_a_secret_that_is_a_number_is_none_any_more() -> None:
    one = BoundedJson(lambda text: text.replace("12345678", "********"))
    assert one.bounded({"pin": 12345678, "other": 1234567}) == {"pin": "********", "other": 1234567}
    assert one.cuts == []


def test_a_mask_that_is_longer_than_what_it_hides_is_cut_too() -> None:
    one = BoundedJson(lambda text: text.replace("é", "**"))
    found = one.bounded({"a": "é" * bounded_json.MOST_TEXT})
    assert found == {"a": "*" * bounded_json.MOST_TEXT}
    assert [cut.kind for cut in one.cuts] == [CutKind.TEXT]
