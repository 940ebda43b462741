"""What may be said of a Jupyter server, and what is refused, by field."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_platform.errors import UsageError
from prefect_platform.server.services.specs import parsed
from prefect_platform.wire.jupyter_spec import GitRepository, JupyterSpec, Shutoff

HTTPS = "https://host.example/team/project.git"


def spec(**fields: Any) -> JupyterSpec:
    return parsed(JupyterSpec, fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"siz": "large"}, "no field 'siz' Did you mean 'size'"),
        ({"size": "large", "cores": 2}, "say a size, or cores and memory"),
        ({"cores": 0}, "cores: input should be greater than 0"),
        ({"memory_bytes": 1}, "memory_bytes"),
        ({"gpu": {"count": 0}}, "gpu.count"),
        ({"disk_bytes": -1}, "disk_bytes"),
        ({"interpreter": "python3"}, "interpreter: .*absolute path"),
        ({"packages": ["a\nb"]}, "packages.0"),
        ({"requirements": "-r other.txt"}, "requirements: .*line 1 names a file"),
        ({"variables": {"HOME": "/x"}}, "HOME cannot be set"),
        ({"variables": {"PREFECT_PLATFORM_TOKEN": "x"}}, "PREFECT_PLATFORM_TOKEN cannot be set"),
        ({"working_directory": "work"}, "working_directory: .*absolute path"),
        ({"working_directory": "~other/x"}, "working_directory: .*absolute path"),
        ({"git": [{"url": "ext::sh -c id"}]}, "asks git to run a program"),
        ({"git": [{"url": "--upload-pack=id"}]}, "is an option"),
        ({"git": [{"url": "https://me:pw@host.example/x"}]}, "with a user or a password"),
        ({"git": [{"url": HTTPS, "path": "../x"}]}, "git.0.path: .*below the working directory"),
        ({"git": [{"url": HTTPS, "path": "a/.git/hooks"}]}, "git.0.path: .*below the working directory"),
        ({"git": [{"url": HTTPS, "ref": "--detach"}]}, "git.0.ref: .*no branch, tag or commit"),
        ({"git": [{"url": HTTPS, "ref": "a..b"}]}, "git.0.ref: .*no branch, tag or commit"),
        ({"git": [{"url": HTTPS}, {"url": HTTPS}]}, "share the folder 'project'"),
        ({"git": [{"url": HTTPS}, {"url": HTTPS, "path": "project/in"}]}, "share the folder 'project'"),
        ({"secrets": [{"secret": "a"}]}, "as a variable or as a file"),
        ({"secrets": [{"secret": "a", "variable": "A"}, {"secret": "b", "variable": "A"}]}, "given twice"),
        ({"secrets": [{"secret": "a", "variable": "A"}], "variables": {"A": "1"}}, "A is given twice"),
        ({"shutoff": "2h"}, "shutoff: .*'1h', '6h', '24h', '3d', '7d' or 'never'"),
        ({"shutoff": True}, "shutoff"),
        ({"start_script": ""}, "start_script"),
    ],
)
def test_what_cannot_be_is_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        spec(**fields)


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        (HTTPS, "project"),
        ("git@host.example:team/other.git", "other"),
        ("ssh://git@host.example/deep/one/", "one"),
        ("/srv/repositories/plain", "plain"),
    ],
)
def test_a_repository_lies_in_a_folder_of_its_name(url: str, folder: str) -> None:
    assert GitRepository(url=url).folder == folder


def test_packages_and_requirements_come_together() -> None:
    found = spec(packages=["polars>=1"], requirements="# mine\nrich==13\n\nnumpy  # for sums\n")
    assert found.all_packages == ["polars>=1", "rich==13", "numpy"]


def test_the_shutoff_is_an_hour_unless_it_is_said() -> None:
    assert spec().shutoff.seconds == 3600
    assert [one.seconds for one in Shutoff][1:] == [21600, 86400, 259200, 604800, None]
