"""Recipes in files: what is read, and how what is wrong is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect_platform.cli import recipe_files
from prefect_platform.errors import UsageError

GOOD = "kind: prefect-agent\nname: night\nspec:\n  limit: 3\n"


def test_documents_folders_and_state(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        f"---\n{GOOD}---\n{GOOD.replace('night', 'day')}state: {{status: running}}\n"
    )
    (tmp_path / "b.yml").write_text(GOOD.replace("night", "noon"))
    (tmp_path / "c.txt").write_text("no recipe")
    found = recipe_files.read([str(tmp_path)])
    assert [(one.name, one.spec) for one in found] == [(n, {"limit": 3}) for n in ("night", "day", "noon")]


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nkind: prefect-agent\nname: night\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: agent\nname: night\n", "document 1: kind: input should be 'prefect-agent'"),
        ("kind: prefect-agent\nname: Night\n", "document 1: name: string should match"),
        ("kind: prefect-agent\n", "document 1: name: field required"),
        (f"{GOOD}extra: 1\n", "document 1: extra: extra inputs are not permitted"),
        (f"{GOOD}---\n- a list\n", "document 2: it: input should be"),
        (f"{GOOD}name: twice\n", "line 5.*there twice"),
        (BOMB, "aliases are not allowed"),
        ("a: [" * 5000, "nested too deep|flow sequence|expected"),
        ("kind: !!python/object/apply:os.system [ls]\n", "could not determine a constructor"),
        ("\n# nothing\n", "There is no recipe"),
        ("kind: [\n", "line"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        recipe_files.read([str(path)])


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        recipe_files.read([str(tmp_path / "missing.yaml")])
    (tmp_path / "latin.yaml").write_bytes(b"name: \xff\n")
    with pytest.raises(UsageError, match="no YAML in UTF-8"):
        recipe_files.read([str(tmp_path / "latin.yaml")])
    with (tmp_path / "big.yaml").open("wb") as big:
        big.truncate(recipe_files.MAX_BYTES + 1)
    with pytest.raises(UsageError, match="more than 4 MiB"):
        recipe_files.read([str(tmp_path / "big.yaml")])
