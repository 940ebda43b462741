"""`KeyList`: what every keyring does with keys that it holds in memory: AES-GCM, by the id of the key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from prefect_platform.errors import DigestMismatch, Unavailable
from prefect_platform.server.stores.keyring import (
    KEY_BYTES,
    KEY_ID_CHARACTERS,
    MARK_CHARACTERS,
    Wrapped,
    key_id,
)

NONCE_BYTES = 12


class KeyList:
    """Keys in their order. Immutable; `repr` shows ids alone."""

    def __init__(self, keys: Sequence[bytes], name: str) -> None:
        """`keys` is not empty, and every key has KEY_BYTES bytes."""
        self._keys = {key_id(key): key for key in keys}
        self._name = name

    def __repr__(self) -> str:
        return f"KeyList({', '.join(self._keys)})"

    @property
    def ids(self) -> Sequence[str]:
        return tuple(self._keys)

    def wrap(self, data_key: bytes, context: bytes) -> Wrapped:
        first = self.ids[0]
        return Wrapped(first, seal(self._keys[first], data_key, context))

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        return unseal(self._key(wrapped.key_id), wrapped.text, context)

    def mark(self, data: bytes) -> str:
        return self._mark(self.ids[0], data)

    def is_mark(self, mark: str, data: bytes) -> bool:
        return hmac.compare_digest(self._mark(mark[:KEY_ID_CHARACTERS], data).encode(), mark.encode())

    def _mark(self, key_id: str, data: bytes) -> str:
        own = hmac.digest(self._key(key_id), b"prefect-platform mark", hashlib.sha256)
        return (key_id + hmac.digest(own, data, hashlib.sha256).hex())[:MARK_CHARACTERS]

    def _key(self, key_id: str) -> bytes:
        key = self._keys.get(key_id)
        if key is None:
            raise Unavailable(
                f"{self._name} has no key {key_id}, under which this is kept (it has "
                f"{', '.join(self._keys)}): put that key back into it, on any line but the first."
            )
        return key


def seal(key: bytes, data: bytes, context: bytes) -> str:
    """Encrypt and bind to `context`: base64 of nonce, ciphertext and tag."""
    nonce = os.urandom(NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, data, context)).decode()


def unseal(key: bytes, text: str, context: bytes) -> bytes:
    """What was sealed.

    Raises:
        DigestMismatch: it was sealed under another key or for another context, or was altered.
    """
    try:
        data = base64.b64decode(text, validate=True)
        return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], context)
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise DigestMismatch(
            "What is stored here is not what was encrypted for this place: it was altered, or moved from "
            "another row. Restore the database from a backup, or set the value anew."
        ) from error


def fresh_key() -> bytes:
    return os.urandom(KEY_BYTES)
