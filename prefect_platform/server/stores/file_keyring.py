"""A keyring in a file: one key a line, 32 bytes in base64, the newest first; `#` begins a comment.

`openssl rand -base64 32` makes such a line. The file is for the account of the server alone. It is
written whole or not at all, under a lock beside it, and read again whenever it has changed. If it cannot be
read then, a running server goes on with the keys that it has, and says so in its log.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import logging
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from prefect_platform.errors import Unavailable, UsageError
from prefect_platform.server.stores.disk import private_directory, write_file
from prefect_platform.server.stores.key_list import KeyList, fresh_key
from prefect_platform.server.stores.keyring import KEY_BYTES, Wrapped, key_id

LARGEST = 64 << 10
_log = logging.getLogger(__name__)
HEAD = (
    "# Keys of this platform, the newest first: the first line writes, all of them read.\n"
    "# With this file and the database one has every secret, without it nobody. Keep a copy elsewhere.\n"
)


class FileKeyring:
    """`Keyring` in a file that is there already; `make` makes one."""

    def __init__(self, path: Path) -> None:
        """Reads the file, so that what is wrong with it is told at the start.

        Raises:
            UsageError: there is none, it holds no keys, or others may read it.
        """
        self.path = path
        self._seen, self._keys = self._loaded()
        self._complained = False

    @classmethod
    def make(cls, path: Path) -> FileKeyring:
        """The keyring in `path`, with one fresh key if there is no such file."""
        private_directory(path.parent)
        with _locked(path):
            if not path.exists():
                _write(path, HEAD + _line(fresh_key()))
        return cls(path)

    def __repr__(self) -> str:
        return f"FileKeyring({str(self.path)!r})"

    @property
    def name(self) -> str:
        return f"The key file {self.path}"

    def key_ids(self) -> Sequence[str]:
        return self._look().ids

    def wrap(self, data_key: bytes, context: bytes) -> Wrapped:
        return self._look().wrap(data_key, context)

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        return self._look().unwrap(wrapped, context)

    def mark(self, data: bytes) -> str:
        return self._look().mark(data)

    def is_mark(self, mark: str, data: bytes) -> bool:
        return self._look().is_mark(mark, data)

    def add_key(self, first: str) -> str:
        try:
            with _locked(self.path):
                self._seen, self._keys = self._loaded()
                if self._keys.ids[0] == first:
                    _write(self.path, _with_first(_text(self.path), fresh_key()))
                return self._look().ids[0]
        except OSError as error:
            raise Unavailable(
                f"{self.name} cannot be written ({error.strerror}): put a new key into it yourself, as its "
                "first line (`openssl rand -base64 32` makes one), then rotate without a new key."
            ) from error

    def _look(self) -> KeyList:
        """The keys as the file has them now, or had them when it could last be read."""
        try:
            if _state(self.path.stat()) != self._seen:
                self._seen, self._keys = self._loaded()
                self._complained = False
        except (OSError, UsageError) as error:
            if not self._complained:
                _log.error(
                    "%s changed and cannot be read, the keys known before are used: %s", self.name, error
                )
                self._complained = True
        return self._keys

    def _loaded(self) -> tuple[tuple[int, ...], KeyList]:
        try:
            found = self.path.stat()
        except FileNotFoundError as error:
            raise UsageError(
                f"{self.name} is not there: put it back from your copy. Without it no secret can be read."
            ) from error
        _check_private(self.path, found)
        return _state(found), KeyList(_read(self.path), self.name)


def _state(found: os.stat_result) -> tuple[int, ...]:
    """What differs when a file was changed."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode


def _check_private(path: Path, found: os.stat_result) -> None:
    """Nobody else may read it; the group may where another account owns it, as with a mounted one."""
    others = 0o077 if found.st_uid == os.geteuid() else 0o037
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"The key file {path} is no file: PREFECT_PLATFORM_KEYRING names the file of keys.")
    if found.st_mode & others:
        raise UsageError(
            f"The key file {path} can be read by others (mode {stat.S_IMODE(found.st_mode):04o}): chmod 600 "
            f"{path}, and if somebody may have read it, `prefect-platform secret rotate-keys`."
        )


def _text(path: Path) -> str:
    try:
        with path.open(encoding="ascii") as file:
            return file.read(LARGEST)
    except UnicodeDecodeError as error:
        raise UsageError(f"The key file {path} is no text: it holds one key a line, in base64.") from error
    except PermissionError as error:
        raise UsageError(f"The key file {path} may not be read by this account: it has to own it.") from error


def _read(path: Path) -> list[bytes]:
    """The keys of a file. Nothing of a line is repeated in an error: it may be a key."""
    keys: list[bytes] = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        word = line.partition("#")[0].strip()
        if word:
            keys.append(_key(path, number, word))
    if not keys:
        raise UsageError(
            f"The key file {path} holds no key: put it back from your copy, or, if there are no secrets "
            f"yet, make one: (umask 077; openssl rand -base64 32 > {path})."
        )
    if len(set(keys)) < len(keys):
        raise UsageError(f"The key file {path} holds a key twice: leave one of them.")
    return keys


def _key(path: Path, number: int, word: str) -> bytes:
    try:
        key = base64.b64decode(word, validate=True)
    except binascii.Error as error:
        raise UsageError(f"Line {number} of the key file {path} is no base64: it is not a key.") from error
    if len(key) != KEY_BYTES:
        raise UsageError(
            f"Line {number} of the key file {path} holds {len(key)} bytes: a key has {KEY_BYTES}."
        )
    return key


def _line(key: bytes) -> str:
    return f"{base64.b64encode(key).decode()}  # {key_id(key)}\n"


def _with_first(text: str, key: bytes) -> str:
    """The text of a key file with one more key before the others, below the comments at its head."""
    lines = text.splitlines(keepends=True)
    head = next((n for n, line in enumerate(lines) if line.partition("#")[0].strip()), len(lines))
    return "".join([*lines[:head], _line(key), *lines[head:]])


def _write(path: Path, text: str) -> None:
    write_file(path, text.encode(), 0o600)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One writer at a time; the kernel lets go of a lock whose holder dies."""
    descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
