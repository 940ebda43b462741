"""The life of a launcher, in order: claim, check, fetch, unpack, prepare, start, watch, drain, seal, report.

There is no other order, and no code of ours runs in a fork once there is a second thread (see
`launcher/forked.py`). Whatever goes wrong becomes a sentence in the result; where the platform cannot be told
it stands in `result.json`, and the exit code says so to the backend.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from prefect_platform.launcher.attempt import Attempt, Patience
from prefect_platform.launcher.claim import claim, take_claim_file
from prefect_platform.launcher.connection import Connection
from prefect_platform.launcher.ending import End
from prefect_platform.launcher.faults import LaunchFault
from prefect_platform.launcher.linux import become_subreaper
from prefect_platform.launcher.logbook import Logbook
from prefect_platform.launcher.process import kill_all
from prefect_platform.launcher.redaction import Redaction
from prefect_platform.launcher.report import result_document, write_result
from prefect_platform.launcher.shipper import Shipper
from prefect_platform.launcher.signals import Signals
from prefect_platform.launcher.subject import FLOW
from prefect_platform.wire.launch import ClaimFile

DELIVERED, USAGE, UNDELIVERED, UNCLAIMED = 0, 64, 75, 77
"""Exit codes. Anything but 0 means: the backend has to recover what this launcher leaves behind."""

DELIVER_SECONDS = 3600.0
"""How long the end waits for a platform that is away; then the backend delivers what stands on disk."""
DELIVER_STOPPED_SECONDS = 10.0
"""The same, once the launcher itself was told to end."""


def main(arguments: Sequence[str]) -> int:
    """Live one life, and return the exit code."""
    if len(arguments) != 2 or arguments[0] != "--claim":
        sys.stderr.write("Usage: python -m prefect_platform.launcher --claim FILE\n")
        return USAGE
    _open_standard_descriptors()
    signals = Signals()
    become_subreaper()
    try:
        return live(take_claim_file(Path(arguments[1])), signals, dict(os.environ))
    except LaunchFault as fault:  # before the claim there is nobody else to tell
        sys.stderr.write(f"{fault}\n")
        return UNCLAIMED


def live(claim_file: ClaimFile, signals: Signals, environment: Mapping[str, str]) -> int:
    """Claim the workload, run it, and deliver its end.

    Raises:
        LaunchFault: the workload could not be claimed.
    """
    connection = Connection(claim_file.url, f"Bearer {claim_file.token}")
    patience = Patience(signals)
    spec = claim(connection, claim_file.workload_id, patience.rest)
    control_token = os.urandom(32).hex()
    redaction = Redaction([*spec.secrets, claim_file.token, control_token])
    shipper = Shipper(connection, spec, signals.request_stop, signals.wake, redaction.complain)
    output = spec.program.source if spec.program is not None else FLOW
    log = Logbook(Path(claim_file.directory), spec.log, redaction, shipper, output)
    log.steps.add("claimed")
    try:
        attempt = Attempt(spec, Path(claim_file.directory), log, signals, environment, control_token)
        end = attempt.run(connection, patience)
    except Exception as error:  # noqa: BLE001 - whatever it was: no process may be left, and the end be told
        kill_all()
        redaction.complain(traceback.format_exc())
        end = End(reason=f"The launcher failed, and the run with it: {type(error).__name__}: {error}")
    return deliver(end, Path(claim_file.directory), log, signals)


def deliver(end: End, directory: Path, log: Logbook, signals: Signals) -> int:
    """Close the log, put the result on disk, and wait until the platform has everything."""
    log.say(_last_sentence(end))
    log.close()
    document = result_document(end.document(), log.output.tail, log.redaction)
    try:
        write_result(directory, document)
    except OSError as error:  # no room: it is sent all the same
        log.redaction.complain(f"The result could not be written to {directory}: {error}")
    shipper = log.shipper
    shipper.finish(document, DELIVER_SECONDS)
    while not shipper.through:
        if signals.stop_reason is not None:
            shipper.hasten(DELIVER_STOPPED_SECONDS)
        signals.sleep(1.0)
    return DELIVERED if shipper.delivered else UNDELIVERED


def _last_sentence(end: End) -> str:
    how = "Nothing was started"
    if end.signal is not None:
        how = f"Ended by signal {end.signal}"
    elif end.exit_code is not None:
        how = f"Ended with exit code {end.exit_code}"
    state = f", state {end.receipt_state_name}" if end.receipt_state_name else ""
    return f"{how}{state}. {end.reason or ''}".rstrip()


def _open_standard_descriptors() -> None:
    """No pipe or file of ours may become descriptor 0, 1 or 2, which the engine replaces."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
