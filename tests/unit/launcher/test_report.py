"""What the platform would refuse must not keep a result from arriving."""

from __future__ import annotations

from prefect_platform.distributions import EDITABLE, Distribution, fingerprint
from prefect_platform.launcher import environment_report
from prefect_platform.launcher.ending import End
from prefect_platform.launcher.interpreter import Interpreter
from prefect_platform.launcher.redaction import Redaction
from prefect_platform.launcher.report import MAX_NAME, MAX_TEXT, Steps, result_document
from prefect_platform.wire.launch import WantedEnvironment
from prefect_platform.wire.run_environments import FoundEnvironment, PackageDifference
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


HERE = Interpreter("/opt/py/bin/python", "3.11.7", "CPython", (), (), ())


def found(wanted: list[Distribution], installed: list[Distribution], *secrets: str) -> FoundEnvironment:
    """The report, as the platform takes it."""
    asked = WantedEnvironment("f" * 64, "3.11.7", "CPython", wanted)
    steps = Steps(Redaction(secrets), lambda: None)
    there = {one.name: one for one in installed}
    steps.environment(environment_report.report(asked, HERE, there, "as it was registered"))
    told = steps.first()
    assert told is not None
    assert told.of == "environment"
    return FoundEnvironment.model_validate(told.body)


def test_an_environment_that_is_as_registered_has_the_same_fingerprint_and_no_difference() -> None:
    packages = [Distribution("numpy", "2.4.5"), Distribution("mine", "1", EDITABLE, "file:///src")]
    report = found(packages, packages[::-1])
    assert (report.packages, report.differences, report.more_differences) == (2, [], 0)
    assert report.fingerprint == fingerprint("3.11.7", "CPython", packages)
    assert (report.executable, report.how) == ("/opt/py/bin/python", "as it was registered")


def test_every_difference_is_told_with_both_sides() -> None:
    report = found(
        [Distribution("numpy", "2.4.5"), Distribution("gone", "1"), Distribution("same", "3")],
        [Distribution("numpy", "2.4.6"), Distribution("same", "3"), Distribution("new", "0.1", EDITABLE)],
    )
    assert report.differences == [
        PackageDifference(package="gone", registered="1", found=None),
        PackageDifference(package="new", registered=None, found="0.1 (editable)"),
        PackageDifference(package="numpy", registered="2.4.5", found="2.4.6"),
    ]
    assert report.fingerprint != fingerprint("3.11.7", "CPython", [Distribution("numpy", "2.4.5")])


def test_a_strange_environment_is_told_all_the_same() -> None:
    """Names of folders are anybody's: long, many, no Unicode, and a secret among them."""
    strange = [Distribution(f"p{n}" + "x" * 400, "1\0\n\udcff") for n in range(1200)]
    report = found([], [*strange, Distribution("a-tok3n-of-ours", "1")], "tok3n-of-ours")
    assert (len(report.differences), report.more_differences) == (1000, 201)
    assert "tok3n" not in report.model_dump_json()


def test_a_secret_that_is_spelled_like_a_digest_does_not_keep_a_report_from_arriving() -> None:
    packages = [Distribution("numpy", "2.4.5")]
    mark = fingerprint("3.11.7", "CPython", packages)
    assert found(packages, packages, mark[10:18]).fingerprint == mark
