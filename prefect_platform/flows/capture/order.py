"""In which order definitions stand: each after what it needs when it runs, and near what it calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from prefect_platform.errors import RegistrationError

Edges = Mapping[str, Iterable[str]]


def ordered(strong: Edges, weak: Edges) -> list[str]:
    """All names, every strong edge kept, every weak one where no cycle forbids it. Ties by name.

    Raises:
        RegistrationError: names need each other before either can be defined.
    """
    result: list[str] = []
    for group in _components(sorted(strong), lambda name: sorted({*strong[name], *weak[name]})):
        result += _within(sorted(group), strong)
    return result


def _within(group: list[str], strong: Edges) -> Iterator[str]:
    sorter = TopologicalSorter({n: [d for d in strong[n] if d in group and d != n] for n in group})
    try:
        sorter.prepare()
    except CycleError as error:
        names = " and ".join(f"`{name}`" for name in sorted(set(error.args[1])))
        raise RegistrationError(
            f"{names} need each other before either can be defined: the cells were run in an order that "
            "they do not stand in. Restart the kernel, run all cells, and register again."
        ) from None
    while sorter.is_active():
        for name in sorted(sorter.get_ready()):
            yield name
            sorter.done(name)


def _components(names: Iterable[str], edges: Callable[[str], list[str]]) -> Iterator[list[str]]:
    """Strongly connected components, each after those it points to (Tarjan, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    for root in names:
        if root in index:
            continue
        work = [(root, iter(edges(root)))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            name, following = work[-1]
            step = next(following, None)
            if step is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    yield _cut(stack, name)
            elif step not in index:
                index[step] = low[step] = len(index)
                stack.append(step)
                work.append((step, iter(edges(step))))
            elif step in stack:
                low[name] = min(low[name], index[step])


def _cut(stack: list[str], name: str) -> list[str]:
    place = stack.index(name)
    component = stack[place:]
    del stack[place:]
    return component
