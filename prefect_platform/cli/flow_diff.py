from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option
from prefect_platform.errors import NotFound

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient
    from prefect_platform.wire.environments import EnvironmentSpec
    from prefect_platform.wire.flows import FlowVersion


@click.command()
@click.argument("flow")
@click.argument("old", type=int)
@click.argument("new", type=int)
@project_option
@json_option
def command(flow: str, old: int, new: int, project: str | None, as_json: bool) -> None:
    """What differs between two versions: settings, environment, and code as text."""
    from prefect_platform.wire.environment_changes import changes as environment_changes

    with connected(project) as client:
        before, after = _versions(client, flow, (old, new))
        sources = [_files(client, version) for version in (before, after)]
        environments = [_environment(client, project or client.project, one) for one in (before, after)]
    settings = list(_settings(before, after, set(sources[0]) | set(sources[1])))
    settings += environment_changes(*environments)
    text = "".join(_text(sources[0], sources[1], old, new))
    if as_json:
        print(json.dumps({"settings": settings, "diff": text}, indent=2))
        return
    for line in settings:
        print(line)
    if settings and text:
        print()
    if text or not settings:
        print(text or f"Versions {old} and {new} are the same.", end="" if text else "\n")


def _versions(client: PlatformClient, flow: str, numbers: tuple[int, int]) -> tuple[FlowVersion, FlowVersion]:
    flow_id = client.flows.find(client.project, flow).id
    found: dict[int, FlowVersion] = {}
    cursor: str | None = None
    while not set(numbers) <= set(found):
        page = client.flows.versions(flow_id, cursor=cursor, limit=200)
        found |= {version.number: version for version in page.items}
        cursor = page.cursor
        if cursor is None:
            break
    for number in numbers:
        if number not in found:
            raise NotFound(f"Flow {flow!r} has no version {number}; it has {min(found)} to {max(found)}.")
    return found[numbers[0]], found[numbers[1]]


def _environment(client: PlatformClient, project: str, version: FlowVersion) -> EnvironmentSpec | None:
    mark = version.settings.environment
    return client.environments.get(project, mark).spec if mark else None


def _files(client: PlatformClient, version: FlowVersion) -> dict[str, str]:
    return {file.path: file.text for file in client.flows.source(version.id)}


def _settings(before: FlowVersion, after: FlowVersion, shown: AbstractSet[str]) -> Iterator[str]:
    """Lines such as `memory_bytes: 1 → 2`; files that are no text (not in `shown`) by digest."""
    old, new = _facts(before, shown), _facts(after, shown)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"{name}: {old.get(name, 'nothing')} → {new.get(name, 'nothing')}"


def _facts(version: FlowVersion, shown: AbstractSet[str]) -> dict[str, str]:
    flat = {"code": version.code.kind.value, "entrypoint": version.code.entrypoint}
    # The environment is told by what it is made of.
    for name, value in version.settings.model_dump(mode="json", exclude={"environment"}).items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": str(item) for inner, item in value.items()}
        else:
            flat[name] = str(value)
    files = [file for file in version.code.files if file.path not in shown]
    return flat | {f"file {file.path}": f"{file.sha256[:12]} ({file.size} bytes)" for file in files}


def _text(old: Mapping[str, str], new: Mapping[str, str], *numbers: int) -> Iterator[str]:
    """A unified diff over all files, as `diff -u` prints it."""
    for path in sorted(old.keys() | new.keys()):
        sides = [text.get(path, "").splitlines(keepends=True) for text in (old, new)]
        names = [
            f"{path}@{number}" if path in text else "/dev/null"
            for text, number in zip((old, new), numbers, strict=True)
        ]
        for line in difflib.unified_diff(sides[0], sides[1], names[0], names[1]):
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
