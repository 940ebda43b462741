"""Which files of a project folder travel: what the ignore files leave, and never a credential."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pathspec

from prefect_platform.errors import RegistrationError
from prefect_platform.flows.capture.file_state import FileState, settled, state
from prefect_platform.names import TOKEN

MARKERS = ("pyproject.toml", ".git", "setup.py", ".platformignore")
IGNORE_FILES = (".gitignore", ".platformignore")
MOST_FILES = 20_000

_NEVER_NAMES = """
.git .hg .svn __pycache__ *.pyc *.pyo .venv venv node_modules .tox .nox .mypy_cache .pytest_cache .ruff_cache
.ipynb_checkpoints .hypothesis .DS_Store .idea .vscode *.egg-info .prefect
"""
_CREDENTIAL_NAMES = """
.env .env.* !.env.example !.env.sample !.env.template *.env
*.pem *.key *.p12 *.pfx *.jks *.keystore *.kdbx *.ppk
id_rsa* id_dsa* id_ecdsa* id_ed25519* .netrc _netrc .pypirc .npmrc .pgpass .my.cnf .git-credentials .htpasswd
.aws .ssh .gnupg .kube .azure .docker credentials credentials.json client_secret*.json
service-account*.json service_account*.json application_default_credentials.json
secrets.toml secrets.yaml secrets.yml secrets.json
"""
_NEVER = pathspec.GitIgnoreSpec.from_lines(_NEVER_NAMES.split())
_CREDENTIALS = pathspec.GitIgnoreSpec.from_lines(_CREDENTIAL_NAMES.split())
_PRIVATE_KEY = b"PRIVATE KEY-----"
_KEY_HEAD = 4096
_TOKEN_HEAD = 1 << 20
"""Profiles, notebooks and logs are no larger; a token deeper in a file is refused when that is read whole."""
_SOURCES = (".py", ".md", ".rst", ".ipynb")
"""Kinds of file that may speak of a key without being one."""


@dataclass
class Selection:
    """Files to ship, by their path in the bundle, and what stayed because it holds credentials."""

    files: dict[str, Path] = field(default_factory=dict)
    withheld: list[str] = field(default_factory=list)

    def add(self, other: Selection) -> None:
        """Take along what another selection found."""
        self.files |= other.files
        self.withheld += [path for path in other.withheld if path not in self.withheld]


def project_folder(start: Path) -> Path | None:
    """The nearest folder at or above `start` that is marked as a project; None if there is none."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if folder in _too_wide():
            return None
        if any((folder / marker).exists() for marker in MARKERS):
            return folder
    return None


def whole_folder_may_travel(folder: Path) -> bool:
    """A home folder, the root and the folder for temporary files are no projects."""
    return folder.resolve() not in _too_wide()


def _too_wide() -> set[Path]:
    return {Path("/"), Path("/tmp"), Path("/var/tmp"), Path.home().resolve()}  # noqa: S108 - named, not used


def select(root: Path) -> Selection:
    """The files below `root` that travel.

    Raises:
        RegistrationError: there are more than `MOST_FILES`.
    """
    selection = Selection()
    for path, file in _walk(root, root, []):
        if _CREDENTIALS.match_file(path) or _is_secret(file):
            selection.withheld.append(path)
            continue
        selection.files[path] = file
        if len(selection.files) > MOST_FILES:
            raise RegistrationError(
                f"{root} holds more than {MOST_FILES:,} files. Name what need not travel in "
                f"{root}/.platformignore, which is written like a .gitignore."
            )
    return selection


def withheld(selection: Selection) -> tuple[str, ...]:
    """What to say of files that stayed."""
    if not selection.withheld:
        return ()
    shown = ", ".join(selection.withheld[:5]) + (" …" if len(selection.withheld) > 5 else "")
    return (f"Stayed here, because credentials never travel: {shown}.",)


Rules = list[tuple[Path, pathspec.GitIgnoreSpec]]


def _walk(root: Path, folder: Path, rules: Rules) -> Iterator[tuple[str, Path]]:
    rules = rules + _rules(folder)
    for item in sorted(os.scandir(folder), key=lambda entry: entry.name):
        file = Path(item.path)
        path = file.relative_to(root).as_posix()
        is_folder = item.is_dir(follow_symlinks=False)
        if _NEVER.match_file(path) or _ignored(file, rules, is_folder=is_folder):
            continue
        if is_folder:
            if _CREDENTIALS.match_file(path + "/"):
                continue
            if not (file / "pyvenv.cfg").exists():
                yield from _walk(root, file, rules)
        elif item.is_file() and (not item.is_symlink() or root in file.resolve().parents):
            yield path, file


def _rules(folder: Path) -> Rules:
    found: Rules = []
    for name in IGNORE_FILES:
        file = folder / name
        if file.is_file():
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            found.append((folder, pathspec.GitIgnoreSpec.from_lines(lines)))
    return found


def _ignored(file: Path, rules: Rules, *, is_folder: bool) -> bool:
    """The last rule that speaks of a file decides, as in git."""
    ignored = False
    for folder, spec in rules:
        path = file.relative_to(folder).as_posix() + ("/" if is_folder else "")
        verdict = spec.check_file(path).include
        ignored = ignored if verdict is None else verdict
    return ignored


def refusal(path: str, file: Path, root: Path) -> str | None:
    """Why a file below `root` never travels, whoever asks for it; None if it may."""
    root, found = root.resolve(), file.resolve()
    if root not in found.parents:
        return "leads out of the project"
    names = (path, found.relative_to(root).as_posix())  # a link may give a harmless one
    if any(_NEVER.match_file(name) for name in names):
        return "is what version control, Python or an editor keeps for itself"
    if any(_CREDENTIALS.match_file(name) for name in names) or _is_secret(file):
        return "holds credentials, or is named like a file that does"
    return None


def is_left(name: str) -> bool:
    """Whether a folder of this name is none of the user's own files."""
    return _NEVER.match_file(name)


def _is_secret(file: Path) -> bool:
    """Whether it is a private key, or holds a token of a platform."""
    try:
        found = state(file)
        return _was_secret(found) if settled([found]) else _look(file)
    except OSError:
        return False  # What cannot be read cannot be shipped either; shipping it tells why.


@functools.lru_cache(maxsize=MOST_FILES)
def _was_secret(file: FileState) -> bool:
    """The same of a file in a state that lasts: looked at once in a process."""
    return _look(Path(file.path))


def _look(file: Path) -> bool:
    with file.open("rb") as stream:
        head = stream.read(_TOKEN_HEAD)
    is_key = _PRIVATE_KEY in head[:_KEY_HEAD] and file.suffix not in _SOURCES
    return is_key or TOKEN.search(head) is not None
