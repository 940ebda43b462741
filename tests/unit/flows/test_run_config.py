"""`KubernetesRun`, `size`, `gpu`: every wrong argument is named where it is written, with an example."""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import Any

import pytest
from prefect import flow

from prefect_platform.errors import RegistrationError, UsageError
from prefect_platform.flows.arguments import check_options
from prefect_platform.flows.register import register
from prefect_platform.flows.run_config import KubernetesRun, check_run
from prefect_platform.flows.sizing import Sizing, check_sizing
from prefect_platform.wire.run_options import RunOptions, Toleration, Volume
from prefect_platform.wire.sizes import GpuRequest


@flow
def etl() -> int:
    return 1


def test_everything_it_takes() -> None:
    found = KubernetesRun(
        image="registry.example.com:5000/team/etl:1.4@sha256:abc",
        node_selector={"example.com/pool": "large", "gpu": ""},
        tolerations=[{"key": "spot", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}, {}],
        volumes=[{"claim": "datasets", "path": "/data", "read_only": True}],
        shm="2GiB",
        timeout="2h",
    )
    assert found.options == RunOptions(
        image="registry.example.com:5000/team/etl:1.4@sha256:abc",
        node_selector={"example.com/pool": "large", "gpu": ""},
        tolerations=[
            Toleration.model_validate(
                {"key": "spot", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}
            ),
            Toleration(),
        ],
        volumes=[Volume(claim="datasets", path="/data", read_only=True)],
        shm_bytes=2 << 30,
        timeout_seconds=7200.0,
    )
    assert "timeout=7200.0" in repr(found)
    assert found == KubernetesRun(**_arguments(found))


