"""What is generated for the web UI is current, and nothing in its lock file names where it came from."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.packaging.openapi import document

ROOT = Path(__file__).parents[2]
TYPES = ROOT / "web_ui" / "components" / "src" / "api" / "schema.ts"


@pytest.mark.slow
def test_the_types_of_the_api_are_current(tmp_path: Path) -> None:
    described, made = tmp_path / "openapi.json", tmp_path / "schema.ts"
    described.write_text(document(), encoding="utf-8")
    flags = ["--root-types", "--root-types-no-schema-prefix", "--alphabetize"]
    command = ["npx", "--no-install", "openapi-typescript", str(described), "-o", str(made), *flags]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert made.read_text() == TYPES.read_text(), "they are old: `make web-api`"


def test_the_lock_file_names_no_host() -> None:
    found = re.findall(r'"resolved": "https?:[^"]*"', (ROOT / "package-lock.json").read_text())
    assert found == []


def test_no_text_of_the_catalogue_is_unused() -> None:
    """Those of forms are put together from the names of fields."""
    sources = ROOT / "web_ui" / "components" / "src"
    texts = "".join((sources / "i18n" / f"en.{part}.ts").read_text() for part in ("app", "logs"))
    keys = set(re.findall(r"^  '?([\w.]+)'?: ['\"`]", texts, re.MULTILINE))
    code = "".join(
        path.read_text()
        for folder in (sources, ROOT / "web_ui" / "app" / "src")
        for path in folder.rglob("*.ts*")
        if path.parent.name != "i18n"
    )
    assert {key for key in keys if f"'{key}'" not in code} == set()
