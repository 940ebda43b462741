"""The docs say what the code does: generated pages are current, links lead somewhere, code parses."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.packaging.reference import OUT, PAGES

ROOT = Path(__file__).parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


@pytest.mark.parametrize("name", sorted(PAGES))
def test_generated_pages_are_current(name: str) -> None:
    assert (OUT / name).read_text() == PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_in_the_docs_parses(path: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL):
        ast.parse(block)


def test_commands_in_the_docs_exist() -> None:
    known = (OUT / "commands.md").read_text()
    for path in DOCS:
        for command in re.findall(
            r"^\s*(?:\$ )?prefect-platform ((?:[a-z-]+ ?)+)", path.read_text(), re.MULTILINE
        ):
            words = command.split()
            assert any(f"`prefect-platform {' '.join(words[:n])}" in known for n in (2, 1)), (
                f"{path.name}: {command}"
            )
