"""The catalogue of sizes: read whole or not at all.

What ships with the platform stands in `sizes.yaml` beside this file; an operator's file replaces it. A file
with anything wrong in it keeps the platform from starting, with the entry and the field that are wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    ValidationError,
    WithJsonSchema,
)

from prefect_platform.errors import PlatformError, UsageError, foreign
from prefect_platform.names import nearest
from prefect_platform.strict_yaml import load as load_yaml
from prefect_platform.wire import gpus
from prefect_platform.wire.base import Label, Name
from prefect_platform.wire.quantities import byte_count, shown_bytes, shown_cores
from prefect_platform.wire.sizes import GpuRequest

MACHINE = "machine"
"""The size that is all of one machine; no entry of a catalogue can have its name."""
SHIPPED = "sizes.yaml"
MOST_BYTES = 1 << 20
MOST_ENTRIES = 500
LEAST_MEMORY = 16 << 20


def _amount(value: object) -> object:
    return byte_count(value) if isinstance(value, str) else value


def _gpu(value: object) -> object:
    try:
        return gpus.parse(value) if isinstance(value, str | int) and not isinstance(value, bool) else value
    except PlatformError as error:
        raise ValueError(error.message) from None


_AMOUNT_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^[0-9.]+\s?([KMGTkmgt]i?)?[Bb]?$"}],
    "examples": ["16GiB", "512MiB", 17179869184],
}
_GPU_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "integer", "minimum": 1, "maximum": gpus.MOST}, {"type": "string"}],
    "examples": [1, "T4", "A100:2", "40GB..80GB:2"],
}

Bytes = Annotated[StrictInt, BeforeValidator(_amount), Field(le=1 << 60), WithJsonSchema(_AMOUNT_SCHEMA)]


class SizeEntry(BaseModel):
    """One size that runs can ask for by its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="Lowercase letters, digits and dashes; what is written in `size=`.")
    display: Label | None = Field(default=None, description="For people; by default made of the rest.")
    cores: float = Field(strict=True, gt=0, le=1 << 16, description="Processor cores; may be a fraction.")
    memory: Annotated[Bytes, Field(ge=LEAST_MEMORY, description="Such as `16GiB`, or a number of bytes.")]
    disk: Annotated[Bytes, Field(gt=0)] | None = Field(default=None, description="Scratch space.")
    shm: Annotated[Bytes, Field(gt=0)] | None = Field(default=None, description="Shared memory (`/dev/shm`).")
    gpu: Annotated[GpuRequest, BeforeValidator(_gpu), WithJsonSchema(_GPU_SCHEMA)] | None = Field(
        default=None, description="As in `gpu=`: a count, a type, memory."
    )
    price_per_hour: Annotated[float, Field(strict=True, ge=0, le=1e6)] | None = Field(
        default=None, description="In the currency of the operator's choice."
    )
    disabled: Label | None = Field(
        default=None, description="A message for whoever asks for it; an entry with one is not offered."
    )

    @property
    def shown(self) -> str:
        """For people."""
        parts = [self.name, shown_cores(self.cores), shown_bytes(self.memory)]
        return self.display or ", ".join([*parts, *([gpus.words(self.gpu)] if self.gpu else [])])


class CatalogueFile(BaseModel):
    """A catalogue of sizes for PREFECT_PLATFORM_SIZES."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sizes: list[SizeEntry] = Field(min_length=1, max_length=MOST_ENTRIES)


@dataclass(frozen=True)
class Catalogue:
    """Sizes in the operator's order."""

    entries: Sequence[SizeEntry]

    def get(self, name: str) -> SizeEntry | None:
        return next((entry for entry in self.entries if entry.name == name), None)

    @property
    def names(self) -> list[str]:
        return [entry.name for entry in self.entries]


def shipped() -> Catalogue:
    """What stands where no operator has said anything else."""
    text = resources.files(__package__).joinpath(SHIPPED).read_bytes()
    return read(text, SHIPPED)


def load(path: Path | None) -> Catalogue:
    """The operator's catalogue, or the one that ships.

    Raises:
        UsageError: the file cannot be read, or something in it is wrong.
    """
    if path is None:
        return shipped()
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _refused(str(path), f"it cannot be read: {error.strerror or error}") from error
    return read(data, str(path))


def read(data: bytes, where: str) -> Catalogue:
    """The catalogue in these bytes; `where` names them.

    Raises:
        UsageError: something in it is wrong.
    """
    if len(data) > MOST_BYTES:
        raise _refused(where, f"it is larger than {shown_bytes(MOST_BYTES)}")
    try:
        found = load_yaml(data)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise _refused(where, f"it is no YAML: {foreign(str(error)) or type(error).__name__}") from None
    if not isinstance(found, Mapping):
        raise _refused(where, "it holds no list `sizes:`")
    try:
        entries = CatalogueFile.model_validate(found).sizes
    except ValidationError as error:
        raise _refused(where, _wrong(error, found)) from None
    _check_names(where, [entry.name for entry in entries])
    return Catalogue(tuple(entries))


def _check_names(where: str, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        if name == MACHINE:
            raise _refused(where, f"size {number + 1}: the name {MACHINE!r} stands for all of a machine")
        if name in names[:number]:
            raise _refused(where, f"size {number + 1}: there is another {name!r} before it")


def _wrong(error: ValidationError, found: Mapping[Any, Any]) -> str:
    """The first thing that is wrong, by entry and field, and how many more there are."""
    faults = error.errors(include_url=False, include_context=False)
    first = faults[0]
    place = first["loc"]
    field = _field(place)
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = SizeEntry.model_fields if len(place) > 2 else CatalogueFile.model_fields
        message = f"there is no such field.{nearest(str(place[-1]), known)}"
    if first["type"] in {"int_type", "float_type", "string_type"}:
        message = f"{message}, not {foreign(repr(first['input']))}"
    more = len({_entry_and_field(fault["loc"]) for fault in faults}) - 1
    also = f" (and {more} more)" if more else ""
    return f"{_entry(place, found)}{foreign(field)}: {message.rstrip('.')}{also}"


def _entry_and_field(place: Sequence[int | str]) -> tuple[int | str, ...]:
    return tuple(place[:3])


def _field(place: Sequence[int | str]) -> str:
    """`cores` of ("sizes", 3, "cores", "int"): what comes after is pydantic's own."""
    return str(place[2]) if len(place) > 2 else str(place[-1]) if len(place) == 1 else "entry"


def _entry(place: Sequence[int | str], found: Mapping[Any, Any]) -> str:
    if len(place) < 2 or not isinstance(place[1], int):
        return ""
    entry = found["sizes"][place[1]]
    name = entry.get("name") if isinstance(entry, Mapping) else None
    called = f" ({foreign(str(name))!r})" if isinstance(name, str) else ""
    return f"size {place[1] + 1}{called}, "


def _refused(where: str, why: str) -> UsageError:
    return UsageError(
        f"The catalogue of sizes {where} cannot be used: {why}. Correct it, or unset PREFECT_PLATFORM_SIZES "
        "to use the sizes that ship with the platform."
    )


def schema() -> dict[str, Any]:
    """The JSON Schema of a catalogue file, for editors and checks."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **CatalogueFile.model_json_schema()}


def closest(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?`, whatever the case it was written in."""
    return nearest(name.strip().lower(), list(known))
