"""Encryption with the keys of a space, in the formats of docs/encryption.md: records, files, presence, log entries."""

from __future__ import annotations

import os
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from .encoding import be32, uuid_bytes
from .errors import DecryptionError, MissingKeyError

VERSION = b"\x01"
KEY = 32
WRAPPED = 44
NONCE = 12
SEGMENT = 65536
TAG = 16
#: Keys of the newest epochs that a ring keeps, as many as concurrent rotations can need.
KEPT = 64

Live = Literal["presence", "event"]


def hkdf(salt: str, secret: bytes, *info: bytes) -> bytes:
    """HKDF-SHA-256 with 32 bytes of output."""
    return HKDF(algorithm=SHA256(), length=KEY, salt=salt.encode(), info=b"".join(info)).derive(secret)


def seal(key: bytes, context: bytes, plain: bytes) -> bytes:
    """AES-256-GCM: nonce (12) ‖ ciphertext ‖ tag (16)."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def unseal(key: bytes, context: bytes, sealed: bytes) -> bytes:
    """Opposite of `seal`. Raises a `DecryptionError` for modified content, another key and another context."""
    return _decrypt(AESGCM(key), sealed[:NONCE], sealed[NONCE:], context)


def _decrypt(cipher: AESGCM, nonce: bytes, sealed: bytes, context: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, sealed, context)
    except (InvalidTag, ValueError) as error:
        raise DecryptionError("cannot decrypt: modified, or under another key") from error


def context(label: str, *parts: bytes) -> bytes:
    """Associated data: label ‖ 0 ‖ parts."""
    return label.encode() + b"\0" + b"".join(parts)


def epoch_of(dek: bytes) -> int:
    """Epoch of a wrapped key."""
    return int.from_bytes(dek[:4], "big")


def _versioned(sealed: bytes) -> bytes:
    if sealed[:1] != VERSION:
        raise DecryptionError("not encrypted in this format")
    return sealed[1:]


class KeyRing:
    """Keys of a space, one per epoch; the newest 64 are kept."""

    def __init__(self, space: str) -> None:
        self.space = space
        self._id = uuid_bytes(space)
        self._keys: dict[int, bytes] = {}

    @property
    def newest(self) -> int:
        """Newest epoch with a key; 0 without one."""
        return max(self._keys, default=0)

    @property
    def entries(self) -> dict[int, bytes]:
        """All keys by their epochs."""
        return dict(self._keys)

    def __contains__(self, epoch: int) -> bool:
        return epoch in self._keys

    def add(self, epoch: int, key: bytes) -> None:
        """Add or replace the key of an epoch."""
        if len(key) != KEY:
            raise DecryptionError("a key of a space has 32 bytes")
        self._keys[epoch] = key
        if len(self._keys) > KEPT:
            del self._keys[min(self._keys)]

    def key(self, epoch: int) -> bytes:
        """Key of an epoch. Raises a `MissingKeyError`."""
        if epoch not in self._keys:
            raise MissingKeyError(epoch)
        return self._keys[epoch]

    def _derived(self, epoch: int, purpose: str) -> bytes:
        return hkdf("less-sync space key v1", self.key(epoch), purpose.encode(), b"\0", self._id, be32(epoch))

    def wrap(self, key: bytes, epoch: int | None = None) -> bytes:
        """Wrap the key of a record or file: epoch (4) ‖ AES-KW (40)."""
        epoch = self.newest if epoch is None else epoch
        return be32(epoch) + aes_key_wrap(self._derived(epoch, "dek"), key)

    def unwrap(self, dek: bytes) -> bytes:
        """Key of a record or file."""
        if len(dek) != WRAPPED:
            raise DecryptionError("not a wrapped key")
        try:
            return aes_key_unwrap(self._derived(epoch_of(dek), "dek"), dek[4:])
        except InvalidUnwrap as error:
            raise DecryptionError("cannot decrypt a key: modified, or under another key") from error

    def seal_record(self, record: str, content: bytes) -> tuple[bytes, bytes]:
        """Encrypt the content of a record under a new key; return the blob and the wrapped key."""
        key = os.urandom(KEY)
        place = context("less-sync record v1", self._id, uuid_bytes(record))
        return VERSION + seal(key, place, content), self.wrap(key)

    def open_record(self, record: str, blob: bytes, dek: bytes | None) -> bytes:
        """Content of a record."""
        if dek is None:
            raise DecryptionError("not encrypted")
        sealed = _versioned(blob)
        return unseal(self.unwrap(dek), context("less-sync record v1", self._id, uuid_bytes(record)), sealed)

    def seal_file(self, file: str, content: bytes) -> tuple[bytes, bytes]:
        """Encrypt a file under a new key: once per attempt to upload, since nonces are counters."""
        key = os.urandom(KEY)
        return VERSION + self._segments(key, file, content, SEGMENT, is_sealing=True), self.wrap(key)

    def open_file(self, file: str, object_: bytes, dek: bytes) -> bytes:
        """Content of a file; a missing, repeated or reordered segment does not decrypt."""
        return self._segments(self.unwrap(dek), file, _versioned(object_), SEGMENT + TAG, is_sealing=False)

    def _segments(self, key: bytes, file: str, content: bytes, step: int, *, is_sealing: bool) -> bytes:
        cipher, place = AESGCM(key), context("less-sync file v1", self._id, uuid_bytes(file))
        count = max(1, -(-len(content) // step))
        parts = []
        for number in range(count):
            nonce = number.to_bytes(11, "big") + (b"\x01" if number == count - 1 else b"\0")
            part = content[number * step : (number + 1) * step]
            done = cipher.encrypt(nonce, part, place) if is_sealing else _decrypt(cipher, nonce, part, place)
            # An empty last segment after others would be a second encoding of the same content.
            if not is_sealing and number > 0 and not done:
                raise DecryptionError("empty segment")
            parts.append(done)
        return b"".join(parts)

    def seal_live(self, kind: Live, content: bytes) -> bytes:
        """Encrypt presence or an event."""
        epoch = self.newest
        return VERSION + be32(epoch) + seal(self._derived(epoch, "live"), self._live(kind), content)

    def open_live(self, kind: Live, data: bytes) -> bytes:
        """Content of presence or an event."""
        rest = _versioned(data)
        return unseal(self._derived(epoch_of(rest), "live"), self._live(kind), rest[4:])

    def _live(self, kind: Live) -> bytes:
        return context("less-sync live v1", self._id, b"\0" if kind == "presence" else b"\x01")

    def seal_entry(self, epoch: int, seq: int, before: bytes, statement: bytes) -> bytes:
        """Encrypt an entry of the membership log at its position: number from 1, and hash of the entry before."""
        place = context("less-sync log v1", self._id, be32(seq), before)
        return VERSION + be32(epoch) + seal(self._derived(epoch, "log"), place, statement)

    def open_entry(self, seq: int, before: bytes, payload: bytes) -> tuple[int, bytes]:
        """Epoch and statement of an entry."""
        rest = _versioned(payload)
        place = context("less-sync log v1", self._id, be32(seq), before)
        return epoch_of(rest), unseal(self._derived(epoch_of(rest), "log"), place, rest[4:])
