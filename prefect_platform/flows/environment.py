"""The environment of a registration: what was asked for, checked, and what the kernel is, captured."""

from __future__ import annotations

import inspect
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect import Flow

from prefect_platform.distributions import Distribution, scan
from prefect_platform.errors import RegistrationError, foreign
from prefect_platform.flows.installed import Installed, repositories, told
from prefect_platform.flows.requirements import check_requirements
from prefect_platform.flows.variables import check_variables, secret_notes
from prefect_platform.flows.wheels import Wheels, nowhere_else, wheels
from prefect_platform.wire.base import storable
from prefect_platform.wire.environments import EnvironmentSpec, GitRepository

MAX_SCRIPT = 64 << 10
ARGUMENTS = ("env", "packages", "requirements", "start_script", "strict", "working_directory")


@dataclass(frozen=True)
class EnvironmentOptions:
    """What was asked of an environment, checked."""

    variables: dict[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    start_script: str | None = None
    working_directory: str | None = None
    strict: bool = False
    notes: tuple[str, ...] = ()


def check_environment(given: Mapping[str, Any]) -> EnvironmentOptions:
    """The arguments of `register` that are about the environment; what is not given is None.

    Raises:
        RegistrationError: one of them is wrong; the message names it and gives an example.
    """
    variables = check_variables(given.get("env"))
    required = check_requirements(given.get("packages"), given.get("requirements"))
    return EnvironmentOptions(
        variables=variables,
        packages=tuple(required.lines),
        start_script=_script(given.get("start_script")),
        working_directory=_directory(given.get("working_directory")),
        strict=_strict(given.get("strict")),
        notes=(*secret_notes(variables), *required.notes),
    )


def capture_environment(
    options: EnvironmentOptions, installed: Installed, *, travels: bool
) -> tuple[EnvironmentSpec, Wheels]:
    """The environment of this kernel, and what is asked for beside it; with what no index has as wheels,
    where code `travels`."""
    path = installed.path()
    found = scan(path)
    spec = _spec(options, found)
    return spec, wheels(found, path) if travels else Wheels(notes=_left(nowhere_else(found)))


def _left(staying: list[Distribution]) -> list[str]:
    if not staying:
        return []
    named = ", ".join(f"{one.name} {one.version}" for one in staying)
    return [
        (
            f"With code that is fetched elsewhere no package travels: {named} came from no index. Runs use "
            "them where they are; if this interpreter changes, they cannot be had again."
        )
    ]


def _spec(options: EnvironmentOptions, found: Mapping[str, Distribution]) -> EnvironmentSpec:
    return EnvironmentSpec(
        python_version=platform.python_version(),
        implementation=platform.python_implementation(),
        distributions=told(found),
        packages=list(options.packages),
        variables=options.variables,
        start_script=options.start_script,
        working_directory=options.working_directory,
    )


def checkouts(flow: Flow[..., Any]) -> list[GitRepository]:
    """The git repositories that a flow comes from, as they are now."""
    return repositories(_home(flow))


def _home(flow: Flow[..., Any]) -> Path:
    """The folder of the flow's file; in a notebook, where the kernel works."""
    file = Path(inspect.unwrap(flow.fn).__code__.co_filename)
    return file.resolve().parent if file.is_file() else Path.cwd()


def _script(script: Any) -> str | None:
    """Text, or the content of the file that a Path names."""
    if script is None:
        return None
    if isinstance(script, Path):
        try:
            script = script.expanduser().read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise RegistrationError(
                f"The start script {foreign(str(script))} cannot be read: {why}."
            ) from None
    if not isinstance(script, str):
        raise RegistrationError(
            f"start_script is {type(script).__name__}: expected the text of a bash script, such as "
            "start_script='mkdir -p data', or Path('start.sh') for a file."
        )
    if len(script) > MAX_SCRIPT or not storable(script):
        raise RegistrationError(
            f"The start script is longer than {MAX_SCRIPT} characters, or no Unicode text."
        )
    return script if script.strip() else None


def _directory(directory: Any) -> str | None:
    if directory is None:
        return None
    text = str(directory) if isinstance(directory, str | Path) else ""
    if not text.strip() or len(text) > 4096 or not storable(text):
        raise RegistrationError(
            f"working_directory is {foreign(repr(directory))}: expected a path such as "
            "working_directory='~/work'. It is made if it is not there; a relative one lies in the folder of "
            "the flow's code."
        )
    return text


def _strict(strict: Any) -> bool:
    if strict is None or isinstance(strict, bool):
        return bool(strict)
    raise RegistrationError(f"strict is {foreign(repr(strict))}: expected True or False.")
