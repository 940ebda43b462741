"""What the launcher tells, with the secrets that it was given: what a masked word must not break."""

from __future__ import annotations

import json

import pytest

from prefect_platform.launcher.ending import End
from prefect_platform.launcher.redaction import Redaction
from prefect_platform.launcher.report import result_document


def test_a_text_is_masked_whole() -> None:
    assert Redaction(["s3cret-value"]).mask("it is s3cret-value!") == "it is ************!"


def test_without_secrets_nothing_changes() -> None:
    for redaction in (Redaction([]), Redaction(["", "abc", "12345"])):
        assert redaction.mask("abc 12345") == "abc 12345"


def test_half_a_surrogate_pair_stops_nothing() -> None:
    assert Redaction(["s3cret-value"]).mask("\ud800 s3cret-value").endswith(" ************")


@pytest.mark.parametrize(
    "secret", ['"reason": ', '": null, "', "\\u2026", '{"exit_code"', "launcher", "Ended by signal"]
)
def test_a_secret_of_json_or_of_our_own_words_leaves_the_result_in_order(secret: str) -> None:
    end = End(exit_code=1, reason=f'He said {{"reason": "Ended by signal"}}; {secret}, launcher …')
    document = result_document(end.document(), "last\n", Redaction([secret]))
    read = json.loads(json.dumps(document))
    assert read == document
    assert read["exit_code"] == 1
    assert secret not in read["reason"]


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"])
def test_a_secret_that_is_the_name_of_a_state_does_not_change_how_a_run_ended(state: str) -> None:
    end = End(receipt=state, receipt_state_name="Completed", reason=f"It is {state}")
    document = result_document(end.document(), "", Redaction([state, "Completed"]))
    assert document["receipt"] == state
    assert state not in document["reason"]


def test_a_secret_that_comes_later_is_masked_from_then_on() -> None:
    redaction = Redaction(["first-secret"])
    stream = redaction.stream()
    assert stream.feed(b"second-secret\n") == b"second-secret\n"
    redaction.add(["second-secret"])
    assert stream.feed(b"first-secret second-secret\n") == b"************ *************\n"
    assert redaction.mask("second-secret") == "*************"
