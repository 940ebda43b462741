"""`Asked`: a request at a content host as all rules see it, whether it came through ASGI or as an upgrade."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.types import Scope

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Asked:
    method: str
    target: bytes
    """Path and query as they were sent: nothing is decoded and encoded again on the way."""
    headers: Headers = field(repr=False)
    """Names in lower case."""
    client: str
    """Address of the other end, as far as it is known."""

    @property
    def path(self) -> str:
        return self.target.partition(b"?")[0].decode("latin-1")

    @property
    def host(self) -> str:
        return self.one("host")

    def all(self, name: str) -> list[str]:
        key = name.encode()
        return [value.decode("latin-1") for found, value in self.headers if found == key]

    def one(self, name: str) -> str:
        """The value of a header, in lower case and without blanks around it; empty if there is none."""
        return ",".join(self.all(name)).strip().lower()


def of_scope(scope: Scope) -> Asked:
    query = scope["query_string"]
    return Asked(
        scope["method"],
        scope["raw_path"] + (b"?" + query if query else b""),
        scope["headers"],
        scope["client"][0] if scope.get("client") else "",
    )
