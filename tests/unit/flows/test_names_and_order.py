# ruff: noqa: E501 - tables of cases read best one a line
"""Names by the compiler's own scopes, and an order in which every definition finds what it needs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_platform.errors import RegistrationError
from prefect_platform.flows.capture.names import used
from prefect_platform.flows.capture.order import ordered


@pytest.mark.parametrize(
    ("text", "strong", "weak"),
    [
        ("@deco(K)\ndef f(a=DEFAULT):\n    return helper(a)", {"deco", "K", "DEFAULT"}, {"helper"}),
        ("def f(x):\n    y = x\n    return [y for y in range(3)]", set(), {"range"}),
        ("def f():\n    def g():\n        return deep\n    return g", set(), {"deep"}),
        ("class A(Base, metaclass=M):\n    n = N\n    m = n\n    def go(self):\n        return late", {"Base", "M", "N"}, {"late"}),
        ("f = lambda x: late(x)", set(), {"late"}),
        ("xs = [g(i) for i in ITEMS]", {"g", "ITEMS"}, set()),
        ("def f(a: Ann) -> 'Quoted':\n    b: Inner = 1", {"Ann"}, set()),
        ("x: Ann = V", {"Ann", "V"}, set()),
        ("def f():\n    from m import g\n    return g()", set(), set()),
    ],
)  # fmt: skip
def test_names(text: str, strong: set[str], weak: set[str]) -> None:
    found = used(text)
    assert (found.strong, found.weak) == (strong, weak)


def test_annotations_may_wait() -> None:
    found = used("class A:\n    b: B = None", postponed=True)
    assert found.hints == {"B"}
    assert "B" not in found.strong


def test_names_made_by_global() -> None:
    assert used("def f():\n    global made\n    made = 1").made == {"made"}


graphs = st.integers(1, 8).flatmap(
    lambda n: st.lists(
        st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), st.booleans()), max_size=20
    ).map(lambda edges: (n, edges))
)


@settings(deadline=None)
@given(graphs)
def test_strong_edges_are_kept_and_cycles_of_weak_ones_are_fine(graph: tuple[int, list[Any]]) -> None:
    count, edges = graph
    names = [f"n{i}" for i in range(count)]
    # Strong edges point to smaller numbers only, so they make no cycle; weak ones go anywhere.
    strong = {n: {names[b] for a, b, s in edges if s and names[a] == n and b < a} for n in names}
    weak = {n: {names[b] for a, b, s in edges if not s and names[a] == n} - {n} for n in names}
    found = ordered(strong, weak)
    assert sorted(found) == names
    place = {name: number for number, name in enumerate(found)}
    assert all(place[needed] < place[name] for name in names for needed in strong[name])
    shuffled = dict(reversed(list(strong.items())))
    assert ordered(shuffled, weak) == found, "the order does not depend on how names were found"


def test_weak_edges_come_first_where_they_can() -> None:
    assert ordered({"b": set(), "a": set()}, {"a": {"b"}, "b": set()}) == ["b", "a"]


def test_a_strong_cycle_is_told() -> None:
    with pytest.raises(RegistrationError, match="`a` and `b` need each other"):
        ordered({"a": {"b"}, "b": {"a"}}, {"a": set(), "b": set()})
