"""Building an environment with `uv`: from what was captured, or on top of an interpreter that still is so.

*On top*: the interpreter that registered is as it was, and packages are added. They go into a folder of
their own, which is looked at first; the rest is imported from where it is, editable packages too.
*From nothing*: that interpreter has changed since. Everything that was captured is installed as it was,
by exact version, and then what is added.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path

from prefect_platform.distributions import INDEX, VCS, Distribution, normalised
from prefect_platform.launcher import child
from prefect_platform.launcher.environment_cache import Lock
from prefect_platform.launcher.faults import EnvironmentFault
from prefect_platform.launcher.signals import Signals
from prefect_platform.launcher.source import Source

OURS = "prefect-platform"
"""Comes with every environment: from the index if it was captured so, else this launcher's own."""
WHEELS = ".wheels"
"""Folder of the code in which `register` sends what no index has."""
NAMED = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(.*)")
DRAWN = re.compile("[│├└╰─▶\N{MULTIPLICATION SIGN}]+")
"""What uv draws around its words."""
NO_SPACE = "No space left on device"


@dataclass(frozen=True)
class Recipe:
    """What an environment is made of. Equal recipes make equal environments."""

    python: str
    """Path of an interpreter, or a version to look for."""
    base: tuple[str, ...]
    """Folders that are imported from beside its own; none where all is built from nothing."""
    wanted: Mapping[str, Distribution]
    packages: tuple[str, ...]
    """Lines of a requirements file."""
    wheels: Mapping[str, Path] = field(default_factory=dict)
    """Of distributions that came from no index, by name; they came with the code."""
    scope: tuple[tuple[str, ...], ...] = ()
    """What of the run tells `uv` where packages come from, without the value of any secret: who has other
    settings, or another secret for an index, gets an environment of its own."""

    @property
    def key(self) -> str:
        pinned = sorted(json.dumps(astuple(one)) for one in self.wanted.values())
        sent = sorted((name, _digest(path)) for name, path in self.wheels.items())
        said = json.dumps([self.python, self.base, pinned, self.packages, sent, self.scope])
        return hashlib.sha256(said.encode()).hexdigest()[:40]

    @property
    def kept(self) -> dict[str, Distribution]:
        """What was captured, but for that of which `packages` asks for another version."""
        return {name: one for name, one in self.wanted.items() if name not in self.replaced}

    @property
    def replaced(self) -> set[str]:
        """Names of which `packages` says a version."""
        return {name for name, version in map(requirement, self.packages) if version}


def requirement(line: str) -> tuple[str, str]:
    """Name and rest of a line: what it says of versions. An option has neither."""
    found = None if line.lstrip().startswith("-") else NAMED.match(line)
    return (normalised(found[1]), found[3].partition("#")[0].strip()) if found else ("", "")


class Build:
    """One build in one folder. What `uv` says goes to the log source `environment`."""

    def __init__(
        self, uv: str, recipe: Recipe, source: Source, signals: Signals, environment: Mapping[str, str]
    ) -> None:
        self._uv, self._recipe, self._source, self._signals = uv, recipe, source, signals
        self._environment = {
            **environment,
            "NO_COLOR": "1",
            "UV_NO_PROGRESS": "1",
            "UV_PYTHON_DOWNLOADS": "never",
        }

    def into(self, place: Path, lock: Lock) -> None:
        """Build it. The lock is handed on, so that it holds for as long as any of this runs.

        Raises:
            EnvironmentFault: it cannot be built; the text says why, in the words of the resolver.
            Stopped: the end was asked for.
        """
        uv = _Uv(self, place, lock)
        uv.run("venv", "--quiet", "--no-project", "--python", self._recipe.python, str(place))
        site = next(place.glob("lib/python*/site-packages"))
        if not self._recipe.base:
            self._captured(uv, place, site)
        if self._recipe.packages:
            self._added(uv, place)
        if self._recipe.base:
            _import_from(site, self._recipe.base)

    def _captured(self, uv: _Uv, place: Path, site: Path) -> None:
        """Install what was captured: exactly that, whatever its own metadata asks for."""
        lines = list(_pins(self._recipe.kept.values(), self._recipe.wheels))
        if lines:
            uv.install(_written(place / "captured.txt", lines))
        ours = self._recipe.kept.get(OURS)
        if ours is not None and ours.origin != INDEX:
            _bring_ours(site)

    def _added(self, uv: _Uv, place: Path) -> None:
        """Resolve what is added together with what is there, and install the part that is not there."""
        recipe = self._recipe
        asked = _written(place / "packages.txt", recipe.packages)
        captured = _exact(recipe.wanted)
        there = set((captured if recipe.base else _exact(recipe.kept)).values())
        named = {requirement(line)[0] for line in recipe.packages}
        held = _written(place / "held.txt", [pin for name, pin in captured.items() if name not in named])
        # What stands in the output is preferred, so that a bound which the captured version meets keeps it.
        resolved = _written(place / "resolved.txt", sorted(captured.values()))
        uv.run("pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python", uv.python,
               "--constraints", str(held), "--output-file", str(resolved), str(asked))  # fmt: skip
        options = [line for line in recipe.packages if line.lstrip().startswith("-")]
        new = [line for line in resolved.read_text().splitlines() if line not in there]
        if any(requirement(line)[0] for line in new):
            uv.install(_written(place / "added.txt", [*options, *new]))

    def call(self, place: Path, lock: Lock, *arguments: str) -> None:
        """Run `uv`. Raises: EnvironmentFault with what it said, if it fails."""
        self._source.write(f"$ uv {' '.join(arguments)}\n".replace(str(place), place.name[:12]).encode())
        end = child.run(
            [self._uv, *arguments],
            self._environment,
            place.parent,
            self._source,
            self._signals,
            keep=[lock.descriptor],
        )
        self._signals.check()
        if end.code != 0:
            said = self._source.tail.rpartition("$ uv ")[2].partition("\n")[2]
            raise EnvironmentFault(f"The environment of this version cannot be built: {said_by_uv(said)}")


