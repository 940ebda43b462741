"""What cannot go to another process: locks, open files, sockets, connections, clients, running things.

The rules are data: a class by its full name, or by a prefix of its module, and what people call it.
Classes are compared by name, so that nothing is imported to look for it.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

_CLASSES = {
    "_thread.lock": "a lock",
    "_thread.RLock": "a lock",
    "threading.Lock": "a lock",
    "threading.Condition": "a lock",
    "threading.Event": "a threading event",
    "threading.Semaphore": "a lock",
    "threading.Barrier": "a lock",
    "threading.Thread": "a thread",
    "_thread._local": "thread-local data",
    "_thread._localdummy": "thread-local data",
    "queue.Queue": "a queue between threads",
    "_queue.SimpleQueue": "a queue between threads",
    "socket.socket": "a socket",
    "_socket.socket": "a socket",
    "builtins.generator": "a generator",
    "builtins.coroutine": "a coroutine",
    "builtins.async_generator": "a generator",
    "builtins.frame": "a stack frame",
    "builtins.traceback": "a traceback",
    "subprocess.Popen": "a running process",
    "multiprocessing.process.BaseProcess": "a process",
    "multiprocessing.pool.Pool": "a process pool",
    "concurrent.futures._base.Executor": "an executor",
    "concurrent.futures._base.Future": "a future",
    "asyncio.events.AbstractEventLoop": "an event loop",
    "_asyncio.Future": "a future",
    "_asyncio.Task": "a running asyncio task",
    "asyncio.locks.Lock": "a lock",
    "asyncio.locks.Event": "an asyncio event",
    "asyncio.queues.Queue": "an asyncio queue",
    "sqlite3.Connection": "a database connection",
    "sqlite3.Cursor": "a database cursor",
    "sqlalchemy.engine.base.Engine": "a database engine",
    "sqlalchemy.engine.base.Connection": "a database connection",
    "sqlalchemy.ext.asyncio.engine.AsyncEngine": "a database engine",
    "sqlalchemy.orm.session.Session": "a database session",
    "sqlalchemy.engine.result.Result": "a database cursor",
    "distributed.client.Client": "a Dask client",
    "distributed.client.Future": "a Dask future",
    "distributed.deploy.cluster.Cluster": "a Dask cluster",
    "botocore.client.BaseClient": "a boto client",
    "boto3.session.Session": "a boto session",
    "boto3.resources.base.ServiceResource": "a boto resource",
    "prefect.client.orchestration.PrefectClient": "a Prefect client",
    "prefect.client.orchestration.SyncPrefectClient": "a Prefect client",
    "httpx._client.BaseClient": "an HTTP client",
    "mmap.mmap": "mapped memory",
    "select.epoll": "a selector",
    "tempfile._TemporaryFileWrapper": "an open file",
    "weakref.ReferenceType": "a weak reference",
}
_DATABASE_MODULES = """
psycopg psycopg2 pymysql MySQLdb mysql oracledb cx_Oracle pyodbc _duckdb duckdb snowflake asyncpg aiosqlite
pymongo redis clickhouse_driver
"""
_DATABASES = frozenset(_DATABASE_MODULES.split())
_DATABASE_KINDS = {
    "Connection": "a database connection",
    "Cursor": "a database cursor",
    "Client": "a database client",
}
_IN_MEMORY = (io.BytesIO, io.StringIO)
_HARMLESS = (str, bytes, int, float, complex, bool, type(None), type)
_MOST_OBJECTS = 20_000
"""Objects looked at for the way to the culprit."""


@dataclass(frozen=True)
class Stuck:
    """An object that cannot travel, and the way to it from the variable."""

    path: str
    what: str
    type_name: str


def type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def what_is(kind: type[Any]) -> str | None:
    """What people call objects of this class, if they cannot travel."""
    if issubclass(kind, io.IOBase) and not issubclass(kind, _IN_MEMORY):
        return "an open file"
    for base in kind.__mro__:
        known = _CLASSES.get(f"{base.__module__}.{base.__qualname__}")
        if known is not None:
            return known
        if base.__module__.partition(".")[0] in _DATABASES:
            for ending, name in _DATABASE_KINDS.items():
                if base.__name__.endswith(ending):
                    return name
    return None


def path_to(name: str, root: object, wanted: object) -> str:
    """The expression that reaches `wanted` from the variable, or the variable where none is found."""
    queue, seen, looked = deque([(name, root)]), set[int](), 0
    while queue:
        path, item = queue.popleft()
        if item is wanted:
            return path
        if id(item) in seen or isinstance(item, _HARMLESS):
            continue
        seen.add(id(item))
        inner = list(islice(children(path, item), max(0, _MOST_OBJECTS - looked)))
        looked += len(inner)
        queue.extend(inner)
    return name


def children(path: str, value: object) -> Iterator[tuple[str, object]]:
    """The objects right inside this one, each with the expression that reaches it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield f"{path}[{key!r}]", item
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield f"{path}[{number}]", item
    elif isinstance(value, set | frozenset):
        for item in value:
            yield f"an element of {path}", item
    if not callable(value) or hasattr(value, "__dict__"):
        for key, item in _attributes(value).items():
            yield f"{path}.{key}", item


def _attributes(value: object) -> dict[str, Any]:
    # Modules and functions carry their whole world; nothing of it is part of the value.
    if type(value).__name__ in ("module", "function", "builtin_function_or_method", "method"):
        return {}
    found = dict(getattr(value, "__dict__", {}) or {})
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot not in ("__dict__", "__weakref__") and hasattr(value, slot):
                found[slot] = getattr(value, slot)
    return found
