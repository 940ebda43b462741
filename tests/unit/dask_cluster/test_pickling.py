"""Bytes for the workers, and the name of what cannot go."""

from __future__ import annotations

import io
import threading
from typing import Any

import pytest

from prefect_platform.dask_cluster import pickling
from prefect_platform.errors import CannotTravel


class Holder:
    def __init__(self, value: Any) -> None:
        self.value = value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, threading.Lock()]}, r"^Why: `it\['a'\]\[1\]` is a lock \(_thread\.lock\)"),
        (Holder(Holder(threading.Lock())), r"`it\.value\.value` is a lock"),
        ((i for i in range(2)), r"`it` is a generator"),
    ],
    ids=["nested", "attribute", "itself"],
)
def test_what_cannot_go_is_named(value: Any, message: str) -> None:
    with pytest.raises(CannotTravel, match=message):
        pickling.dumps("it", value, "Why")
    with pytest.raises(CannotTravel, match=message):
        pickling.check("it", value, "Why")


def test_a_function_names_what_it_closes_over() -> None:
    lock = threading.Lock()
    with pytest.raises(CannotTravel, match="`lock` is a lock"):
        pickling.dumps("it", lambda: lock, "Why")


def test_the_first_of_several_arguments_is_named() -> None:
    with pytest.raises(CannotTravel, match="argument 'b': `b` is an open file"):
        pickling.first_that_cannot({"a": 1, "b": io.FileIO(0, closefd=False)}, "argument {name!r}", None)


def test_states_stand_where_futures_were() -> None:
    def replace(value: Any) -> Any:
        return (pickling.upstream, (1,)) if isinstance(value, Holder) else NotImplemented

    data = pickling.dumps("it", {"x": [Holder(1)]}, "Why", replace)
    assert pickling.loads(data, ("zero", "one")) == {"x": ["one"]}
