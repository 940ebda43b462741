"""The public names are these, sorted, and every one of them can be had."""

from __future__ import annotations

import prefect_platform


def test_public_names() -> None:
    assert prefect_platform.__all__ == sorted(prefect_platform.__all__)
    assert set(prefect_platform.__all__) == {
        "DaskCluster",
        "KubernetesRun",
        "PlatformCluster",
        "PlatformTaskRunner",
        "Registration",
        "Run",
        "WebhookStorage",
        "__version__",
        "connect",
        "describe_sizes",
        "register",
    }


def test_every_public_name_loads() -> None:
    for name in prefect_platform.__all__:
        assert getattr(prefect_platform, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(prefect_platform, "no_such_name")
