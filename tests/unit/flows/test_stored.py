"""Flows of `Flow.from_source`: pinned to a commit, without credentials, or left to Prefect's own storage."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.blocks.system import Secret
from prefect.runner.storage import GitRepository, RemoteStorage

from prefect_platform.errors import RegistrationError
from prefect_platform.flows.arguments import check_flow, check_options
from prefect_platform.flows.capture.captured import Captured
from prefect_platform.flows.capture.flow import capture
from prefect_platform.flows.capture.stored import CLONE, PinnedRepository, Wish, check_secret_name, load_git
from prefect_platform.flows.deployment import prefect_entrypoint
from prefect_platform.wire.flows import CodeKind, GitReference
from tests.repositories import Repository, repository

SMALL = "from prefect import flow\n@flow\ndef etl(n: int = 1) -> int:\n    return {n}\n"


@pytest.fixture
def there(tmp_path: Path) -> Repository:
    return repository(
        tmp_path / "there.git", {"flows.py": SMALL.format(n=1), "jobs/more.py": SMALL.format(n=2)}
    )


def loaded(there: Repository, entrypoint: str = "flows.py:etl", **how: Any) -> Flow[..., Any]:
    flow: Any = Flow.from_source(GitRepository(str(there.path), **how), entrypoint)
    return flow  # type: ignore[no-any-return]


def captured(flow: Flow[..., Any], folder: Path, **wish: Any) -> Captured:
    return capture(flow, None, folder / "capture", Wish(**wish))


def test_a_branch_is_pinned_to_its_commit(there: Repository, tmp_path: Path) -> None:
    head = there.git("rev-parse", "HEAD")
    made = captured(loaded(there, branch="main"), tmp_path)
    assert made.git == GitReference(url=str(there.path), commit=head, reference="main")
    assert (made.kind, made.entrypoint, made.entries, made.notes) == (CodeKind.GIT, "flows.py:etl", (), ())
    assert made.pull_steps == ({CLONE: {"repository": str(there.path), "commit_sha": head}},)
    assert made.code().git == made.git


def test_an_address_alone_is_a_source(there: Repository, tmp_path: Path) -> None:
    flow: Any = Flow.from_source(str(there.path), "flows.py:etl")
    made = captured(flow, tmp_path)
    assert made.git is not None
    assert made.git.reference is None


def test_the_digest_is_over_address_commit_and_entrypoint(there: Repository, tmp_path: Path) -> None:
    first = captured(loaded(there, branch="main"), tmp_path / "1")
    again = captured(loaded(there), tmp_path / "2")
    assert first.digest == again.digest, "the branch is for people"
    assert captured(loaded(there, "jobs/more.py:etl"), tmp_path / "3").digest != first.digest
    there.commit({"other": "x"})
    assert captured(loaded(there, branch="main"), tmp_path / "4").digest != first.digest


def test_a_branch_that_moved_is_noted(there: Repository, tmp_path: Path) -> None:
    flow = loaded(there, branch="main")
    there.commit({"other": "x"})
    assert captured(flow, tmp_path / "1").notes == (), "another file, and the flow's own is what was loaded"
    head = there.commit({"flows.py": SMALL.format(n=3)})
    [note] = captured(flow, tmp_path / "2").notes
    assert "main has moved since this flow was loaded" in note
    assert head[:12] in note


def test_a_file_that_is_gone_is_an_error(there: Repository, tmp_path: Path) -> None:
    flow = loaded(there, branch="main")
    there.git("mv", "flows.py", "moved.py")
    there.commit({})
    with pytest.raises(RegistrationError, match=r"has no flows.py: the repository has changed"):
        captured(flow, tmp_path)


def test_tags_and_commits(there: Repository, tmp_path: Path) -> None:
    first = there.git("rev-parse", "HEAD")
    there.git("tag", "-a", "v1", "-m", "v1")
    there.commit({"other": "x"})
    for number, how in enumerate([{"branch": "v1"}, {"commit_sha": first}]):
        made = captured(loaded(there, **how), tmp_path / str(number))
        assert made.git is not None
        assert made.git.commit == first


def test_a_branch_that_is_gone(there: Repository, tmp_path: Path) -> None:
    there.git("branch", "short-lived")
    flow = loaded(there, branch="short-lived")
    there.git("branch", "-D", "short-lived")
    with pytest.raises(RegistrationError, match="has no branch or tag 'short-lived'"):
        captured(flow, tmp_path)


def test_a_flow_of_a_module(there: Repository, tmp_path: Path) -> None:
    made = captured(loaded(there, "jobs.more.etl"), tmp_path)
    assert made.entrypoint == "jobs.more:etl"
    assert prefect_entrypoint(made.code()) == "jobs.more.etl"


def test_directories_are_kept(there: Repository, tmp_path: Path) -> None:
    made = captured(loaded(there, "jobs/more.py:etl", directories=["jobs"]), tmp_path)
    assert made.git is not None
    assert made.git.directories == ["jobs"]
    assert made.pull_steps[0][CLONE]["directories"] == ["jobs"]


def test_submodules_are_refused_in_words(there: Repository, tmp_path: Path) -> None:
    with pytest.raises(RegistrationError, match="include_submodules is not supported"):
        captured(loaded(there, include_submodules=True), tmp_path)


def private(there: Repository, credentials: Any) -> Flow[..., Any]:
    """A flow that Prefect loaded with credentials."""
    flow = loaded(there)
    flow._storage = GitRepository("https://127.0.0.1:9/org/repo.git", credentials)  # type: ignore[assignment]
    return flow


def test_credentials_need_a_secret(there: Repository, tmp_path: Path) -> None:
    flow = private(there, {"access_token": "s3cret"})
    with pytest.raises(
        RegistrationError, match=r"prefect-platform secret set.*source_secret='git-token'"
    ) as error:
        captured(flow, tmp_path)
    assert "s3cret" not in str(error.value)


def test_credentials_are_in_no_error(there: Repository, tmp_path: Path) -> None:
    flow = private(there, {"username": "me", "access_token": Secret(value="s3cret")})
    with pytest.raises(RegistrationError, match="it does not answer") as error:
        captured(flow, tmp_path, secret="git-token")
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://me:s3cret@host/repo.git",
        "https://s3cret@host/repo.git",
        "ext::sh -c x",
        "--upload-pack=x",
        "http://host/repo.git",
    ],
)
def test_hostile_addresses_are_refused(there: Repository, tmp_path: Path, url: str) -> None:
    flow = loaded(there)
    flow._storage = GitRepository(url)  # type: ignore[assignment]
    with pytest.raises(RegistrationError) as error:
        captured(flow, tmp_path)
    assert "s3cret" not in str(error.value)
    with pytest.raises(RegistrationError) as error:
        load_git(f"git+{url}#flows.py:etl", tmp_path / "load")
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    "reference", ["--upload-pack=x", "a..b", "a b", "a:b", "+a", "a^", "a\nb", "*", "x" * 10_000]
)
def test_hostile_references_are_refused(there: Repository, tmp_path: Path, reference: str) -> None:
    with pytest.raises(RegistrationError):
        load_git(f"git+{there.path.as_uri()}@{reference}#flows.py:etl", tmp_path)


def test_the_form_of_pip(there: Repository, tmp_path: Path) -> None:
    flow = load_git(f"git+{there.path.as_uri()}@main#flows.py:etl", tmp_path / "load")
    made = captured(flow, tmp_path)
    assert made.git is not None
    assert (made.git.reference, made.entrypoint) == ("main", "flows.py:etl")
    assert flow.fn(n=1) == 1


def test_the_form_of_pip_with_a_folder(there: Repository, tmp_path: Path) -> None:
    """The run works in the folder; Prefect, which knows of none, finds the file from the root."""
    flow = load_git(f"git+{there.path.as_uri()}#subdirectory=jobs&more.py:etl", tmp_path / "load")
    made = captured(flow, tmp_path)
    assert made.git is not None
    assert (made.git.subdirectory, made.entrypoint) == ("jobs", "more.py:etl")
    assert prefect_entrypoint(made.code()) == "jobs/more.py:etl"


def test_what_is_loaded_is_what_is_pinned(there: Repository, tmp_path: Path) -> None:
    """A branch that moves between loading and capturing makes no difference."""
    first = there.git("rev-parse", "HEAD")
    flow = load_git(f"git+{there.path.as_uri()}@main#flows.py:etl", tmp_path / "load")
    there.commit({"flows.py": SMALL.format(n=3)})
    made = captured(flow, tmp_path)
    assert made.git is not None
    assert made.git.commit == first
    assert made.notes == ()


@pytest.mark.parametrize(
    "text",
    ["git+", "git+https://h/r", "git+https://h/r#", "git+https://h/r#flows", "git+https://h/r#flows.py"],
)
def test_a_form_that_names_no_flow(tmp_path: Path, text: str) -> None:
    with pytest.raises(RegistrationError):
        load_git(text, tmp_path)


def test_an_at_before_the_host_is_no_reference(tmp_path: Path) -> None:
    from prefect_platform.flows.capture.stored import _at

    assert _at("ssh://git@host/org/repo.git") == ("ssh://git@host/org/repo.git", None)
    assert _at("ssh://git@host/org/repo.git@v1") == ("ssh://git@host/org/repo.git", "v1")
    assert _at("git@host:org/repo.git@v1") == ("git@host:org/repo.git", "v1")
    assert _at("git@host:org/repo.git") == ("git@host:org/repo.git", None)
    assert _at("https://host/repo@feature/x") == ("https://host/repo", "feature/x")


def test_a_folder_travels_as_files(tmp_path: Path) -> None:
    (tmp_path / "flows_of_a_folder.py").write_text(SMALL.format(n=1))
    (tmp_path / "data.csv").write_text("x")
    (tmp_path / ".gitignore").write_text("data.csv")
    (tmp_path / ".platformignore").write_text("")
    flow: Any = Flow.from_source(str(tmp_path), "flows_of_a_folder.py:etl")
    made = captured(flow, tmp_path, include=("data.csv",))
    assert made.kind is CodeKind.FILES
    assert {"flows_of_a_folder.py", "data.csv"} <= {entry.path for entry in made.entries}


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect reads `file://` addresses from where the process is."""
    monkeypatch.chdir("/")


