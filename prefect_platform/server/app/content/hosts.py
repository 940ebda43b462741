"""Which host is content: exactly `<label>.<content domain>` with our port, and nothing that looks like it.

Compared as whole strings: a trailing dot, another port, a further label or an address are other hosts, and
those are the guard's to refuse. So no name that a stranger points at this machine becomes content either.
"""

from __future__ import annotations

from prefect_platform.server.config import ServerConfig
from prefect_platform.server.services.contents import LABEL


def label_of(host: str, config: ServerConfig) -> str | None:
    """The label in a Host header; None if that is no content host."""
    label, dot, rest = host.lower().partition(".")
    return label if dot and LABEL.fullmatch(label) and rest in _rests(config) else None


def _rests(config: ServerConfig) -> tuple[str, ...]:
    if config.content_domain == "localhost":  # also where PUBLIC_URL names a port that leads to ours
        return (config.content_netloc, f"localhost:{config.port}")
    return (config.content_netloc,)
