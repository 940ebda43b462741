"""What the launcher tells of the environment that it found: enough to know every package of it.

Those that are as they were registered are not repeated: the platform has them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from prefect_platform.distributions import Distribution, differences, fingerprint
from prefect_platform.launcher.interpreter import Interpreter
from prefect_platform.wire.launch import WantedEnvironment

MOST_DIFFERENCES = 1000
MOST_TEXT = 255


def report(
    wanted: WantedEnvironment, interpreter: Interpreter, installed: Mapping[str, Distribution], how: str
) -> dict[str, Any]:
    """The report as JSON. Its differences are all there are; those that were asked for by `packages` are
    among them, which break no promise."""
    differing = differences({one.name: one for one in wanted.distributions}, installed)
    system = os.uname()
    return {
        "executable": interpreter.executable,
        "python_version": interpreter.version,
        "implementation": interpreter.implementation,
        "platform": f"{system.sysname} {system.release} {system.machine}"[:MOST_TEXT],
        "fingerprint": fingerprint(interpreter.version, interpreter.implementation, installed.values()),
        "packages": len(installed),
        "how": how[:MOST_TEXT],
        "differences": [
            {
                "package": one.package[:MOST_TEXT],
                "registered": one.wanted and one.wanted[:MOST_TEXT],
                "found": one.found and one.found[:MOST_TEXT],
            }
            for one in differing[:MOST_DIFFERENCES]
        ],
        "more_differences": max(0, len(differing) - MOST_DIFFERENCES),
    }
