"""Values as pickles, where no expression gives them back. Written to a file piece by piece.

Classes and functions that travel as source are not pickled: the pickle names them, and the
generated module looks the name up. So an instance of a cell's class survives the trip.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import cloudpickle
from prefect import Flow, Task

from prefect_platform import travel
from prefect_platform.errors import CannotTravel
from prefect_platform.flows.capture.digests import digest_value
from prefect_platform.flows.capture.namespace import Namespace

PROTOCOL = 5
_FAILURES = (pickle.PicklingError, TypeError, AttributeError, NotImplementedError, ValueError, RecursionError)
_MAY_BE_NAMED = (FunctionType, type, Flow, Task)


@dataclass
class Pickled:
    file: Path
    identity: str
    """Digest over the value itself, not over the bytes of the pickle."""
    references: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)


class _Met(Exception):
    """Pickle came upon an object that cannot travel."""

    def __init__(self, value: object) -> None:
        self.value = value


class _Names:
    """`persistent_id` of both picklers: what is defined by source is named, what cannot travel is refused.

    Pickle asks here for every object it really writes, so an object that leaves its lock behind
    when it is pickled passes.
    """

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.references: set[str] = set()
        self.modules: set[str] = set()
        self._kinds: dict[type[Any], bool] = {}

    def _stays(self, kind: type[Any]) -> bool:
        if kind not in self._kinds:
            self._kinds[kind] = travel.what_is(kind) is not None
        return self._kinds[kind]

    def __call__(self, value: Any) -> str | None:
        if not isinstance(value, _MAY_BE_NAMED):
            if isinstance(value, ModuleType):
                self.modules.add(value.__name__)
            elif self._stays(type(value)):
                raise _Met(value)
            return None
        home = self.namespace.home(value)
        if home is None:
            self.modules.add(str(getattr(value, "__module__", "")))
            return None
        self.references.add(home.partition(".")[0])
        return home


class _Plain(pickle.Pickler):
    def __init__(self, file: Any, names: _Names) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self.persistent_id = names  # type: ignore[method-assign]


def _code(code: CodeType) -> Any:
    """Without the file of its cell, which is another in every kernel and does not exist where this goes."""
    return cloudpickle.Pickler.dispatch_table[CodeType](code.replace(co_filename="<value>"))


class _ByValue(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """For functions that have no name of their own, such as a lambda in a dict."""

    dispatch_table = cloudpickle.Pickler.dispatch_table.new_child({CodeType: _code})

    def __init__(self, file: Any, names: _Names) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self._names = names

    def persistent_id(self, value: Any) -> str | None:
        return self._names(value)


def pickle_value(name: str, value: object, namespace: Namespace, directory: Path, used_by: str) -> Pickled:
    """Write `value` to `directory/<name>.pkl`.

    Raises:
        CannotTravel: it, or something in it, cannot; the message says which, where and the way out.
    """
    file = directory / f"{name}.pkl"
    for pickler in (_Plain, _ByValue):
        names = _Names(namespace)
        try:
            with file.open("wb") as stream:
                pickler(stream, names).dump(value)
        except _Met as met:
            raise cannot_travel(_stuck(name, value, met.value), used_by) from None
        except _FAILURES as error:
            failure = error
            continue
        return Pickled(file, digest_value(value, namespace), names.references, names.modules)
    path, culprit = _deepest(name, value, namespace)
    raise cannot_travel(
        travel.Stuck(path, "an object that cannot be pickled", travel.type_name(culprit)), used_by
    ) from failure


def _stuck(name: str, root: object, value: object) -> travel.Stuck:
    what = travel.what_is(type(value)) or "an object that cannot be pickled"
    return travel.Stuck(travel.path_to(name, root, value), what, travel.type_name(value))


def cannot_travel(stuck: travel.Stuck, used_by: str) -> CannotTravel:
    return CannotTravel(
        f"`{stuck.path}` is {stuck.what} ({stuck.type_name}): it cannot go to where the flow runs. "
        f"{used_by} Create it inside the function that needs it.",
        object=stuck.type_name,
        variable=stuck.path,
    )


def _deepest(path: str, value: object, namespace: Namespace) -> tuple[str, object]:
    """Follow the part that cannot be pickled as far down as it goes."""
    seen = set[int]()
    while id(value) not in seen:
        seen.add(id(value))
        for inner_path, inner in travel.children(path, value):
            if id(inner) not in seen and not _travels(inner, namespace):
                path, value = inner_path, inner
                break
    return path, value


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, piece: Any) -> int:
        return len(piece)


def _travels(value: object, namespace: Namespace) -> bool:
    try:
        _ByValue(_Nowhere(), _Names(namespace)).dump(value)
    except (_Met, *_FAILURES):
        return False
    return True
