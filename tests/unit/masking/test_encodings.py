from __future__ import annotations

import base64
import json
import shlex
import subprocess
from urllib.parse import quote, quote_plus, urlencode

import pytest

from prefect_platform.masking.encodings import LEAST, PIECE, needles
from prefect_platform.masking.matcher import matcher
from tests.unit.masking.references import expected, streamed

SECRET = "p/w+\"hüt\\te&r2=se'cret$x`y!"
LINES = "first line of it\nsecond 'line' of it\n\tthird line, indented\nabc\n"


def mask(text: bytes | str, *values: str) -> bytes:
    found = matcher(values or [SECRET])
    assert found is not None
    return streamed([text.encode() if isinstance(text, str) else text], found)


@pytest.mark.parametrize("before", [b"", b"x", b"xy", b"xyz"])
@pytest.mark.parametrize("after", [b"", b"q", b"qr"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_in_each_alignment(before: bytes, after: bytes, encode) -> None:
    text = encode(before + SECRET.encode() + after)
    got = mask(text)
    assert len(got) == len(text)
    assert got.count(b"*") >= len(SECRET.encode()) * 8 // 6 - 2


@pytest.mark.parametrize("length", [60, 100, 300, 2000])
@pytest.mark.parametrize("width", [64, 76])
@pytest.mark.parametrize("end", ["", "\n"])
def test_base64_as_tools_wrap_it(length: int, width: int, end: str) -> None:
    """What is left is the end of the last line: fewer characters than say anything, and the padding."""
    value = "".join(chr(33 + n * 7 % 90) for n in range(length))
    text = base64.b64encode((value + end).encode()).decode()
    wrapped = "\n".join(text[start : start + width] for start in range(0, len(text), width))
    assert len(mask(wrapped, value).replace(b"*", b"").replace(b"\n", b"")) < LEAST + 4


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        urlencode({"": SECRET})[1:],
        quote(SECRET, safe="")
        .replace("%2F", "%2f")
        .replace("%2B", "%2b")
        .replace("%C3%BC", "%c3%bc")
        .replace("%5C", "%5c")
        .replace("%3D", "%3d"),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps({"x": SECRET}))[11:-4],
        shlex.quote(SECRET)[1:-1],
        SECRET.replace("'", "'\\''"),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        repr(SECRET)[1:-1],
        ascii(SECRET)[1:-1],
        repr(SECRET.encode())[2:-1],
        repr(SECRET + '"')[1:-2],
        repr(SECRET.replace('"', ""))[1:-1],
    ],
)
def test_usual_encodings(form: str) -> None:
    assert mask(f"<{form}>", SECRET, SECRET.replace('"', "")) == b"<" + b"*" * len(form.encode()) + b">"


@pytest.mark.parametrize("command", ['printf %s "$S"', 'printf %q "$S"', 'set -x; : "$S"', "declare -p S"])
def test_what_a_shell_prints(command: str) -> None:
    value = "to $HOME 'and' \"back\" `ls` \\ now!" + ("\tüber\x1b" if "q" in command else "")
    found = subprocess.run(
        ["bash", "-c", f"exec 2>&1; {command}"], env={"S": value}, stdout=subprocess.PIPE, check=True
    ).stdout
    got = mask(found, value)
    assert b"*" in got
    assert not [word for word in (b"HOME", b"and", b"back", b"now") if word in got]


def test_lines_are_masked_one_by_one_and_short_ones_are_not() -> None:
    for line in LINES.split("\n")[:3]:
        assert mask(f"({line.strip()})", LINES) == b"(" + b"*" * len(line.strip()) + b")"
        assert mask(repr(line.strip()), LINES).count(b"*") >= len(line.strip())
    assert mask("abc", LINES) == b"abc"
    assert mask(f"[{LINES}]", LINES).replace(b"\n", b"").strip(b"[]").strip(b"*") == b""
    assert mask("a token", "a token\n") == b"*" * 7


@pytest.mark.parametrize("value", ["", "abc", "12345", "ü" * 5])
def test_short_values_are_not_masked(value: str) -> None:
    assert needles([value]) == []


def test_six_characters_are_enough() -> None:
    assert b"123456" in needles(["123456"])
    assert min(map(len, needles(["123456"]))) >= LEAST
    assert needles(["12345"]) == []


def test_a_long_value_is_searched_for_in_pieces_and_masked_whole() -> None:
    value = "".join(chr(33 + n * 31 % 90) for n in range(1000))
    found = needles([value])
    assert max(map(len, found)) == PIECE
    assert mask(f"<{value}>", value) == b"<" + b"*" * 1000 + b">"
    half = value[:500]
    assert mask(f"<{half}>", value).count(b"*") >= 500 - PIECE


@pytest.mark.parametrize(
    "value", ["half a pair \ud800 of surrogates", "bytes \udcff of no text", "nul\0inside it"]
)
def test_what_is_no_text_stops_nothing(value: str) -> None:
    assert needles([value])


def test_secrets_within_secrets() -> None:
    values = ["secret", "my-secret-value", "value-of-it", "secret-value-of-it-all"]
    text = b"my-secret-value-of-it-all, secret-value, value-of-it-all"
    found = needles(values)
    assert mask(text, *values) == expected(text, found)
    assert mask(text, *values) == b"*" * 25 + b", ******-value, ***********-all"


def test_a_64_kib_value_is_prepared_in_a_moment() -> None:
    value = "".join(chr(33 + (n * n + n // 7) % 90) + ("\n" if n % 70 == 0 else "") for n in range(64 << 10))
    found = needles([value])
    assert sum(map(len, found)) < 64 * len(value)
