"""What lies where below the data directory, as far as the supervisor cares."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect_platform.errors import UsageError


@dataclass(frozen=True)
class Places:
    data: Path

    @property
    def lock(self) -> Path:
        return self.data / "up.lock"

    @property
    def state(self) -> Path:
        return self.data / "up.json"

    @property
    def ports(self) -> Path:
        return self.data / "ports.json"

    @property
    def bootstrap(self) -> Path:
        return self.data / "bootstrap.json"

    @property
    def agent_profile(self) -> Path:
        """Of an agent that an older version started itself."""
        return self.data / "agent.json"

    @property
    def workloads(self) -> Path:
        """Where the platform's backend starts things."""
        return self.data / "workloads"

    @property
    def logs(self) -> Path:
        """What the parts themselves say; the logs of runs are the platform's store."""
        return self.data / "output"

    @property
    def prefect(self) -> Path:
        return self.data / "prefect"

    def make(self) -> None:
        """Make the data directory for this user alone.

        Raises:
            UsageError: it cannot be made or written.
        """
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            self.data.chmod(0o700)
            for part in (self.logs, self.prefect):
                part.mkdir(exist_ok=True, mode=0o700)
            # Below a project folder this is not part of the project, for git as for `register`.
            if not (self.data / ".gitignore").exists():
                with open(self.data / ".gitignore", "w", opener=private, encoding="utf-8") as file:
                    file.write("*\n")
        except OSError as error:
            raise UsageError(
                f"The data directory {self.data} cannot be used: {error}. "
                "PREFECT_PLATFORM_HOME names another."
            ) from error


def private(path: str, flags: int) -> int:
    """An opener of files that this user alone may read, whatever the umask says."""
    return os.open(path, flags, 0o600)


def read_json(path: Path) -> dict[str, Any]:
    """The object in `path`; empty where there is none, or a crash has cut it off."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, content: object) -> None:
    """Replace `path` by `content`, readable by this user alone, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
    fresh.replace(path)
