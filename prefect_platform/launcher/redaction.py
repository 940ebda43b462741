"""No secret leaves the launcher: what is masked here is masked before a byte is numbered, stored or sent.

Every byte that belongs to an occurrence of a secret, or of one of its usual encodings, anywhere in the
stream and however the stream was cut into pieces, becomes `*`. How, is said in `masking`. A value under
six characters is not masked: it would take half of every log with it. Whoever attached it was told.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from prefect_platform.masking.encodings import encoded
from prefect_platform.masking.masker import Masker
from prefect_platform.masking.matcher import matcher


class Redaction:
    """The secrets of a workload. Makes one `Masker` for each stream."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = list(secrets)
        self._matcher = matcher(self._secrets)
        self._streams: list[Masker] = []

    def stream(self) -> Masker:
        made = Masker(self._matcher)
        self._streams.append(made)
        return made

    def add(self, secrets: Iterable[str]) -> None:
        """Mask these too, in what comes from now on."""
        self._secrets += secrets
        self._matcher = matcher(self._secrets)
        for stream in self._streams:
            stream.use(self._matcher)

    def mask(self, text: str) -> str:
        """A whole text, masked."""
        masker = Masker(self._matcher)
        data = encoded(text)
        return (masker.feed(data) + masker.flush()).decode("utf-8", "replace")

    def complain(self, text: str) -> None:
        """Write to the launcher's own stderr, masked: the last place to say something."""
        with suppress(OSError):  # it lies on the disk that may be full, and there is no place after it
            os.write(2, f"{self.mask(text)}\n".encode())
