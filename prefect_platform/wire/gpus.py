"""What `gpu=` means: a count, a type, memory, or several of them joined by `:`. Pure functions.

    2                 two devices of any kind
    A100   A100:2     by a part of the device's name, whole words of it
    24GB..            at least so much memory on each; also 40GB..80GB:2, ..16GB, A100:80GB:2

`GB` is meant as on the box, where it is neither kind of gigabyte exactly: a lower bound counts 10^9 bytes,
an upper bound 2^30, and so a device sold with 24 GB lies in `24GB..24GB`. `GiB` is meant to the byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from prefect_platform.errors import UsageError, foreign
from prefect_platform.names import nearest
from prefect_platform.wire.quantities import byte_count, shown_bytes
from prefect_platform.wire.sizes import Gpu, GpuRequest

MOST = 64
"""Devices that one run may ask for."""
EXAMPLES = "gpu=1, gpu='A100', gpu='A100:2', gpu='24GB..', gpu='40GB..80GB:2' or gpu='..16GB'"
KNOWN_TYPES = (
    "T4", "P100", "V100", "A10", "A10G", "A30", "A40", "A100", "L4", "L40", "L40S", "H100", "H200", "B200",
    "A4000", "A5000", "A6000", "RTX 3090", "RTX 4090", "RTX 5090",
)  # fmt: skip
"""For a nearest name where a machine has none to offer; any other type is as good."""

_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9 ._-]{0,63}", re.ASCII)
_MEMORY = re.compile(r"(?:[0-9.]+\s?[A-Za-z]+)?(?:\.\.(?:[0-9.]+\s?[A-Za-z]+)?)?", re.ASCII)
_WORDS = re.compile(r"[a-z0-9]+")


def parse(value: object) -> GpuRequest | None:
    """What was asked for; None for None.

    Raises:
        UsageError: it cannot be read; the message gives examples.
    """
    if value is None or isinstance(value, GpuRequest):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return GpuRequest(count=_count(str(value), value))
    if not isinstance(value, str):
        raise _wrong(value, f"expected a number or text, not {type(value).__name__}")
    return _parse_text(value)


def _parse_text(text: str) -> GpuRequest:
    found: dict[str, object] = {}
    for part in (piece.strip() for piece in text.split(":")):
        given = _part(text, part)
        twice = found.keys() & given.keys()
        if twice:
            raise _wrong(text, f"it names a {_said(twice)} twice")
        found |= given
    return GpuRequest.model_validate(found)


def _said(names: Iterable[str]) -> str:
    name = min(names)
    return "memory" if name.endswith("_bytes") else name


def _part(text: str, part: str) -> dict[str, object]:
    """One piece between colons, as fields of the request."""
    if re.fullmatch(r"[0-9]+", part, re.ASCII):
        return {"count": _count(text, int(part[:9]))}
    if part and part[0] in ".0123456789" and _MEMORY.fullmatch(part) and part != "..":
        return _memory(text, part)
    if _TYPE.fullmatch(part):
        return {"type": part}
    if not part:
        raise _wrong(text, "a part of it is empty")
    raise _wrong(text, f"{foreign(part)!r} is no count, no type and no memory range")


def _count(text: object, count: int) -> int:
    if not 1 <= count <= MOST:
        more = " Leave gpu out to ask for none." if count == 0 else ""
        raise _wrong(text, f"a run has from 1 to {MOST} of them.{more}")
    return count


def _memory(text: str, part: str) -> dict[str, object]:
    low, dots, high = part.partition("..")
    try:
        least = byte_count(low) if low else None
        most = _most(high if dots else low) if high or not dots else None
    except ValueError as error:
        raise _wrong(text, str(error)) from None
    if least is not None and most is not None and least > most:
        raise _wrong(text, "the range ends below where it begins")
    return {"min_memory_bytes": least, "max_memory_bytes": most}


def _most(text: str) -> int:
    return byte_count(text.strip()[:-2] + "GiB" if text.strip().lower().endswith("gb") else text)


def _wrong(value: object, why: str) -> UsageError:
    shown = foreign(repr(value)) if isinstance(value, str) else foreign(str(value))
    return UsageError(f"gpu={shown} cannot be read: {why.rstrip('.')}. Write such as {EXAMPLES}.")


def matches(request: GpuRequest, gpu: Gpu) -> bool:
    """Whether this device is one of those asked for; the count is not looked at."""
    if request.min_memory_bytes is not None and gpu.memory_bytes < request.min_memory_bytes:
        return False
    if request.max_memory_bytes is not None and gpu.memory_bytes > request.max_memory_bytes:
        return False
    return request.type is None or _named(request.type, gpu.name)


def _named(wanted: str, name: str) -> bool:
    """Whole words only: an A100 is no A10. Where the words are divided does not matter."""
    parts, sought = _WORDS.findall(name.lower()), "".join(_WORDS.findall(wanted.lower()))
    ends = range(1, len(parts) + 1)
    return any("".join(parts[start:end]) == sought for end in ends for start in range(end))


def choose(request: GpuRequest, free: Sequence[Gpu]) -> list[Gpu] | None:
    """The devices to give, the smallest that will do first; None where there are not enough."""
    fitting = sorted(
        (gpu for gpu in free if matches(request, gpu)), key=lambda gpu: (gpu.memory_bytes, gpu.uuid)
    )
    return fitting[: request.count] if len(fitting) >= request.count else None


def words(request: GpuRequest) -> str:
    """`1 GPU`, `2 GPUs (A100, 40 GB or more)`."""
    found = [request.type] if request.type else []
    low, high = request.min_memory_bytes, request.max_memory_bytes
    if low is not None and high is not None:
        found.append(f"{_memory_words(low)} to {_memory_words(high)} each")
    elif low is not None:
        found.append(f"{_memory_words(low)} or more each")
    elif high is not None:
        found.append(f"at most {_memory_words(high)} each")
    noun = "GPU" if request.count == 1 else "GPUs"
    return f"{request.count} {noun}" + (f" ({', '.join(found)})" if found else "")


def said(request: GpuRequest) -> str:
    """A request as `parse` takes it, to the byte."""
    low, high = request.min_memory_bytes, request.max_memory_bytes
    memory = ""
    if low is not None or high is not None:
        memory = f"{'' if low is None else f'{low}B'}..{'' if high is None else f'{high}B'}"
    return ":".join(part for part in (request.type, memory, str(request.count)) if part)


def _memory_words(count: int) -> str:
    return f"{count // 10**9} GB" if count % 10**9 == 0 else shown_bytes(count)


def listed(gpus: Sequence[Gpu]) -> str:
    """What a machine has, for people: `2 x NVIDIA A100 (40 GiB)`."""
    counts: dict[str, int] = {}
    for gpu in gpus:
        name = f"{gpu.name} ({shown_bytes(gpu.memory_bytes)})"
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(f"{count} x {name}" for name, count in counts.items()) or "no GPU"


def never(request: GpuRequest, gpus: Sequence[Gpu]) -> str | None:
    """Why a machine with these devices can never give what was asked for, if it cannot."""
    if choose(request, gpus) is not None:
        return None
    hint = nearest(request.type, KNOWN_TYPES) if request.type and not _exists(request.type, gpus) else ""
    also = f" (did {hint[5:].lstrip()})" if hint else ""
    return f"{words(request)} asked for, and this machine has {listed(gpus)}{also}"


def _exists(wanted: str, gpus: Sequence[Gpu]) -> bool:
    return any(_named(wanted, name) for name in (*KNOWN_TYPES, *(gpu.name for gpu in gpus)))
