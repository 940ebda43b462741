"""What `register` is told of what a run is given: `size`, `gpu`, `run`, and the old `instance_size`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prefect_platform.errors import RegistrationError, UsageError, foreign
from prefect_platform.flows.run_config import check_run
from prefect_platform.wire import gpus
from prefect_platform.wire.base import storable
from prefect_platform.wire.run_options import RunOptions
from prefect_platform.wire.sizes import GpuRequest

KNOWN = ("size", "gpu", "run", "instance_size")
_LONGEST = 63


@dataclass(frozen=True)
class Sizing:
    """What a run is to be given. The platform knows whether it can."""

    size: str | None = None
    gpu: GpuRequest | None = None
    run: RunOptions | None = None

    def settings(self) -> dict[str, Any]:
        """Fields of the version's settings."""
        return {"size": self.size, "gpu": self.gpu, "run": self.run}


def check_sizing(given: Mapping[str, Any]) -> Sizing:
    """Everything of it that can be checked without asking the platform.

    Raises:
        RegistrationError: something is wrong; the message names it and gives an example.
    """
    try:
        gpu = gpus.parse(given.get("gpu"))
    except UsageError as error:
        raise RegistrationError(error.message) from None
    return Sizing(_size(given), gpu, check_run(given.get("run")))


def _size(given: Mapping[str, Any]) -> str | None:
    size, old = _name("size", given.get("size")), _name("instance_size", given.get("instance_size"))
    if old is None:
        return size
    if size is not None and size != old:
        raise RegistrationError(f"size={size!r} and instance_size={old!r} differ: give size alone.")
    return old


def warn_of_old(given: Mapping[str, Any], stacklevel: int) -> None:
    """Say that `instance_size` is called `size` now, at the line that called `register`."""
    if given.get("instance_size") is not None:
        warnings.warn(
            "register(instance_size=...) is called register(size=...) now.",
            DeprecationWarning,
            stacklevel=stacklevel + 1,
        )


def _name(what: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise RegistrationError(
            f"{what} is {foreign(repr(value))}: expected the name of one, such as {what}='large'."
        )
    name = value.strip()
    if not name or len(name) > _LONGEST or not name.isprintable() or not storable(name):
        raise RegistrationError(
            f"There is no size {foreign(repr(value))}: a name has 1 to {_LONGEST} characters, such as "
            f"{what}='large'. "
            "`prefect-platform size list` and describe_sizes() show them."
        )
    return name
