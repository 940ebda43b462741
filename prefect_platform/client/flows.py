"""Flows, their versions and bundles."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import requests
from pydantic import BaseModel, ConfigDict

from prefect_platform.client import faults
from prefect_platform.client.transport import Transport
from prefect_platform.errors import DigestMismatch, NotFound, Unavailable
from prefect_platform.names import nearest
from prefect_platform.wire.base import Page
from prefect_platform.wire.deletions import Deletion, DeletionPlan
from prefect_platform.wire.flows import (
    ConfirmRequest,
    Flow,
    FlowVersion,
    RegisterAnswer,
    RegisterRequest,
    RunRequest,
    SourceFile,
)
from prefect_platform.wire.runs import Run

DIGEST_HEADER = "Content-SHA256"
_STORING = 300.0
"""Seconds added to the read timeout of an upload: the server hashes and syncs what it got."""
_PIECE = 1 << 20
_DOWNLOADS = 4
"""Times a download that broke off is begun."""


class Stored(BaseModel):
    """What the platform says of a bundle it has taken."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    sha256: str
    size: int


class Flows:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def register(self, project: str, request: RegisterRequest) -> RegisterAnswer:
        """Store a version, or find that it is stored. The bundle and `confirm` come after it."""
        path = f"/api/v1/projects/{project}/flows/register"
        return self._transport.call("POST", path, RegisterAnswer, body=request)

    def upload_bundle(self, project: str, code_digest: str, path: Path, sha256: str) -> Stored:
        """Send the bytes of a bundle from a file, streamed.

        Raises:
            DigestMismatch: what arrived is not what `sha256` names.
            TooLarge: the platform takes smaller bundles only.
        """
        with path.open("rb") as file:
            return self._transport.upload(
                f"/api/v1/projects/{project}/bundles/{code_digest}",
                file,
                Stored,
                headers={DIGEST_HEADER: sha256},
                wait=_STORING,
            )

    def confirm(self, version_id: str, request: ConfirmRequest) -> Flow:
        """Tell that the deployment exists in Prefect: from now on the version is ready."""
        return self._transport.call("POST", f"/api/v1/flow-versions/{version_id}/confirm", Flow, body=request)

    def list(
        self, project: str, *, name: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[Flow]:
        """One page of a project's flows, newest first."""
        params = {"name": name, "cursor": cursor, "limit": limit}
        return self._transport.call("GET", f"/api/v1/projects/{project}/flows", Page[Flow], params=params)

    def get(self, flow_id: str) -> Flow:
        return self._transport.call("GET", f"/api/v1/flows/{flow_id}", Flow)

    def find(self, project: str, name: str) -> Flow:
        """The flow of this name or id.

        Raises:
            NotFound: the project has none; the message offers the nearest name.
        """
        found = next((flow for flow in self.list(project, name=name).items if flow.name == name), None)
        if found is not None:
            return found
        known = self.list(project, limit=200).items
        by_id = next((flow for flow in known if flow.id == name), None)
        if by_id is not None:
            return by_id
        hint = (
            nearest(name, [flow.name for flow in known])
            or " `prefect-platform flow list` shows what there is."
        )
        raise NotFound(f"Project {project!r} has no flow {name!r}.{hint}")

    def versions(self, flow_id: str, *, cursor: str | None = None, limit: int = 50) -> Page[FlowVersion]:
        """One page of a flow's versions, newest first."""
        path, params = f"/api/v1/flows/{flow_id}/versions", {"cursor": cursor, "limit": limit}
        return self._transport.call("GET", path, Page[FlowVersion], params=params)

    def version(self, version_id: str) -> FlowVersion:
        return self._transport.call("GET", f"/api/v1/flow-versions/{version_id}", FlowVersion)

    def source(self, version_id: str) -> Sequence[SourceFile]:
        """The text files of a version's bundle."""
        path = f"/api/v1/flow-versions/{version_id}/source"
        return self._transport.call("GET", path, tuple[SourceFile, ...])

    def deletion_plan(self, flow_id: str) -> DeletionPlan:
        """What deleting the flow would take along, end and leave. Nothing is changed."""
        return self._transport.call("GET", f"/api/v1/flows/{flow_id}/deletion", DeletionPlan)

    def delete(self, flow_id: str, *, cancel_runs: bool = False) -> Deletion:
        """Delete the flow, its versions and its deployments in Prefect. Runs and logs stay.

        What cannot be done now, because Prefect does not answer, goes on by itself; the same call again tells
        how far it is.

        Raises:
            Conflict: runs of it are open, and `cancel_runs` does not say that they are to end with it.
        """
        params = {"cancel_runs": "true"} if cancel_runs else None
        return self._transport.call("DELETE", f"/api/v1/flows/{flow_id}", Deletion, params=params)

    def run(self, flow_id: str, request: RunRequest, *, key: str | None = None) -> Run:
        """Start a deployment of the flow, now or at the time in `request`."""
        return self._transport.call("POST", f"/api/v1/flows/{flow_id}/runs", Run, body=request, key=key)

    def download_bundle(self, version_id: str, path: Path) -> str:
        """Put a version's bundle into `path`, whole and checked, or raise. Returns its SHA-256.

        Raises:
            DigestMismatch: the bytes are not those that were registered.
            Unavailable: the download broke off again and again.
        """
        for _ in range(_DOWNLOADS):
            try:
                return self._download(version_id, path)
            except requests.RequestException as error:
                broken = error
        raise faults.unreachable(self._transport.url, "with a whole bundle", broken)

    def _download(self, version_id: str, path: Path) -> str:
        part = path.with_name(f".{path.name}.part")
        digest = hashlib.sha256()
        try:
            with self._transport.stream(f"/api/v1/flow-versions/{version_id}/bundle") as response:
                expected = response.headers.get(DIGEST_HEADER)
                with part.open("wb") as file:
                    for piece in response.iter_content(_PIECE):
                        digest.update(piece)
                        file.write(piece)
            _same(version_id, expected, digest.hexdigest())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return digest.hexdigest()


def _same(version_id: str, expected: str | None, found: str) -> None:
    if expected is None:
        raise Unavailable(
            f"The bundle of {version_id} came without {DIGEST_HEADER}: no platform answers like that."
        )
    if expected != found:
        raise DigestMismatch(
            f"The bundle of version {version_id} is not the one that was registered: SHA-256 {found[:12]}… "
            f"instead of {expected[:12]}…. Register the flow again to store it anew.",
            expected=expected,
            found=found,
        )
