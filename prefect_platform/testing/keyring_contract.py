"""What every keyring must do. Subclass `KeyringContract` in a test module: see `make`."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect_platform.errors import DigestMismatch, Unavailable
from prefect_platform.server.stores import envelope
from prefect_platform.server.stores.keyring import (
    KEY_BYTES,
    KEY_ID_CHARACTERS,
    MARK_CHARACTERS,
    Keyring,
    Wrapped,
)

DATA_KEY = bytes(range(KEY_BYTES))
HERE, ELSEWHERE = b"project/secret/1", b"project/secret/2"


class KeyringContract:
    """A suite: `Test…` subclasses say how one is made."""

    def make(self, directory: Path) -> Keyring:
        """A keyring in `directory`: with one fresh key if there was none."""
        raise NotImplementedError

    def again(self, keyring: Keyring, directory: Path) -> Keyring:
        """The same keyring, as another server opens it."""
        raise NotImplementedError

    def keys(self, keyring: Keyring) -> list[bytes]:
        """The keys themselves."""
        raise NotImplementedError

    @pytest.fixture
    def keyring(self, tmp_path: Path) -> Keyring:
        return self.make(tmp_path)

    def test_what_was_wrapped_is_unwrapped(self, keyring: Keyring, tmp_path: Path) -> None:
        wrapped = keyring.wrap(DATA_KEY, HERE)
        assert wrapped.key_id == keyring.key_ids()[0]
        assert keyring.unwrap(wrapped, HERE) == DATA_KEY
        assert self.again(keyring, tmp_path).unwrap(wrapped, HERE) == DATA_KEY
        assert keyring.wrap(DATA_KEY, HERE).text != wrapped.text, "the same twice must not look the same"

    def test_what_belongs_elsewhere_is_refused(self, keyring: Keyring) -> None:
        wrapped = keyring.wrap(DATA_KEY, HERE)
        with pytest.raises(DigestMismatch, match="altered, or moved"):
            keyring.unwrap(wrapped, ELSEWHERE)

    @pytest.mark.parametrize("text", ["", "no base64 at all!", "AAAA"])
    def test_what_was_altered_is_refused(self, keyring: Keyring, text: str) -> None:
        with pytest.raises(DigestMismatch):
            keyring.unwrap(Wrapped(keyring.key_ids()[0], text), HERE)

    def test_a_key_that_is_lost_is_named(self, keyring: Keyring) -> None:
        with pytest.raises(Unavailable, match="has no key 0123456789abcdef"):
            keyring.unwrap(Wrapped("0123456789abcdef", keyring.wrap(DATA_KEY, HERE).text), HERE)

    def test_the_first_key_writes_and_all_read(self, keyring: Keyring, tmp_path: Path) -> None:
        other = self.again(keyring, tmp_path)
        before, (old,) = keyring.wrap(DATA_KEY, HERE), keyring.key_ids()
        new = keyring.add_key(old)
        assert keyring.key_ids() == (new, old)
        assert other.key_ids() == (new, old), "the other server notices"
        for ring in (keyring, other):
            assert ring.wrap(DATA_KEY, HERE).key_id == new
            assert ring.unwrap(before, HERE) == DATA_KEY

    def test_two_who_rotate_at_once_add_one_key(self, keyring: Keyring, tmp_path: Path) -> None:
        other = self.again(keyring, tmp_path)
        (old,) = keyring.key_ids()
        assert keyring.add_key(old) == other.add_key(old)
        assert len(keyring.key_ids()) == 2

    def test_a_mark_is_known_again_and_outlasts_new_keys(self, keyring: Keyring, tmp_path: Path) -> None:
        mark = keyring.mark(b"data")
        assert len(mark) == MARK_CHARACTERS
        for _ in range(2):
            keyring.add_key(keyring.key_ids()[0])
            assert self.again(keyring, tmp_path).is_mark(mark, b"data")
            assert keyring.is_mark(keyring.mark(b"data"), b"data")
        assert not keyring.is_mark(mark, b"date")
        assert not keyring.is_mark(mark[:-1], b"data")

    def test_a_mark_made_under_a_key_that_is_gone_is_told(self, keyring: Keyring, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        mark = self.make(tmp_path / "other").mark(b"data")
        with pytest.raises(Unavailable, match=mark[:KEY_ID_CHARACTERS]):
            keyring.is_mark(mark, b"data")
        with pytest.raises(Unavailable):
            keyring.is_mark("é", b"data")

    def test_no_key_is_told(self, keyring: Keyring) -> None:
        said = f"{keyring!r} {keyring.name} {keyring.key_ids()} {keyring.wrap(DATA_KEY, HERE)!r}".encode()
        for key in self.keys(keyring):
            assert key not in said
            assert key.hex().encode() not in said

    def test_a_value_travels_in_an_envelope(self, keyring: Keyring) -> None:
        sealed = envelope.close(keyring, "pässword", HERE)
        assert envelope.opened(keyring, sealed, HERE) == "pässword"
        keyring.add_key(keyring.key_ids()[0])
        moved = envelope.Envelope(envelope.rewrapped(keyring, sealed.key, HERE), sealed.ciphertext)
        assert moved.key.key_id == keyring.key_ids()[0] != sealed.key.key_id
        assert envelope.opened(keyring, moved, HERE) == "pässword"
        with pytest.raises(DigestMismatch):
            envelope.opened(keyring, moved, ELSEWHERE)
