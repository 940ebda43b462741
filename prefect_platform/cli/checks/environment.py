"""This Python: two versions of other people's packages that break or slow Prefect without a word."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from importlib import metadata

from prefect_platform.wire.installation import Check


def checks(
    version: Callable[[str], str | None] | None = None, present: Callable[[str], bool] | None = None
) -> Iterator[Check]:
    """`version` and `present` say what is installed; by default this environment does."""
    version, present = version or _version, present or _present
    prefect = version("prefect")
    if prefect is None:
        text = "Prefect is not installed here; `register` and `up` need pip install 'prefect-platform[all]'"
        yield Check(name="packages", ok=True, detail=text)
        return
    yield _sqlalchemy(version("sqlalchemy"))
    yield _rfc3987(present("rfc3987_syntax"))


def _sqlalchemy(found: str | None) -> Check:
    if found is not None and numbers(found) >= (2, 1):
        text = (
            f"{found}: with 2.1 Prefect's scheduler creates no runs, so no schedule ever fires. "
            "pip install 'sqlalchemy<2.1', then start again"
        )
        return Check(name="sqlalchemy", ok=False, detail=text)
    return Check(name="sqlalchemy", ok=True, detail=found or "not installed")


def _rfc3987(found: bool) -> Check:
    if found:
        text = (
            "rfc3987-syntax is installed (JupyterLab brings it) and adds a second to every start of a flow. "
            "Keep JupyterLab in an environment of its own, or pip uninstall rfc3987-syntax"
        )
        return Check(name="import prefect", ok=False, detail=text)
    return Check(name="import prefect", ok=True, detail="nothing here is known to slow it")


def numbers(version: str) -> tuple[int, int]:
    """Major and minor of a version."""
    found = re.match(r"(\d+)(?:\.(\d+))?", version)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _present(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
