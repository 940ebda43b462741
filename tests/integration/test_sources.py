# ruff: noqa: E501 - commands and texts of flows read best on one line
"""Runs whose code comes from a git repository or a storage of Prefect's, or with files beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.promises import PromiseName
from prefect_platform.wire.runs import FINAL, RunDetail, Status
from tests.repositories import Repository, repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STORED = """
from prefect import flow

@flow(name='stored')
def stored() -> str:
    return "from a storage"
"""
OWN_STORAGE = """
import shutil
from pathlib import Path


class Bucket:
    def __init__(self, place):
        self.place, self._base = place, Path.cwd()

    def set_base_path(self, path):
        self._base = path

    @property
    def pull_interval(self):
        return None

    @property
    def destination(self):
        return self._base / "from-bucket"

    async def pull_code(self):
        shutil.copytree(self.place, self.destination, dirs_exist_ok=True)

    def to_pull_step(self):
        return {"own_storage.pull": {"place": self.place}}

    def __eq__(self, other):
        return isinstance(other, Bucket) and other.place == self.place


def pull(place):
    shutil.copytree(place, "from-bucket", dirs_exist_ok=True)
    return {"directory": str(Path("from-bucket").resolve())}
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with embedded(tmp_path_factory.mktemp("sources")) as made:
        yield made


@pytest.fixture
def there(tmp_path: Path) -> Repository:
    """What people push to: a bare repository, and beside it the tree that it was pushed from."""
    made = repository(tmp_path / "work")
    made.git("clone", "--quiet", "--bare", ".", str(tmp_path / "origin.git"))
    made.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    return made