def _arguments(run: KubernetesRun) -> dict[str, Any]:
    said = {"shm_bytes": "shm", "timeout_seconds": "timeout"}
    return {said.get(k, k): v for k, v in run.options.model_dump(mode="json").items() if v is not None}


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [("90min", 5400), (30, 30), (0.5, 0.5), (timedelta(hours=1), 3600), ("1h30m", 5400)],
)
def test_times(timeout: Any, seconds: float) -> None:
    assert KubernetesRun(timeout=timeout).options.timeout_seconds == seconds


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"imag": "x"}, ["no `imag`", "Did you mean 'image'", "It takes image, node_selector"]),
        ({"cpu_request": 1}, ["no `cpu_request`"]),
        ({"x" * 10_000: 1}, ["no `xxx"]),
        ({"image": ""}, ["image=''", "registry.example.com"]),
        ({"image": 3}, ["image=3", "string"]),
        ({"image": "-rm /"}, ["image='-rm /'"]),
        ({"image": "a" * 10_000}, ["image='aaa", "512"]),
        ({"image": "a\0b"}, ["NUL"]),
        ({"node_selector": "pool"}, ["node_selector='pool'", "dict"]),
        ({"node_selector": {"a b": "c"}}, ["node_selector", "a b"]),
        ({"node_selector": {"../a": "c"}}, ["node_selector", "../a"]),
        ({"node_selector": {"pool": "größe"}}, ["node_selector", "pool"]),
        ({"node_selector": {"pool": 3}}, ["node_selector", "pool", "string"]),
        ({"node_selector": {f"k{n}": "v" for n in range(51)}}, ["node_selector", "50"]),
        ({"tolerations": {"key": "spot"}}, ["tolerations", "list of dicts"]),
        ({"tolerations": ["spot"]}, ["tolerations", "list of dicts"]),
        ({"tolerations": [{"keey": "spot"}]}, ["tolerations", "no `keey`", "Did you mean 'key'"]),
        ({"tolerations": [{"key": "spot", "operator": "equals"}]}, ["operator", "Equal"]),
        ({"tolerations": [{"key": "spot", "effect": "No"}]}, ["effect", "NoSchedule"]),
        ({"tolerations": [{"key": "spot", "value": "x"}]}, ["needs operator 'Equal'"]),
        ({"tolerations": [{"operator": "Equal", "value": "x"}]}, ["needs a key and a value"]),
        ({"volumes": [{"claim": "d"}]}, ["volumes", "path", "required"]),
        ({"volumes": [{"claim": "d", "path": "data"}]}, ["volumes", "path"]),
        ({"volumes": [{"claim": "d", "path": "/a/../../etc"}]}, ["has no .. in it"]),
        ({"volumes": [{"claim": "d", "path": "/"}]}, ["not / itself"]),
        ({"volumes": [{"claim": "D'; --", "path": "/d"}]}, ["claim"]),
        ({"volumes": [{"claim": "d", "path": "/d"}, {"claim": "e", "path": "/d/"}]}, ["two volumes"]),
        ({"shm": "much"}, ["shm='much'", "such as shm='2GiB'"]),
        ({"shm": 0}, ["shm=0", "greater than 0"]),
        ({"shm": True}, ["shm=True"]),
        ({"timeout": "soon"}, ["timeout='soon'", "such as timeout='2h'"]),
        ({"timeout": 0}, ["timeout=0", "greater than 0"]),
        ({"timeout": -5}, ["timeout=-5"]),
        ({"timeout": "400d"}, ["timeout=", "less than"]),
        ({"timeout": float("nan")}, ["finite"]),
        ({"timeout": timedelta(0)}, ["timeout=0"]),
        ({"timeout": ["2h"]}, ["timeout=['2h']"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(RegistrationError) as caught:
        KubernetesRun(**given)
    for word in words:
        assert word in caught.value.message
    assert len(caught.value.message) < 900


@pytest.mark.parametrize("run", [{"timeout": "2h"}, "2h", 3, KubernetesRun])
def test_run_is_a_kubernetes_run(run: Any) -> None:
    with pytest.raises(RegistrationError, match=r"expected run=KubernetesRun\(...\)"):
        check_run(run)


def test_one_that_says_nothing_is_none() -> None:
    assert check_run(KubernetesRun()) is None
    assert check_run(None) is None


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, Sizing()),
        ({"size": " large "}, Sizing("large")),
        ({"instance_size": "large"}, Sizing("large")),
        ({"size": "large", "instance_size": "large"}, Sizing("large")),
        ({"gpu": "A100:2"}, Sizing(gpu=GpuRequest(type="A100", count=2))),
        ({"run": KubernetesRun(timeout=5)}, Sizing(run=RunOptions(timeout_seconds=5))),
    ],
)
def test_what_goes_into_the_settings(given: dict[str, Any], found: Sizing) -> None:
    assert check_sizing(given) == found
    assert check_options(etl, given).sizing == found


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"size": 3}, ["size is 3", "size='large'"]),
        ({"size": ""}, ["no size ''", "describe_sizes()"]),
        ({"size": "x" * 10_000}, ["no size 'xxx", "63 characters"]),
        ({"size": "a\nb"}, ["no size 'a\\nb'"]),
        ({"size": "\ud800"}, ["no size"]),
        ({"instance_size": ["large"]}, ["instance_size is ['large']"]),
        ({"size": "large", "instance_size": "small"}, ["differ", "give size alone"]),
        ({"gpu": "A100:A100"}, ["type twice", "gpu='A100:2'"]),
        ({"gpu": 0}, ["Leave gpu out"]),
        ({"run": "2h"}, ["expected run=KubernetesRun"]),
        ({"siz": "large"}, ["no `siz`", "Did you mean 'size'"]),
    ],
)
def test_wrong_arguments_of_register_are_refused_before_anything_is_sent(
    given: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(RegistrationError) as caught:
        register(etl, **given)
    for word in words:
        assert word in caught.value.message


def test_the_old_name_of_size_is_told_at_the_line_that_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_PLATFORM_URL", raising=False)
    monkeypatch.setenv("PREFECT_PLATFORM_PROFILE", "/no/such/profile.json")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(UsageError, match="No platform is known here"):
            register(etl, instance_size="large")
    told = [one for one in caught if one.category is DeprecationWarning]
    assert [one.filename for one in told] == [__file__]
    assert "register(size=...)" in str(told[0].message)
