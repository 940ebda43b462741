"""Figures: a list of samples each, shown as a table and written to build/bench/NAME.json.

Every benchmark keeps the form `{id, unit, ours: {median, p95, min, max, n}, stock: … or null}`.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path

OUT = Path(__file__).parents[2] / "build" / "bench"


@dataclass
class Figure:
    """Samples of one quantity, ours and stock Prefect's, in the same unit."""

    id: str
    unit: str
    bar: str
    """What we want of ours, for the table."""
    ours: list[float] = field(default_factory=list)
    stock: list[float] = field(default_factory=list)


def summary(samples: list[float]) -> dict[str, float | int]:
    ordered = sorted(samples)
    return {
        "median": round(statistics.median(ordered), 4),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 4),
        "min": round(ordered[0], 4),
        "max": round(ordered[-1], 4),
        "n": len(ordered),
    }


def _cell(samples: list[float]) -> str:
    if not samples:
        return "-"
    s = summary(samples)
    return f"{s['median']:g} ({s['min']:g}-{s['max']:g}, n={s['n']})"


def report(name: str, figures: list[Figure]) -> None:
    """Print the table and write the JSON."""
    rows = [("figure", "unit", "ours: median (min-max, n)", "stock Prefect", "bar")]
    rows += [(f.id, f.unit, _cell(f.ours), _cell(f.stock), f.bar) for f in figures if f.ours]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    OUT.mkdir(parents=True, exist_ok=True)
    content = [
        {
            "id": f.id,
            "unit": f.unit,
            "ours": summary(f.ours),
            "stock": summary(f.stock) if f.stock else None,
        }
        for f in figures
        if f.ours
    ]
    (OUT / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
