"""Whose a work pool is stands in its template, where people's edits of the pool do not touch it."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_platform.wire.work_pool import base_job_template, installation_of


def test_a_template_says_whose_it_is_and_is_else_the_same() -> None:
    ours, nobodys = base_job_template("inst-1"), base_job_template()
    assert (installation_of(ours), installation_of(nobodys)) == ("inst-1", None)
    del ours["variables"]["$comment"]
    assert ours == nobodys


@pytest.mark.parametrize(
    "template",
    [{}, {"variables": None}, {"variables": {"$comment": 7}}, {"variables": {"$comment": "a note"}}],
)
def test_what_somebody_else_wrote_is_nobodys(template: dict[str, Any]) -> None:
    assert installation_of(template) is None
