"""Pieces cut anywhere and decoded one by one are the text of the whole."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prefect_platform.server.services.log_text import LONGEST, begin, cut, decode

text = st.lists(st.one_of(st.text(max_size=5).map(str.encode), st.binary(max_size=4)), max_size=8).map(
    b"".join
)


@settings(max_examples=400, database=None)
@given(data=text, wanted=st.integers(1, 9), sealed=st.booleans())
@example(data="😀".encode()[:3], wanted=1, sealed=True)
@example(data=b"\xe2\xe2\x82", wanted=1, sealed=True)
def test_the_pieces_are_the_whole(data: bytes, wanted: int, sealed: bool) -> None:
    found, start = "", 0
    while start < len(data):
        ahead = data[start : start + wanted + LONGEST - 1]
        more = not sealed or start + len(ahead) < len(data)
        length = cut(ahead, wanted, more=more)
        if length == 0:
            break
        found += decode(ahead[:length])
        start += length
    if sealed:
        assert (start, found) == (len(data), decode(data))
    else:
        assert len(data) - start < LONGEST
        assert found == decode(data[:start])
        assert decode(data) == found + decode(data[start:])


@given(data=st.text(min_size=1, max_size=9).map(str.encode), place=st.integers(0, 40))
def test_a_character_is_found_from_its_middle(data: bytes, place: int) -> None:
    place = min(place, len(data) - 1)
    start = place - begin(data, place)
    assert data[:start].decode() + data[start:].decode() == data.decode()
    assert place - start < LONGEST


@pytest.mark.parametrize(("around", "place"), [(b"\x80\x80\x80\x80", 3), (b"a\x80", 1), (b"\xe2\x82", 1)])
def test_what_is_no_character_has_no_middle(around: bytes, place: int) -> None:
    assert begin(around, place) == 0
