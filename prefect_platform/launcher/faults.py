"""What can go wrong in a launcher: a tree of its own, as it may import nothing else of the platform.

LaunchFault           the workload cannot go on; the text is the sentence that people read
  ClaimFault          there is no workload for this launcher
  BundleFault         the code is not the code that was registered
  SecretFault         a secret cannot be put where the flow expects it
  SourceFault         the code could not be fetched from its repository, or cannot be used
  EngineFault         the engine cannot be started
  EnvironmentFault    the environment is not what was asked for, and cannot be made so
  ScriptFault         the start script has failed
  Stopped             somebody asked for the end before the engine was started
  CallFault           a call to the platform failed
    Unreachable       no answer, or none from the platform itself: try again later
    Refused           the platform has answered, and trying again will not help
"""

from __future__ import annotations

from typing import Any


class LaunchFault(Exception):
    """The workload cannot go on; the text is the sentence that people read."""


class ClaimFault(LaunchFault):
    """There is no workload for this launcher."""


class BundleFault(LaunchFault):
    """The code is not the code that was registered."""


class SecretFault(LaunchFault):
    """A secret cannot be put where the flow expects it."""


class SourceFault(LaunchFault):
    """The code could not be fetched from its repository, or cannot be used."""


class EngineFault(LaunchFault):
    """The engine cannot be started."""


class EnvironmentFault(LaunchFault):
    """The environment is not what was asked for, and cannot be made so."""


class ScriptFault(LaunchFault):
    """The start script has failed."""


class Stopped(LaunchFault):
    """Somebody asked for the end before the engine was started."""


class CallFault(LaunchFault):
    """A call to the platform failed."""


class Unreachable(CallFault):
    """No answer, or none from the platform itself: try again later."""

    def __init__(self, message: str, *, retry_after: str | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """What a 429 said of when to ask again."""


class Refused(CallFault):
    """The platform has answered with a problem of its own; `data` holds the facts of it."""

    def __init__(self, message: str, *, status: int, code: str, data: dict[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.data = data
