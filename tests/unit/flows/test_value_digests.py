# ruff: noqa: E501 - tables of cases read best one a line
"""Digests of values: equal values are equal, different ones differ, whatever the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_platform.flows.capture.cells import Cells
from prefect_platform.flows.capture.digests import digest_value
from prefect_platform.flows.capture.expressions import express
from prefect_platform.flows.capture.namespace import Namespace

SPACE = Namespace({"__name__": "__main__"}, Cells([]))

atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.dates()
    | st.decimals(allow_nan=False)
)
hashable = st.recursive(
    atoms, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4), max_leaves=6
)
values = st.recursive(
    hashable,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.sets(hashable, max_size=4)
    ),
    max_leaves=12,
)


def same(one: Any, two: Any) -> bool:
    """Equality that knows NaN and the types of numbers."""
    return digest_value(one, SPACE) == digest_value(two, SPACE)


@settings(deadline=None, max_examples=60)
@given(values)
def test_an_expression_gives_the_value_back(value: Any) -> None:
    found = express(value, SPACE)
    assert found is not None
    names = {f"_{name}": __import__(name) for name in found.modules}
    back = eval(found.text, names)
    assert type(back) is type(value)
    assert same(back, value)
    again = express(back, SPACE)
    assert again is not None
    assert again.text == found.text


@settings(deadline=None, max_examples=60)
@given(values)
def test_a_pickled_copy_has_the_same_digest(value: Any) -> None:
    import pickle

    assert same(pickle.loads(pickle.dumps(value)), value)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (1, True), (1, 1.0), ("a", b"a"), ([1], (1,)), ({1}, frozenset({1})), ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.arange(3), np.arange(3).astype("i4")), (np.zeros((2, 3)), np.zeros((3, 2))), ([[1], [2]], [[2], [1]]),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})), (lambda x: x + 1, lambda x: x + 2),
        (list(range(100)), list(range(99, -1, -1))), (0.0, -0.0),
    ],
)  # fmt: skip
def test_different_values_differ(one: Any, two: Any) -> None:
    assert not same(one, two)


def test_layout_in_memory_is_no_content() -> None:
    array = np.arange(12).reshape(3, 4)
    assert same(np.asfortranarray(array), array)
    assert same(array[::2], array[::2].copy())


def test_cycles_end() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert len(digest_value(loop, SPACE)) == 64
    assert express(loop, SPACE) is None


ELSEWHERE = """
import sys, json
sys.path[:0] = json.loads(sys.argv[1])
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
from tests.unit.flows.test_value_digests import SPACE, digest_value
model = LogisticRegression().fit(np.arange(20).reshape(10, 2), [0, 1] * 5)
words = {"alpha", "beta", "gamma", "delta"}
print([digest_value(v, SPACE) for v in (
    words, {"k": frozenset(words)}, pd.DataFrame({"a": [1, 2], "b": list("xy")}), model, {"f": lambda x: x in words},
    pd.date_range("2013-01-01", periods=3), [{w} for w in sorted(words)],
)])
"""


@pytest.mark.slow
def test_another_process_and_hash_seed_give_the_same() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", ELSEWHERE, json.dumps([str(Path.cwd())])],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(said) == 1
