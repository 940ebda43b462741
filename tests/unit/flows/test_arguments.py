"""Every wrong argument is refused before anything is sent: no platform is known to these tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig

from prefect_platform.errors import RegistrationError, UsageError
from prefect_platform.flows.arguments import check_flow, check_options
from prefect_platform.flows.register import register


@flow
def etl(day: str = "today", n: int = 1) -> int:
    """What it does."""
    return n


def checked(**options: Any) -> Any:
    return check_options(etl, options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"crn": "@daily"}, ["no `crn`", "Did you mean 'cron'"]),
        ({"schedul": None}, ["Did you mean 'schedule'"]),
        ({"work_pool_name": "mine"}, ["no `work_pool_name`", "the platform chooses"]),
        ({"image": "x"}, ["no `image`"]),
        ({"name": "a/b"}, ["'/' is not allowed", "nightly"]),
        ({"name": ""}, ["name is ''"]),
        ({"parameters": {"dya": 1}}, ["no parameter 'dya'", "Did you mean 'day'", "It takes day, n"]),
        ({"parameters": [1]}, ["expected a dict"]),
        ({"parameters": {"day": object()}}, ["JSON"]),
        ({"parameters": {"n": "many"}}, ["parameters do not fit", "n"]),
        ({"tags": "prod"}, ["tags is 'prod'", "tags=['prod']"]),
        ({"tags": [1]}, ["The tag 1"]),
        ({"triggers": [5]}, ["A trigger is int", "DeploymentEventTrigger"]),
        ({"triggers": [{"type": "nope"}]}, ["A trigger cannot be read"]),
        ({"concurrency_limit": 0}, ["concurrency_limit=0", "from 1 on"]),
        ({"concurrency_limit": True}, ["concurrency_limit=True"]),
        ({"paused": "yes"}, ["paused is 'yes'", "True or False"]),
        ({"version": 3}, ["version is 3"]),
        ({"grace_seconds": -1}, ["grace_seconds=-1"]),
        ({"cron": "61 * * * *"}, ["cron='61 * * * *'"]),
    ],
)
def test_a_wrong_argument_is_named(
    options: dict[str, Any], words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_PLATFORM_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PREFECT_PLATFORM_TOKEN", "pp_user_x")
    with pytest.raises(RegistrationError) as caught:
        register(etl, **options)
    for word in words:
        assert word in str(caught.value)


def test_a_parameter_of_another_type_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RegistrationError) as caught:
        checked(parameters={"n": "many"})
    assert str(caught.value) == (
        "parameters do not fit the flow 'etl': n: Input should be a valid integer, "
        "unable to parse string as an integer."
    )
    assert caplog.text == "", "Prefect's own record of it"


def test_not_a_flow() -> None:
    def plain() -> None: ...

    with pytest.raises(RegistrationError, match="`plain` is not a flow: put `@flow`"):
        check_flow(plain)
    with pytest.raises(RegistrationError, match="it was given int 5"):
        check_flow(5)


def test_no_platform_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PREFECT_PLATFORM_URL", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="prefect-platform up"):
        register(etl)


def test_defaults_come_from_the_flow() -> None:
    found = checked()
    assert (found.name, found.description) == ("etl", "What it does.")
    assert found.paused is None, "as it is in Prefect"


def test_prefects_concurrency_object_is_taken() -> None:
    found = checked(concurrency_limit=ConcurrencyLimitConfig(limit=2, collision_strategy="CANCEL_NEW"))
    assert found.concurrency_limit == 2
    assert found.concurrency_options == {"collision_strategy": "CANCEL_NEW"}


def test_tags_come_once() -> None:
    assert checked(tags=["a", "b", "a"]).tags == ["a", "b"]
