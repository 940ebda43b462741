# ruff: noqa: E501 - tables of cases read best one a line
"""What cannot travel is refused by name: the object, the way to it, who uses it and where it is defined."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect_platform.errors import CannotTravel, RegistrationError
from tests.notebook import Notebook

FLOW = "from prefect import flow, task\n"
USE = "@flow\ndef etl():\n    return thing"

STUCK = {
    "a lock": ("import threading\nthing = threading.Lock()", "`thing` is a lock (_thread.lock)"),
    "a lock in a dict": ("import threading\nthing = {'a': [threading.RLock()]}", "`thing['a'][0]` is a lock"),
    "an open file": ("thing = open('/dev/null')", "`thing` is an open file"),
    "a file in an object": (
        "class Model:\n    pass\nthing = Model()\nthing.session = open('/dev/null')",
        "`thing.session` is an open file",
    ),
    "a socket": ("import socket\nthing = socket.socket()", "`thing` is a socket"),
    "a generator": ("thing = (n for n in 'ab')", "`thing` is a generator"),
    "a thread": ("import threading\nthing = threading.Thread()", "`thing` is a thread"),
    "a database connection": ("import sqlite3\nthing = sqlite3.connect(':memory:')", "`thing` is a database connection"),
    "a cursor": ("import sqlite3\nthing = [sqlite3.connect(':memory:').cursor()]", "`thing[0]` is a database cursor"),
    "an engine": (
        "import sqlalchemy\nthing = sqlalchemy.create_engine('sqlite://')",
        "`thing` is a database engine (sqlalchemy.engine.base.Engine)",
    ),
    "a Dask client": (
        # By name, so that Dask need not be installed.
        "Client = type('Client', (), {'__module__': 'distributed.client'})\nthing = {'dask': Client()}",
        "`thing['dask']` is a Dask client (distributed.client.Client)",
    ),
    "a boto client": (
        "BaseClient = type('BaseClient', (), {'__module__': 'botocore.client'})\nclass S3(BaseClient):\n    pass\nthing = S3()",
        "`thing` is a boto client (__main__.S3)",
    ),
    "an executor": ("from concurrent.futures import ThreadPoolExecutor\nthing = ThreadPoolExecutor(1)", "`thing` is an executor"),
    "an event loop": ("import asyncio\nthing = asyncio.new_event_loop()", "`thing` is an event loop"),
    "a thing that will not be pickled": (
        "class Odd:\n    def __reduce__(self):\n        raise TypeError('no')\nthing = {'deep': [Odd()]}",
        "`thing['deep'][0]` is an object that cannot be pickled (__main__.Odd)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STUCK)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_it_is_named(name: str, tmp_path: Path) -> None:
    made, said = STUCK[name]
    notebook = Notebook().run(FLOW, made, USE)
    try:
        with pytest.raises(CannotTravel) as caught:
            notebook.capture("etl", tmp_path)
    finally:
        close = getattr(notebook.variables["thing"], "close", None)
        if close is not None:
            close()
    text = str(caught.value)
    assert said in text
    assert "defined in cell 2, line" in text
    assert "`etl` (cell 3, line 1) uses it" in text
    assert "Create it inside the function" in text


def test_the_one_who_uses_it_is_named(tmp_path: Path) -> None:
    notebook = Notebook().run(
        FLOW + "import threading\nlock = threading.Lock()", "def guarded():\n    return lock"
    )
    with pytest.raises(CannotTravel, match=r"defined in cell 1, line 3, and `guarded` \(cell 2, line 1\)"):
        notebook.run("@flow\ndef etl():\n    return guarded()").capture("etl", tmp_path)


def test_what_leaves_its_lock_behind_may_travel(tmp_path: Path) -> None:
    notebook = Notebook().run(
        FLOW
        + "import threading\nclass Careful:\n    def __init__(self):\n        self.lock = threading.Lock()\n"
        "    def __getstate__(self):\n        return {'n': 1}\nthing = Careful()",
        USE,
    )
    assert any(entry.path == "values/thing.pkl" for entry in notebook.capture("etl", tmp_path).entries)


def test_an_undefined_name(tmp_path: Path) -> None:
    notebook = Notebook().run(FLOW, "@flow\ndef etl():\n    return missing_name")
    with pytest.raises(
        RegistrationError, match=r"`missing_name` is used by `etl` \(cell 2, line 1\) but is not defined"
    ):
        notebook.capture("etl", tmp_path)


def test_a_function_without_source(tmp_path: Path) -> None:
    notebook = Notebook().run(
        FLOW + "exec('def ghost():\\n    return 1')", "@flow\ndef etl():\n    return ghost()"
    )
    with pytest.raises(RegistrationError, match=r"source of `ghost`, which `etl` .* is not known"):
        notebook.capture("etl", tmp_path)


def test_classes_that_need_each_other(tmp_path: Path) -> None:
    notebook = Notebook().run(
        FLOW + "class A:\n    pass", "class B(A):\n    pass", "class A:\n    of: B = None"
    )
    notebook.run("@flow\ndef etl():\n    return B()")
    with pytest.raises(RegistrationError, match="`A` and `B` need each other"):
        notebook.capture("etl", tmp_path)
