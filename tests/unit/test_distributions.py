from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from prefect_platform import distributions
from prefect_platform.distributions import (
    EDITABLE,
    INDEX,
    LOCAL,
    VCS,
    Difference,
    Distribution,
    differences,
    fingerprint,
    scan,
    without_credentials,
)


def installed(folder: Path, name: str, version: str, direct_url: object = None) -> Path:
    place = folder / f"{name}-{version}.dist-info"
    place.mkdir(parents=True)
    if direct_url is not None:
        (place / "direct_url.json").write_text(json.dumps(direct_url))
    return place


def by_name(*found: Distribution) -> dict[str, Distribution]:
    return {one.name: one for one in found}


def test_names_are_normalised_and_the_first_on_the_path_wins(tmp_path: Path) -> None:
    installed(tmp_path / "first", "Some_Package.Name", "1.0")
    installed(tmp_path / "second", "some_package_name", "2.0")
    installed(tmp_path / "second", "other", "3.0+cu12")
    found = scan([str(tmp_path / "first"), str(tmp_path / "second"), str(tmp_path / "nowhere")])
    assert {name: one.version for name, one in found.items()} == {
        "some-package-name": "1.0",
        "other": "3.0+cu12",
    }


@pytest.mark.parametrize(
    ("told", "origin", "url", "commit"),
    [
        (None, INDEX, None, None),
        ({"url": "file:///home/u/p", "dir_info": {"editable": True}}, EDITABLE, "file:///home/u/p", None),
        ({"url": "file:///home/u/p", "dir_info": {}}, LOCAL, "file:///home/u/p", None),
        ({"url": "file:///w.whl", "archive_info": {"hash": "sha256=0"}}, LOCAL, "file:///w.whl", None),
        (
            {"url": "https://u:secret@h/r.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            VCS, "git+https://h/r.git", "abc",
        ),
        (["nonsense"], INDEX, None, None),
    ],
)  # fmt: skip
def test_origins(tmp_path: Path, told: object, origin: str, url: str | None, commit: str | None) -> None:
    installed(tmp_path, "p", "1.0", told)
    assert scan([str(tmp_path)])["p"] == Distribution("p", "1.0", origin, url, commit)


def test_damaged_and_strange_folders_are_no_packages(tmp_path: Path) -> None:
    (installed(tmp_path, "p", "1.0") / "direct_url.json").write_text("{")
    installed(tmp_path, "~ip", "23.0")
    (tmp_path / "noversion.dist-info").mkdir()
    (tmp_path / "file.zip").write_text("")
    assert scan([str(tmp_path), str(tmp_path / "file.zip")]) == by_name(Distribution("p", "1.0"))


def test_egg_info_of_old_installs(tmp_path: Path) -> None:
    (tmp_path / "old-1.2-py3.11.egg-info").mkdir()
    (tmp_path / "project.egg-info").mkdir()
    (tmp_path / "project.egg-info" / "PKG-INFO").write_text(
        "Metadata-Version: 2.1\nName: project\nVersion: 0.9\n"
    )
    assert {name: one.version for name, one in scan([str(tmp_path)]).items()} == {
        "old": "1.2",
        "project": "0.9",
    }


def test_a_folder_that_changes_is_looked_at_again(tmp_path: Path) -> None:
    installed(tmp_path, "p", "1.0")
    os.utime(tmp_path, (1_000_000, 1_000_000))
    assert scan([str(tmp_path)])["p"].version == "1.0"
    (tmp_path / "p-1.0.dist-info").rename(tmp_path / "p-1.1.dist-info")
    assert scan([str(tmp_path)])["p"].version == "1.1"


def test_a_settled_folder_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, "p", "1.0")
    os.utime(tmp_path, (1_000_000, 1_000_000))
    first = scan([str(tmp_path)])
    monkeypatch.setattr(distributions, "_read", lambda folder: pytest.fail("it was read again"))
    assert scan([str(tmp_path)]) == first


def test_a_fingerprint_is_of_what_is_installed_not_of_where_or_in_which_order() -> None:
    one, two = Distribution("a", "1"), Distribution("b", "2", EDITABLE, "file:///x")
    mark = fingerprint("3.11.7", "CPython", [one, two])
    assert mark == fingerprint("3.11.7", "CPython", [two, one])
    assert mark == fingerprint("3.11.7", "CPython", [one, Distribution("b", "2", EDITABLE, "file:///y")])
    for other in (
        fingerprint("3.11.8", "CPython", [one, two]),
        fingerprint("3.11.7", "PyPy", [one, two]),
        fingerprint("3.11.7", "CPython", [one]),
        fingerprint("3.11.7", "CPython", [one, Distribution("b", "2")]),
    ):
        assert other != mark


def test_differences_name_package_wanted_and_found() -> None:
    wanted = by_name(Distribution("numpy", "2.4.5"), Distribution("polars", "1.0"), Distribution("same", "1"))
    found = by_name(Distribution("numpy", "2.4.6"), Distribution("extra", "3"), Distribution("same", "1"))
    assert differences(wanted, found) == [
        Difference("extra", None, "3"),
        Difference("numpy", "2.4.5", "2.4.6"),
        Difference("polars", "1.0", None),
    ]
    assert list(map(str, differences(wanted, found))) == [
        "extra: not wanted, found 3",
        "numpy: wanted 2.4.5, found 2.4.6",
        "polars: wanted 1.0, not installed",
    ]


def test_another_commit_or_a_patched_copy_is_a_difference_and_another_folder_is_none() -> None:
    def differ(one: Distribution, two: Distribution) -> bool:
        return bool(differences(by_name(one), by_name(two)))

    assert differ(
        Distribution("p", "1", VCS, "git+https://h/p", "aaa"), Distribution("p", "1", VCS, None, "bbb")
    )
    assert differ(Distribution("p", "1"), Distribution("p", "1", LOCAL, "file:///patched"))
    assert not differ(
        Distribution("p", "1", EDITABLE, "file:///a"), Distribution("p", "1", LOCAL, "file:///b.whl")
    )


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://user:word@host/x?token=1#y", "https://host/x"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("https://token@host/x", "https://host/x"),
        ("https://[broken", ""),
    ],
)
def test_credentials_are_left_out(given: str, shown: str) -> None:
    assert without_credentials(given) == shown
