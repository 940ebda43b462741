"""Where the results of a run are kept: on the platform, or on this machine where the interpreter has no way
to the platform's storage.

An engine that is told of a storage it does not know ends before it has said anything to Prefect. Only here
is known what the interpreter of the run has, so it is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prefect_platform.launcher.interpreter import Interpreter
from prefect_platform.wire.launch import RESULT_COLLECTION, RESULT_STORAGE

OURS = "platform-results/"
LOCAL = "PREFECT_RESULTS_LOCAL_STORAGE_PATH"


def variables(
    given: Mapping[str, str], interpreter: Interpreter, say: Callable[[str], None]
) -> dict[str, str]:
    """The engine's variables, without the platform's storage where it cannot be loaded; that is said."""
    if not given.get(RESULT_STORAGE, "").startswith(OURS) or RESULT_COLLECTION in interpreter.collections:
        return dict(given)
    say(
        f"{interpreter.executable} has no prefect_platform that keeps results on the platform: they are "
        f"kept in {given.get(LOCAL, 'a folder')} of this machine, for its runs alone."
    )
    return {name: value for name, value in given.items() if name != RESULT_STORAGE}
