"""How busy the GPUs of a workload are, and how much of their memory is in use, as NVIDIA's driver tells.

NVML comes with the driver and is called through `ctypes`. What it does not tell (a part of a device that is
divided by MIG has no share of its time) is not known, and nothing is said of that.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

LIBRARY = "libnvidia-ml.so.1"
UNKNOWN = "-"


class _Rates(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class _Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


class GpuUse:
    """Looks at the devices with these UUIDs; at nothing where there are none, or no driver."""

    def __init__(self, uuids: Sequence[str], library: str = LIBRARY) -> None:
        self._uuids, self._library = uuids, library
        self._nvml: Any = None
        self._devices: list[ctypes.c_void_p] | None = None

    def look(self) -> str:
        """Mean percent of time that they are busy, and the sum of bytes in use."""
        if self._devices is None:
            self._devices = self._find()
        busy = [one.gpu for one in self._ask("nvmlDeviceGetUtilizationRates", _Rates)]
        used = [one.used for one in self._ask("nvmlDeviceGetMemoryInfo", _Memory)]
        return f"{round(sum(busy) / len(busy)) if busy else UNKNOWN} {sum(used) if used else UNKNOWN}"

    def _find(self) -> list[ctypes.c_void_p]:
        if not self._uuids:
            return []
        try:
            self._nvml = ctypes.CDLL(self._library)
            if self._nvml.nvmlInit_v2() != 0:
                return []
            return [handle for uuid in self._uuids if (handle := self._handle(uuid)) is not None]
        except (OSError, AttributeError):  # no driver, or one that is older than all that CUDA needs today
            return []

    def _handle(self, uuid: str) -> ctypes.c_void_p | None:
        handle = ctypes.c_void_p()
        code = self._nvml.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(handle))
        return handle if code == 0 else None

    def _ask(self, name: str, kind: Callable[[], Any]) -> list[Any]:
        """What each device answers, without those that do not tell."""
        found = []
        for device in self._devices or ():
            answer = kind()
            if getattr(self._nvml, name)(device, ctypes.byref(answer)) == 0:
                found.append(answer)
        return found
