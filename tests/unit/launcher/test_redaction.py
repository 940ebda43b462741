from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_platform.launcher.redaction import Masker, Redaction, needles


def masked(text: bytes, secrets: list[bytes]) -> bytes:
    """The definition: every byte of every occurrence."""
    out = bytearray(text)
    for secret in secrets:
        for at in range(len(text)):
            if text.startswith(secret, at):
                out[at : at + len(secret)] = b"*" * len(secret)
    return bytes(out)


def streamed(pieces: list[bytes], secrets: list[bytes]) -> bytes:
    masker = Masker(secrets)
    return b"".join([*(masker.feed(piece) for piece in pieces), masker.flush()])


OVERLAPPING = [b"abab", b"babc", b"ca", b"aaa", b"b"]


@pytest.mark.parametrize("text", [b"xababcabab", b"aaaaaacaab", b"abababcaaa", b"cacacababcb", b"bababa"])
def test_every_split_into_three_gives_the_same(text: bytes) -> None:
    want = masked(text, OVERLAPPING)
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            pieces = [text[:first], text[first:second], text[second:]]
            assert streamed(pieces, OVERLAPPING) == want


@pytest.mark.parametrize("text", [b"xxababcxx", b"caaabab"])
def test_every_split_of_all_gives_the_same(text: bytes) -> None:
    for cuts in range(1 << (len(text) - 1)):
        pieces, start = [], 0
        for at in range(1, len(text)):
            if cuts >> (at - 1) & 1:
                pieces.append(text[start:at])
                start = at
        assert streamed([*pieces, text[start:]], OVERLAPPING) == masked(text, OVERLAPPING)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text("ab", min_size=1, max_size=5).map(str.encode), min_size=1, max_size=4),
    st.lists(st.text("abc", max_size=6).map(str.encode), max_size=8),
)
def test_any_pieces_and_secrets(secrets: list[bytes], pieces: list[bytes]) -> None:
    assert streamed(pieces, secrets) == masked(b"".join(pieces), secrets)


def test_what_cannot_begin_a_secret_passes_at_once() -> None:
    masker = Masker([b"pp_user_secret"])
    assert masker.feed(b"a line\n") == b"a line\n"
    assert masker.feed(b"and pp_us") == b"and "
    assert masker.feed(b"ual") == b"pp_usual"


def test_no_secrets_no_work() -> None:
    masker = Masker([])
    data = b"anything"
    assert masker.feed(data) is data
    assert masker.flush() == b""


SECRET = 'p/w+"hüt\\te&r2=secret'


@pytest.mark.parametrize("before", [b"", b"x", b"xy", b"xyz"])
@pytest.mark.parametrize("after", [b"", b"q", b"qr"])
def test_base64_in_each_alignment_is_masked(before: bytes, after: bytes) -> None:
    redaction = Redaction([SECRET])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(before + SECRET.encode() + after).decode()
        got = redaction.mask(text)
        assert len(got) == len(text)
        assert got.count("*") >= len(SECRET.encode()) * 8 // 6 - 2


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
    ],
)
def test_usual_encodings_are_masked(form: str) -> None:
    got = Redaction([SECRET]).mask(f"<{form}>")
    assert got == f"<{'*' * len(form.encode())}>"


def test_short_secrets_are_masked_but_not_fragments_of_their_encodings() -> None:
    assert needles(["abc", ""]) == [b"abc"]
