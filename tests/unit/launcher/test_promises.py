"""All six promises are told, each once and in order, however far the start came."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from prefect_platform.launcher.promises import NAMES, Promises
from prefect_platform.launcher.redaction import Redaction
from prefect_platform.launcher.report import MAX_DIFFERENCES, MAX_SUMMARY, Promise, Steps
from prefect_platform.wire.promises import PromiseName, PromisesReport


@pytest.fixture
def told() -> list[list[Promise]]:
    return []


@pytest.fixture
def promises(told: list[list[Promise]]) -> Promises:
    def tell(found: Iterable[Promise]) -> None:
        told.append(list(found))

    return Promises(tell)


def test_the_names_are_those_of_the_wire() -> None:
    assert list(NAMES) == [name.value for name in PromiseName]


def test_what_was_not_looked_at_is_broken(promises: Promises, told: list[list[Promise]]) -> None:
    promises.keep("logs", "Every byte is kept.")
    promises.tell()
    (found,) = told
    assert [one.name for one in found] == list(NAMES)
    assert [one.name for one in found if one.kept] == ["logs"]
    assert {one.summary for one in found if not one.kept} == {"The start ended before this was looked at."}


def test_the_last_word_on_a_promise_counts(promises: Promises, told: list[list[Promise]]) -> None:
    promises.keep("size", "1 core")
    promises.tell()
    promises.break_("size", "2 cores were asked for", iter(["cores: wanted 2, found 1"]))
    promises.tell()
    first, second = ({one.name: one for one in found} for found in told)
    assert first["size"].kept
    assert (second["size"].kept, second["size"].differences) == (False, ("cores: wanted 2, found 1",))


def test_a_report_is_what_the_platform_takes_whatever_was_found() -> None:
    steps = Steps(Redaction(["hunter2hunter2"]), lambda: None)
    promises = Promises(steps.promise)
    promises.break_("secrets", "hunter2hunter2 \0" * 200, [f"hunter2hunter2 {n}" for n in range(500)])
    promises.tell()
    report = steps.first()
    assert report is not None
    found = {one.name: one for one in PromisesReport.model_validate(report.body).promises}
    secrets = found[PromiseName.SECRETS]
    assert len(secrets.summary) <= MAX_SUMMARY
    assert len(secrets.differences) == MAX_DIFFERENCES
    assert "hunter2" not in report.body["promises"][4]["summary"] + "".join(secrets.differences)
