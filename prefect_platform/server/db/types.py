"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

Id = String(64)
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC. SQLite drops zones, so they are put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        found: datetime = value
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


class milliseconds_of(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it is
    """Whole milliseconds since 1970 of an `Instant`, rounded down."""

    type = BigInteger()
    inherit_cache = True


@compiles(milliseconds_of, "sqlite")
def _milliseconds_sqlite(element: milliseconds_of, compiler: SQLCompiler, **kw: Any) -> str:
    """`Instant`s are text there: `2026-11-01 06:00:00.123456`."""
    text = compiler.process(element.clauses, **kw)
    return f"(CAST(strftime('%s', {text}) AS INTEGER) * 1000 + CAST(substr({text}, 21, 3) AS INTEGER))"


@compiles(milliseconds_of, "postgresql")
def _milliseconds_postgresql(element: milliseconds_of, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(floor(extract(epoch FROM {compiler.process(element.clauses, **kw)}) * 1000) AS BIGINT)"


class greatest_of(FunctionElement[int]):  # noqa: N801
    """The greatest of several numbers."""

    type = BigInteger()
    inherit_cache = True


class least_of(FunctionElement[int]):  # noqa: N801
    """The least of several numbers."""

    type = BigInteger()
    inherit_cache = True


@compiles(greatest_of)
def _greatest(element: greatest_of, compiler: SQLCompiler, **kw: Any) -> str:
    name = "max" if compiler.dialect.name == "sqlite" else "greatest"
    return f"{name}({compiler.process(element.clauses, **kw)})"


@compiles(least_of)
def _least(element: least_of, compiler: SQLCompiler, **kw: Any) -> str:
    name = "min" if compiler.dialect.name == "sqlite" else "least"
    return f"{name}({compiler.process(element.clauses, **kw)})"
