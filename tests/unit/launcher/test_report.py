"""What the platform would refuse must not keep a result from arriving."""

from __future__ import annotations

from prefect_platform.launcher.ending import End
from prefect_platform.launcher.redaction import Redaction
from prefect_platform.launcher.report import MAX_NAME, MAX_TEXT, Steps, result_document
from prefect_platform.wire.runs import ResultReport, StepReport


def test_names_that_user_code_chose_are_taken() -> None:
    for name in ("two\nlines\0", "x" * 10_000, "\n", "", "s3cret-value", "\x1b[31mred"):
        end = End(receipt="COMPLETED", receipt_state_name=name, reason=f"{name}\0")
        found = result_document(end.document(), "last\n", Redaction(["s3cret-value"]))
        report = ResultReport.model_validate(found)
        assert len(report.receipt_state_name or "") <= MAX_NAME
        assert "s3cret" not in str(found)
    assert result_document(End(receipt_state_name="a\n b").document(), "", Redaction([]))[
        "receipt_state_name"
    ] == ("a b")


def test_details_of_steps_are_taken() -> None:
    steps = Steps(Redaction([]), lambda: None)
    steps.add("checked", "a\0b" * MAX_TEXT)
    told = steps.first()
    assert told is not None
    detail = StepReport.model_validate(told.body).detail
    assert detail is not None
    assert (len(detail), "\0" in detail) == (MAX_TEXT, False)
