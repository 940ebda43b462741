"""The promise of the secrets: each that was attached is there, in a version that is named, before user code.

Values are in the claimed spec and go into the engine's environment or into files; nothing here says one.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from pathlib import Path

from prefect_platform.launcher.faults import SecretFault
from prefect_platform.launcher.promises import Promises
from prefect_platform.launcher.secret_files import SecretFiles
from prefect_platform.wire.launch import AttachedSecret, LaunchSpec

NONE = "No secrets were asked for."


class Secrets:
    """Those of one attempt."""

    def __init__(self, spec: LaunchSpec, directory: Path, inherited: Mapping[str, str]) -> None:
        self._spec = spec
        home = spec.environment.get("HOME") or inherited.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
        shared = Path(spec.shared_directory) if spec.shared_directory else None
        self._files = SecretFiles(Path(home), directory, shared)

    def put(self, promises: Promises, say: Callable[[str], None]) -> None:
        """Write the files, and keep or break the promise.

        Raises:
            SecretFault: one cannot be put in its place.
        """
        found = [_said(one) for one in self._spec.attached_secrets]
        try:
            for file in self._spec.secret_files:
                how = self._files.write(file)
                say(f"The file of secret {file.secret!r}, {file.path}: {how}.")
        except SecretFault as fault:
            promises.break_("secrets", str(fault), [str(fault)])
            raise
        missing = self._missing()
        if missing:
            promises.break_("secrets", f"Not given to the run: {', '.join(missing)}.", missing)
        else:
            promises.keep("secrets", f"{'; '.join(found)}." if found else NONE)
        if found:
            say(f"Secrets of this run: {'; '.join(found)}.")

    def remove(self, say: Callable[[str], None]) -> None:
        """Remove the files again, whatever became of the run."""
        try:
            replaced = self._files.remove()
        except OSError as error:
            say(f"The files of secrets could not be removed: {error}")
            return
        for path in replaced:
            say(f"The run put another file in the place of the secret at {path}; it is left there.")

    def _missing(self) -> list[str]:
        files = {file.path for file in self._spec.secret_files}
        return [
            _said(one)
            for one in self._spec.attached_secrets
            if (one.variable or "") not in self._spec.environment and (one.path or "") not in files
        ]


def _said(one: AttachedSecret) -> str:
    where = f"${one.variable}" if one.variable else str(one.path)
    return f"{one.secret} version {one.version} as {where}"
