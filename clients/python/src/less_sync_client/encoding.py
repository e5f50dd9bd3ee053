"""Encodings of bytes, texts and ids."""

from __future__ import annotations

import base64
import binascii
import uuid

from .errors import ForgedError


def base64url(content: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unbase64(text: str) -> bytes:
    """Bytes of base64 for URLs, with or without padding. Raises a `ForgedError`."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ForgedError("not base64") from error


def uuid_bytes(text: str) -> bytes:
    """The 16 bytes of a UUID."""
    return uuid.UUID(text).bytes


def be32(number: int) -> bytes:
    """A number below 2³² as four bytes, the highest first."""
    return number.to_bytes(4, "big")
