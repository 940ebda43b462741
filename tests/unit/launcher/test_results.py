"""Where results are kept is decided by what the interpreter of the run has."""

from __future__ import annotations

import pytest

from prefect_platform.launcher.interpreter import Interpreter
from prefect_platform.launcher.results import variables

LOCAL = "PREFECT_RESULTS_LOCAL_STORAGE_PATH"
BLOCK = "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK"
GIVEN = {BLOCK: "platform-results/default-in-1", LOCAL: "/data/results/default", "REGION": "eu"}


def interpreter(*collections: str) -> Interpreter:
    return Interpreter("/opt/python", "3.11.7", "CPython", [], [], list(collections))


def test_an_interpreter_with_this_package_uses_the_platform() -> None:
    said: list[str] = []
    has = interpreter("prefect_aws", "prefect_platform.flows.results")
    assert variables(GIVEN, has, said.append) == GIVEN
    assert said == []


@pytest.mark.parametrize("collections", [(), ("prefect_aws",), ("prefect_platform.agent.worker",)])
def test_one_without_it_or_with_an_older_one_stays_on_the_machine_and_says_so(
    collections: tuple[str, ...],
) -> None:
    said: list[str] = []
    found = variables(GIVEN, interpreter(*collections), said.append)
    assert found == {LOCAL: "/data/results/default", "REGION": "eu"}
    assert "/opt/python" in said[0]
    assert "/data/results/default of this machine" in said[0]


def test_a_storage_of_the_users_own_is_left_alone() -> None:
    own = GIVEN | {BLOCK: "s3-bucket/ours"}
    said: list[str] = []
    assert variables(own, interpreter(), said.append) == own
    assert said == []
