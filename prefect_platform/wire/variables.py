"""Variables of a run: how they may be called, and which of them nobody but the platform sets."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

_RESERVED = {
    r"PREFECT__.*|PREFECT_API_.*": "it tells the run which flow run it is of, and where its Prefect is",
    r"PREFECT_PLATFORM_.*": "it tells the run where its platform is",
    r"PREFECT_(HOME|UI_URL|PROFILE|PROFILES_PATH|DEFAULT_RESULT_STORAGE_BLOCK|RESULTS_.*|SERVER_.*)": "the "
    "platform sets it for every run",
    r"LD_.*|PATH|VIRTUAL_ENV|PYTHON.*": "it decides which programs and packages the run finds, and those are "
    "captured",
    r"BASH_ENV|ENV|IFS|SHELL": "it is read by the shell before a start script",
    r"HOME|CUDA_VISIBLE_DEVICES|NVIDIA_VISIBLE_DEVICES": "it decides what a run finds on its machine",
}
_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,254}"
MAX_VARIABLE = 64 << 10
"""Characters of one value."""


def reserved(name: str) -> str | None:
    """Why neither a flow nor a secret can set a variable, or None where they can."""
    return next((why for pattern, why in _RESERVED.items() if re.fullmatch(pattern, name)), None)


def _unreserved(name: str) -> str:
    if (why := reserved(name)) is not None:
        raise ValueError(f"{name} cannot be set: {why}")
    return name


VariableName = Annotated[str, StringConstraints(pattern=f"^{_NAME}$"), AfterValidator(_unreserved)]
VariableValue = Annotated[str, StringConstraints(max_length=MAX_VARIABLE)]
