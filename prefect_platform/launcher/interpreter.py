"""What an interpreter says of itself: its version, where it imports from, and which modules it does not find.

Asking costs the start of a process, so an answer is kept, in a folder that the launchers of a machine share,
for as long as nothing that it was made from has changed: the executable, and every folder on its path.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prefect_platform.launcher import question
from prefect_platform.launcher.faults import EngineFault
from prefect_platform.launcher.signals import Interrupts

ASK_SECONDS = 60.0
TAIL = 500

QUESTION = """
import importlib.metadata, importlib.util, json, os, platform, sys
def found(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
sys.path[0] = os.getcwd()
missing = [name for name in sys.argv[1:] if not found(name)]
told = {"version": platform.python_version(), "implementation": platform.python_implementation(),
        "path": [os.path.abspath(one) for one in sys.path[1:]], "missing": missing,
        "collections": [one.value for one in importlib.metadata.entry_points(group="prefect.collections")]}
sys.stdout.write(json.dumps(told))
"""


@dataclass(frozen=True)
class Interpreter:
    """One interpreter, at one moment."""

    executable: str
    version: str
    """`major.minor.micro`."""
    implementation: str
    path: Sequence[str]
    """Where it imports from, in order, without the working directory."""
    missing: Sequence[str]
    """Modules that were asked for and that it does not find."""
    collections: Sequence[str]
    """Modules that Prefect loads there by itself, for their blocks."""


def ask(
    executable: str,
    modules: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    shared: Path | None,
    interrupts: Interrupts,
) -> Interpreter:
    """Ask an interpreter, as the engine would be started: in `directory`, with `environment`.

    Raises:
        EngineFault: it does not start, or says nothing that can be read.
        Stopped: the end of the start was asked for.
    """
    names = sorted(set(modules))
    beside = {name for name in names if _lies_in(directory, name)}
    wanted = [name for name in names if name not in beside]
    kept = (
        None if shared is None else shared / "interpreters" / f"{_key(executable, wanted, environment)}.json"
    )
    if kept is not None and (known := _recall(kept)) is not None:
        return known
    found = _ask(executable, wanted, directory, environment, interrupts)
    if kept is not None:
        _keep(kept, found)
    return found


def _lies_in(directory: Path, name: str) -> bool:
    """Whether a module lies beside the flow: the code changes from version to version, and is looked at
    without asking."""
    root = name.partition(".")[0]
    return (directory / root).is_dir() or (directory / f"{root}.py").is_file()


def _ask(
    executable: str,
    modules: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    interrupts: Interrupts,
) -> Interpreter:
    try:
        answer = question.ask(
            [executable, "-c", QUESTION, *modules], directory, environment, interrupts, ASK_SECONDS
        )
        if answer.code != 0:
            raise EngineFault(f"The interpreter {executable} does not start: {answer.why[-TAIL:]}.")
        return Interpreter(executable, **json.loads(answer.said))
    except (OSError, ValueError, TypeError) as error:
        raise EngineFault(f"The interpreter {executable} could not be asked what it is: {error}.") from error


def _key(executable: str, modules: Sequence[str], environment: Mapping[str, str]) -> str:
    # What site-packages of a user there are depends on HOME; the rest of the environment changes nothing.
    said = json.dumps([executable, list(modules), environment.get("HOME"), environment.get("PYTHONPATH")])
    return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()


def _state(executable: str, path: Sequence[str]) -> dict[str, int]:
    """When everything that an answer depends on was last changed."""
    beside = Path(executable).parent.parent / "pyvenv.cfg"
    return {name: _changed(name) for name in (os.path.realpath(executable), str(beside), *path)}


def _changed(name: str) -> int:
    with suppress(OSError):
        return Path(name).stat().st_mtime_ns
    return 0


def _recall(file: Path) -> Interpreter | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept: dict[str, Any] = json.loads(file.read_bytes())
        known = Interpreter(**kept["interpreter"])
        if kept["state"] == _state(known.executable, known.path):
            return known
    return None


def _keep(file: Path, found: Interpreter) -> None:
    """What cannot be kept is asked for again the next time."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_text(
            json.dumps({"interpreter": asdict(found), "state": _state(found.executable, found.path)})
        )
        draft.replace(file)
