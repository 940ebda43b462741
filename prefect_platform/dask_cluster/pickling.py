"""What goes to the workers, as bytes; and if something cannot go, which task, argument and object it is.

For futures of earlier task runs the pickle holds a number, and the worker has their states.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import cloudpickle

from prefect_platform import travel
from prefect_platform.errors import CannotTravel

PROTOCOL = 5
Replace = Callable[[Any], Any]
"""What `reducer_override` of a pickler returns for an object, or NotImplemented."""
_upstream: ContextVar[tuple[Any, ...]] = ContextVar("upstream")


def upstream(number: int) -> Any:
    """What stands in a pickle for the future of an earlier task run."""
    return _upstream.get()[number]


def same(value: Any) -> Any:
    """What stands in a pickle for something that was looked up before."""
    return value


def loads(data: bytes, states: tuple[Any, ...] = ()) -> Any:
    """The values, with `states` where futures were."""
    token = _upstream.set(states)
    try:
        return pickle.loads(data)  # noqa: S301 - from the run's own process, over the cluster's own connection
    finally:
        _upstream.reset(token)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    def __init__(self, file: Any, replace: Replace | None) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self._replace = replace

    def reducer_override(self, value: Any) -> Any:
        if self._replace is not None:
            found = self._replace(value)
            if found is not NotImplemented:
                return found
        return super().reducer_override(value)


def dumps(name: str, value: Any, why: str, replace: Replace | None = None) -> bytes:
    """`value` as bytes.

    Raises:
        CannotTravel: it, or something in it, cannot be pickled; the message names it as reached from `name`.
    """
    buffer = io.BytesIO()
    with _named(name, value, why, replace):
        _Pickler(buffer, replace).dump(value)
    return buffer.getvalue()


def check(name: str, value: Any, why: str) -> None:
    """That `value` can be pickled, without keeping the pickle.

    Raises:
        CannotTravel: as `dumps`.
    """
    if isinstance(value, _SAFE):
        return
    with _named(name, value, why, None):
        # buffers of arrays are handed over as they are
        cloudpickle.Pickler(_Nowhere(), protocol=PROTOCOL, buffer_callback=_forget).dump(value)


_SAFE = (str, bytes, bytearray, int, float, complex, bool, type(None))


def _forget(buffer: object) -> None:
    pass


class _Nowhere:
    def write(self, piece: Any) -> int:
        return len(piece)


@contextmanager
def _named(name: str, value: Any, why: str, replace: Replace | None) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        path, culprit = _deepest(name, value, replace)
        what = travel.what_is(type(culprit)) or "an object that cannot be pickled"
        kind = travel.type_name(culprit)
        raise CannotTravel(
            f"{why}: `{path}` is {what} ({kind}). Create it inside the task that needs it.",
            object=kind,
            variable=path,
        ) from error


def _deepest(path: str, value: Any, replace: Replace | None) -> tuple[str, Any]:
    """Follow the part that cannot be pickled as far down as it goes."""
    seen = set[int]()
    while id(value) not in seen:
        seen.add(id(value))
        for inner_path, inner in _inside(path, value):
            if id(inner) not in seen and not _travels(inner, replace):
                path, value = inner_path, inner
                break
    return path, value


def _inside(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    yield from travel.children(path, value)
    used = getattr(value, "__closure__", None) or ()
    names = getattr(getattr(value, "__code__", None), "co_freevars", ())
    for name, cell in zip(names, used, strict=False):
        yield name, cell.cell_contents
    for name in getattr(getattr(value, "__code__", None), "co_names", ()):
        if name in value.__globals__:
            yield name, value.__globals__[name]


def _travels(value: Any, replace: Replace | None) -> bool:
    try:
        _Pickler(_Nowhere(), replace).dump(value)
    except Exception:  # noqa: BLE001 - any failure means that it does not travel
        return False
    return True


def first_that_cannot(parts: Mapping[str, Any], why: str, replace: Replace | None) -> None:
    """Say which of several named values cannot go. Looked at one by one, so only after a failure.

    Raises:
        CannotTravel: for the first of them.
    """
    for name, value in parts.items():
        dumps(name, value, why.format(name=name), replace)
