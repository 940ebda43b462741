"""The promise of the GPU: the run's own interpreter, with the run's own variables, asks the driver.

A device that is there and cannot be used costs hours if nobody looks. So where GPUs were asked for, CUDA's
driver is started in a process of its own, and says which devices it gives; less than was given to the
run ends the attempt before user code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prefect_platform.launcher import question
from prefect_platform.launcher.faults import EngineFault
from prefect_platform.launcher.memory import amount
from prefect_platform.launcher.promises import Promises
from prefect_platform.launcher.signals import Interrupts
from prefect_platform.wire.launch import GpusAsked, LaunchSpec

ASK_SECONDS = 60.0
"""A driver that wakes many devices takes seconds; one that hangs would take for ever."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
TAIL = 300

QUESTION = r"""
import ctypes, json, sys, uuid
def call(name, *arguments):
    code = getattr(cuda, name)(*arguments)
    if code:
        said = ctypes.c_char_p()
        if hasattr(cuda, "cuGetErrorName"):
            cuda.cuGetErrorName(code, ctypes.byref(said))
        said.value = said.value or b"an error"
        raise RuntimeError("%s answers %d, %s" % (name, code, said.value.decode("utf-8", "replace")))
def device(index):
    handle, total, own = ctypes.c_int(), ctypes.c_size_t(), (ctypes.c_ubyte * 16)()
    name = ctypes.create_string_buffer(256)
    call("cuDeviceGet", ctypes.byref(handle), index)
    call("cuDeviceGetName", name, 256, handle)
    call("cuDeviceTotalMem_v2", ctypes.byref(total), handle)
    call("cuDeviceGetUuid", ctypes.byref(own), handle)
    return {"uuid": "GPU-" + str(uuid.UUID(bytes=bytes(own))), "name": name.value.decode("utf-8", "replace"),
            "memory_bytes": total.value}
try:
    cuda = ctypes.CDLL("libcuda.so.1")
    version, count = ctypes.c_int(), ctypes.c_int()
    call("cuInit", 0)
    call("cuDriverGetVersion", ctypes.byref(version))
    call("cuDeviceGetCount", ctypes.byref(count))
    told = {"driver": version.value, "devices": [device(index) for index in range(count.value)]}
except (OSError, RuntimeError, AttributeError) as error:
    told = {"problem": str(error)}
sys.stdout.write(json.dumps(told))
"""


@dataclass(frozen=True)
class Device:
    uuid: str
    name: str
    memory_bytes: int


@dataclass(frozen=True)
class Told:
    """What CUDA's driver gives to this run."""

    devices: Sequence[Device] = ()
    driver: int = 0
    """1000 times major plus 10 times minor of the CUDA version that the driver supports."""
    problem: str | None = None


def variables(spec: LaunchSpec) -> dict[str, str]:
    """What makes the given devices visible to the run, and no others. Nothing else may say otherwise."""
    return {} if spec.visible_gpus is None else {VISIBLE: spec.visible_gpus}


def check(
    promises: Promises,
    spec: LaunchSpec,
    directory: Path,
    environment: Mapping[str, str],
    interrupts: Interrupts,
    seconds: float = ASK_SECONDS,
) -> str | None:
    """Keep or break the promise; what was found, for the log, where GPUs were asked for.

    Raises:
        EngineFault: the run was promised GPUs and its code could not use them.
        Stopped: the end of the start was asked for.
    """
    if spec.gpu is None:
        promises.keep("gpu", "None was asked for.")
        return None
    told = ask(spec.interpreter, directory, environment, interrupts, seconds)
    missing = [told.problem] if told.problem else _missing(spec.gpu, told.devices)
    if missing:
        promises.break_(
            "gpu", f"{spec.gpu.words} asked for, and the run has {_listed(told.devices)}.", missing
        )
        raise EngineFault(
            f"The run asked for {spec.gpu.words}, and its code could not use what it was given: "
            f"{'; '.join(missing)}. See nvidia-smi on the machine; nothing of the flow was started."
        )
    found = f"{_listed(told.devices)}, CUDA {told.driver // 1000}.{told.driver % 1000 // 10}"
    promises.keep("gpu", f"{spec.gpu.words} asked for; its code can use {found}.")
    return found


def ask(
    interpreter: str, directory: Path, environment: Mapping[str, str], interrupts: Interrupts, seconds: float
) -> Told:
    """Start CUDA's driver as the run would. Raises: Stopped."""
    try:
        answer = question.ask([interpreter, "-c", QUESTION], directory, environment, interrupts, seconds)
        if answer.code != 0:
            said = answer.words[-TAIL:] or "it said nothing"
            return Told(problem=f"asking CUDA's driver ended with status {answer.code}: {said}")
        return _read(answer.said)
    except TimeoutError:
        return Told(problem=f"CUDA's driver did not answer within {seconds:g} s")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Told(problem=f"CUDA's driver could not be asked: {error}")


def _read(answer: bytes) -> Told:
    told = json.loads(answer)
    if "problem" in told:
        return Told(problem=str(told["problem"]))
    return Told([Device(**one) for one in told["devices"]], int(told["driver"]))


def _missing(asked: GpusAsked, devices: Sequence[Device]) -> list[str]:
    """Each thing that is not as it was asked for."""
    found = {device.uuid.lower() for device in devices}
    missing = [
        f"device {uuid}: given to the run, and not there" for uuid in asked.given if uuid.lower() not in found
    ]
    if not asked.given and len(devices) < asked.count:
        missing.append(f"devices: {asked.count} asked for, {len(devices)} found")
    return missing


def _listed(devices: Sequence[Device]) -> str:
    return ", ".join(f"{one.name} ({amount(one.memory_bytes)})" for one in devices) or "none"
