"""Settings of the local backend, and what a launcher gets of the platform's environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

INHERITED = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"),
        *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    )
)
"""What a program needs to know of its machine, with `LC_*`. Everything else stays behind: the tokens
and credentials of the platform are there."""


@dataclass(frozen=True)
class MemoryPolicy:
    """When memory is short, and how much of it is never promised."""

    floor_bytes: int = 256 << 20
    floor_share: float = 0.03
    """With less available than the larger of the two, a workload over its declared memory is ended."""
    reserve_bytes: int = 512 << 20
    reserve_share: float = 0.1
    """The larger of the two is kept for everything that is not a workload."""
    interval: float = 2.0
    """Seconds between two looks at every workload; shorter when memory runs out."""

    def floor(self, total: int) -> int:
        return max(self.floor_bytes, int(total * self.floor_share))

    def reserve(self, total: int) -> int:
        return max(self.reserve_bytes, int(total * self.reserve_share))


def visible_devices(environ: Mapping[str, str] = os.environ) -> str | None:
    """The GPUs that somebody lets the platform have; None for all."""
    return environ.get("CUDA_VISIBLE_DEVICES")


def inherited(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a launcher is given of the platform's environment."""
    return {name: value for name, value in environ.items() if name in INHERITED or name.startswith("LC_")}
