"""Masking secrets: how fast with fifty of them, natively and in plain Python, and whether anything leaks.

The text is a log as runs write it, every thousandth line with a secret, in the pieces that a launcher reads.
"""

from __future__ import annotations

import random
import string
import time
from collections.abc import Sequence

from prefect_platform.masking import native
from prefect_platform.masking.encodings import needles
from prefect_platform.masking.masker import Masker
from prefect_platform.masking.matcher import Finder, Matcher, plain
from tests.benchmarks.measure import Figure, report
from tests.masking_cases import leaks

SECRETS, LINES, PIECE, ROUNDS = 50, 150_000, 24 << 10, 5
SEEDS, SETS, TEXTS = range(10), 110, 100
"""110,000 cases."""
SAID = "the task of a flow loads rows from table with columns, error warning retry connection user postgres"


def secrets(rng: random.Random) -> list[str]:
    """Tokens, connection strings, keys in hex, passwords."""
    letters = string.ascii_letters + string.digits
    return [
        (
            "".join(rng.choices(letters, k=rng.choice((20, 32, 40)))),
            f"postgres://user{n}:{''.join(rng.choices(letters + '!$&/=+', k=16))}@db.internal:5432/main",
            rng.randbytes(20).hex(),
            "".join(rng.choices(string.printable[:94], k=rng.choice((8, 12, 16)))),
        )[n % 4]
        for n in range(SECRETS)
    ]


def log(rng: random.Random, values: Sequence[str]) -> bytes:
    lines = []
    for n in range(LINES):
        said = " ".join(rng.choices(SAID.split(), k=rng.randrange(4, 14)))
        head = f"2026-10-{n % 28 + 1:02} {n % 24:02}:{n % 60:02}:{n * 7 % 60:02}.{n % 1000:03}"
        name = f"Task run 'train-{rng.randrange(16**8):08x}'"
        lines.append(f"{head} | INFO    | {name} - {said} {rng.random():.6f} {rng.randrange(10**6)}")
        if n % 1000 == 0:
            lines[-1] += f" {rng.choice(values)}"
    return "\n".join(lines).encode()


def rate(found: Sequence[bytes], finder: Finder, data: bytes) -> list[float]:
    """MB/s of each round; the first, which also makes the tables, is not counted."""
    matcher, rates = Matcher(found, finder), []
    for _ in range(ROUNDS + 1):
        masker, start = Masker(matcher), time.perf_counter()
        for at in range(0, len(data), PIECE):
            masker.feed(data[at : at + PIECE])
        masker.flush()
        rates.append(len(data) / 1e6 / (time.perf_counter() - start))
    return rates[1:]


def figures() -> list[Figure]:
    rng = random.Random(1)
    values = secrets(rng)
    data, found, module = log(rng, values), needles(values), native.library()
    fast = Figure("redaction_mb_per_s", "MB/s", ">= 100 with 50 secrets")
    slow = Figure("redaction_fallback_mb_per_s", "MB/s", ">= 10 with 50 secrets")
    leaking = Figure("redaction_leaks", f"of {len(SEEDS) * SETS * TEXTS:,} cases", "0")
    if module is not None:
        fast.ours = rate(found, native.Native(found, module), data)
    slow.ours = rate(found, plain(found), data)
    leaking.ours = [float(sum(sum(1 for _ in leaks(seed, SETS, TEXTS)) for seed in SEEDS))]
    return [fast, slow, leaking]


def main() -> None:
    report("promises_redaction", figures())


if __name__ == "__main__":
    main()
