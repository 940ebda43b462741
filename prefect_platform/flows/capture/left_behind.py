"""Files that a flow of a notebook names and that do not travel with it: said, not guessed at."""

from __future__ import annotations

import ast
import os.path
from collections.abc import Iterable
from pathlib import Path

from prefect_platform.flows.capture.definitions import Definition, Kind
from prefect_platform.flows.capture.project_files import refusal


def left_behind(definitions: Iterable[Definition], folder: Path, travelling: set[str]) -> tuple[str, ...]:
    """One sentence for each file below `folder` that a text constant names by a relative path."""
    found: dict[str, str] = {}
    for definition in definitions:
        if definition.kind is not Kind.IMPORT:
            for text in _texts(definition.text):
                if text not in travelling and not os.path.isabs(text) and os.path.isfile(folder / text):  # noqa: PTH113, PTH117 - any text at all
                    found.setdefault(text, definition.names[0])
    return tuple(_said(name, text, folder) for text, name in found.items())


def _said(name: str, text: str, folder: Path) -> str:
    stays = (
        f"`{name}` names the file {text!r}, which does not travel: a run finds it as {str(folder / text)!r}"
    )
    path = os.path.normpath(text)
    why = refusal(path, folder / text, folder)
    return f"{stays}, or takes it along with include=[{path!r}]." if why is None else f"{stays}. It {why}."


def _texts(source: str) -> set[str]:
    nodes = ast.walk(ast.parse(source))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
