"""Invitations and key shares, in the formats of docs/encryption.md: signed by their author, sealed for one person."""

from __future__ import annotations

from dataclasses import dataclass

from .crypto import context
from .encoding import base64url, be32, unbase64, uuid_bytes
from .errors import ForgedError
from .identity import Identity, point_of, seal_for, verify_statement
from .rights import Rights, owner_of, verify_grant

INVITATION = "less-sync-invitation"
SHARE = "less-sync-epoch-key"
INVITATION_CONTEXT = b"less-sync invitation v1"


def _share_context(space: str, epoch: int) -> bytes:
    return context("less-sync epoch key v1", uuid_bytes(space), be32(epoch))


def _text(plain: bytes) -> str:
    """Text of a box: anybody can seal anything for anybody."""
    try:
        return plain.decode()
    except UnicodeDecodeError as error:
        raise ForgedError("not a statement") from error


@dataclass
class Invitation:
    """Verified invitation to a space."""

    space: str
    #: Name of the space, chosen by the sender.
    name: str
    #: `did:key` of the owner of the space, whose key is its root key.
    owner: str
    ucan: str
    epoch: int
    key: bytes
    #: Verified rights; `None` in an invitation that is yet to be sealed.
    rights: Rights | None = None
    #: Id of the invitation on the server.
    id: str = ""


def seal_invitation(author: Identity, did: str, invitation: Invitation) -> str:
    """Encrypt an invitation for the holder of `did`: rights, which `author` has issued, and the key of an epoch."""
    body = {
        "space": invitation.space,
        "root": base64url(point_of(invitation.owner)),
        "name": invitation.name,
        "ucan": invitation.ucan,
        "epoch": invitation.epoch,
        "key": base64url(invitation.key),
    }
    return base64url(seal_for(did, INVITATION_CONTEXT, author.state(INVITATION, body).encode()))


def open_invitation(identity: Identity, payload: str) -> Invitation:
    """Decrypt and verify an invitation. Raises a `DecryptionError` or a `ForgedError`."""
    body = verify_statement(INVITATION, _text(identity.unseal(INVITATION_CONTEXT, unbase64(payload))))
    texts = all(isinstance(body.get(name), str) for name in ("space", "root", "name", "ucan", "key"))
    if not texts or not isinstance(body.get("epoch"), int) or body["epoch"] < 1:
        raise ForgedError("incomplete invitation")
    owner = owner_of(unbase64(body["root"]))
    rights = verify_grant(body["ucan"], body["space"], owner, identity.did, "read")
    # The server has the chains of all members, and could offer a key of its own with one of them.
    if rights.issuer != body["by"]:
        raise ForgedError("the invitation is not signed by the issuer of its rights")
    return Invitation(body["space"], body["name"], owner, body["ucan"], body["epoch"], unbase64(body["key"]), rights)


def seal_share(author: Identity, proof: str, did: str, space: str, epoch: int, key: bytes) -> bytes:
    """Encrypt the key of an epoch for the holder of `did`; `proof` makes its author an administrator."""
    statement = author.state(SHARE, {"space": space, "epoch": epoch, "for": did, "key": base64url(key)})
    return seal_for(did, _share_context(space, epoch), f"{statement}~{proof}".encode())


def open_share(identity: Identity, owner: str, space: str, epoch: int, sealed: bytes) -> tuple[bytes, Rights]:
    """Decrypt and verify a key share. The caller checks that the log has not revoked the rights of its author."""
    signed, _, proof = _text(identity.unseal(_share_context(space, epoch), sealed)).partition("~")
    body = verify_statement(SHARE, signed)
    if (body.get("space"), body.get("epoch"), body.get("for")) != (space, epoch, identity.did):
        raise ForgedError("the key share is for another space or person")
    return unbase64(str(body.get("key"))), verify_grant(proof, space, owner, body["by"], "admin")
