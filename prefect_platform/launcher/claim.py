"""The first thing a launcher does: read its claim, destroy it, and exchange it for the spec."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from prefect_platform.launcher.connection import API, Backoff, Connection
from prefect_platform.launcher.faults import ClaimFault, Refused, Unreachable
from prefect_platform.wire.launch import ClaimFile, LaunchSpec, decode


def take_claim_file(path: Path) -> ClaimFile:
    """Read the claim file and delete it: the token in it is nobody else's business.

    Raises:
        ClaimFault: there is none, or it is not one.
    """
    try:
        text = path.read_text(encoding="utf-8")
        path.unlink()
        return decode(ClaimFile, json.loads(text))
    except OSError as error:
        raise ClaimFault(f"The claim file {path} cannot be taken: {error.strerror}.") from error
    except ValueError as error:
        raise ClaimFault(f"{path} is no claim file: {error}.") from error


def claim(connection: Connection, workload_id: str, rest: Callable[[float, Unreachable], None]) -> LaunchSpec:
    """Claim the workload, as often as it takes: the platform knows a launcher that asks again.

    Raises:
        ClaimFault: the platform does not know this workload, or another launcher has it.
        LaunchFault: whatever `rest` raises to end the waiting.
    """
    launcher_id, backoff = os.urandom(16).hex(), Backoff()
    while True:
        try:
            answer = connection.post(f"{API}/workloads/{workload_id}/claim", {"launcher_id": launcher_id})
            return decode(LaunchSpec, answer)
        except Refused as refusal:
            raise ClaimFault(f"Workload {workload_id} cannot be claimed: {refusal}") from refusal
        except ValueError as error:
            raise ClaimFault(f"The spec of workload {workload_id} cannot be read: {error}.") from error
        except Unreachable as fault:
            rest(backoff.pause(), fault)