def python(platform: Embedded, code: str, folder: Path) -> str:
    """A script of a user, as `__main__`."""
    script = folder / "script_of_a_user.py"
    script.write_text(code)
    environment = {**platform.environment, "PREFECT_API_URL": platform.prefect_api}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def register(platform: Embedded, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prefect_platform", "flow", "register", *arguments]
    return subprocess.run(command, env=platform.environment, capture_output=True, text=True, check=False)


def run(platform: Embedded, name: str, **parameters: Any) -> RunDetail:
    client = platform.client()
    flow = client.flows.find("default", name)
    started = client.flows.run(flow.id, RunRequest(parameters=parameters))

    def ended() -> RunDetail | None:
        found = client.runs.get(started.id)
        sealed = all(source.sealed_at for source in client.logs.sources(started.id))
        return found if found.status in FINAL and sealed else None

    return until(ended, 120, f"the run of {name} to end")


def log(platform: Embedded, found: RunDetail, source: str = "flow") -> str:
    workload = found.attempt_list[-1].workload.id
    return platform.client().logs.raw(workload, source).decode()


def code_promise(found: RunDetail) -> Any:
    promises = found.attempt_list[-1].workload.promises or []
    return next(promise for promise in promises if promise.name is PromiseName.CODE)


def test_a_run_of_a_commit(platform: Embedded, there: Repository, tmp_path: Path) -> None:
    origin = tmp_path / "origin.git"
    commit = there.git("rev-parse", "HEAD")
    done = register(platform, f"git+file://{origin}@main#flows.py:etl", "--name", "from-git")
    assert done.returncode == 0, done.stderr
    # What is pushed later is another version's.
    there.commit({"helper.py": "def double(n):\n    return -1\n"})
    there.git("push", "--quiet", "origin", "main")
    first, second = run(platform, "etl", n=4), run(platform, "etl", n=5)
    assert (first.status, second.status) == (Status.SUCCEEDED, Status.SUCCEEDED), first.reason
    assert "etl 8 some words" in log(platform, first)
    promise = code_promise(first)
    assert promise.kept, promise
    assert commit[:12] in promise.summary
    assert "each file is the commit's" in log(platform, first, "launcher")
    assert list(platform.data.rglob("shared/git/*.lock")), "the copy is where all runs find it"
    again = register(platform, f"git+file://{origin}@main#flows.py:etl", "--name", "from-git")
    assert "commit" in again.stdout, again.stdout
    assert "etl -1" in log(platform, run(platform, "etl", n=4))


def test_a_repository_that_is_gone_says_so(platform: Embedded, there: Repository, tmp_path: Path) -> None:
    text = (there.path / "flows.py").read_text().replace("@flow", "@flow(name='orphan')")
    there.commit({"flows.py": text})
    there.git("push", "--quiet", "origin", "main")
    done = register(platform, f"git+file://{tmp_path}/origin.git#flows.py:etl", "--name", "x")
    assert done.returncode == 0, done.stderr
    (tmp_path / "origin.git").rename(tmp_path / "away")
    found = run(platform, "orphan")
    assert found.status is Status.CRASHED
    assert "there is no git repository" in str(found.reason)
    assert "there is no git repository" in code_promise(found).summary
    assert not code_promise(found).kept


def test_hostile_sources_are_refused_in_words(platform: Embedded) -> None:
    for text in (
        "git+ext::sh -c x#f.py:f",
        "git+--upload-pack=x#f.py:f",
        "git+https://me:s3cret@host/r#f.py:f",
    ):
        done = register(platform, text)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert "s3cret" not in done.stdout + done.stderr


def test_a_run_of_a_storage_of_prefects(platform: Embedded, tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "stored.py").write_text(
        "from prefect import flow\n@flow(name='stored')\ndef etl() -> None:\n    print('version one', __file__)\n"
    )
    code = f"""
from prefect import Flow
from prefect.filesystems import LocalFileSystem
from prefect_platform import register

block = LocalFileSystem(basepath={str(tmp_path / "bucket")!r})
block.save("bucket", overwrite=True)
made = register(Flow.from_source(block, "stored.py:etl"), name="stored")
print(*made.notes)
"""
    assert "nothing pins it" in python(platform, code, tmp_path)
    found = run(platform, "stored")
    assert found.status is Status.SUCCEEDED, found.reason
    assert "version one" in log(platform, found)
    assert "pull steps" in code_promise(found).summary
    text = (tmp_path / "bucket" / "stored.py").read_text()
    (tmp_path / "bucket" / "stored.py").write_text(text.replace("version one", "version two"))
    assert "version two" in log(platform, run(platform, "stored")), "what lies there is what runs"


def test_a_notebook_takes_its_data_along(platform: Embedded, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "words.txt").write_text("beside the notebook")
    code = """
from pathlib import Path
from prefect import flow
from prefect_platform import register

@flow(name="with-data")
def etl() -> None:
    print(Path("data/words.txt").read_text(), "in", Path.cwd())

if __name__ == "__main__":
    made = register(etl, name="with-data", include=["data/*.txt"])
    print([file.path for file in made.files], made.notes)
"""
    assert "data/words.txt" in python(platform, code, tmp_path)
    (tmp_path / "data" / "words.txt").write_text("changed since")
    found = run(platform, "with-data")
    assert found.status is Status.SUCCEEDED, found.reason
    assert "beside the notebook in " in log(platform, found)
    assert str(tmp_path / "data") not in log(platform, found)


def test_the_command_line_takes_patterns(platform: Embedded, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.sql\n")
    (tmp_path / ".platformignore").write_text("")
    (tmp_path / "one.sql").write_text("select 1")
    (tmp_path / "flows_with_sql.py").write_text("from prefect import flow\n@flow\ndef sql() -> None: ...\n")
    target = f"{tmp_path}/flows_with_sql.py:sql"
    done = register(platform, target, "--include", "*.sql")
    assert "one.sql" in done.stdout, done.stderr
    refused = register(platform, target, "--include", "*.parquet")
    assert refused.returncode != 0
    assert "include='*.parquet' matches no file" in refused.stderr


def test_a_stock_worker_runs_a_commit(platform: Embedded, there: Repository, tmp_path: Path) -> None:
    """`prefect worker start --type process` fetches the same commit with Prefect's own step."""
    text = (there.path / "flows.py").read_text().replace("@flow", "@flow(name='stock-git')")
    there.commit({"flows.py": text})
    there.git("push", "--quiet", "origin", "main")
    done = register(platform, f"git+file://{tmp_path}/origin.git@main#flows.py:etl", "--name", "stock")
    assert done.returncode == 0, done.stderr
    run_by_stock_worker(platform, tmp_path, "stock-git/stock")


@pytest.mark.parametrize("storage", ["block", "own"])
def test_a_stock_worker_runs_what_lies_in_a_storage(platform: Embedded, tmp_path: Path, storage: str) -> None:
    """A block of Prefect's, and a storage that somebody wrote, made again by its own pull step."""
    name = f"stock-{storage}"
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "stored.py").write_text(STORED.replace("'stored'", repr(name)))
    (tmp_path / "own_storage.py").write_text(OWN_STORAGE)
    code = f"""
from prefect import flow
from prefect.filesystems import LocalFileSystem
from prefect_platform import register
from own_storage import Bucket

block = LocalFileSystem(basepath={str(tmp_path / "bucket")!r})
block.save("stock-bucket", overwrite=True)
made = block if {storage!r} == "block" else Bucket({str(tmp_path / "bucket")!r})
print(register(flow.from_source(source=made, entrypoint="stored.py:stored"), name="stock"))
"""
    python(platform, code, tmp_path)
    run_by_stock_worker(platform, tmp_path, f"{name}/stock", PYTHONPATH=str(tmp_path))


def run_by_stock_worker(platform: Embedded, folder: Path, name: str, **variables: str) -> None:
    """Move a deployment to a pool of Prefect's own kind, and have its worker run it once."""
    prefect = Prefect(platform.prefect_api)
    deployment, pool = prefect.call("GET", f"deployments/name/{name}"), name.replace("/", "-")
    prefect.call("POST", "work_pools/", {"name": pool, "type": "process"})
    moved = {"work_pool_name": pool, "job_variables": {}}
    prefect.call("PATCH", f"deployments/{deployment['id']}", moved)
    started = prefect.call("POST", f"deployments/{deployment['id']}/create_flow_run", {})
    (folder / "elsewhere").mkdir()
    known = {"PREFECT_API_URL": platform.prefect_api, "PREFECT_HOME": str(folder / "home")}
    worker = subprocess.run(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process", "--run-once"],
        cwd=folder / "elsewhere", env={**os.environ, **known, **variables},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    state = prefect.call("GET", f"flow_runs/{started['id']}")["state"]
    assert state["type"] == "COMPLETED", f"{state}\n{worker.stdout}\n{worker.stderr}"
