"""Packages that no index has, editable and local ones, as wheels that travel with the code.

A wheel is made of what is importable here and now, without building anything: for an editable package the
modules that its folder brings onto the path, for a local one the files that were installed. So a run can
have it on another day, when the folder has changed. The same content gives the same bytes.
"""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import io
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from packaging.tags import sys_tags

from prefect_platform.distributions import EDITABLE, LOCAL, Distribution, normalised
from prefect_platform.errors import RegistrationError, foreign
from prefect_platform.flows.capture.captured import Entry
from prefect_platform.flows.capture.file_state import state
from prefect_platform.flows.capture.project_files import select
from prefect_platform.flows.kept_wheels import KeptWheels

FOLDER = ".wheels"
OURS = "prefect-platform"
"""Every environment has it from the platform."""
MOST_BYTES = 64 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_LEFT = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json", "WHEEL"}
_NO_PACKAGES = {
    "tests",
    "test",
    "docs",
    "doc",
    "examples",
    "build",
    "dist",
    "benchmarks",
    "scripts",
    "notebooks",
}
_NO_MODULES = {"setup.py", "conftest.py", "noxfile.py", "tasks.py"}
_NATIVE = (".so", ".pyd")

_KEPT = KeptWheels(MOST_BYTES)
"""Of this process: making a large one takes longer than all the rest of a registration."""
Files = dict[str, Path]
"""By the path in the wheel."""


@dataclass
class Wheels:
    """Entries of a bundle, and what should be said of what could not be one."""

    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def wheels(found: Mapping[str, Distribution], path: Sequence[str]) -> Wheels:
    """A wheel of each distribution that a run could not have from anywhere else."""
    made = Wheels()
    for one in nowhere_else(found):
        try:
            _make(one, path, made)
        except (OSError, RegistrationError) as error:  # its own fault, and not the flow's
            made.notes.append(_stays(one, foreign(str(error))))
    return made


def nowhere_else(found: Mapping[str, Distribution]) -> list[Distribution]:
    """Distributions that came from no index and from no address that others reach."""
    return [
        one
        for name, one in sorted(found.items())
        if one.origin in (EDITABLE, LOCAL)
        and name != OURS
        and not (one.url or "").startswith(("http://", "https://"))
    ]


def _make(one: Distribution, path: Sequence[str], made: Wheels) -> None:
    told = _told(one.name, path)
    files = _files(one, told) if told is not None else {}
    if told is None or not files:
        made.notes.append(_stays(one, "what belongs to it is not found"))
    elif sum(file.stat().st_size for file in files.values()) > MOST_BYTES:
        made.notes.append(_stays(one, f"it is larger than {MOST_BYTES >> 20} MiB"))
    else:
        made.entries.append(_wheel(one, told, files))


def _stays(one: Distribution, why: str) -> str:
    return (
        f"The package {one.name} {one.version} ({one.origin}) does not travel: {why}. Runs use it where it "
        "is; if it changes, its version of today cannot be had again."
    )


def _told(name: str, path: Iterable[str]) -> Path | None:
    """Its `dist-info` folder, the first on the path."""
    for folder in filter(os.path.isdir, path):
        for entry in sorted(os.listdir(folder)):  # noqa: PTH208 - names alone
            if entry.endswith(".dist-info") and normalised(entry.partition("-")[0]) == name:
                return Path(folder, entry)
    return None


def _files(one: Distribution, told: Path) -> Files:
    """What can be imported of it."""
    recorded = [PurePosixPath(row[0]) for row in _record(told) if row]
    inside = {str(name): told.parent / name for name in recorded if name.parts and name.parts[0] != ".."}
    installed = {
        name: file
        for name, file in inside.items()
        if not name.endswith(".pyc") and not name.startswith(f"{told.name}/") and file.is_file()
    }
    if one.origin == LOCAL:
        return installed
    files: Files = {}
    for name, file in installed.items():
        if name.endswith(".pth"):
            for line in file.read_text(errors="replace").splitlines():
                if (folder := Path(line.strip())).is_dir() and line.strip():
                    files |= _importable(folder, one.name, told)
        elif name.startswith("__editable__") and name.endswith(".py"):
            for module, place in _mapped(file).items():
                files |= _below(Path(place), module.replace(".", "/"))
    return files