class _Uv:
    """`uv` on one folder."""

    def __init__(self, build: Build, place: Path, lock: Lock) -> None:
        self._build, self._place, self._lock = build, place, lock
        self.python = str(place / "bin" / "python")

    def run(self, *arguments: str) -> None:
        self._build.call(self._place, self._lock, *arguments)

    def install(self, requirements: Path) -> None:
        self.run("pip", "install", "--no-deps", "--compile-bytecode", "--python", self.python,
                 "--requirements", str(requirements))  # fmt: skip


def said_by_uv(text: str) -> str:
    """The last thing that `uv` said, as a sentence: without its drawing, on one line."""
    if NO_SPACE in text:
        return f"{NO_SPACE}: the disk that holds the environments, or uv's cache, is full. Make room there."
    lines = text.strip().splitlines()
    last = max(
        (
            n
            for n, line in enumerate(lines)
            if line.startswith(("error:", "  \N{MULTIPLICATION SIGN}", "\N{MULTIPLICATION SIGN}"))
        ),
        default=0,
    )
    words = " ".join(" ".join(DRAWN.sub(" ", line) for line in lines[last:]).split())
    return words.removeprefix("error: ").replace(" cause: ", ": ") or "uv has failed, and said nothing."


def _exact(found: Mapping[str, Distribution]) -> dict[str, str]:
    """What came from an index, by exact version."""
    return {name: f"{name}=={one.version}" for name, one in found.items() if one.origin == INDEX}


def _pins(wanted: Iterable[Distribution], wheels: Mapping[str, Path]) -> Iterator[str]:
    """Each as a line of a requirements file.

    Raises:
        EnvironmentFault: some came from a folder of another time; they cannot be had again.
    """
    gone = []
    for one in wanted:
        if one.origin == INDEX:
            yield f"{one.name}=={one.version}"
        elif one.origin == VCS and one.commit:
            yield f"{one.name} @ {one.url}@{one.commit}"
        elif (one.url or "").startswith(("https://", "http://")):
            yield f"{one.name} @ {one.url}"
        elif one.name in wheels:
            yield str(wheels[one.name])
        elif one.name != OURS:
            gone.append(f"{one.name} {one.version} ({one.origin}, {one.url})")
    if gone:
        raise EnvironmentFault(
            f"The environment of this version cannot be built: {', '.join(gone)} did not come from an index, "
            "and was not sent along. Register the flow again."
        )


def sent(code: Path) -> dict[str, Path]:
    """The wheels that came with the code, by the name of their distribution."""
    return {normalised(path.name.partition("-")[0]): path for path in sorted((code / WHEELS).glob("*.whl"))}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _written(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def _import_from(site: Path, folders: Sequence[str]) -> None:
    """Have an environment import from these folders too, after its own, as if they were its own."""
    calls = "".join(f"; site.addsitedir({folder!r})" for folder in folders)
    (site / "_prefect_platform_base.pth").write_text(f"import site{calls}\n")


def _bring_ours(site: Path) -> None:
    """This launcher's own package, which the run needs to fetch code and keep results."""
    package = Path(__file__).parents[1]
    shutil.copytree(package, site / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in sys.path:
        for told in Path(folder).glob(f"{package.name}-*.dist-info"):
            shutil.copytree(told, site / told.name)
            return
