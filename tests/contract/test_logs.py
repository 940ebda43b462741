"""Both log stores keep the contract."""

from __future__ import annotations

from pathlib import Path

from prefect_platform.server.stores.file_logs import FileLogs
from prefect_platform.server.stores.logs import LogStore
from prefect_platform.server.stores.memory_logs import MemoryLogs
from prefect_platform.testing.log_store_contract import LogStoreContract


class TestFileLogs(LogStoreContract):
    def make(self, directory: Path) -> LogStore:
        return FileLogs(directory)


class TestFileLogsWithFewOpenFiles(LogStoreContract):
    """Every source is closed and opened again all the time."""

    def make(self, directory: Path) -> LogStore:
        return FileLogs(directory, open_sources=0)


class TestMemoryLogs(LogStoreContract):
    def make(self, directory: Path) -> LogStore:
        return MemoryLogs()

    def again(self, store: LogStore, directory: Path) -> LogStore:
        return store
