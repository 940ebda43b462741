"""The environment of the kernel, which its workers are to have."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import closing

from prefect_platform.dask_cluster.cluster_options import ClusterOptions
from prefect_platform.distributions import scan
from prefect_platform.errors import RegistrationError, UsageError
from prefect_platform.flows.installed import Installed, told
from prefect_platform.wire.environments import EnvironmentSpec
from prefect_platform.wire.flows import PythonInfo


def interpreter() -> PythonInfo:
    """That of this kernel: scheduler and workers start with it."""
    return PythonInfo(
        version=platform.python_version(),
        executable=sys.executable,
        implementation=platform.python_implementation(),
    )


def captured(options: ClusterOptions) -> EnvironmentSpec:
    """What is installed for this kernel, and where it works: modules beside a notebook are found on every
    worker.

    Raises:
        UsageError: the kernel's interpreter cannot be started as a program of its own.
    """
    try:
        with closing(Installed()) as installed:
            found = scan(installed.path())
    except RegistrationError as error:
        raise UsageError(error.message) from None
    return EnvironmentSpec(
        python_version=platform.python_version(),
        implementation=platform.python_implementation(),
        distributions=told(found),
        variables=options.variables,
        secrets=options.secrets,
        working_directory=os.getcwd(),  # noqa: PTH109 - as text
    )
