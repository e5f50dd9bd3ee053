"""Shared spaces: creation, invitations, members, removal."""

from __future__ import annotations

import os
import re
import uuid

from .client import Client
from .errors import ForgedError, LessSyncError, ServerError
from .identity import Right, point_of
from .keys import adopt, append_log, read_log
from .rights import covers, seconds, verify_grant
from .roster import MAX_ADMISSIONS, Act, Member, Roster
from .rotation import rotate_key
from .sealed import Invitation, open_invitation, seal_invitation
from .space import Handlers, Space, State

#: Validity of the rights of an owner and of a member, in seconds.
OWNER, MEMBER = 10 * 365 * 86_400, 365 * 86_400


async def create_space(client: Client, name: str, handlers: Handlers | None = None) -> Space:
    """Create a shared space, owned by the identity of the client, and subscribe to it."""
    own, space_id = client.self, str(uuid.uuid4())
    ucan = own.grant(space_id, own.did, "admin", seconds() + OWNER)
    space = Space(client, State(space_id, name, ucan=ucan, owner=own.did), handlers)
    space.keys.add(1, os.urandom(32))
    await client.call("space.create", {"id": space_id, "root_public_key": own.point})
    admission = {"did": own.did, "name": "", "ucan": ucan, "joined": True}
    await append_log(space, lambda roster: {"admit": [admission]})
    await client.add(space)
    return space


async def invite(space: Space, address: str, right: Right = "write", name: str = "") -> None:
    """Invite the user with this address (`did:key:…@mailbox`).

    `name` is shown to members until the invitee chooses one. Rights end with those of the inviter, at most after a year.
    """
    did, _, mailbox = address.strip().partition("@")
    point_of(did)
    if not re.fullmatch("[0-9a-f]{64}", mailbox):
        raise LessSyncError("expected an address: did:key:…@ and 64 hexadecimal digits")
    author, proof, owner = space.client.self, space.ucan or "", space.owner or ""
    own = verify_grant(proof, space.id, owner, author.did, right)
    ucan = author.grant(space.id, did, right, int(min(seconds() + MEMBER, own.expires)), proof)
    await space.server_state()
    await _list_members(space, space.keys.newest)
    # The log first: other administrators could not revoke rights that are not in it.
    admission = {"did": did, "name": name, "ucan": ucan, "joined": False}
    await append_log(space, lambda roster: {"admit": [admission]})
    # A rotation that began before the entry has left no share for the invitee, but one for us.
    await space.server_state()
    epoch = space.keys.newest
    invitation = Invitation(space.id, space.name, owner, ucan, epoch, space.keys.key(epoch))
    payload = seal_invitation(author, did, invitation)
    await space.client.call("invitation.create", {"mailbox_id": mailbox, "payload": payload})


async def invitations(client: Client) -> list[Invitation]:
    """Invitations in the mailbox of the user; those that prove nothing are left out."""
    found: list[Invitation] = []
    after: str | None = None
    while True:
        page = (await client.call("invitation.list", {"after": after}))["invitations"]
        for row in page:
            try:
                invitation = open_invitation(client.self, row["payload"])
            except LessSyncError:
                continue
            invitation.id = row["id"]
            found.append(invitation)
        if not page or len(found) > 10_000:
            return found
        after = page[-1]["id"]


async def accept(client: Client, invitation: Invitation, name: str, handlers: Handlers | None = None) -> Space:
    """Accept an invitation under a name for other members: subscribe to the space, and delete the invitation."""
    space = client.spaces.get(invitation.space)
    if space and space.owner != invitation.owner:
        raise ForgedError("the invitation has the id of a known space, but another owner")
    if space:
        space.ucan = _better(space, invitation)
    else:
        state = State(invitation.space, invitation.name, ucan=invitation.ucan, owner=invitation.owner)
        space = Space(client, state, handlers)
    epoch = (await space.server_state())["key_generation"]
    # The inviter may be removed tomorrow: a key of another epoch than the current one could be theirs alone.
    if not await adopt(space, epoch) and invitation.epoch == epoch:
        space.keys.add(epoch, invitation.key)
    await append_log(space, lambda roster: {"join": {"name": name}}, kind="accept")
    await client.add(space)
    try:
        await client.call("invitation.delete", {"id": invitation.id})
    except ServerError as error:
        if error.code != "not_found":  # Deleted by another device.
            raise
    return space


def _better(known: Space, offered: Invitation) -> str:
    """Return the better one of the known and the offered rights: an invitation must not replace an administrator's by weaker ones."""
    rights, ucan = offered.rights, known.ucan or ""
    try:
        own = verify_grant(ucan, known.id, known.owner or "", known.client.self.did, "read")
    except ForgedError:
        return offered.ucan
    is_weaker = rights is None or (covers(own.right, rights.right) and own.expires >= rights.expires)
    return ucan if is_weaker else offered.ucan


async def members(space: Space) -> list[Member]:
    """Members of a space, by its log."""
    return list((await read_log(space))[0].members.values())


async def remove(space: Space, did: str) -> None:
    """Revoke all rights of a member, and rotate the key: what is written from now on is not for them. Can be repeated."""
    roster, _ = await read_log(space)
    member = roster.members.get(did)
    if member is None and did not in roster.removed:
        raise LessSyncError(f"the space has no member {did}")
    cids = [rights.cid for rights in member.tokens.values()] if member else []
    for cid in cids:
        await space.call("membership.revoke", {"ucan_cid": cid, "member_did": did})
    before = space.keys.newest
    # The key before the log: a full log does not keep the key with the removed member.
    epoch = await rotate_key(space, did)

    def removal(now: Roster) -> Act | None:
        return {"remove": {"did": did, "cids": cids}} if did in now.members else None

    await append_log(space, removal, min(before, epoch - 1))
    await _list_members(space, epoch)


async def rotate(space: Space) -> None:
    """Rotate the key of a space. All members keep access."""
    await _list_members(space, await rotate_key(space))


async def _list_members(space: Space, epoch: int) -> None:
    """Repeat the admissions of all members under the key of `epoch`, for later members, who cannot read older entries."""

    def listed(roster: Roster) -> Act | None:
        old = roster.to_be_listed(epoch)
        return {"admit": old[:MAX_ADMISSIONS]} if old else None

    while (await read_log(space))[0].to_be_listed(epoch):
        await append_log(space, listed, epoch)
