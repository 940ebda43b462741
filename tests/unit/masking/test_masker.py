from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_platform.masking.masker import Masker
from prefect_platform.masking.matcher import Everywhere, Matcher, matcher
from tests.unit.masking.references import expected, finders, streamed

OVERLAPPING = [b"abab", b"babc", b"ca", b"aaa", b"b"]


@pytest.mark.parametrize("finder", range(4))
@pytest.mark.parametrize("text", [b"xababcabab", b"aaaaaacaab", b"abababcaaa", b"cacacababcb", b"bababa"])
def test_every_split_into_three_gives_the_same(text: bytes, finder: int) -> None:
    found = Matcher(OVERLAPPING, finders(OVERLAPPING)[finder])
    want = expected(text, OVERLAPPING)
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            assert streamed([text[:first], text[first:second], text[second:]], found) == want


@pytest.mark.parametrize("text", [b"xxababcxx", b"caaabab"])
def test_every_split_of_all_gives_the_same(text: bytes) -> None:
    found = Matcher(OVERLAPPING, Everywhere())
    for cuts in range(1 << (len(text) - 1)):
        pieces, start = [], 0
        for at in range(1, len(text)):
            if cuts >> (at - 1) & 1:
                pieces.append(text[start:at])
                start = at
        assert streamed([*pieces, text[start:]], found) == expected(text, OVERLAPPING)


def check(needles: list[bytes], pieces: list[bytes]) -> None:
    want = expected(b"".join(pieces), needles)
    for finder in finders(needles):
        assert streamed(pieces, Matcher(needles, finder)) == want, type(finder).__name__


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text("ab", min_size=1, max_size=5).map(str.encode), min_size=1, max_size=4),
    st.lists(st.text("abc", max_size=6).map(str.encode), max_size=8),
)
def test_any_pieces_and_tiny_needles(needles: list[bytes], pieces: list[bytes]) -> None:
    check(needles, pieces)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text("ab", min_size=5, max_size=40).map(str.encode), min_size=1, max_size=6),
    st.lists(st.text("ab\n", max_size=60).map(str.encode), max_size=6),
    st.data(),
)
def test_any_pieces_and_needles_in_them(
    needles: list[bytes], pieces: list[bytes], data: st.DataObject
) -> None:
    """Needles are cut at random and put into the text, so that most of it is full of beginnings and ends."""
    for needle in needles:
        cut = data.draw(st.integers(0, len(needle)))
        place = data.draw(st.integers(0, len(pieces)))
        pieces[place:place] = data.draw(
            st.sampled_from([[needle], [needle[:cut], needle[cut:]], [needle[:cut]]])
        )
    check(needles, pieces)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.binary(min_size=5, max_size=30), min_size=1, max_size=4),
    st.lists(st.binary(max_size=20), max_size=4),
)
def test_any_bytes(needles: list[bytes], pieces: list[bytes]) -> None:
    check(needles, [*pieces, *needles, *pieces, needles[0][:-1], needles[-1]])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text("ab", min_size=1, max_size=6).map(str.encode), min_size=1, max_size=4),
    st.text("abc", max_size=40).map(str.encode),
    st.integers(1, 12),
)
def test_windows_change_nothing(needles: list[bytes], text: bytes, window: int) -> None:
    found = Matcher(needles, Everywhere())
    assert found.spans(text, window) == found.spans(text)


def test_what_cannot_begin_a_secret_passes_at_once() -> None:
    masker = Masker(Matcher([b"pp_user_secret"], Everywhere()))
    assert masker.feed(b"a line\n") == b"a line\n"
    assert masker.feed(b"and pp_us") == b"and "
    assert masker.feed(b"ual") == b"pp_usual"


def test_a_whole_secret_is_not_held_back() -> None:
    masker = Masker(Matcher([b"secret", b"return"], Everywhere()))
    assert masker.feed(b"no secre") == b"no "
    assert masker.feed(b"t or secret") == b"****** or ***"
    assert masker.feed(b"urn") == b"******"


def test_no_secrets_no_work() -> None:
    masker = Masker(matcher([]))
    data = b"anything"
    assert masker.feed(data) is data
    assert masker.flush() == b""


def test_what_holds_no_secret_is_not_copied() -> None:
    masker = Masker(matcher(["a-secret-value"]))
    data = b"an ordinary line\n"
    assert masker.feed(data) is data


def test_ends_of_lines_stay_and_lengths_too() -> None:
    value = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n\nabc\n-----END KEY-----\n"
    found = matcher([value])
    assert found is not None
    text = f"before\n{value}after\n".encode()
    for cut in range(len(text)):
        got = streamed([text[:cut], text[cut:]], found)
        assert got.startswith(b"before\n")
        assert got.endswith(b"\nafter\n")
        assert not set(got[7:-6]) - set(b"*\n")
        assert [len(line) for line in got.split(b"\n")] == [len(line) for line in text.split(b"\n")]


def adversaries() -> list[tuple[list[bytes], bytes]]:
    rng = random.Random(7)
    size = 40_000
    common = b"2026-10-01 12:00:00.000 | INFO | "
    nested = [b"a" * length for length in range(6, 65)]
    fibonacci = [b"ab", b"a"]
    while len(fibonacci[0]) < size:
        fibonacci = [fibonacci[0] + fibonacci[1], fibonacci[0]]
    many = [rng.randbytes(8).hex().encode() for _ in range(500)]
    return [
        (nested, b"a" * size),
        ([b"a" * 63 + b"b"], b"a" * size),
        ([b"b" + b"a" * 63], b"a" * size),
        ([common + b"the secret"], (common + b"something else\n") * (size // 48)),
        ([fibonacci[0][:64], fibonacci[0][:34] + b"b"], fibonacci[0][:size]),
        (many, b"".join(needle[:-1] for needle in many) * (size // 7500)),
    ]


@pytest.mark.parametrize("case", range(6))
def test_nothing_makes_it_quadratic(case: int) -> None:
    """Every byte is read a bounded number of times: steps are counted, a slow machine changes nothing."""
    needles, text = adversaries()[case]
    steps = 0

    class Counted(bytes):
        """Counts the bytes that the automaton reads."""

        def __getitem__(self, key):  # type: ignore[no-untyped-def]
            nonlocal steps
            found = bytes.__getitem__(self, key)
            steps += len(found) if isinstance(key, slice) else 1
            return found

    for finder in finders(needles):
        steps = 0
        found = Matcher(needles, finder)
        spans = found._automaton.spans(Counted(text), finder.candidates(text))
        assert steps <= len(text) + 64
        assert spans == Matcher(needles, Everywhere()).spans(text)
