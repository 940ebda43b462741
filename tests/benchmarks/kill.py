"""`make bench-kill [KILLS=300]`: random `kill -9` of server, agent, launcher and flow while runs write.

A run writes numbered lines and counts, in a file that outlives it, the bytes that `write` has taken.
Afterwards every log is compared with that, byte for byte, and every end with what was killed. Bytes
lost are those counted and not in the log; of a killed launcher one pipe (64 KiB) may be missing, marked.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from prefect_platform.testing.embedded import embedded
from tests.benchmarks.measure import Figure, report
from tests.kills.campaign import Outcome, campaign
from tests.kills.judging import Verdict

KILLS = int(os.environ.get("KILLS", "300"))
SEED = int(os.environ.get("SEED", "20260101"))
SHARES = {"server": 0.2, "agent": 0.2, "launcher": 0.3, "flow": 0.3}
GAPS = {"server": 5.5, "agent": 5.5, "launcher": 1.5, "flow": 1.5}
"""Mean seconds: the age of a server or agent, and between the choices of a launcher or flow."""


def main() -> None:
    times = {part: round(share * KILLS) for part, share in SHARES.items()}
    folder = Path(tempfile.mkdtemp(prefix="bench-kill-"))
    print(f"In {folder}, which is kept if anything is wrong")
    with embedded(folder / "home") as platform:
        outcome = campaign(platform, folder, times, GAPS, SEED)
    show(outcome)
    figure = Figure("bytes_lost", "bytes", "0", ours=[float(outcome.lost)])
    kills = Figure("kills", "kills", str(KILLS), ours=[float(sum(outcome.kills.values()))])
    untrue = Figure("untrue_ends", "runs", "0", ours=[float(len(outcome.problems))])
    report("kill", [figure, untrue, kills])
    if outcome.lost or outcome.problems:
        sys.exit("\n".join(["Bytes were lost, or an end was not true:", *outcome.problems]))
    shutil.rmtree(folder)


def show(outcome: Outcome) -> None:
    """One line a kind of kill."""
    verdicts: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in outcome.verdicts:
        verdicts[verdict.part].append(verdict)
    print(
        f"{sum(outcome.kills.values())} kills in {outcome.seconds:.0f} s, {len(outcome.verdicts)} runs; "
        f"the slowest was over after {outcome.slowest:.0f} s"
    )
    form = "{:<16}{:>6}{:>6}{:>10}{:>12}{:>12}{:>8}{:>8}"
    print(form.format("killed", "kills", "runs", "MB", "missing", "most", "lost", "untrue"))
    for part in sorted({*outcome.kills, *verdicts}):
        found = verdicts[part]
        row = (
            f"{sum(v.taken for v in found) / 1e6:.1f}",
            sum(v.missing for v in found),
            max((v.missing for v in found), default=0),
            sum(v.lost for v in found),
            sum(bool(v.problems) for v in found),
        )
        print(form.format(part, outcome.kills[part], len(found), *row))


if __name__ == "__main__":
    main()
