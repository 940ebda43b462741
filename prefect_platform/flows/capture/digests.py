"""A digest of a value itself: the same in every kernel, whatever the hash seed or what equal strings share.

The walk follows what pickle would follow (`__reduce_ex__`), writes containers in a canonical
form, sorts sets by the digests of their elements, and hashes arrays by their content.
"""

from __future__ import annotations

import copyreg
import hashlib
import io
import marshal
import pickle
from collections.abc import Iterable
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from prefect_platform.flows.capture.namespace import Namespace

_ATOMS = (type(None), bool, int, float, complex, str, bytes)
_FAST = frozenset(_ATOMS)
_MARSHAL = 2
"""The last version that writes equal values as equal bytes: later ones mark interned and shared objects."""


def digest_value(value: object, namespace: Namespace) -> str:
    """SHA-256 of a value, in hex."""
    return _Walk(namespace).digest(value).hex()


class _Walk:
    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._open: dict[int, int] = {}
        self._done: dict[int, bytes] = {}
        self._alive: list[object] = []

    def digest(self, value: Any) -> bytes:
        if type(value) is float and value != value:  # noqa: PLR0124 - only NaN differs from itself
            return _hash(b"nan")  # The bits of a NaN are no part of its value.
        if type(value) in _FAST:
            return _hash(b"atom", marshal.dumps(value, _MARSHAL))
        key = id(value)
        if key in self._done:
            return self._done[key]
        if key in self._open:  # A cycle: how far up it closes is the same in every kernel.
            return _hash(b"cycle", str(len(self._open) - self._open[key]).encode())
        self._open[key] = len(self._open)
        found = self._compound(value)
        del self._open[key]
        self._done[key] = found
        self._alive.append(value)  # An id stays taken only as long as its object lives.
        return found

    def _compound(self, value: Any) -> bytes:  # noqa: PLR0911 - one return a kind of value
        home = self._namespace.home(value)
        if home is not None:
            return _hash(b"name", home.encode())
        kind = type(value)
        if kind in (list, tuple):
            return self._sequence(kind.__name__.encode(), value)
        if kind is dict:
            return self._sequence(b"dict", [part for item in value.items() for part in item])
        if kind in (set, frozenset):
            return _hash(kind.__name__.encode(), *sorted(self.digest(item) for item in value))
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, CodeType):
            return self._code(value)
        if isinstance(value, type | BuiltinFunctionType | ModuleType):
            return _hash(b"import", f"{getattr(value, '__module__', '')}:{value.__name__}".encode())
        array = _array(value)
        return array if array is not None else self._reduced(value)

    def _sequence(self, tag: bytes, items: Iterable[Any]) -> bytes:
        items = list(items)
        if len(items) > 64 and set(map(type, items)) <= _FAST:
            return _hash(tag + b" of atoms", marshal.dumps(items, _MARSHAL))
        return _hash(tag, *(self.digest(item) for item in items))

    def _function(self, value: FunctionType) -> bytes:
        if value.__module__ != self._namespace.module and "<" not in value.__qualname__:
            return _hash(b"import", f"{value.__module__}:{value.__qualname__}".encode())
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        used = {
            name: value.__globals__[name] for name in value.__code__.co_names if name in value.__globals__
        }
        parts = (value.__code__, value.__defaults__, value.__kwdefaults__, cells, sorted(used.items()))
        return self._sequence(b"function", parts)

    def _code(self, value: CodeType) -> bytes:
        """Without file name and line numbers: those change from kernel to kernel."""
        parts = (value.co_code, value.co_consts, value.co_names, value.co_varnames, value.co_freevars)
        return self._sequence(b"code", parts)

    def _reduced(self, value: Any) -> bytes:
        try:
            reduce = copyreg.dispatch_table.get(type(value))
            reduced = reduce(value) if reduce is not None else value.__reduce_ex__(4)
        except Exception:  # noqa: BLE001 - user classes raise anything; the pickle's bytes then decide
            return _hash(b"pickle", _pickled(value))
        if isinstance(reduced, str):
            return _hash(b"global", f"{getattr(value, '__module__', '')}:{reduced}".encode())
        make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        parts = (make, arguments, state, list(items or ()), [p for pair in pairs or () for p in pair])
        self._alive.append(parts)
        return self._sequence(b"object", parts)


def _array(value: Any) -> bytes | None:
    """Content of a NumPy array, without a copy where it lies in one piece."""
    kind = type(value)
    if kind.__module__ != "numpy" or kind.__name__ != "ndarray" or value.dtype.hasobject:
        return None
    head = repr((value.dtype.descr if value.dtype.names else value.dtype.str, value.shape)).encode()
    if not value.flags.c_contiguous:
        value = value.copy(order="C")
    return _hash(b"array", head, value.reshape(-1).view("u1").data if value.size else b"")


def _pickled(value: object) -> bytes:
    stream = io.BytesIO()
    pickle.Pickler(stream, protocol=4).dump(value)
    return stream.getvalue()


def _hash(tag: bytes, *parts: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(tag)
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()
