"""`Keyring`: the keys that protect what the database keeps, and that never lie in it themselves.

Envelope encryption: every value is encrypted under a key of its own (`envelope.py`), and that data key
is wrapped by a key of the ring. So changing a key touches data keys alone, never a value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

KEY_BYTES = 32
"""AES-256."""
KEY_ID_CHARACTERS = 16
MARK_CHARACTERS = 64
"""The id of a key, and then 192 bits in hex."""


@dataclass(frozen=True)
class Wrapped:
    """A data key as it may be stored."""

    key_id: str
    """Which key of the ring wraps it."""
    text: str = field(repr=False)
    """Base64 of what the ring made of it."""


class Keyring(Protocol):
    """Several keys: the first one writes, all of them read.

    A key's id follows from the key, so another key never passes for one that was lost. Nothing of a key
    is in an id, an error or a `repr`. Methods are quick and make no network call: they are called inside
    transactions. Whoever changes the ring elsewhere is noticed before the next call is answered.
    """

    @property
    def name(self) -> str:
        """Where the keys are, for people."""
        ...

    def key_ids(self) -> Sequence[str]:
        """Ids of all keys; the first is the one that writes. There is always one."""
        ...

    def wrap(self, data_key: bytes, context: bytes) -> Wrapped:
        """Wrap a data key under the first key. `context` says what it belongs to, and is not kept."""
        ...

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """The data key again.

        Raises:
            Unavailable: the ring lacks the key; the message names it.
            DigestMismatch: this was never wrapped for `context`, or was altered since.
        """
        ...

    def add_key(self, first: str) -> str:
        """Make a fresh key the first one, durably, if `first` still is; the id of the first key then.

        So two servers that rotate at once add one key between them.

        Raises:
            Unavailable: the ring cannot be written from here.
        """
        ...

    def mark(self, data: bytes) -> str:
        """A keyed digest of `data`, of MARK_CHARACTERS characters: no help in guessing it without the keys.

        It names the first key, under which it is made. So two marks are not compared with each other:
        `is_mark` knows one again for as long as the ring has its key, wherever that stands.
        """
        ...

    def is_mark(self, mark: str, data: bytes) -> bool:
        """Whether this is a mark of `data`, made under any key of the ring.

        Raises:
            Unavailable: the ring lacks the key that it was made under; the message names it.
        """
        ...


def key_id(key: bytes) -> str:
    """Names a key without giving anything of it away: keys are random and cannot be guessed."""
    return hashlib.sha256(b"prefect-platform key id\0" + key).hexdigest()[:KEY_ID_CHARACTERS]
