"""What a launcher is told of environments: the one that its run is to have, and how one is built here."""

from __future__ import annotations

import shutil
from functools import cache

from prefect_platform import distributions
from prefect_platform.server.config import EnvironmentSettings
from prefect_platform.wire.environments import Distribution, EnvironmentSpec
from prefect_platform.wire.launch import Builder, WantedEnvironment


def wanted(spec: EnvironmentSpec, mark: str, *, strict: bool) -> WantedEnvironment:
    """A stored environment as a launcher wants to hear of it."""
    return WantedEnvironment(
        fingerprint=mark,
        python_version=spec.python_version,
        implementation=spec.implementation,
        distributions=[plain(one) for one in spec.distributions],
        packages=spec.packages,
        start_script=spec.start_script,
        working_directory=spec.working_directory,
        strict=strict,
    )


def builder(settings: EnvironmentSettings) -> Builder | None:
    """How environments are built; None where there is no `uv`."""
    uv = settings.uv or found_uv()
    return Builder(uv, settings.cache_bytes, settings.keep_days * 86400.0) if uv else None


@cache
def found_uv() -> str | None:
    """The `uv` that was installed with the platform, or else the first on PATH."""
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")


def plain(one: Distribution) -> distributions.Distribution:
    """A stored package, as the comparison takes it."""
    return distributions.Distribution(one.name, one.version, one.origin.value, one.url, one.commit)