def remote(tmp_path: Path, **settings: Any) -> Flow[..., Any]:
    (tmp_path / "bucket").mkdir(exist_ok=True)
    (tmp_path / "bucket" / "flows.py").write_text(SMALL.format(n=1))
    flow: Any = Flow.from_source(RemoteStorage(f"file://{tmp_path}/bucket", **settings), "flows.py:etl")
    return flow  # type: ignore[no-any-return]


def test_any_other_storage_keeps_its_pull_step(tmp_path: Path) -> None:
    made = captured(remote(tmp_path), tmp_path)
    assert (made.kind, made.entrypoint, made.entries, made.git) == (
        CodeKind.STORAGE,
        "flows.py:etl",
        (),
        None,
    )
    [step] = made.pull_steps
    assert step["prefect.deployments.steps.pull_from_remote_storage"]["url"] == f"file://{tmp_path}/bucket"
    assert json.dumps(made.pull_steps)
    assert "nothing pins it" in made.notes[0]
    assert captured(remote(tmp_path), tmp_path).digest == made.digest
    assert prefect_entrypoint(made.code()) == "flows.py:etl"


def test_a_readable_credential_of_a_storage_is_named(tmp_path: Path) -> None:
    flow = remote(tmp_path)
    flow._storage = RemoteStorage("s3://bucket/x", key="AKIA", secret="s3cret")  # type: ignore[assignment]
    notes = captured(flow, tmp_path).notes
    assert any("'secret'" in note for note in notes)
    assert not any("s3cret" in note for note in notes)


