"""An error in a notebook shows the line that called us and the sentence, not our own frames."""

from __future__ import annotations

import pytest

from prefect_platform.errors import NotFound, UsageError
from prefect_platform.names import new_id


def test_a_notebook_shows_the_callers_line_only() -> None:
    with pytest.raises(UsageError) as caught:
        raise UsageError("This is wrong.")
    [shown] = caught.value._render_traceback_()
    assert 'raise UsageError("This is wrong.")' in shown
    assert shown.endswith("UsageError: This is wrong.")


def test_our_own_frames_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> int:
        raise NotFound("There is none.")

    monkeypatch.setattr("time.time_ns", gone)
    with pytest.raises(NotFound) as caught:
        new_id("wl")
    [shown] = caught.value._render_traceback_()
    assert 'new_id("wl")' in shown
    assert "names.py" not in shown


def test_what_was_never_raised_is_its_sentence() -> None:
    assert UsageError("No.")._render_traceback_() == ["UsageError: No."]
