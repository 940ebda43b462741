"""The GPUs of this machine: a seam, what NVML tells, and a list for tests.

NVML comes with NVIDIA's driver and is called through `ctypes`, so nothing has to be installed. A machine
without it has no GPU, and nothing is said about that. One whose driver does not answer is a problem that is
told once, in the log and by `doctor`.
"""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from prefect_platform.wire.sizes import Gpu

logger = logging.getLogger(__name__)

LIBRARY = "libnvidia-ml.so.1"
LOOK_SECONDS = 60.0
"""Between two looks: devices seldom come and go, and waking a driver takes a while."""
MOST_DEVICES = 256
_TEXT = 96
_SUCCESS, _NOT_SUPPORTED = 0, 3


@dataclass(frozen=True)
class Found:
    """What a look has shown."""

    gpus: Sequence[Gpu] = ()
    problem: str | None = None
    """Why devices that may be there cannot be used, with the next step."""
    known: bool = True
    """False while the driver does not answer: then there may be others than `gpus`."""


class Gpus(Protocol):
    """Tells the devices that may be given to workloads.

    `look` never raises and may block for a moment: call it off the event loop. It gives each device once, by
    a UUID that `CUDA_VISIBLE_DEVICES` takes, in the same order each time; and no device that is not to be
    given away. No driver means no devices and no problem.
    """

    def look(self) -> Found: ...


@dataclass
class MemoryGpus:
    """`Gpus` for tests, and for a machine whose devices somebody else allocates: what it is told."""

    gpus: Sequence[Gpu] = ()
    problem: str | None = None
    known: bool = True

    def look(self) -> Found:
        return Found(tuple(self.gpus), self.problem, self.known)


class _Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


class NvmlFault(Exception):
    """NVML answers with an error. It never leaves this module."""


@dataclass
class NvmlGpus:
    """`Gpus` of NVIDIA's driver.

    Those that the platform itself was started without are left alone.
    """

    library: str = LIBRARY
    visible: str | None = None
    """`CUDA_VISIBLE_DEVICES` of the platform itself."""
    clock: Callable[[], float] = time.monotonic
    _found: Found = field(default_factory=Found, init=False)
    _due: float = field(default=0.0, init=False)
    _said: str | None = field(default=None, init=False)

    def look(self) -> Found:
        now = self.clock()
        if now >= self._due:
            found, self._due = self._ask(), now + LOOK_SECONDS
            # A look that fails takes no device away: runs wait for it, and a start that meets it says so.
            kept = found.problem and not found.gpus
            self._found = Found(self._found.gpus, found.problem, found.known) if kept else found
            if self._found.problem not in (None, self._said):
                logger.warning("%s", self._found.problem)
            self._said = self._found.problem
        return self._found

    def _ask(self) -> Found:
        try:
            nvml = ctypes.CDLL(self.library)
        except OSError:  # no driver: nothing to tell
            return Found()
        try:
            return _everything(nvml, self.visible)
        except (NvmlFault, AttributeError) as fault:
            return Found(
                known=False,
                problem=f"The GPUs of this machine cannot be used: {fault}. See what nvidia-smi says; a "
                "driver that was updated needs a restart of the machine.",
            )


def _everything(nvml: Any, visible: str | None) -> Found:
    _call(nvml, "nvmlInit_v2")
    try:
        count = ctypes.c_uint()
        _call(nvml, "nvmlDeviceGetCount_v2", ctypes.byref(count))
        devices = [_device(nvml, index) for index in range(min(count.value, MOST_DEVICES))]
    finally:
        nvml.nvmlShutdown()
    partitioned = [gpu.name for gpu, divided in devices if divided]
    named = ", ".join(partitioned)
    problem = f"{named}: divided by MIG, which is not supported, and left alone." if named else None
    return Found(tuple(_allowed([None if divided else gpu for gpu, divided in devices], visible)), problem)


def _device(nvml: Any, index: int) -> tuple[Gpu, bool]:
    """One device, and whether it is divided by MIG."""
    handle, memory = ctypes.c_void_p(), _Memory()
    _call(nvml, "nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
    _call(nvml, "nvmlDeviceGetMemoryInfo", handle, ctypes.byref(memory))
    gpu = Gpu(
        uuid=_text(nvml, "nvmlDeviceGetUUID", handle),
        name=_text(nvml, "nvmlDeviceGetName", handle),
        memory_bytes=memory.total,
    )
    return gpu, _divided(nvml, handle)


def _divided(nvml: Any, handle: ctypes.c_void_p) -> bool:
    current, pending = ctypes.c_uint(), ctypes.c_uint()
    try:
        _call(nvml, "nvmlDeviceGetMigMode", handle, ctypes.byref(current), ctypes.byref(pending))
    except (NvmlFault, AttributeError):  # a device or a driver without MIG
        return False
    return current.value == 1


def _text(nvml: Any, name: str, handle: ctypes.c_void_p) -> str:
    buffer = ctypes.create_string_buffer(_TEXT)
    _call(nvml, name, handle, buffer, ctypes.c_uint(_TEXT))
    return buffer.value.decode("utf-8", "replace")


def _call(nvml: Any, name: str, *arguments: Any) -> None:
    code = getattr(nvml, name)(*arguments)
    if code != _SUCCESS:
        raise NvmlFault(f"{name} answers {_meaning(nvml, code)}")


def _meaning(nvml: Any, code: int) -> str:
    try:
        explain = nvml.nvmlErrorString
    except AttributeError:
        return f"error {code}"
    explain.restype = ctypes.c_char_p
    return f"error {code}, {(explain(ctypes.c_int(code)) or b'?').decode('utf-8', 'replace')}"


def _allowed(gpus: Sequence[Gpu | None], visible: str | None) -> list[Gpu]:
    """Those that the platform's own `CUDA_VISIBLE_DEVICES` names, by number or UUID; without it all."""
    if visible is None:
        return [gpu for gpu in gpus if gpu is not None]
    found: list[Gpu] = []
    for word in visible.split(","):
        named = _named(gpus, word.strip())
        if named is None:  # as CUDA reads it: what comes after something unknown does not count
            break
        found += [gpu for gpu in named if gpu is not None and gpu not in found]
    return found


def _named(gpus: Sequence[Gpu | None], word: str) -> list[Gpu | None] | None:
    """The device with this number or beginning of a UUID, or None where there is none."""
    if word.isascii() and word.isdigit():
        return [gpus[int(word)]] if int(word) < len(gpus) else None
    return [gpu for gpu in gpus if gpu is not None and word and gpu.uuid.startswith(word)] or None
