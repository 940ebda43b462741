"""A keyring that lives as long as the process: for tests and throw-away platforms."""

from __future__ import annotations

from collections.abc import Sequence

from prefect_platform.server.stores.key_list import KeyList, fresh_key
from prefect_platform.server.stores.keyring import Wrapped


class MemoryKeyring:
    """`Keyring` without a file. Two of them made with the same list hold the same keys."""

    def __init__(self, keys: list[bytes] | None = None) -> None:
        self.keys = keys if keys is not None else []
        if not self.keys:
            self.keys.append(fresh_key())

    def __repr__(self) -> str:
        return f"MemoryKeyring({', '.join(self.key_ids())})"

    @property
    def name(self) -> str:
        return "The keyring in memory"

    def key_ids(self) -> Sequence[str]:
        return self._list().ids

    def wrap(self, data_key: bytes, context: bytes) -> Wrapped:
        return self._list().wrap(data_key, context)

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        return self._list().unwrap(wrapped, context)

    def add_key(self, first: str) -> str:
        if self.key_ids()[0] == first:
            self.keys.insert(0, fresh_key())
        return self.key_ids()[0]

    def mark(self, data: bytes) -> str:
        return self._list().mark(data)

    def is_mark(self, mark: str, data: bytes) -> bool:
        return self._list().is_mark(mark, data)

    def _list(self) -> KeyList:
        return KeyList(self.keys, self.name)