def test_a_password_in_the_address_of_a_storage_is_refused(tmp_path: Path) -> None:
    flow = remote(tmp_path)
    flow._storage = RemoteStorage("ftp://me:s3cret@host/x")  # type: ignore[assignment]
    with pytest.raises(RegistrationError, match="password in an address") as error:
        captured(flow, tmp_path)
    assert "s3cret" not in str(error.value)


def test_include_and_secrets_belong_to_what_they_fit(there: Repository, tmp_path: Path) -> None:
    for flow in (loaded(there), remote(tmp_path)):
        with pytest.raises(RegistrationError, match="include= takes files of this folder"):
            captured(flow, tmp_path, include=("x",))
    with pytest.raises(RegistrationError, match="comes from none"):
        captured(remote(tmp_path), tmp_path, secret="git-token")


@pytest.mark.parametrize("name", ["Upper", "a_b", "-a", "a" * 64, "", 3, "a'b", "../x", "ü"])
def test_names_that_no_secret_has(name: Any) -> None:
    with pytest.raises(RegistrationError, match="source_secret"):
        check_secret_name(name)


def test_options_carry_the_wish(there: Repository) -> None:
    options = check_options(loaded(there), {"include": ["a", "a"], "source_secret": "git-token"})
    assert options.wish == Wish(("a",), "git-token")


def test_a_coroutine_is_explained() -> None:
    async def from_source() -> None: ...

    with pytest.raises(RegistrationError, match="await"):
        check_flow(from_source())


def test_a_pinned_repository_is_a_repository_of_prefects(there: Repository) -> None:
    pinned = PinnedRepository(str(there.path), there.git("rev-parse", "HEAD"), "main", None)
    assert pinned.to_pull_step()[CLONE]["commit_sha"] == there.git("rev-parse", "HEAD")


def test_a_cell_loads_without_await(there: Repository, tmp_path: Path) -> None:
    """Where a loop runs, Prefect's own `Flow.from_source` gives a coroutine."""

    async def cell() -> str:
        return load_git(f"git+{there.path.as_uri()}@main#flows.py:etl", tmp_path / "load").name

    assert asyncio.run(cell()) == "etl"
