"""Rights in shared spaces: verification of chains of UCANs up to the root key of the space (auth §6)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, get_args

from .encoding import base64url
from .errors import ForgedError
from .identity import POINT, Right, did_of, jws_parts, verify_signature

#: Maximum number of tokens in a chain.
DEPTH = 8
RIGHTS: tuple[Right, ...] = get_args(Right)
LEVELS = {f"/space/{right}": level for level, right in enumerate(RIGHTS)}
#: Order of the group of P-256.
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass
class Rights:
    """What a verified chain grants."""

    #: `did:key` of the holder.
    audience: str
    #: `did:key` of the member who issued the outermost token.
    issuer: str
    right: Right
    #: Last second of validity, since 1970.
    expires: float
    #: CID of the outermost token, by which the chain is revoked.
    cid: str
    #: CIDs of every token, in both forms: a flipped signature makes a second valid text of a token.
    cids: list[str] = field(default_factory=list)


def covers(right: Right, required: Right) -> bool:
    """Return whether `right` includes `required`."""
    return RIGHTS.index(right) >= RIGHTS.index(required)


def cid(token: str) -> str:
    """CID of a token: SHA-256 of its text, in hex."""
    return sha256(token.encode()).hexdigest()


def _alternate_cid(token: str, signature: bytes) -> str:
    """CID of the token with the other signature that is valid for it: (r, n − s)."""
    flipped = (N - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
    return cid(f"{token.rsplit('.', 1)[0]}.{base64url(signature[:32] + flipped)}")


def _check_claims(header: dict[str, Any], body: dict[str, Any], space: str, now: int) -> None:
    if header.get("alg") != "ES256" or "crit" in header or not isinstance(body.get("iss"), str):
        raise ForgedError("invalid rights: malformed")
    if body.get("cmd") not in LEVELS or body.get("with") != f"space:{space}":
        raise ForgedError("invalid rights: unknown command, or for another space")
    expires, nonce, start = body.get("exp"), body.get("nonce"), body.get("nbf", 0)
    if not isinstance(expires, (int, float)) or expires < now or not isinstance(nonce, str) or not nonce:
        raise ForgedError("invalid rights: expired, or without nonce")
    if now and not (isinstance(start, (int, float)) and start <= now):
        raise ForgedError("invalid rights: not yet valid")
    if not isinstance(body.get("prf", []), list) or len(body.get("prf", [])) > 1:
        raise ForgedError("invalid rights: more than one proof")


def verify_rights(token: str, space: str, owner: str, now: int) -> Rights:
    """Verify a chain for a space whose root key is that of `owner`, at a time in seconds since 1970; 0 accepts expired chains.

    Revocations are known to the server and to the membership log only. Raises a `ForgedError`.
    """
    rights: Rights | None = None
    child: dict[str, Any] = {}
    for _ in range(DEPTH):
        header, body, signature, signed = jws_parts(token)
        _check_claims(header, body, space, now)
        verify_signature(body["iss"], signed, signature)
        audience = body.get("aud")
        if isinstance(audience, list):
            audience = audience[0] if audience else None
        if rights is None:
            right = RIGHTS[LEVELS[body["cmd"]]]
            rights = Rights(str(audience), body["iss"], right, body["exp"], cid(token))
        elif audience != child["iss"] or LEVELS[body["cmd"]] < LEVELS[child["cmd"]] or child["exp"] > body["exp"]:
            raise ForgedError("invalid rights: more than its proof grants")
        rights.cids += [cid(token), _alternate_cid(token, signature)]
        if not body.get("prf"):
            if body["iss"] != owner:
                raise ForgedError("invalid rights: not from the owner of the space")
            return rights
        child, token = body, str(body["prf"][0])
    raise ForgedError("invalid rights: chain too long")


def seconds() -> int:
    """Return the current time in seconds since 1970."""
    return int(time.time())


def verify_grant(token: str, space: str, owner: str, did: str, right: Right) -> Rights:
    """Verify that a chain grants `right` to `did` now."""
    rights = verify_rights(token, space, owner, seconds())
    if rights.audience != did or not covers(rights.right, right):
        raise ForgedError(f"invalid rights: for another person, or less than {right}")
    return rights


def owner_of(root: bytes) -> str:
    """`did:key` of the owner of a space whose root key is `root`."""
    if len(root) != POINT:
        raise ForgedError("malformed root key")
    return did_of(root)
