"""What no database and no JSON parser takes everywhere is refused where a request is read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from prefect_platform.wire.agents import AgentCreated
from prefect_platform.wire.base import MAX_DEPTH, When, storable
from prefect_platform.wire.flows import RunRequest


def nested(depth: int) -> Any:
    found: Any = 1
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    "value", ["a\0b", "\ud800", ["\0"], {"\ud800": 1}, float("inf"), float("nan"), nested(MAX_DEPTH)]
)
def test_a_parameter_that_cannot_be_kept(value: Any) -> None:
    with pytest.raises(ValidationError):
        RunRequest(parameters={"a": value})


@pytest.mark.parametrize("value", ["", "é ☃ \U0001f4a9 \n", 1.5, [1, {"a": None}], nested(MAX_DEPTH - 2)])
def test_a_parameter_that_can(value: Any) -> None:
    assert RunRequest(parameters={"a": value}).parameters == {"a": value}


def test_text() -> None:
    assert [storable(text) for text in ("", "é", "\U0001f4a9", "\0", "\udfff")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2020-01-01T00:00:00"]
)
def test_an_instant_that_is_none_in_utc(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(When).validate_python(text)


def test_an_answer_that_holds_a_token_does_not_show_it() -> None:
    made = AgentCreated(
        id="ag-1", name="a", project="p", created_at="2020-01-01T00:00:00Z", last_seen_at=None, report=None,
        token="pp_agent_x",
    )  # fmt: skip
    assert "pp_agent_x" not in f"{made} {made!r}"
