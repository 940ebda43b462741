"""A real kernel, as Jupyter starts one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager


class Kernel:
    """Cells run one after the other in one process."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def run(self, *cells: str) -> str:
        """What the cells print; an error in one of them is an AssertionError with its text."""
        return "".join(self._run(cell) for cell in cells)

    def fails(self, cell: str) -> str:
        """Name and message of the error that the cell ends with."""
        content = self._failed(cell)
        return f"{content['ename']}: {content['evalue']}"

    def traceback(self, cell: str) -> str:
        """What is shown below a cell that ends with an error."""
        return "\n".join(self._failed(cell)["traceback"])

    def _failed(self, cell: str) -> dict[str, Any]:
        reply = self._client.execute_interactive(cell, timeout=60, output_hook=lambda _: None)
        content: dict[str, Any] = reply["content"]
        assert content["status"] == "error", "the cell was expected to fail"
        return content

    def _run(self, cell: str) -> str:
        printed: list[str] = []

        def output(message: dict[str, Any]) -> None:
            content = message["content"]
            data = content.get("data", {})
            printed.append(content.get("text") or data.get("text/plain") or "")

        reply = self._client.execute_interactive(cell, timeout=60, output_hook=output)
        content = reply["content"]
        assert content["status"] == "ok", "\n".join(content.get("traceback", []))
        return "".join(printed)


@contextmanager
def kernel(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Kernel]:
    """A kernel that works in `folder`."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), env={**os.environ, **(environment or {})})
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
