"""`env=`: variables of a run or a worker. Without Prefect, which a cluster need not import."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from prefect_platform.errors import RegistrationError, foreign
from prefect_platform.wire.base import storable
from prefect_platform.wire.variables import MAX_VARIABLE, reserved

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_SECRET_NAME = re.compile(
    r"(?i)(^|_)(KEY|TOKEN|SECRET|PASSW(OR)?D|PWD|CREDENTIALS?|APIKEY)(_|$)|PASSWORD|_KEY$"
)
_SECRET_VALUE = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30}|xox[abp]-|sk-[A-Za-z0-9_-]{20}|-----BEGIN|eyJ[A-Za-z0-9_-]{20,}\."
    r"|://[^/\s:@]+:[^/\s:@]+@"
)


def check_variables(env: Any) -> dict[str, str]:
    """The variables that `env=` gives.

    Raises:
        RegistrationError: one of them cannot be set; the message names it, and never its value.
    """
    if env is None:
        return {}
    if not isinstance(env, Mapping):
        raise RegistrationError(
            f"env is {type(env).__name__}: expected a dict such as env={{'REGION': 'eu'}}."
        )
    for name, value in env.items():
        _check_variable(name, value)
    return dict(env)


def _check_variable(name: Any, value: Any) -> None:
    if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
        raise RegistrationError(
            f"env: {foreign(repr(name))} is no name of a variable: letters, digits and _, as in "
            "env={'REGION': 'eu'}."
        )
    if (why := reserved(name)) is not None:
        raise RegistrationError(f"env: {name} cannot be set: {why}.")
    # The value is not repeated: it may be one that nobody should see.
    if not isinstance(value, str):
        raise RegistrationError(
            f"env: the value of {name} is {type(value).__name__}: expected text, as in "
            "env={'REGION': 'eu'}."
        )
    if len(value) > MAX_VARIABLE or not storable(value):
        raise RegistrationError(
            f"env: the value of {name} is longer than {MAX_VARIABLE} characters, or no Unicode text."
        )


def secret_notes(variables: Mapping[str, str]) -> list[str]:
    """What should be said of variables that look like secrets."""
    return [
        f"env: {name} looks like a secret, and whoever sees this flow can read it. Keep it as a secret and "
        f"attach it with secrets=['<name>={name}'] instead."
        for name, value in variables.items()
        if value and (_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))
    ]
