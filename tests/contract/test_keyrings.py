"""Both keyrings keep the contract."""

from __future__ import annotations

import base64
from pathlib import Path

from prefect_platform.server.stores.file_keyring import FileKeyring
from prefect_platform.server.stores.keyring import Keyring
from prefect_platform.server.stores.memory_keyring import MemoryKeyring
from prefect_platform.testing.keyring_contract import KeyringContract


class TestFileKeyring(KeyringContract):
    def make(self, directory: Path) -> Keyring:
        return FileKeyring.make(directory / "keyring")

    def again(self, keyring: Keyring, directory: Path) -> Keyring:
        return FileKeyring(directory / "keyring")

    def keys(self, keyring: Keyring) -> list[bytes]:
        assert isinstance(keyring, FileKeyring)
        lines = keyring.path.read_text().splitlines()
        return [base64.b64decode(line.partition("#")[0]) for line in lines if not line.startswith("#")]


class TestMemoryKeyring(KeyringContract):
    def make(self, directory: Path) -> Keyring:
        return MemoryKeyring()

    def again(self, keyring: Keyring, directory: Path) -> Keyring:
        return MemoryKeyring(self.keys(keyring))

    def keys(self, keyring: Keyring) -> list[bytes]:
        assert isinstance(keyring, MemoryKeyring)
        return keyring.keys
