"""Every backend that ships keeps the contract."""

from __future__ import annotations

from pathlib import Path

from prefect_platform.testing.backend_contract import BackendContract
from prefect_platform.testing.backend_stages import LocalStage, MemoryStage, Stage


class TestMemory(BackendContract):
    def make_stage(self, directory: Path) -> Stage:
        return MemoryStage()


class TestLocal(BackendContract):
    def make_stage(self, directory: Path) -> Stage:
        return LocalStage(directory)
