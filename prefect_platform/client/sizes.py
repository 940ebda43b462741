"""Sizes that runs can ask for, and `describe_sizes()`, which shows them in a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from prefect_platform.client.settings import connect
from prefect_platform.client.transport import Transport
from prefect_platform.wire.gpus import listed, words
from prefect_platform.wire.quantities import shown_bytes
from prefect_platform.wire.sizes import Size, SizeList

COLUMNS = ("size", "cores", "memory", "gpu", "price/h", "available")


class Sizes:
    """The catalogue."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> SizeList:
        """Every size, with why it cannot be had here if it cannot, and the machine's GPUs."""
        return self._transport.call("GET", "/api/v1/sizes", SizeList)


def row(size: Size) -> tuple[str, str, str, str, str, str]:
    """One size for people, in the order of `COLUMNS`."""
    return (
        size.name,
        f"{size.cores:g}",
        shown_bytes(size.memory_bytes),
        words(size.gpu) if size.gpu else "",
        "" if size.price_per_hour is None else f"{size.price_per_hour:g}",
        "yes" if size.unavailable is None else f"no: {size.unavailable}",
    )


class SizeTable(Sequence[Mapping[str, Any]]):
    """What `describe_sizes` gives: a table to look at, and a sequence of dicts to go through."""

    def __init__(self, sizes: SizeList) -> None:
        self.sizes = sizes
        self._items = [size.model_dump(mode="json") for size in sizes.items]

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._items)

    def _rows(self) -> list[tuple[str, ...]]:
        return [COLUMNS, *(row(size) for size in self.sizes.items)]

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(len(line[n]) for line in rows) for n in range(len(COLUMNS))]
        lines = [
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in rows
        ]
        lines += [f"GPUs of this machine: {listed(self.sizes.gpus)}"] if self.sizes.gpus else []
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        head, *rest = self._rows()
        top = "".join(f"<th style='text-align:left'>{html.escape(name)}</th>" for name in head)
        body = "".join(
            f"<tr{'' if size.unavailable is None else ' style=opacity:.6'}>"
            + "".join(f"<td style='text-align:left'>{html.escape(text)}</td>" for text in line)
            + "</tr>"
            for size, line in zip(self.sizes.items, rest, strict=True)
        )
        return f"<table><tr>{top}</tr>{body}</table>"


def describe_sizes(url: str | None = None, token: str | None = None) -> SizeTable:
    """The sizes that `register(size=...)` takes.

    Args:
        url: Of the platform; by default from the environment, then from the profile.
        token: The same.
    """
    with connect(url, token) as client:
        return SizeTable(client.sizes.list())
