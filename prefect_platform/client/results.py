"""Results of tasks and flows, by the key that Prefect chose. A key may be any text: its digest travels."""

from __future__ import annotations

import hashlib
import io
from types import NoneType

import requests

from prefect_platform.client import faults
from prefect_platform.client.retries import Retries
from prefect_platform.client.transport import Transport
from prefect_platform.errors import DigestMismatch, TooLarge
from prefect_platform.wire.results import StoredResult

DIGEST_HEADER = "Content-SHA256"
_STORING = 300.0
"""Seconds added to the read timeout of large uploads: the server hashes and syncs what it got."""
_READS = 3
"""Times a download that broke off is begun."""


class Results:
    """Reading and writing. `retries` says how patient a call is with a platform that does not answer."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def write(self, project: str, key: str, data: bytes, *, retries: Retries | None = None) -> StoredResult:
        """Store a result in place of the one under this key.

        Raises:
            TooLarge: the platform takes smaller results only.
        """
        headers = {DIGEST_HEADER: hashlib.sha256(data).hexdigest()}
        place, file = _place(project, key), io.BytesIO(data)
        try:
            return self._transport.upload(
                place, file, StoredResult, headers=headers, wait=_STORING, retries=retries
            )
        except TooLarge as error:
            raise TooLarge(_too_large(len(data), error), **error.data) from error

    def read(self, project: str, key: str, *, retries: Retries | None = None) -> bytes:
        """The bytes of a result, checked.

        Raises:
            NotFound: there is no such result.
            DigestMismatch: its bytes were altered where they are stored.
        """
        for _ in range(_READS):
            try:
                return self._read(project, key, retries)
            except requests.RequestException as error:
                broken = error
        raise faults.unreachable(self._transport.url, "with a whole result", broken)

    def delete(self, project: str, key: str) -> None:
        """Delete a result. No-op if there is none."""
        self._transport.call("DELETE", _place(project, key), NoneType)

    def _read(self, project: str, key: str, retries: Retries | None) -> bytes:
        with self._transport.stream(_place(project, key), retries=retries) as response:
            data = response.content
            expected = response.headers.get(DIGEST_HEADER)
        found = hashlib.sha256(data).hexdigest()
        if expected != found:
            raise DigestMismatch(
                f"A result came with other bytes than the platform holds: SHA-256 {found[:12]}… instead of "
                f"{(expected or 'none')[:12]}…. Something on the way alters what it carries.",
                expected=expected,
                found=found,
            )
        return data


def _place(project: str, key: str) -> str:
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"/api/v1/projects/{project}/results/{digest}"


def _too_large(size: int, error: TooLarge) -> str:
    limit = error.data.get("limit")
    return (
        f"A result of {size} bytes is too large: this platform keeps results of at most {limit} bytes. "
        "Return a smaller one, or the place where you put it, or say persist_result=False; an operator "
        "raises the bound with PREFECT_PLATFORM_RESULT_BYTES."
    )
