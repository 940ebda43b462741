"""`WebhookStorage`: a Prefect storage whose code comes from the platform over HTTP, checked by digest.

Prefect keeps only the pull step: an address, a digest, and the template of a token. The step needs
the standard library alone, and works under a stock `prefect worker` that has this package.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

from prefect_platform.errors import DigestMismatch, NotSignedIn, RegistrationError, Unavailable

STEP = "prefect_platform.flows.storage.pull_bundle"
TOKEN_TEMPLATE = "{{ $PREFECT_PLATFORM_TOKEN }}"  # noqa: S105 - resolved from the run's environment
DIGEST_HEADER = "Content-SHA256"
_TRIES = 4
_PIECE = 1 << 20
_TIMEOUT = 60.0


class WebhookStorage:
    """A `prefect.runner.storage.RunnerStorage` for one version's bundle.

    Args:
        url: The platform's address.
        version_id: The flow version whose bundle it is.
        sha256: The bundle's digest; what arrives must match it.
    """

    def __init__(self, url: str, version_id: str, sha256: str) -> None:
        self.url = url.rstrip("/")
        self.version_id = version_id
        self.sha256 = sha256
        self._base_path = Path.cwd()

    def set_base_path(self, path: Path) -> None:
        self._base_path = path

    @property
    def pull_interval(self) -> int | None:
        """None: a version never changes, so it is pulled once."""
        return None

    @property
    def destination(self) -> Path:
        return self._base_path / self.version_id

    async def pull_code(self) -> None:
        """Fetch the bundle into `destination`."""
        import asyncio

        from prefect_platform.client.settings import resolve

        token = resolve(url=self.url).token or ""
        await asyncio.to_thread(
            pull_bundle, self.url, self.version_id, self.sha256, token, str(self.destination)
        )

    def to_pull_step(self) -> dict[str, Any]:
        # The token is a template: Prefect stores the name of a variable, never a secret.
        inputs = {
            "url": self.url,
            "version_id": self.version_id,
            "sha256": self.sha256,
            "token": TOKEN_TEMPLATE,
        }
        return {STEP: inputs}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WebhookStorage) and self.to_pull_step() == other.to_pull_step()

    def __hash__(self) -> int:
        return hash((self.url, self.version_id, self.sha256))

    def __repr__(self) -> str:
        return f"WebhookStorage({self.url!r}, {self.version_id!r}, {self.sha256[:12]!r}…)"


def pull_bundle(
    url: str, version_id: str, sha256: str, token: str = "", directory: str | None = None
) -> dict[str, str]:
    """Prefect's pull step: fetch, check and unpack a bundle; the returned directory becomes the run's own.

    Raises:
        NotSignedIn: there is no token, or the platform refuses it.
        DigestMismatch: the bytes are not those that were registered.
        Unavailable: the platform does not answer.
    """
    if not token or "{{" in token:
        raise NotSignedIn(
            f"This run has no token for {url}: set PREFECT_PLATFORM_TOKEN where the worker runs "
            "(`prefect-platform` keeps yours in its profile)."
        )
    target = Path(directory or f"code-{version_id}").resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    archive = target.with_name(target.name + ".zip")
    try:
        _fetch(f"{url}/api/v1/flow-versions/{version_id}/bundle", token, archive)
        _check(archive, sha256, version_id)
        unpack(archive, target)
    finally:
        archive.unlink(missing_ok=True)
    if str(target) not in sys.path:
        sys.path.insert(0, str(target))
    return {"directory": str(target)}


def unpack(archive: Path, target: Path) -> None:
    """Put the files of a bundle into a fresh `target`; nothing can land outside it."""
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    with zipfile.ZipFile(archive) as bundle:
        for info in bundle.infolist():
            place = (part / info.filename).resolve()
            if part.resolve() not in place.parents:
                raise DigestMismatch(
                    f"The bundle holds a path outside itself: {info.filename!r}. Nothing was unpacked."
                )
        bundle.extractall(part)
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)


def _check(archive: Path, sha256: str, version_id: str) -> None:
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise DigestMismatch(
            f"The bundle of version {version_id} is not the one that was registered: SHA-256 "
            f"{found[:12]}… instead of {sha256[:12]}…. Register the flow again to store it anew."
        )


def _fetch(url: str, token: str, target: Path) -> None:
    if not url.startswith(("http://", "https://")):
        raise RegistrationError(f"{url} is no http address.")
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - checked above
    why = ""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(0.2 * 2**attempt)
        try:
            with (
                contextlib.closing(urllib.request.urlopen(request, timeout=_TIMEOUT)) as answer,  # noqa: S310
                target.open("wb") as file,
            ):
                shutil.copyfileobj(answer, file, _PIECE)
            return
        except urllib.error.HTTPError as error:
            if error.code in (401, 403, 404):
                raise NotSignedIn(
                    f"The platform refuses the bundle at {url} ({error.code}): the token of this run is "
                    "not good for it."
                ) from None
            why = f"it answers {error.code}"
        except (OSError, ValueError) as error:
            why = str(getattr(error, "reason", error))
    raise Unavailable(f"The platform does not give the bundle at {url}: {why}.")
