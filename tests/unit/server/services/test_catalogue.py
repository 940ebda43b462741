"""The catalogue of sizes: whole or not at all, and what is wrong is named by file, entry and field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from prefect_platform.errors import UsageError
from prefect_platform.server.config import ServerConfig, from_environment
from prefect_platform.server.services import catalogue
from prefect_platform.testing.live_server import live_server

GIB = 1 << 30
GOOD = """
sizes:
  - name: small
    cores: 1
    memory: 2GiB
  - name: gpu-1
    display: One big one
    cores: 0.5
    memory: 17179869184
    disk: 100GB
    shm: 1GiB
    gpu: A100:2
    price_per_hour: 1.25
    disabled: Sold out until June; take small.
"""


def refused(text: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        catalogue.read(text if isinstance(text, bytes) else text.encode(), "sizes.yaml")
    assert "sizes.yaml cannot be used: " in caught.value.message
    assert "PREFECT_PLATFORM_SIZES" in caught.value.message
    assert len(caught.value.message) < 900
    return caught.value.message


def entry(**fields: object) -> str:
    plain = {"name": "small", "cores": 1, "memory": "2GiB"}
    found = {name: value for name, value in (plain | fields).items() if value is not None}
    return yaml.safe_dump({"sizes": [{"name": "first", "cores": 1, "memory": "1GiB"}, found]})


def test_what_ships_is_the_table_of_old() -> None:
    found = catalogue.shipped()
    assert found.names[:5] == ["micro", "small", "medium", "large", "xlarge"]
    large = found.get("large")
    assert large is not None
    assert (large.cores, large.memory, large.shown) == (2, 16 * GIB, "large, 2 cores, 16 GiB")
    p3 = found.get("p316xlarge")
    assert p3 is not None
    assert p3.gpu is not None
    assert (p3.gpu.count, p3.gpu.type) == (8, "V100")
    assert p3.shown == "p316xlarge, 64 cores, 488 GiB, 8 GPUs (V100)"


def test_a_file_of_the_operator_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("\ufeff" + GOOD)
    found = catalogue.load(tmp_path / "mine.yaml")
    assert found.names == ["small", "gpu-1"]
    big = found.get("gpu-1")
    assert big is not None
    assert (big.memory, big.disk, big.shm, big.price_per_hour) == (16 * GIB, 100 * 10**9, GIB, 1.25)
    assert big.shown == "One big one"
    assert big.disabled == "Sold out until June; take small."


def test_the_setting_names_the_file() -> None:
    environment = {"PREFECT_PLATFORM_DATA_DIR": "/data", "PREFECT_PLATFORM_SIZES": "/etc/sizes.yaml"}
    assert from_environment(environment).sizes_file == Path("/etc/sizes.yaml")
    assert from_environment({**environment, "PREFECT_PLATFORM_SIZES": ""}).sizes_file is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["no list `sizes:`"]),
        ("just text", ["no list `sizes:`"]),
        ("[1, 2]", ["no list `sizes:`"]),
        ("sizes:", ["sizes"]),
        ("sizes: []", ["sizes", "at least 1"]),
        ("sizes: {small: 1}", ["sizes", "list"]),
        ("sizes: [small]", ["size 1, entry", "SizeEntry"]),
        ("size:\n- {name: a, cores: 1, memory: 1GiB}", ["sizes", "Field required"]),
        (GOOD + "extra: 1\n", ["extra", "no such field"]),
        ("sizes: [", ["no YAML", "line 1"]),
        ("sizes:\n\t- name: a", ["no YAML", "line 2"]),
        ("sizes: &a [*a]", ["aliases are not allowed"]),
        ("a: &a [x]\nb: [*a, *a]\n", ["aliases are not allowed"]),
        ("sizes:\n- !!python/object/apply:os.system ['true']\n", ["no YAML", "python/object"]),
        ("sizes:\n- {name: a, cores: 1, cores: 2, memory: 1GiB}\n", ["'cores' is there twice"]),
        ("sizes: []\nsizes: []\n", ["'sizes' is there twice"]),
        ("{" * 5000, ["no YAML"]),
        (b"\xff\xfe\x00", ["no YAML"]),
        ("a: 1\n---\nb: 2\n", ["no YAML"]),
        ("x" * ((1 << 20) + 1), ["larger than 1 MiB"]),
    ],
)
def test_a_file_that_is_none(text: str | bytes, words: list[str]) -> None:
    message = refused(text)
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": None}, ["size 2, name", "Field required"]),
        ({"name": 12}, ["size 2, name", "not 12"]),
        ({"name": True}, ["size 2, name", "not True"]),
        ({"name": "Large"}, ["size 2 ('Large'), name"]),
        ({"name": "a/../b"}, ["size 2 ('a/../b'), name"]),
        ({"name": "grö"}, ["size 2 ('grö'), name"]),
        ({"name": "x" * 10_000}, ["size 2", "name"]),
        ({"name": "'; DROP TABLE"}, ["size 2", "name"]),
        ({"name": "first"}, ["size 2: there is another 'first'"]),
        ({"name": "machine"}, ["'machine' stands for all of a machine"]),
        ({"cores": None}, ["size 2 ('small'), cores", "Field required"]),
        ({"cores": 0}, ["size 2 ('small'), cores", "greater than 0"]),
        ({"cores": -1}, ["cores", "greater than 0"]),
        ({"cores": "4"}, ["cores", "number"]),
        ({"cores": True}, ["cores", "number"]),
        ({"cores": float("nan")}, ["cores"]),
        ({"cores": float("inf")}, ["cores"]),
        ({"cores": 1e9}, ["cores"]),
        ({"memory": None}, ["memory", "Field required"]),
        ({"memory": 16}, ["size 2 ('small'), memory", "16777216"]),
        ({"memory": "16"}, ["memory", "16777216"]),
        ({"memory": "lots"}, ["size 2 ('small'), memory", "expected bytes such as '16GiB'"]),
        ({"memory": "-1GiB"}, ["memory", "expected bytes"]),
        ({"memory": 1.5}, ["memory", "integer"]),
        ({"memory": ["16GiB"]}, ["memory"]),
        ({"memory": "9" * 10_000}, ["memory"]),
        ({"disk": "0"}, ["disk", "greater than 0"]),
        ({"shm": "big"}, ["shm", "expected bytes"]),
        ({"gpu": 0}, ["gpu", "from 1 to 64"]),
        ({"gpu": "A100:A100"}, ["gpu", "type twice"]),
        ({"gpu": True}, ["gpu"]),
        ({"gpu": {"count": 0}}, ["gpu"]),
        ({"price_per_hour": -1}, ["price_per_hour", "greater than or equal to 0"]),
        ({"price_per_hour": "cheap"}, ["price_per_hour"]),
        ({"disabled": True}, ["disabled", "not True"]),
        ({"disabled": ""}, ["disabled"]),
        ({"disabled": "a\u0000b"}, ["no YAML"]),
        ({"display": "two\nlines"}, ["display"]),
        ({"core": 2}, ["size 2 ('small'), core: there is no such field. Did you mean 'cores'?"]),
        ({"x" * 10_000: 2}, ["size 2 ('small')", "no such field"]),
        ({"cores": 0, "memory": "x"}, ["cores", "(and 1 more)"]),
    ],
)
def test_an_entry_with_something_wrong_in_it(fields: dict[str, object], words: list[str]) -> None:
    text = entry(**fields)
    if "a\u0000b" in fields.values():
        text = entry(disabled="NUL").replace("NUL", '"\u0000"')
    message = refused(text)
    for word in words:
        assert word in message


@pytest.mark.parametrize("make", ["missing", "directory"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, make: str) -> None:
    path = tmp_path / "sizes.yaml"
    if make == "directory":
        path.mkdir()
    with pytest.raises(UsageError, match="cannot be read") as caught:
        catalogue.load(path)
    assert str(path) in caught.value.message


def test_a_platform_with_a_bad_catalogue_does_not_start_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "sizes.yaml").write_text(entry(cores=0))
    config = ServerConfig(tmp_path / "data", backend="memory", sizes_file=tmp_path / "sizes.yaml")
    with (
        pytest.raises(UsageError, match=r"size 2 \('small'\), cores"),
        live_server(tmp_path / "data", config=config),
    ):
        pass
    assert not (tmp_path / "data" / "platform.db").exists()


def test_the_schema_takes_what_the_platform_takes() -> None:
    schema = json.loads(json.dumps(catalogue.schema()))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    shipped = yaml.safe_load(Path(catalogue.__file__).with_name("sizes.yaml").read_text())
    for good in (shipped, yaml.safe_load(GOOD)):
        assert not list(validator.iter_errors(good))
    for bad in (
        {"name": "Large"},
        {"cores": 0},
        {"cores": "4"},
        {"memory": "lots"},
        {"core": 1},
        {"disabled": True},
    ):
        assert list(validator.iter_errors(yaml.safe_load(entry(**bad)))), bad
