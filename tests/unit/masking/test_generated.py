"""A slice of the cases of which the benchmark runs more than a hundred thousand."""

from __future__ import annotations

import pytest

from tests.masking_cases import leaks


@pytest.mark.parametrize("seed", range(4))
def test_nothing_leaks(seed: int) -> None:
    assert next(leaks(seed, sets=25, texts=20), None) is None
