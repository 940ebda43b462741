"""Envelopes: a value encrypted under a key of its own, which a keyring wraps.

`context` binds both to one place: what was sealed for one row cannot be opened as another's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from prefect_platform.server.stores.key_list import fresh_key, seal, unseal
from prefect_platform.server.stores.keyring import Keyring, Wrapped


@dataclass(frozen=True)
class Envelope:
    """What may be stored of a value."""

    key: Wrapped
    ciphertext: str = field(repr=False)


def close(keyring: Keyring, value: str, context: bytes) -> Envelope:
    """Encrypt a value for one place."""
    data_key = fresh_key()
    return Envelope(keyring.wrap(data_key, context), seal(data_key, value.encode(), context))


def opened(keyring: Keyring, envelope: Envelope, context: bytes) -> str:
    """The value; raises what `Keyring.unwrap` raises."""
    return unseal(keyring.unwrap(envelope.key, context), envelope.ciphertext, context).decode()


def rewrapped(keyring: Keyring, key: Wrapped, context: bytes) -> Wrapped:
    """The same data key under the first key of the ring."""
    return keyring.wrap(keyring.unwrap(key, context), context)
