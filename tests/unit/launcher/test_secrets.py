"""The promise of the secrets: names and versions, and never a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from prefect_platform.launcher.faults import SecretFault
from prefect_platform.launcher.promises import Promises
from prefect_platform.launcher.report import Promise
from prefect_platform.launcher.secrets import Secrets
from prefect_platform.wire.launch import AttachedSecret, FlowRun, LaunchSpec, SecretFile

VALUE = "correct horse battery"
SPEC = LaunchSpec(
    workload_id="w1", attempt_id="a1", interpreter="/python", python_version="3.11.7", environment={},
    secrets=[], flow_run=FlowRun("f1", "http://127.0.0.1:9/api", "flows.py:main"), bundle=None,
    grace_seconds=5.0, memory_bytes=1 << 30,
)  # fmt: skip


class Heard:
    """What a launcher says and promises."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.found: dict[str, Promise] = {}
        self.promises = Promises(self._tell)

    def _tell(self, promises: Iterable[Promise]) -> None:
        self.found = {one.name: one for one in promises}

    @property
    def secrets(self) -> Promise:
        self.promises.tell()
        return self.found["secrets"]


@pytest.fixture
def heard() -> Heard:
    return Heard()


def made(tmp_path: Path, spec: LaunchSpec) -> Secrets:
    return Secrets(spec, tmp_path, {"HOME": str(tmp_path)})


def test_none_were_asked_for(heard: Heard, tmp_path: Path) -> None:
    secrets = made(tmp_path, SPEC)
    secrets.put(heard.promises, heard.sentences.append)
    secrets.remove(heard.sentences.append)
    assert (heard.secrets.kept, heard.secrets.summary) == (True, "No secrets were asked for.")
    assert heard.sentences == []


def test_names_and_versions_are_told_and_no_value(heard: Heard, tmp_path: Path) -> None:
    spec = replace(
        SPEC,
        environment={"KEY": VALUE},
        attached_secrets=[AttachedSecret("key", 3, "KEY", None), AttachedSecret("file", 1, None, "~/f")],
        secret_files=[SecretFile("file", "~/f", 0o600, VALUE)],
    )
    secrets = made(tmp_path, spec)
    secrets.put(heard.promises, heard.sentences.append)
    assert heard.secrets.kept
    assert heard.secrets.summary == "key version 3 as $KEY; file version 1 as ~/f."
    assert (tmp_path / "f").read_text() == VALUE
    secrets.remove(heard.sentences.append)
    assert not (tmp_path / "f").exists()
    assert VALUE not in f"{heard.sentences} {heard.secrets!r} {spec!r}"


def test_a_file_that_cannot_be_put_breaks_the_promise(heard: Heard, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("the user's own")
    spec = replace(
        SPEC,
        attached_secrets=[AttachedSecret("file", 1, None, "~/f")],
        secret_files=[SecretFile("file", "~/f", 0o600, VALUE)],
    )
    secrets = made(tmp_path, spec)
    with pytest.raises(SecretFault):
        secrets.put(heard.promises, heard.sentences.append)
    secrets.remove(heard.sentences.append)
    assert not heard.secrets.kept
    assert "'file'" in heard.secrets.summary
    assert (tmp_path / "f").read_text() == "the user's own"


def test_what_the_platform_did_not_give_breaks_the_promise(heard: Heard, tmp_path: Path) -> None:
    spec = replace(SPEC, attached_secrets=[AttachedSecret("key", 3, "KEY", None)])
    made(tmp_path, spec).put(heard.promises, heard.sentences.append)
    assert (heard.secrets.kept, heard.secrets.differences) == (False, ("key version 3 as $KEY",))


def test_a_replaced_file_is_told(heard: Heard, tmp_path: Path) -> None:
    spec = replace(SPEC, secret_files=[SecretFile("file", "~/f", 0o600, VALUE)])
    secrets = made(tmp_path, spec)
    secrets.put(heard.promises, heard.sentences.append)
    (tmp_path / "f").unlink()
    (tmp_path / "f").write_text("another")
    secrets.remove(heard.sentences.append)
    assert "put another file in the place of the secret" in heard.sentences[-1]
