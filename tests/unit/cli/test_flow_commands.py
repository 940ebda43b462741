from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefect_platform.wire.runs import Run
from tests.unit.cli.scene import Scene

OLD = b"def etl():\n    return 1\n"
NEW = b"def etl():\n    return 2\n"


def test_flows_are_listed_shown_and_deleted(platform: Scene) -> None:
    platform.register({"flow.py": OLD})
    listing = platform.type("flow", "list")
    assert listing.exit_code == 0
    header, row = listing.stdout.splitlines()
    assert header.split() == ["NAME", "STATE", "VERSION", "DEPLOYMENTS", "OWNER", "CHANGED"]
    assert row.split()[:4] == ["etl", "ready", "1", "nightly"]
    assert json.loads(platform.type("flow", "list", "--json").stdout)[0]["name"] == "etl"
    assert "flow.py:etl" in platform.type("flow", "show", "etl").stdout
    assert platform.type("flow", "delete", "etl", input="n\n").exit_code == 1
    assert platform.client.flows.find("default", "etl").name == "etl"
    assert platform.type("flow", "delete", "etl", "--yes").stdout.endswith("Flow etl is deleted.\n")
    assert "No flows in default" in platform.type("flow", "list").stdout


def test_versions_and_their_difference(platform: Scene) -> None:
    platform.register({"flow.py": OLD, "model.bin": b"\x00\xff"})
    platform.register({"flow.py": NEW, "model.bin": b"\x01\xff", "new.py": b"x = 1"}, memory_bytes=2 << 30)
    rows = platform.type("flow", "versions", "etl").stdout.splitlines()
    assert [row.split()[0] for row in rows] == ["VERSION", "2", "1"]
    shown = platform.type("flow", "diff", "etl", "1", "2")
    assert shown.exit_code == 0
    assert f"memory_bytes: {1 << 30} → {2 << 30}" in shown.stdout
    assert "file model.bin: " in shown.stdout
    assert "--- flow.py@1\n+++ flow.py@2\n" in shown.stdout
    assert "-    return 1\n+    return 2\n" in shown.stdout
    assert "--- /dev/null\n+++ new.py@2\n@@ -0,0 +1 @@\n+x = 1\n\\ No newline" in shown.stdout
    assert "file flow.py" not in shown.stdout, "text is compared as text"
    assert platform.type("flow", "diff", "etl", "1", "1").stdout == "Versions 1 and 1 are the same.\n"
    assert "return 2" in json.loads(platform.type("flow", "diff", "etl", "1", "2", "--json").stdout)["diff"]


def test_the_difference_of_two_environments_is_in_words(platform: Scene) -> None:
    old = {"python_version": "3.11.7", "distributions": [{"name": "numpy", "version": "2.4.5"}]}
    new = {**old, "distributions": [{"name": "numpy", "version": "2.4.6"}], "variables": {"REGION": "geheim"}}
    platform.register({"flow.py": OLD}, environment=old)
    platform.register({"flow.py": OLD}, environment=new)
    shown = platform.type("flow", "diff", "etl", "1", "2")
    assert shown.stdout == "numpy 2.4.5 -> 2.4.6\nvariable REGION added\n"
    told = json.loads(platform.type("flow", "diff", "etl", "1", "2", "--json").stdout)
    assert told == {"settings": ["numpy 2.4.5 -> 2.4.6", "variable REGION added"], "diff": ""}


def test_options_about_the_environment_are_checked_without_repeating_a_value(platform: Scene) -> None:
    for wrong, words in (("geheim", "expected NAME=VALUE"), ("A=1", "'A' is given twice")):
        done = platform.type("flow", "register", "x.py:y", "--env", "A=geheim", "--env", wrong)
        assert done.exit_code == 2
        assert words in done.stderr
        assert "geheim" not in done.stderr
    done = platform.type("flow", "register", "x.py:y", "--start-script", "/nowhere.sh")
    assert "'/nowhere.sh' does not exist" in done.stderr


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nowhere.json", '\'nowhere.json\' is no JSON object, such as \'{"type": "event"'),
        ("x\0y", "no file that can be read"),
        ("a" * 10_000, "no file that can be read: File name too long"),
        (".", "Is a directory"),
        ("{'expect': 1}", "it is no JSON: Expecting property name"),
        ("[" * 100_000, "it is no JSON: "),
        ("[1]", "it holds no JSON object"),
    ],
)
def test_a_trigger_that_is_none(platform: Scene, given: str, words: str) -> None:
    done = platform.type("flow", "register", "x.py:y", "--trigger", given)
    assert done.exit_code == 2
    assert words in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no JSON: "),
        (b"\xff", "is no JSON: "),
        (b'["file.arrived"]', "holds no JSON object"),
        (b" " * ((1 << 20) + 1), "has more than 1048576 bytes"),
    ],
)
def test_a_file_that_holds_no_triggers(platform: Scene, tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "triggers.json"
    file.write_bytes(content)
    done = platform.type("flow", "register", "x.py:y", "--trigger", str(file))
    assert done.exit_code == 2
    assert f"{file} {words}" in done.stderr


def test_what_there_is_not_is_named_with_what_there_is(platform: Scene) -> None:
    platform.register({"flow.py": OLD})
    missing = platform.type("flow", "show", "elt")
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert missing.stderr.startswith("Error: Project 'default' has no flow 'elt'. Did you mean 'etl'?")
    version = platform.type("flow", "diff", "etl", "1", "7")
    assert version.exit_code == 2
    assert "no version 7; it has 1 to 1" in version.stderr


def test_a_run_is_started_with_its_parameters(platform: Scene) -> None:
    platform.register({"flow.py": OLD})
    done = platform.type(
        "run", "start", "etl", "--param", "day=2013-01-05", "--param", "n=3", "--tag", "x", "--json"
    )
    assert done.exit_code == 0, done.output
    run = Run.model_validate_json(done.stdout)
    created = list(platform.orchestrator.created.values())[-1]
    assert created.parameters == {"day": "2013-01-05", "n": 3}
    assert "x" in created.tags
    assert run.flow_name == "etl"
    for bad in ("novalue", "=3"):
        assert platform.type("run", "start", "etl", "--param", bad).exit_code == 2
