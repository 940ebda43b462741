"""Values as Python expressions: exact, readable, and the same whatever the hash seed.

A value that no expression gives back exactly travels as a pickle instead.
"""

from __future__ import annotations

import datetime  # noqa: ICN001 - the generated source says datetime too
import decimal
import enum
import fractions
import functools
import importlib
import logging
import math
import pathlib
import re
import types
import uuid
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from prefect_platform.flows.capture.namespace import Namespace, importable

_LONGEST = 100_000
"""Characters after which a pickle is the better way."""
_LINE = 100
_DEEPEST = 40
_LARGEST_INT_BITS = 8192
"""Python refuses to write much longer ones in decimal."""


@dataclass
class Expression:
    text: str = ""
    references: set[str] = field(default_factory=set)
    """Names of the namespace that must be defined before."""
    modules: set[str] = field(default_factory=set)
    """Modules that it imports as `_name`."""


class _NoExpression(Exception):
    """This value has no exact expression."""


def express(value: object, namespace: Namespace) -> Expression | None:
    """An expression that gives this value back, or nothing."""
    writer = _Writer(namespace)
    try:
        writer.made.text = writer.write(value, 0)
    except _NoExpression:
        return None
    return writer.made if len(writer.made.text) <= _LONGEST else None


class _Writer:
    def __init__(self, namespace: Namespace) -> None:
        self.made = Expression()
        self._namespace = namespace
        self._inside: set[int] = set()
        self._length = 0

    def write(self, value: Any, depth: int) -> str:
        home = self._namespace.home(value)
        if home is not None:
            self.made.references.add(home.partition(".")[0])
            return home
        kind = type(value)
        method = _EXACT.get(kind)
        text = self._by_base(value, depth) if method is None else method(self, value, depth)
        self._length += len(text) if depth > 0 and not isinstance(value, _CONTAINERS) else 0
        if self._length > _LONGEST:
            raise _NoExpression
        return text

    def _by_base(self, value: Any, depth: int) -> str:
        if isinstance(value, enum.Enum):
            return self._enum(value)
        if isinstance(value, pathlib.PurePath):
            return self._path(value)
        if isinstance(value, types.FunctionType | types.BuiltinFunctionType | type):
            return self._imported(value)
        raise _NoExpression

    def module(self, name: str) -> str:
        """The private alias of a module."""
        self.made.modules.add(name)
        return "_" + name.replace(".", "_")

    def of_plain(self, value: Any, _depth: int) -> str:
        if type(value) is int and value.bit_length() > _LARGEST_INT_BITS:
            raise _NoExpression
        if isinstance(value, str | bytes) and len(value) > _LONGEST:
            raise _NoExpression
        return repr(value)

    def of_float(self, value: float, _depth: int) -> str:
        return repr(value) if math.isfinite(value) else f"float({str(value)!r})"

    def of_complex(self, value: complex, depth: int) -> str:
        return f"complex({self.of_float(value.real, depth)}, {self.of_float(value.imag, depth)})"

    def of_list(self, value: list[Any], depth: int) -> str:
        return _bracket("[", self._items(value, depth), "]", depth)

    def of_tuple(self, value: tuple[Any, ...], depth: int) -> str:
        items = self._items(value, depth)
        return f"({items[0]},)" if len(items) == 1 else _bracket("(", items, ")", depth)

    def of_dict(self, value: dict[Any, Any], depth: int) -> str:
        keys, values = self._items(value.keys(), depth, value), self._items(value.values(), depth, value)
        return _bracket("{", [f"{k}: {v}" for k, v in zip(keys, values, strict=True)], "}", depth)

    def of_set(self, value: set[Any], depth: int) -> str:
        return _bracket("{", sorted(self._items(value, depth)), "}", depth) if value else "set()"

    def of_frozenset(self, value: frozenset[Any], depth: int) -> str:
        items = sorted(self._items(value, depth))
        return f"frozenset({_bracket('{', items, '}', depth)})" if items else "frozenset()"

    def _items(self, items: Any, depth: int, owner: Any = None) -> list[str]:
        key = id(items if owner is None else owner)
        if key in self._inside or depth > _DEEPEST:
            raise _NoExpression
        self._inside.add(key)
        written = [self.write(item, depth + 1) for item in items]
        self._inside.discard(key)
        return written

    def of_datetime(self, value: Any, depth: int) -> str:
        name = f"{self.module('datetime')}.{type(value).__name__}"
        parts = [getattr(value, part) for part in _DATE_PARTS[type(value)]]
        while len(parts) > _DATE_LEAST[type(value)] and not parts[-1]:
            parts.pop()
        arguments = [str(part) for part in parts]
        if getattr(value, "tzinfo", None) is not None:
            arguments.append(f"tzinfo={self.write(value.tzinfo, depth + 1)}")
        if getattr(value, "fold", 0):
            arguments.append("fold=1")
        return f"{name}({', '.join(arguments)})"

    def of_timedelta(self, value: datetime.timedelta, _depth: int) -> str:
        return f"{self.module('datetime')}.timedelta({value.days}, {value.seconds}, {value.microseconds})"

    def of_timezone(self, value: datetime.timezone, depth: int) -> str:
        if value is datetime.UTC:
            return f"{self.module('datetime')}.UTC"
        offset = value.utcoffset(None)
        return f"{self.module('datetime')}.timezone({self.of_timedelta(offset, depth)})"

    def of_zone(self, value: zoneinfo.ZoneInfo, _depth: int) -> str:
        if value.key is None:
            raise _NoExpression
        return f"{self.module('zoneinfo')}.ZoneInfo({value.key!r})"

    def of_decimal(self, value: decimal.Decimal, _depth: int) -> str:
        return f"{self.module('decimal')}.Decimal({str(value)!r})"

    def of_fraction(self, value: fractions.Fraction, _depth: int) -> str:
        return f"{self.module('fractions')}.Fraction({value.numerator}, {value.denominator})"

    def of_uuid(self, value: uuid.UUID, _depth: int) -> str:
        return f"{self.module('uuid')}.UUID({str(value)!r})"

    def of_pattern(self, value: re.Pattern[Any], _depth: int) -> str:
        return f"{self.module('re')}.compile({value.pattern!r}, {int(value.flags)})"

    def of_logger(self, value: logging.Logger, _depth: int) -> str:
        if logging.getLogger(value.name) is not value:
            raise _NoExpression
        return f"{self.module('logging')}.getLogger({value.name!r})"

    def of_partial(self, value: functools.partial[Any], depth: int) -> str:
        arguments = [self.write(value.func, depth + 1), *self._items(value.args, depth)]
        arguments += [f"{k}={self.write(v, depth + 1)}" for k, v in value.keywords.items()]
        return f"{self.module('functools')}.partial({', '.join(arguments)})"

    def _path(self, value: pathlib.PurePath) -> str:
        concrete = isinstance(value, pathlib.Path)
        name = "Path" if concrete else type(value).__name__
        if type(value).__module__.partition(".")[0] != "pathlib":
            raise _NoExpression
        return f"{self.module('pathlib')}.{name}({str(value)!r})"

    def _enum(self, value: enum.Enum) -> str:
        kind = type(value)
        if value.name not in kind.__members__:  # A combination of flags has no single name.
            raise _NoExpression
        home = self._namespace.home(kind)
        if home is not None:
            self.made.references.add(home.partition(".")[0])
            return f"{home}.{value.name}"
        return f"{self._imported(kind)}.{value.name}"

    def _imported(self, value: Any) -> str:
        module, path = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
        if not module or module == self._namespace.module or not importable(module, path, value):
            raise _NoExpression
        if module == "builtins":
            return str(path)
        importlib.import_module(module)
        return f"{self.module(module)}.{path}"


