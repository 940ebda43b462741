"""The environment of a run: the interpreter that registered, while it is as it was; else one that is built.

What is installed is compared with what was captured, before any user code. Each difference is named in the
promise "environment"; for a version that was registered with `strict=True` it ends the attempt.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prefect_platform.distributions import Difference, Distribution, differences, scan
from prefect_platform.launcher import engine, environment_report
from prefect_platform.launcher.building import Build, Recipe, sent
from prefect_platform.launcher.environment_cache import EnvironmentCache, Lock
from prefect_platform.launcher.faults import EngineFault, EnvironmentFault
from prefect_platform.launcher.interpreter import Interpreter
from prefect_platform.launcher.logbook import Logbook
from prefect_platform.launcher.promises import Promises
from prefect_platform.launcher.signals import Signals
from prefect_platform.wire.launch import Builder, LaunchSpec, WantedEnvironment

SOURCE = "environment"
NAMED = 10
"""Differences that one sentence names."""
STANDARD = re.compile(r"python\d+\.zip|python\d+\.\d+|lib-dynload")
"""Last part of the folders that every interpreter has of itself."""
PYTHON = "python"


@dataclass(frozen=True)
class Found:
    """An interpreter, what is installed for it, and how that differs from what is wanted."""

    interpreter: Interpreter
    installed: Mapping[str, Distribution]
    differences: Sequence[Difference]

    @property
    def as_captured(self) -> bool:
        """Whether every package is. Another patch release of Python is told, but no build brings it back."""
        return all(one.package == PYTHON for one in self.differences)


class Environment:
    """Finds the interpreter of one attempt. `ask` asks one what it is; `early` is called before anything
    that takes so long that heartbeats must flow meanwhile."""

    def __init__(
        self,
        spec: LaunchSpec,
        log: Logbook,
        signals: Signals,
        inherited: Mapping[str, str],
        early: Callable[[], None],
    ) -> None:
        self._spec, self._log, self._signals = spec, log, signals
        self._inherited, self._early = inherited, early
        self._lock: Lock | None = None

    def find(self, ask: Callable[[str], Interpreter], promises: Promises, code: Path) -> Interpreter:
        """The interpreter to run with; the promise is judged. Wheels of what no index has lie in `code`.

        Raises:
            EngineFault: there is none, or it does not start.
            EnvironmentFault: what is added cannot be installed, or there are differences and none may be.
        """
        try:
            return self._judged(ask, promises, code)
        except (EngineFault, EnvironmentFault) as fault:
            if not promises.found("environment"):
                promises.break_("environment", str(fault))
            raise

    def _judged(self, ask: Callable[[str], Interpreter], promises: Promises, code: Path) -> Interpreter:
        spec, began = self._spec, time.monotonic()
        if spec.wanted is None:
            engine.check_interpreter(spec.interpreter)
            if spec.program is not None:
                promises.keep("environment", "The interpreter that it was asked for, as it is.")
            else:
                promises.break_(
                    "environment", "It was registered before environments were captured. Register again."
                )
            return ask(spec.interpreter)
        found, how = self._find(spec.wanted, ask, sent(code))
        judge(promises, spec.wanted, found)
        self._log.steps.add("environment-ready", f"{how}, {time.monotonic() - began:.3f} s")
        if spec.flow_run is not None:
            report = environment_report.report(spec.wanted, found.interpreter, found.installed, how)
            self._log.steps.environment(report)
        if spec.wanted.strict and found.differences:
            raise EnvironmentFault(
                "The environment is not the one that was registered, and strict=True lets nothing run then: "
                f"{listed(found.differences)}."
            )
        return found.interpreter

    @property
    def _settings(self) -> tuple[tuple[str, str], ...]:
        """What the run tells `uv`."""
        given = self._spec.environment.items()
        return tuple(sorted((name, value) for name, value in given if name.startswith("UV_")))

    @property
    def _scope(self) -> tuple[tuple[str, ...], ...]:
        """The same, for a name that everybody sees: of a secret its project and version, never its value."""
        project = self._spec.environment.get("PREFECT_PLATFORM_PROJECT", "")
        secrets = {
            one.variable: (project, one.secret, str(one.version)) for one in self._spec.attached_secrets
        }
        return tuple((name, *secrets.get(name, (value,))) for name, value in self._settings)

    def release(self) -> None:
        """The attempt has ended: nobody minds if what it used is cleaned."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _find(
        self, wanted: WantedEnvironment, ask: Callable[[str], Interpreter], wheels: Mapping[str, Path]
    ) -> tuple[Found, str]:
        """What to run with, and how it was had."""
        if wanted.as_it_is:
            return self._as_it_is(wanted, ask)
        base, gone = self._registered(wanted, ask)
        if base is not None and base.as_captured and not wanted.packages:
            return base, "as it was registered"
        why = "packages are added" if base is not None and base.as_captured else _changed(base)
        self._log.say(f"{self._spec.interpreter}: {why}.")
        if base is not None and base.as_captured:
            return self._built(wanted, ask, _on_top(base, wanted.packages, self._scope))
        try:
            return self._built(wanted, ask, _from_nothing(self._spec, wanted, base, wheels, self._scope))
        except EnvironmentFault as fault:
            if base is None:
                raise EnvironmentFault(f"{gone} {fault}") from fault
            self._log.say(f"{fault} So the interpreter is used as it is now.")
        if not wanted.packages or wanted.strict:
            return base, "as it is now"
        return self._built(wanted, ask, _on_top(base, wanted.packages, self._scope))

    def _as_it_is(self, wanted: WantedEnvironment, ask: Callable[[str], Interpreter]) -> tuple[Found, str]:
        """The interpreter that was named, with what is added."""
        check_named(self._spec.interpreter)
        base = compare(wanted, ask(self._spec.interpreter))
        if not wanted.packages:
            return base, "as it is"
        self._log.say(f"{self._spec.interpreter}: packages are added.")
        return self._built(wanted, ask, _on_top(base, wanted.packages, self._scope))

    def _registered(
        self, wanted: WantedEnvironment, ask: Callable[[str], Interpreter]
    ) -> tuple[Found | None, EngineFault | None]:
        """The interpreter that registered, or why it cannot be had where another may take its place."""
        try:
            engine.check_interpreter(self._spec.interpreter)
            return compare(wanted, ask(self._spec.interpreter)), None
        except EngineFault as fault:
            if self._spec.builder is None:
                raise
            return None, fault

    def _built(
        self, wanted: WantedEnvironment, ask: Callable[[str], Interpreter], recipe: Recipe
    ) -> tuple[Found, str]:
        builder, shared = self._spec.builder, self._spec.shared_directory
        if builder is None or shared is None:
            raise EnvironmentFault(
                "Its environment would have to be built, and on this machine nothing builds one."
            )
        cache = EnvironmentCache(Path(shared) / "environments")
        kept = cache.ready(recipe.key)
        place, self._lock = kept or self._build(cache, builder, recipe)
        return (
            compare(wanted, ask(str(place / "bin" / "python")), recipe),
            f"{'kept since it was built' if kept else 'built'}, {place.name}",
        )

    def _build(self, cache: EnvironmentCache, builder: Builder, recipe: Recipe) -> tuple[Path, Lock]:
        self._early()
        source = self._log.more(SOURCE)
        build = Build(builder.uv, recipe, source, self._signals, {**self._inherited, **dict(self._settings)})
        try:
            made = cache.use(recipe.key, build.into, self._waiting, self._signals)
            for gone in cache.clean(builder.cache_bytes, builder.keep_seconds):
                source.say(f"Environment {gone} was deleted: it was not used, and its room is needed.")
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            raise EnvironmentFault(
                f"The environment of this version cannot be built: {error.strerror or error}{where}."
            ) from error
        return made

    def _waiting(self) -> None:
        self._log.say("Another run builds this environment just now; this one waits for it.")


