"""What `PlatformCluster` is asked for: refused by name and with an example, before anything is made."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from prefect_platform.dask_cluster import cluster_options
from prefect_platform.errors import UsageError
from prefect_platform.wire.dask_spec import AdaptRange


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_workers": 0}, "n_workers=0 must be a whole number from 1 to 1000, such as n_workers=4."),
        ({"n_workers": -2}, "n_workers=-2 must be"),
        ({"n_workers": True}, "n_workers=True must be"),
        ({"n_workers": 2.0}, "n_workers=2.0 must be"),
        ({"processes": 0}, "processes=0 must be a whole number from 1 to 64"),
        ({"threads": "2"}, "threads='2' must be"),
        ({"adapt": (5, 2)}, "minimum=5 is more than maximum=2"),
        ({"adapt": (1, None)}, "the maximum number of workers is needed too"),
        ({"adapt": (0, 0)}, "maximum=0 must be a whole number from 1"),
        ({"adapt": 3}, "expected the least and the most workers, such as adapt=(1, 10)"),
        ({"adapt": {"minimum": 1}}, "expected the least and the most workers"),
        ({"idle_timeout": 0}, "idle_timeout=0 must be seconds, more than 0, or such as idle_timeout='2h'"),
        ({"lifetime": "soon"}, "lifetime='soon': expected a time such as '2h'"),
        ({"lifetime": 1e12}, "lifetime: Input should be less than or equal to"),
        ({"worker_size": 3}, "worker_size is 3: expected the name of a size"),
        ({"scheduler_size": " "}, "scheduler_size is ' ': expected the name of a size"),
        ({"gpu": 0}, "gpu"),
        ({"spot": "yes"}, "spot is 'yes': expected True or False"),
        ({"name": "My Cluster"}, "a name has lowercase letters, digits and dashes"),
        ({"env": {"A": 1}}, "env: the value of A is int"),
        ({"env": {"PREFECT_PLATFORM_TOKEN": "x"}}, "env: PREFECT_PLATFORM_TOKEN cannot be set"),
        ({"secrets": "aws-key"}, "secrets is str: expected a list of names"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as refused:
        cluster_options.check(given)
    assert type(refused.value) is UsageError, "nothing was to be registered"


def test_what_is_right_is_taken() -> None:
    found = cluster_options.check(
        {
            "name": "mine", "n_workers": 3, "worker_size": "large", "adapt": [0, 5], "idle_timeout": "90min",
            "lifetime": timedelta(hours=2), "gpu": "A100:2", "env": {"A": "b"}, "secrets": ["aws-key"],
        }
    )  # fmt: skip
    spec = found.spec
    assert (found.name, spec.n_workers, spec.worker_size) == ("mine", 3, "large")
    assert spec.adapt == AdaptRange(minimum=0, maximum=5)
    assert (spec.idle_timeout_seconds, spec.lifetime_seconds) == (5400.0, 7200.0)
    assert spec.gpu is not None
    assert (spec.gpu.type, spec.gpu.count) == ("A100", 2)
    assert (found.variables, found.secrets[0].variable) == ({"A": "b"}, "AWS_KEY")


def test_an_unknown_keyword_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"has no `n_worker`\. Did you mean 'n_workers'\? It takes name, "):
        cluster_options.check_unknown({"n_worker": 3})


def test_the_shape_of_a_cluster_that_runs_stays() -> None:
    with pytest.raises(UsageError, match=r"worker_size of a cluster that runs stays .*make a new one"):
        cluster_options.check_changes("mine", {"worker_size": "large"})
    with pytest.raises(UsageError, match="Did you mean 'worker_size'"):
        cluster_options.check_changes("mine", {"worker_sizes": "large"})
