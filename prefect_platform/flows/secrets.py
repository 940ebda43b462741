"""`secrets=[...]` of `register`: which secret a run gets, and as which variable or file.

    "aws-key"                          as the variable AWS_KEY
    "db-password=DB_PASSWORD"          as that variable
    "ssh-key:~/.ssh/id_ed25519"        as that file below the home directory, mode 0600
    "ssh-key:~/.ssh/id_ed25519:0400"   with that mode

Only names travel: what a value is, neither the notebook nor Prefect is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from prefect_platform.errors import RegistrationError, foreign
from prefect_platform.wire.secrets import MAX_ATTACHED, SecretAttachment, clash, name_problem

EXAMPLE = 'secrets=["aws-key", "db-password=DB_PASSWORD", "ssh-key:~/.ssh/id_ed25519:0400"]'
_MODE = re.compile(r"[0-7]{3,4}")


def check_secrets(secrets: Any) -> list[SecretAttachment]:
    """The attachments, checked as far as that can be done here.

    Raises:
        RegistrationError: one of them is none; the message names it and gives an example.
    """
    if secrets is None:
        return []
    if isinstance(secrets, str | Mapping) or not isinstance(secrets, Iterable):
        raise RegistrationError(
            f"secrets is {type(secrets).__name__}: expected a list of names, never of values, such as "
            f"{EXAMPLE}."
        )
    found = [_attachment(one) for one in secrets]
    if len(found) > MAX_ATTACHED:
        raise RegistrationError(f"secrets names {len(found)}: a run gets at most {MAX_ATTACHED}.")
    twice = clash(found)
    if twice is not None:
        raise RegistrationError(f"secrets: {twice}. Leave one of them out.")
    return found


def _attachment(given: Any) -> SecretAttachment:
    if isinstance(given, SecretAttachment):
        return given
    if not isinstance(given, str | Mapping):
        raise RegistrationError(f"secrets holds a {type(given).__name__}: expected text, such as {EXAMPLE}.")
    fields = _fields(given) if isinstance(given, str) else dict(given)
    problem = name_problem(str(fields.get("secret", "")))
    if problem is not None:
        raise RegistrationError(f"secrets: {problem}")
    try:
        return SecretAttachment(**fields)
    except (ValidationError, TypeError) as error:
        said = foreign(repr(given)) if isinstance(given, str) else "one that is a dict"
        raise RegistrationError(f"secrets: {said} cannot be attached: {_why(error)}.") from None


def _fields(text: str) -> dict[str, Any]:
    """The fields of the short form."""
    name, colon, path = text.partition(":")
    if colon:
        head, again, mode = path.rpartition(":")
        if again and _MODE.fullmatch(mode):
            return {"secret": name, "path": head, "mode": int(mode, 8)}
        return {"secret": name, "path": path}
    name, equals, variable = text.partition("=")
    return {"secret": name, "variable": variable if equals else name.upper().replace("-", "_")}


def _why(error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return "its keys must be secret, and variable or path and mode"
    first = error.errors(include_url=False, include_input=False)[0]
    field, message = str(first["loc"][0]) if first["loc"] else "", first["msg"].removeprefix("Value error, ")
    if field == "variable" and first["type"] == "string_pattern_mismatch":
        return "its variable needs a name of letters, digits and _, as in 'name=VARIABLE'"
    return f"{field}: {message}" if field else message