def check_named(path: str) -> None:
    """Raises: EngineFault, where a resource names an interpreter that is not on this machine."""
    if not Path(path).is_file() or not os.access(path, os.X_OK):
        raise EngineFault(f"There is no interpreter at {path} on this machine, or it may not be executed.")


def compare(wanted: WantedEnvironment, found: Interpreter, recipe: Recipe | None = None) -> Found:
    """How an interpreter differs from what is wanted. In one that was built from `recipe` what it adds or
    replaces by its packages is no difference."""
    installed = scan(found.path)
    if wanted.as_it_is:
        return Found(found, installed, [])
    asked_version, version = wanted.python_version, found.version
    asked = {one.name: one for one in wanted.distributions}
    told = installed
    if recipe is not None:
        asked = {name: one for name, one in asked.items() if name not in recipe.replaced}
        told = {name: one for name, one in installed.items() if name in asked.keys() | recipe.kept.keys()}
    differing = differences(asked, told)
    if (wanted.implementation, asked_version) != (found.implementation, version):
        differing.insert(
            0,
            Difference(
                PYTHON, f"{wanted.implementation} {asked_version}", f"{found.implementation} {version}"
            ),
        )
    return Found(found, installed, differing)


def judge(promises: Promises, wanted: WantedEnvironment, found: Found) -> None:
    """Keep or break the promise."""
    what = f"{wanted.implementation} {found.interpreter.version} with {len(found.installed)} packages"
    if found.differences:
        count = len(found.differences)
        promises.break_(
            "environment",
            f"{what}, of which {count} {'is' if count == 1 else 'are'} not as registered.",
            map(str, found.differences),
        )
        return
    added = f", {', '.join(wanted.packages)} added" if wanted.packages else ""
    how = "as it is" if wanted.as_it_is else "as registered"
    promises.keep("environment", f"{what}, {how}{added}.")


def listed(differing: Sequence[Difference]) -> str:
    more = f"; and {len(differing) - NAMED} more" if len(differing) > NAMED else ""
    return "; ".join(map(str, differing[:NAMED])) + more


def _on_top(base: Found, packages: Sequence[str], scope: tuple[tuple[str, ...], ...]) -> Recipe:
    return Recipe(
        base.interpreter.executable,
        tuple(_own(base.interpreter.path)),
        base.installed,
        tuple(packages),
        scope=scope,
    )


def _from_nothing(
    spec: LaunchSpec,
    wanted: WantedEnvironment,
    base: Found | None,
    wheels: Mapping[str, Path],
    scope: tuple[tuple[str, ...], ...],
) -> Recipe:
    """With the interpreter that registered if it has kept its minor version, else with any that has it."""
    minor = wanted.python_version.rpartition(".")[0]
    same = base is not None and base.interpreter.version.rpartition(".")[0] == minor
    captured = {one.name: one for one in wanted.distributions}
    python = spec.interpreter if same else minor
    return Recipe(python, (), captured, tuple(wanted.packages), wheels, scope)


def _own(path: Sequence[str]) -> Iterator[str]:
    """Folders of an interpreter that are not of its standard library."""
    return (folder for folder in path if not STANDARD.fullmatch(Path(folder).name) and Path(folder).is_dir())


def _changed(base: Found | None) -> str:
    if base is None:
        return "it is not there any more, or does not start"
    return f"it has changed since it was registered: {listed(base.differences)}"
