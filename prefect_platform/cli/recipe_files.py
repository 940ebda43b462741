"""Recipes in YAML files: read strictly, told with file and document where one is wrong, written back."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect_platform.cli.commands import extra
from prefect_platform.errors import UsageError, foreign

if TYPE_CHECKING:
    from prefect_platform.wire.recipes import Recipe
    from prefect_platform.wire.resources import Resource

MAX_BYTES = 4 << 20
FOLDERS = ("*.yaml", "*.yml")


def read(paths: Sequence[str]) -> list[Recipe]:
    """The recipes of files, of folders of files, and of stdin (`-`).

    Raises:
        UsageError: something is no recipe; the message names the file, the document and what is wrong.
    """
    found = [recipe for path in paths for name, data in _texts(path) for recipe in _recipes(name, data)]
    if not found:
        raise UsageError(f"There is no recipe in {', '.join(paths)}.")
    return found


def _texts(path: str) -> Iterator[tuple[str, bytes]]:
    if path == "-":
        yield "stdin", sys.stdin.buffer.read(MAX_BYTES + 1)
        return
    place = Path(path)
    files = sorted({file for form in FOLDERS for file in place.glob(form)}) if place.is_dir() else [place]
    for file in files:
        try:
            with file.open("rb") as opened:
                yield str(file), opened.read(MAX_BYTES + 1)
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror or error}.") from error


def _recipes(name: str, data: bytes) -> Iterator[Recipe]:
    from pydantic import ValidationError

    from prefect_platform.wire.recipes import Recipe

    for number, document in enumerate(_documents(name, data), 1):
        try:
            yield Recipe.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "it"
            said = f"{foreign(where)}: {first['msg'][:1].lower()}{first['msg'][1:]}"
            raise UsageError(f"{name}, document {number}: {said}.") from None


def _documents(name: str, data: bytes) -> list[Any]:
    with extra("server"):
        import yaml

        from prefect_platform import strict_yaml
    if len(data) > MAX_BYTES:
        raise UsageError(f"{name} has more than {MAX_BYTES >> 20} MiB: that is no recipe.")
    try:
        return [document for document in strict_yaml.load_all(data) if document is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UsageError(f"{name}{place}: {error.problem}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} is no YAML in UTF-8: {error}.") from error


def written(resources: Sequence[Resource], *, state: bool) -> str:
    """Recipes of these as YAML documents; with what was seen of them if `state` is wanted."""
    with extra("server"):
        import yaml
    documents = []
    for one in resources:
        plain = one.model_dump(mode="json")
        kept = ("kind", "name", "spec", "state") if state else ("kind", "name", "spec")
        documents.append({field: plain[field] for field in kept})
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, explicit_start=True)
