"""The command line as a whole: what its groups promise, what becomes of errors, and how things look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click
import pytest
from click.testing import CliRunner

from prefect_platform.cli import output
from prefect_platform.cli.checks import environment
from prefect_platform.cli.commands import Commands, extra
from prefect_platform.cli.main import main
from prefect_platform.errors import UsageError


def groups(command: Commands) -> Iterator[Commands]:
    yield command
    context = click.Context(command)
    for name in command.lazy:
        found = command.get_command(context, name)
        if isinstance(found, Commands):
            yield from groups(found)


def test_every_promised_command_is_there_and_explains_itself() -> None:
    for group in groups(main):
        context = click.Context(group)
        for name, (module, line) in group.lazy.items():
            command = group.get_command(context, name)
            assert command is not None, module
            assert command.help, module
            assert line.endswith(".")
            assert len(line) < 80


@pytest.mark.parametrize(
    "words", [["no-such"], ["run", "logs"], ["up", "--port", "0"], ["run", "logs", "x", "-f", "--tail", "3"]]
)
def test_misuse_exits_2(words: list[str]) -> None:
    assert CliRunner().invoke(main, words).exit_code == 2


@pytest.mark.parametrize(("words", "meant"), [(["rnu"], "run"), (["run", "star"], "start")])
def test_the_nearest_command_is_offered(words: list[str], meant: str) -> None:
    assert f"Did you mean {meant!r}?" in CliRunner().invoke(main, words).stderr


def test_an_unknown_platform_is_said_without_a_traceback(tmp_path) -> None:
    done = CliRunner().invoke(main, ["run", "list"], env={"PREFECT_PLATFORM_PROFILE": str(tmp_path / "none")})
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: No platform is known here.")


def test_nobody_there_exits_1(tmp_path) -> None:
    env = {"PREFECT_PLATFORM_URL": "http://127.0.0.1:9", "PREFECT_PLATFORM_TOKEN": "t"}
    done = CliRunner().invoke(
        main, ["run", "list"], env={**env, "PREFECT_PLATFORM_PROFILE": str(tmp_path / "none")}
    )
    assert done.exit_code == 1
    assert "The platform at http://127.0.0.1:9 does not answer" in done.stderr


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    with (
        pytest.raises(UsageError, match=r"'no_such_module'.*pip install 'prefect-platform\[flows\]'"),
        extra("flows"),
    ):
        import no_such_module  # noqa: F401
    with pytest.raises(ModuleNotFoundError), extra("flows"):
        import prefect_platform.no_such_module  # noqa: F401


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (12.4, "12 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
        (442800, "5 d 03 h"),
    ],
)
def test_durations_read_well(seconds: float | None, text: str) -> None:
    assert output.duration(seconds) == text


def test_tables_are_aligned_and_say_when_they_are_empty() -> None:
    shown = output.table(("a", "longer"), [("xyz", None), ("x", "line\nbreak")], nothing="None.")
    assert shown == "A    LONGER\nxyz  -\nx    line break"
    assert output.table(("a",), [], nothing="None.") == "None."


def test_how_long_ago() -> None:
    assert output.ago(None) == "never"
    assert output.ago(datetime.now(UTC) - timedelta(minutes=3, seconds=5)).startswith("3 min 0")
    assert output.size(512) == "512 B"
    assert output.size(3 << 29) == "1.5 GiB"


def test_traps_of_other_packages_are_known() -> None:
    def found(versions: dict[str, str], present: bool) -> dict[str, bool]:
        return {c.name: c.ok for c in environment.checks(versions.get, lambda _: present)}

    good = {"prefect": "3.8.8", "sqlalchemy": "2.0.58"}
    assert found(good, False) == {"sqlalchemy": True, "import prefect": True}
    assert found({**good, "sqlalchemy": "2.1.9"}, False)["sqlalchemy"] is False
    assert found(good, True)["import prefect"] is False
    assert found({}, True) == {"packages": True}


def test_versions_are_compared_as_numbers() -> None:
    assert environment.numbers("3.10.0rc1") == (3, 10)
    assert environment.numbers("2.1b3") == (2, 1)
    assert environment.numbers("4") == (4, 0)
