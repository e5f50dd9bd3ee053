"""Identity of a user: a P-256 key that signs rights and statements, and decrypts what is sealed for its `did:key`."""

from __future__ import annotations

import json
import os
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .crypto import hkdf, seal, unseal
from .encoding import base64url, unbase64
from .errors import DecryptionError, ForgedError

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
PREFIX = b"\x80\x24"
POINT = 33

#: Rights in a space; each includes those before it.
Right = Literal["read", "write", "admin"]


def did_of(point: bytes) -> str:
    """`did:key` of a compressed point (auth §5)."""
    number, digits = int.from_bytes(PREFIX + point, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = ALPHABET[digit] + digits
    return "did:key:z" + digits


def point_of(did: str) -> bytes:
    """Compressed point of a `did:key`. Raises a `ForgedError` for anything but a P-256 key in its only spelling."""
    number = 0
    for digit in did[len("did:key:z") : 80]:
        number = number * 58 + max(0, ALPHABET.find(digit))
    point = number.to_bytes(64, "big")[-POINT:]
    if did_of(point) != did:
        raise ForgedError("not a did:key of a P-256 key")
    return point


def _public(point: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise ForgedError("not a point of P-256") from error


def _compressed(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def jws_parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Header, body, signature and signed bytes of a compact JWS. Raises a `ForgedError`."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ForgedError("not a signed token")
    try:
        header, body = (json.loads(unbase64(part)) for part in parts[:2])
    except ValueError as error:
        raise ForgedError("not a signed token") from error
    if not isinstance(header, dict) or not isinstance(body, dict):
        raise ForgedError("not a signed token")
    return header, body, unbase64(parts[2]), f"{parts[0]}.{parts[1]}".encode()


def verify_signature(did: str, signed: bytes, signature: bytes) -> None:
    """Verify an ES256 signature of the holder of `did`. Raises a `ForgedError`."""
    if len(signature) != 64:
        raise ForgedError("invalid signature")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        _public(point_of(did)).verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise ForgedError("invalid signature") from error


def verify_statement(purpose: str, token: str) -> dict[str, Any]:
    """Body of a statement. Raises a `ForgedError` unless it has this purpose and the signature of its author `by`."""
    header, body, signature, signed = jws_parts(token)
    if header.get("alg") != "ES256" or header.get("typ") != purpose or not isinstance(body.get("by"), str):
        raise ForgedError(f"not a statement {purpose}")
    verify_signature(body["by"], signed, signature)
    return body


def _box_key(private: ec.EllipticCurvePrivateKey, theirs: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    shared = private.exchange(ec.ECDH(), _public(theirs))
    return hkdf("less-sync sealed box v1", shared, ephemeral, recipient)


def seal_for(did: str, context: bytes, plain: bytes) -> bytes:
    """Encrypt for the holder of a `did:key`, bound to a context. The box does not tell who made it."""
    private = ec.generate_private_key(ec.SECP256R1())
    ephemeral, recipient = _compressed(private.public_key()), point_of(did)
    return b"\x01" + ephemeral + seal(_box_key(private, recipient, ephemeral, recipient), context, plain)


class Identity:
    """Key pair of a user. Access tokens and UCANs name its `did`."""

    def __init__(self, secret: bytes | None = None) -> None:
        """Create an identity, or make one of a stored `secret`: of this package, or of `identity.json` of the toolbox."""
        if secret is None:
            self._key = ec.generate_private_key(ec.SECP256R1())
        else:
            self._key = ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())
        #: Compressed public key, the root key of spaces of this identity.
        self.point = _compressed(self._key.public_key())
        self.did = did_of(self.point)

    @property
    def secret(self) -> bytes:
        """Private scalar, 32 bytes: to be stored, and moved to other devices of the user."""
        return self._key.private_numbers().private_value.to_bytes(32, "big")

    def mailbox(self, issuer: str, user: str) -> str:
        """Mailbox id of this user of an issuer, which the access token must name to receive invitations (auth §4.2)."""
        key = hkdf("less-sync mailbox key v1", self.secret)
        info = b"\0".join([b"less:mailbox:v1", issuer.encode(), user.encode()])
        return hkdf("less-platform-mailbox-salt-v1", key, info).hex()

    def _sign(self, header: dict[str, Any], body: dict[str, Any]) -> str:
        parts = (json.dumps(part, separators=(",", ":"), ensure_ascii=False).encode() for part in (header, body))
        signed = ".".join(base64url(part) for part in parts)
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def grant(self, space: str, audience: str, right: Right, expires: int, proof: str | None = None) -> str:
        """Issue a UCAN until `expires`, in seconds since 1970: a root token, or one derived from `proof`."""
        body = {
            "aud": [audience],
            "cmd": f"/space/{right}",
            "exp": expires,
            "iss": self.did,
            "nonce": base64url(os.urandom(16)),
            "prf": [] if proof is None else [proof],
            "with": f"space:{space}",
        }
        return self._sign({"alg": "ES256", "typ": "JWT"}, body)

    def state(self, purpose: str, body: dict[str, Any]) -> str:
        """Sign a statement of a purpose, which is not valid for another one or as a UCAN."""
        return self._sign({"alg": "ES256", "typ": purpose}, {"by": self.did, **body})

    def unseal(self, context: bytes, sealed: bytes) -> bytes:
        """Decrypt a box that was sealed for this identity and context. Raises a `DecryptionError`."""
        if sealed[:1] != b"\x01" or len(sealed) < 1 + POINT:
            raise DecryptionError("not a sealed box")
        ephemeral = sealed[1 : 1 + POINT]
        return unseal(_box_key(self._key, ephemeral, ephemeral, self.point), context, sealed[1 + POINT :])
