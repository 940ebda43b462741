"""Generated cases for masking: secrets, the ways to write them, texts full of them, and any way to cut those.

What is planted is encoded here by other means than the needles are, so that a form that was forgotten
there is a leak here. Every engine must agree with the definition, byte for byte.
"""

from __future__ import annotations

import base64
import json
import random
import shlex
import string
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

from prefect_platform.masking.encodings import LEAST, needles
from prefect_platform.masking.matcher import Matcher
from tests.unit.masking.references import expected, finders, streamed

ALPHABETS = (
    "ab",
    string.ascii_letters + string.digits,
    string.printable.strip(),
    "0123456789abcdef",
    "aé'\"\\ \t€/+=&%$`!",
)
Plant = Callable[[random.Random, str], tuple[bytes, bytes]]
"""Bytes to put into a text, and those of them that must not come out."""


def _same(encode: Callable[[str], str]) -> Plant:
    def plant(_: random.Random, secret: str) -> tuple[bytes, bytes]:
        form = encode(secret).encode()
        return form, form

    return plant


def _base64(encode: Callable[[bytes], bytes]) -> Plant:
    def plant(rng: random.Random, secret: str) -> tuple[bytes, bytes]:
        raw, before = secret.encode(), rng.randbytes(rng.randrange(5))
        form = encode(before + raw + rng.randbytes(rng.randrange(5)))
        bits = len(before) * 8
        return form, form[(bits + 5) // 6 : (bits + len(raw) * 8) // 6]

    return plant


def _one_line(encode: Callable[[str], str]) -> Plant:
    """The first line, where it is long enough to be masked by itself."""

    def line(secret: str) -> str:
        first = secret.split("\n", maxsplit=1)[0]
        return encode(first if len(first.strip()) >= LEAST else secret)

    return _same(line)


PLANTS: tuple[Plant, ...] = (
    _same(str),
    _same(str),
    _base64(base64.b64encode),
    _base64(base64.urlsafe_b64encode),
    _same(quote),
    _same(lambda secret: quote(secret, safe="")),
    _same(quote_plus),
    _same(lambda secret: json.dumps(secret)[1:-1]),
    _same(lambda secret: json.dumps({"": secret}, ensure_ascii=False)[6:-2]),
    _same(shlex.quote),
    _same(lambda secret: secret.encode().hex()),
    _same(lambda secret: secret.encode().hex().upper()),
    _same(lambda secret: repr([secret])[2:-2]),
    _same(lambda secret: str(secret.encode())[2:-1]),
    _one_line(str),
    _one_line(lambda line: line.encode().hex()),
)


def secrets(rng: random.Random) -> list[str]:
    """One to four, some within each other or beginning alike, some of several lines."""
    found: list[str] = []
    for _ in range(rng.randrange(1, 5)):
        alphabet = rng.choice(ALPHABETS)
        value = "".join(rng.choices(alphabet, k=rng.choice((6, 7, 9, 14, 20, 40, 90))))
        if found and rng.random() < 0.4:
            other = rng.choice(found)
            value = rng.choice((value + other, other[: len(other) // 2] + value, other[1:] + value[:2]))
        if rng.random() < 0.2:
            value = f"{value}\n{value[::-1]}"
        found.append(value if len(value.strip()) >= LEAST else f"{value}secret")
    return found


def text(rng: random.Random, values: list[str]) -> tuple[bytes, list[bytes]]:
    """A text, and the forms in it."""
    pieces, forms = [], []
    for _ in range(rng.randrange(1, 4)):
        put, form = rng.choice(PLANTS)(rng, rng.choice(values))
        if rng.random() < 0.3:
            pieces.append(put[: rng.randrange(len(put))])
        pieces.append(put)
        forms.append(form)
        if rng.random() < 0.6:
            pieces.append("".join(rng.choices(rng.choice(ALPHABETS), k=rng.randrange(12))).encode())
    return b"".join(pieces), forms


def cut(rng: random.Random, data: bytes) -> list[bytes]:
    """The text in pieces of any length, single bytes and empty ones among them."""
    pieces, at = [], 0
    most = rng.choice((3, 25, 50, 100, 200, 400, 400, 400))
    while at < len(data):
        length = rng.randrange(most)
        pieces.append(data[at : at + length])
        at += length
    return pieces


def leaks(seed: int, sets: int, texts: int) -> Iterator[tuple[list[str], bytes]]:
    """The cases that go wrong among `sets` times `texts`: those secrets, and that text."""
    rng = random.Random(seed)
    for _ in range(sets):
        values = secrets(rng)
        found = needles(values)
        engines = [Matcher(found, finder) for finder in finders(found)]
        for n in range(texts):
            data, forms = text(rng, values)
            want = expected(data, found)
            got = streamed(cut(rng, data), engines[n % len(engines)])
            if got != want or any(survives(form, data, got) for form in forms):
                yield values, data


def survives(form: bytes, data: bytes, got: bytes) -> bool:
    """Whether the form stands in what came out where it stood before. Elsewhere a mask may have completed
    the beginning of a secret that ends with the very character that masks."""
    at = data.find(form) if len(form) >= LEAST else -1
    while at >= 0 and got[at : at + len(form)] != form:
        at = data.find(form, at + 1)
    return at >= 0
