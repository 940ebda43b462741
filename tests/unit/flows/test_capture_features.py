# ruff: noqa: E501 - a cell reads best as one string
"""Each kind of thing a cell may hold goes along: captured here, loaded and used in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.notebook import Notebook, source_of, unpacked

FLOW = "from prefect import flow, task\n"

SCENES: dict[str, tuple[list[str], str, Any]] = {
    # name: (cells, expression over the loaded module `m`, its value)
    "functions of other cells": (
        [FLOW + "def double(x):\n    return 2 * x", "@flow\ndef etl(x: int = 1):\n    return double(x) + 1"],
        "m.etl.fn(4)",
        9,
    ),
    "mutual recursion": (
        [
            FLOW,
            "def even(n):\n    return n == 0 or odd(n - 1)\ndef odd(n):\n    return n != 0 and even(n - 1)",
            "@flow\ndef etl():\n    return even(4)",
        ],
        "m.etl.fn()",
        True,
    ),
    "lambda": ([FLOW + "inc = lambda x: x + 1", "@flow\ndef etl():\n    return inc(1)"], "m.etl.fn()", 2),
    "partial of a function": (
        [FLOW + "from functools import partial\ndef add(a, b):\n    return a + b\nadd2 = partial(add, 2)", "@flow\ndef etl():\n    return add2(3)"],
        "m.etl.fn()",
        5,
    ),
    "partial of a lambda": (
        [FLOW + "from functools import partial\nadd2 = partial(lambda a, b: a + b, 2)", "@flow\ndef etl():\n    return add2(3)"],
        "m.etl.fn()",
        5,
    ),
    "cached function": (
        [FLOW + "import functools\n@functools.lru_cache\ndef slow(x):\n    return x * x", "@flow\ndef etl():\n    return slow(3)"],
        "m.etl.fn()",
        9,
    ),
    "singledispatch with implementations of its own": (
        [
            FLOW + "from functools import singledispatch\n@singledispatch\ndef show(x):\n    return 'any'",
            "PREFIX = 'int '\n@show.register\ndef _(x: int):\n    return PREFIX + str(x)\n@show.register(list)\n@show.register(tuple)\ndef _(x):\n    return [show(y) for y in x]",
            "def text(x):\n    return 'text'\nshow.register(str, text)",
            "@flow\ndef etl():\n    return show((1, 'a', 1.0, [2]))",
        ],
        "m.etl.fn()",
        ["int 1", "text", "any", ["int 2"]],
    ),
    "task with retries and a cache key": (
        [
            FLOW + "def key(context, parameters):\n    return 'k'",
            "@task(retries=2, cache_key_fn=key)\ndef load(x):\n    return x",
            "@flow\ndef etl():\n    return load(1)",
        ],
        "[m.load.retries, m.load.cache_key_fn.__name__, m.load.fn(7)]",
        [2, "key", 7],
    ),
    "nested flow and async flow": (
        [FLOW + "@flow\nasync def inner(x: int) -> int:\n    return x + 1", "@flow\nasync def etl():\n    return await inner(1)"],
        "[m.etl.isasync, __import__('asyncio').run(m.inner.fn(1))]",
        [True, 2],
    ),
    "flow by with_options": (
        [FLOW + "@flow\ndef etl():\n    return 1", "nightly = etl.with_options(name='at night', retries=3)"],
        "[m.nightly.name, m.nightly.retries, m.nightly.fn()]",
        ["at night", 3, 1],
    ),
    "task made by a call": (
        [FLOW + "def work(x):\n    return x + 1\nwork_task = task(work, name='w')", "@flow\ndef etl():\n    return work_task(1)"],
        "[m.work_task.name, m.work_task.fn(1)]",
        ["w", 2],
    ),
    "hook added by decorator": (
        [FLOW + "@flow\ndef etl():\n    return 1", "@etl.on_failure\ndef tell(flow, run, state):\n    return 'told'"],
        "[hook.__name__ for hook in m.etl.on_failure_hooks]",
        ["tell"],
    ),
    "dataclass and an instance of it": (
        [
            FLOW + "from dataclasses import dataclass, field\n@dataclass(frozen=True)\nclass Point:\n    x: int = 1\n    tags: tuple = ()",
            "ORIGIN = Point(5, ('a',))\nMANY = {'all': [ORIGIN]}",
            "@flow\ndef etl():\n    return MANY['all'][0] == ORIGIN and isinstance(ORIGIN, Point)",
        ],
        "m.etl.fn()",
        True,
    ),
    "class hierarchy": (
        [
            FLOW + "class Base:\n    factor = 2\n    def scale(self, x):\n        return self.factor * x",
            "class Child(Base):\n    @property\n    def three(self):\n        return self.scale(1) + 1",
            "@flow\ndef etl():\n    return Child().three",
        ],
        "m.etl.fn()",
        3,
    ),
    "pydantic model as a parameter": (
        [FLOW + "from pydantic import BaseModel\nclass Config(BaseModel):\n    year: int = 2013", "@flow\ndef etl(config: Config):\n    return config.year"],
        "m.etl.fn(m.Config())",
        2013,
    ),
    "enum and its members": (
        [FLOW + "import enum\nclass Color(enum.Enum):\n    RED = 1", "FAVOURITES = [Color.RED]", "@flow\ndef etl():\n    return FAVOURITES[0] is Color.RED"],
        "m.etl.fn()",
        True,
    ),
    "named tuple, NewType and alias": (
        [
            FLOW + "from collections import namedtuple\nfrom typing import NewType\nPair = namedtuple('Pair', 'a b')\nKey = NewType('Key', int)\nNumbers = list[int] | None",
            "@flow\ndef etl(n: Numbers = None):\n    return Pair(Key(1), 2).b",
        ],
        "m.etl.fn()",
        2,
    ),
    "constants": (
        [
            FLOW + "import datetime, decimal, pathlib, re, uuid\nN = 1_000\nINF = float('inf')\nTEXT = 'a\\nb'\nRAW = b'\\x00'\nWHERE = pathlib.Path('a') / 'b'\n"
            "DAY = datetime.date(2013, 1, 5)\nAT = datetime.datetime(2013, 1, 5, 2, tzinfo=datetime.timezone.utc)\nMONEY = decimal.Decimal('0.10')\n"
            "SET = frozenset({'b', 'a'})\nNEST = {'k': [1, (2,), {3}]}\nPATTERN = re.compile('a+', re.I)",
            "@flow\ndef etl():\n    return [N, INF > 1, TEXT, RAW.hex(), WHERE.as_posix(), str(DAY), AT.isoformat(), str(MONEY), sorted(SET), len(NEST['k']), bool(PATTERN.match('A'))]",
        ],
        "m.etl.fn()",
        [1000, True, "a\nb", "00", "a/b", "2013-01-05", "2013-01-05T02:00:00+00:00", "0.10", ["a", "b"], 3, True],
    ),
    "data frame": (
        [FLOW + "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2, 3]})", "@flow\ndef etl() -> int:\n    return int(frame['a'].sum())"],
        "m.etl.fn()",
        6,
    ),
    "functions in a container": (
        [FLOW + "def one():\n    return 1\nSTEPS = [one, len]\nTABLE = {'inc': lambda x: x + one()}", "@flow\ndef etl():\n    return [STEPS[0](), STEPS[1]('ab'), TABLE['inc'](1)]"],
        "m.etl.fn()",
        [1, 2, 2],
    ),
    "submodule used through its package": (
        [FLOW + "import os\nimport os.path\nimport xml.dom.minidom", "@flow\ndef etl():\n    return [os.path.basename('a/b'), xml.dom.minidom.__name__]"],
        "m.etl.fn()",
        ["b", "xml.dom.minidom"],
    ),
    "star import": (
        [FLOW + "from math import *", "@flow\ndef etl():\n    return floor(pi)"],
        "m.etl.fn()",
        3,
    ),
    "logger": (
        [FLOW + "import logging\nlogger = logging.getLogger('mine')", "@flow\ndef etl():\n    return logger.name"],
        "m.etl.fn()",
        "mine",
    ),
    "one object under two names": (
        [FLOW + "SHARED = []\nALSO = SHARED", "@flow\ndef etl():\n    return SHARED is ALSO"],
        "m.etl.fn()",
        True,
    ),
    "names made by global": (
        [FLOW + "def remember():\n    global seen\n    seen = 1", "@flow\ndef etl():\n    remember()\n    return seen"],
        "m.etl.fn()",
        1,
    ),
    "postponed annotations": (
        [
            "from __future__ import annotations\nfrom prefect import flow\nclass A:\n    other: B | None = None\nclass B:\n    back: A | None = None\n@flow\ndef etl(a: int = 1) -> int:\n    return a if A and B else 0"
        ],
        "m.etl.fn(3)",
        3,
    ),
    "quoted annotation": (
        [FLOW + "class Tree:\n    def child(self) -> 'Tree':\n        return Tree()", "@flow\ndef etl():\n    return type(Tree().child()).__name__"],
        "m.etl.fn()",
        "Tree",
    ),
    "task.map and submit": (
        [FLOW + "@task\ndef inc(x):\n    return x + 1", "@flow\ndef etl(n: int = 2):\n    return sum(inc.map(range(n)).result()) + inc.submit(1).result()"],
        "m.inc.fn(1)",
        2,
    ),
    "definition under if": (
        [FLOW + "if True:\n    def branch():\n        return '''a\n  b'''", "@flow\ndef etl():\n    return branch()"],
        "m.etl.fn()",
        "a\n  b",
    ),
    "a cell run twice": (
        [FLOW + "def f():\n    return 'old'", "def f():\n    return 'new'", "@flow\ndef etl():\n    return f()"],
        "m.etl.fn()",
        "new",
    ),
    "open is Python's own": ([FLOW + "@flow\ndef etl():\n    return open('/dev/null').read()"], "m.etl.fn()", ""),
    "flow that reads __file__": (
        [FLOW + "@flow\ndef etl():\n    return __file__.endswith('.py')"], "m.etl.fn()", True
    ),
}  # fmt: skip

LOAD = """
import importlib.util, json, sys
results = {}
for name, path, expression in json.load(sys.stdin):
    spec = importlib.util.spec_from_file_location("etl_" + str(len(results)), path)
    m = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = m
    try:
        spec.loader.exec_module(m)
        results[name] = eval(expression)
    except Exception as error:
        results[name] = f"{type(error).__name__}: {error}"
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every scene captured, then all of them loaded and used in one process that knows none of the cells."""
    work = []
    for number, (name, (cells, expression, _)) in enumerate(SCENES.items()):
        folder = tmp_path_factory.mktemp(f"scene{number}")
        notebook = Notebook(f"n{number}").run(*cells)
        flow = "nightly" if "nightly" in notebook.variables else "etl"
        captured = notebook.capture(flow, folder / "work")
        unpacked(captured, folder / "code")
        work.append((name, str(folder / "code" / captured.entrypoint.partition(":")[0]), expression))
    done = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", LOAD],
        input=json.dumps(work), capture_output=True, text=True, timeout=60, cwd="/", check=False,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", SCENES)
def test_it_travels(name: str, results: dict[str, Any]) -> None:
    assert results[name] == SCENES[name][2]


def test_the_text_of_a_definition_is_as_typed(tmp_path: Path) -> None:
    text = "@flow(name = 'spaced')   # why\ndef etl( x : int=1 ):\n    # a comment\n    return  x"
    source = source_of(Notebook().run(FLOW, text).capture("etl", tmp_path))
    assert text in source


def test_generated_source_needs_nothing_of_ours(tmp_path: Path) -> None:
    captured = (
        Notebook().run(FLOW + "xs = [object]", "@flow\ndef etl():\n    return xs").capture("etl", tmp_path)
    )
    assert "prefect_platform" not in source_of(captured)
    assert "__main__" not in source_of(captured)


def test_only_what_is_used_travels(tmp_path: Path) -> None:
    notebook = Notebook().run(FLOW + "import json, csv\nBIG = list(range(10))\ndef unused():\n    return BIG")
    source = source_of(notebook.run("@flow\ndef etl():\n    return json.dumps(1)").capture("etl", tmp_path))
    assert "import json" in source
    assert "csv" not in source
    assert "BIG" not in source


def test_a_local_variable_is_not_taken_for_a_global_one(tmp_path: Path) -> None:
    notebook = Notebook().run(FLOW + "import threading\nlock = threading.Lock()")
    captured = notebook.run(
        "@flow\ndef etl():\n    lock = 1\n    return [lock for lock in range(3)]"
    ).capture("etl", tmp_path)
    assert "threading" not in source_of(captured)


def test_the_file_hides_no_module_it_imports(tmp_path: Path) -> None:
    captured = Notebook().run("from prefect import flow\nimport json", "@flow(name='json')\ndef etl():\n    return json.dumps(1)").capture("etl", tmp_path)  # fmt: skip
    assert captured.entrypoint == "json_flow.py:etl"