def _bracket(left: str, items: list[str], right: str, depth: int) -> str:
    flat = left + ", ".join(items) + right
    if len(flat) <= _LINE and "\n" not in flat:
        return flat
    pad = "    " * (depth + 1)
    return f"{left}\n" + "".join(f"{pad}{item},\n" for item in items) + "    " * depth + right


_DATE_PARTS = {
    datetime.date: ("year", "month", "day"),
    datetime.time: ("hour", "minute", "second", "microsecond"),
    datetime.datetime: ("year", "month", "day", "hour", "minute", "second", "microsecond"),
}
_DATE_LEAST = {datetime.date: 3, datetime.time: 0, datetime.datetime: 3}
_CONTAINERS = (list, tuple, dict, set, frozenset)
_EXACT: dict[type, Callable[..., str]] = {
    **dict.fromkeys((type(None), bool, int, str, bytes, type(...), range), _Writer.of_plain),
    float: _Writer.of_float,
    complex: _Writer.of_complex,
    list: _Writer.of_list,
    tuple: _Writer.of_tuple,
    dict: _Writer.of_dict,
    set: _Writer.of_set,
    frozenset: _Writer.of_frozenset,
    **dict.fromkeys((datetime.date, datetime.time, datetime.datetime), _Writer.of_datetime),
    datetime.timedelta: _Writer.of_timedelta,
    datetime.timezone: _Writer.of_timezone,
    zoneinfo.ZoneInfo: _Writer.of_zone,
    decimal.Decimal: _Writer.of_decimal,
    fractions.Fraction: _Writer.of_fraction,
    uuid.UUID: _Writer.of_uuid,
    re.Pattern: _Writer.of_pattern,
    logging.Logger: _Writer.of_logger,
    functools.partial: _Writer.of_partial,
}
