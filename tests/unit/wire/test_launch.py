"""A launcher's papers may be logged whole by mistake: their secrets are not shown."""

from __future__ import annotations

from prefect_platform.wire.launch import Bundle, ClaimFile, FlowRun, LaunchSpec, decode, encode

SPEC = LaunchSpec(
    "wl-1", "at-1", "/python", "3.11.7", {"TOKEN": "s3cret"}, ["s3cret"],
    FlowRun("fr-1", "http://p/api", "a.py:f", "Basic s3cret"), Bundle("/b", "a" * 64, 1), 1.0, 1,
)  # fmt: skip


def test_secrets_are_not_shown() -> None:
    assert "s3cret" not in repr(SPEC)
    assert "s3cret" not in repr(ClaimFile("http://p", "s3cret", "wl-1", "/d"))


def test_what_was_sent_is_read_again() -> None:
    assert decode(LaunchSpec, encode(SPEC)) == SPEC
