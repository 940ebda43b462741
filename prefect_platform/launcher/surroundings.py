"""Where user code starts: which programs it finds first, and in which directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from prefect_platform.launcher.faults import EnvironmentFault
from prefect_platform.wire.launch import WantedEnvironment


def variables(interpreter: str, path: str | None) -> dict[str, str]:
    """What makes an interpreter and its programs the first that are found."""
    programs = Path(interpreter).parent
    found = {"PATH": f"{programs}:{path}" if path else str(programs)}
    if (programs.parent / "pyvenv.cfg").is_file():
        found["VIRTUAL_ENV"] = str(programs.parent)
    return found


def working_directory(wanted: WantedEnvironment, code: Path, environment: Mapping[str, str]) -> Path:
    """The directory that a version asks for, made if it is not there; by default that of its code.

    Raises:
        EnvironmentFault: there is no such directory, and it cannot be made.
    """
    asked = wanted.working_directory
    if asked is None:
        return code
    below_home = asked == "~" or asked.startswith("~/")
    directory = Path(environment.get("HOME", "/")) / asked[2:] if below_home else code / asked
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise EnvironmentFault(f"The working directory {directory} cannot be made: {why}.") from error
    return directory
