"""What `gpu=` means, and every way in which it cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_platform.errors import UsageError
from prefect_platform.wire.gpus import choose, listed, matches, never, parse, said, words
from prefect_platform.wire.sizes import Gpu, GpuRequest

MIB, GIB, GB = 1 << 20, 1 << 30, 10**9


def gpu(name: str, mib: int, number: int = 1) -> Gpu:
    return Gpu(uuid=f"GPU-{number}", name=name, memory_bytes=mib * MIB)


T4 = gpu("Tesla T4", 15360)
L4 = gpu("NVIDIA L4", 23034)
RTX = gpu("NVIDIA GeForce RTX 4090", 24564)
A100 = gpu("NVIDIA A100-SXM4-40GB", 40960)
H100 = gpu("NVIDIA H100 80GB HBM3", 81559)
V100 = gpu("Tesla V100-SXM2-16GB", 16160)


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (1, {"count": 1}),
        ("2", {"count": 2}),
        (64, {"count": 64}),
        ("A100", {"type": "A100"}),
        ("A100:2", {"type": "A100", "count": 2}),
        ("2:A100", {"type": "A100", "count": 2}),
        (" rtx 4090 : 2 ", {"type": "rtx 4090", "count": 2}),
        ("24GB..", {"min_memory_bytes": 24 * GB}),
        ("24 GB..", {"min_memory_bytes": 24 * GB}),
        ("40GB..80GB:2", {"min_memory_bytes": 40 * GB, "max_memory_bytes": 80 * GIB, "count": 2}),
        ("..16GB", {"max_memory_bytes": 16 * GIB}),
        ("24GB", {"min_memory_bytes": 24 * GB, "max_memory_bytes": 24 * GIB}),
        ("24GiB..", {"min_memory_bytes": 24 * GIB}),
        (
            "A100:80GB:4",
            {"type": "A100", "min_memory_bytes": 80 * GB, "max_memory_bytes": 80 * GIB, "count": 4},
        ),
    ],
)
def test_what_can_be_asked_for(value: int | str, fields: dict[str, object]) -> None:
    assert parse(value) == GpuRequest.model_validate(fields)


def test_none_is_none() -> None:
    assert parse(None) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "Leave gpu out"),
        ("0", "Leave gpu out"),
        (-1, "from 1 to 64"),
        (65, "from 1 to 64"),
        ("1000000000000000000000", "from 1 to 64"),
        (True, "not bool"),
        (1.5, "not float"),
        (["A100"], "not list"),
        ("", "empty"),
        ("A100:", "empty"),
        ("A100::2", "empty"),
        ("A100:2:3", "count twice"),
        ("A100:T4", "type twice"),
        ("24GB..:40GB..", "memory twice"),
        ("80GB..40GB", "ends below"),
        ("..", "no memory range"),
        ("24..", "no memory range"),
        ("24GBB..", "expected bytes"),
        ("1.2.3GB..", "expected bytes"),
        ("A100,T4", "no count, no type"),
        ("A100'; DROP TABLE workloads", "no count"),
        ("../../etc/passwd", "no count"),
        ("Ä100", "no count"),
        ("\u0662", "no count"),
        ("A100\x00", "no count"),
        ("x" * 10_000, "no count"),
        ("9" * 10_000 + "GB..", "expected bytes"),
        ("999999999999999TB..", "more bytes"),
        (":" * 10_000, "empty"),
    ],
)
def test_what_cannot_be_read_says_why_and_gives_examples(value: object, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(value)
    assert said in caught.value.message
    assert "gpu='A100:2'" in caught.value.message
    assert len(caught.value.message) < 800


@given(st.one_of(st.text(max_size=40), st.from_regex(r"[0-9A-Za-z.: ]{0,20}")))
def test_any_text_is_a_request_or_a_sentence(text: str) -> None:
    try:
        found = parse(text)
    except UsageError:
        return
    assert found is not None
    assert parse(found) == found
    assert words(found)


@pytest.mark.parametrize(
    ("asked", "device", "fits"),
    [
        ("A100", A100, True),
        ("a100", A100, True),
        ("A10", A100, False),
        ("SXM", A100, False),
        ("RTX4090", RTX, True),
        ("rtx 4090", RTX, True),
        ("RTX", RTX, True),
        ("NVIDIA", A100, True),
        ("T4", T4, True),
        ("24GB..", L4, True),
        ("24GB..", RTX, True),
        ("24GB..", T4, False),
        ("24GB", L4, True),
        ("24GB", A100, False),
        ("..16GB", T4, True),
        ("..16GB", V100, True),
        ("..16GB", L4, False),
        ("40GB..80GB", A100, True),
        ("40GB..80GB", H100, True),
        ("40GB..80GB", L4, False),
        ("16GB..", T4, True),
        ("24GiB..", RTX, False),
    ],
)
def test_which_devices_are_meant(asked: str, device: Gpu, fits: bool) -> None:
    request = parse(asked)
    assert request is not None
    assert matches(request, device) is fits


def test_the_smallest_that_will_do_is_given() -> None:
    machine = [A100, gpu("Tesla T4", 15360, 3), gpu("Tesla T4", 15360, 2)]
    assert choose(GpuRequest(), machine) == [machine[2]]
    assert choose(GpuRequest(count=2), machine) == [machine[2], machine[1]]
    assert choose(GpuRequest(type="A100"), machine) == [A100]
    assert choose(GpuRequest(type="A100", count=2), machine) is None


def test_what_can_never_be_had_names_what_there_is_and_the_nearest_name() -> None:
    assert never(GpuRequest(), [T4]) is None
    assert never(GpuRequest(count=2), [T4]) == "2 GPUs asked for, and this machine has 1 x Tesla T4 (15 GiB)"
    assert never(GpuRequest(), []) == "1 GPU asked for, and this machine has no GPU"
    found = never(GpuRequest(type="A1000"), [T4])
    assert found is not None
    assert found.endswith("(did you mean 'A100'?)")
    assert "mean" not in str(never(GpuRequest(type="A100"), [T4]))


def test_how_things_are_said() -> None:
    asked = parse("A100:40GB..80GB:2")
    assert asked is not None
    assert words(asked) == "2 GPUs (A100, 40 GB to 80 GiB each)"
    assert listed([T4, gpu("Tesla T4", 15360, 2), A100]) == (
        "2 x Tesla T4 (15 GiB), 1 x NVIDIA A100-SXM4-40GB (40 GiB)"
    )


@pytest.mark.parametrize(
    "asked",
    [
        GpuRequest(count=2),
        GpuRequest(type="A100"),
        GpuRequest(min_memory_bytes=24 * 10**9),
        GpuRequest(type="A100", min_memory_bytes=5, max_memory_bytes=80 << 30, count=3),
        GpuRequest(max_memory_bytes=16 << 30),
    ],
)
def test_what_is_said_means_the_same_again(asked: GpuRequest) -> None:
    assert parse(said(asked)) == asked
