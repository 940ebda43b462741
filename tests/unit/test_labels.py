"""Names from elsewhere, as the platform takes them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from prefect_platform.agent.flow_run import read_flow_run
from prefect_platform.names import label
from prefect_platform.wire.base import Label


@given(st.text(st.characters(codec=None)))
def test_every_text_becomes_a_label(text: str) -> None:
    TypeAdapter(Label).validate_python(label(text))


def test_a_good_name_stays() -> None:
    assert label("nightly, Zürich 🙂") == "nightly, Zürich 🙂"


def test_a_run_whose_name_holds_a_newline_is_read() -> None:
    state = {"id": "s", "type": "FAILED", "name": "too\nlong" + "x" * 300}
    run = read_flow_run({"id": "r", "name": "a\nb", "state": state, "created_by": {"type": "\x00"}})
    assert (run.name, run.started_by) == ("a b", " ")
    assert len(run.state.name) == 255