def _record(told: Path) -> list[list[str]]:
    try:
        return list(csv.reader((told / "RECORD").read_text(encoding="utf-8").splitlines()))
    except (OSError, csv.Error, ValueError):
        return []


def _importable(root: Path, name: str, told: Path) -> Files:
    """Packages and modules of a folder that an editable package has put onto the path."""
    files: Files = {}
    for top in _tops(root, name, told):
        place = root / top
        files |= _below(place, top) if place.is_dir() else {top: place}
    return files


def _tops(root: Path, name: str, told: Path) -> list[str]:
    """Its top-level names: as it tells them, or by its own name, or everything that looks like one."""
    declared = told / "top_level.txt"
    plain = re.sub(r"[-.]+", "_", name)
    wanted = declared.read_text().split() if declared.is_file() else [plain]
    found = [one for top in wanted for one in (top, f"{top}.py") if (root / one).exists()]
    if found:
        return found
    return [
        one.name
        for one in sorted(root.iterdir())
        if (one.is_dir() and one.name not in _NO_PACKAGES and (one / "__init__.py").is_file())
        or (one.suffix == ".py" and one.name not in _NO_MODULES)
    ]


def _mapped(finder: Path) -> dict[str, str]:
    """What the import hook of an editable install maps: `MAPPING = {module: place}`."""
    try:
        tree = ast.parse(finder.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    for node in tree.body:
        target = node.target if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [None])[0]
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id == "MAPPING" and isinstance(value, ast.Dict):
            return {str(module): str(place) for module, place in ast.literal_eval(value).items()}
    return {}


def _below(place: Path, prefix: str) -> Files:
    """Files of a package by the rules for project files, and what was compiled into its folder."""
    if place.is_file():
        return {f"{prefix}{place.suffix}": place}
    if not place.is_dir():
        return {}
    native = {path.relative_to(place).as_posix(): path for path in place.rglob("*") if path.suffix in _NATIVE}
    return {f"{prefix}/{name}": file for name, file in {**select(place).files, **native}.items()}


def _wheel(one: Distribution, told: Path, files: Files) -> Entry:
    stem = f"{re.sub(r'[-.]+', '_', one.name)}-{one.version}"
    info, tag = f"{stem}.dist-info", _tag(files)
    content: dict[str, Path | bytes] = {**files}
    content |= {
        f"{info}/{file.name}": file
        for file in sorted(told.iterdir())
        if file.is_file() and file.name not in _LEFT
    }
    states = {name: state(file) for name, file in content.items() if isinstance(file, Path)}
    return _KEPT.wheel((one, told), states, lambda: _made(content, info, tag, f"{stem}-{tag}.whl"))


def _made(content: dict[str, Path | bytes], info: str, tag: str, name: str) -> Entry:
    wheel = f"Wheel-Version: 1.0\nGenerator: prefect-platform\nRoot-Is-Purelib: true\nTag: {tag}\n"
    content[f"{info}/WHEEL"] = wheel.encode()
    return Entry.of_bytes(f"{FOLDER}/{name}", _zipped(content, f"{info}/RECORD"))


def _tag(files: Files) -> str:
    return str(next(sys_tags())) if any(name.endswith(_NATIVE) for name in files) else "py3-none-any"


def _zipped(content: Mapping[str, Path | bytes], record: str) -> bytes:
    out = io.BytesIO()
    rows = []
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in _read(content):
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{name},sha256={digest},{len(data)}\n")
            _add(archive, name, data)
        _add(archive, record, "".join([*rows, f"{record},,\n"]).encode())
    return out.getvalue()


def _read(content: Mapping[str, Path | bytes]) -> Iterator[tuple[str, bytes]]:
    for name, data in sorted(content.items()):
        yield name, data if isinstance(data, bytes) else data.read_bytes()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.external_attr, info.create_system = _MODE, 3
    archive.writestr(info, data)
