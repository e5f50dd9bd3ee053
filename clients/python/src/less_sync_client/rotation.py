"""Rotation of the key of a space: a new key, shares of it for the members, and all keys of content wrapped anew."""

from __future__ import annotations

import os
from typing import Any

from .crypto import epoch_of
from .errors import ConflictError, LessSyncError, MissingKeyError
from .keys import adopt, read_log
from .rights import seconds
from .sealed import seal_share
from .space import Space

#: Attempts while others write or rotate.
ATTEMPTS = 10
#: Keys that are wrapped in one request.
BATCH = 5000


async def rotate_key(space: Space, removed: str | None = None) -> int:
    """Rotate the key, without `removed` among those who get the new one; return its epoch. Completes a pending rotation."""
    for _ in range(ATTEMPTS):
        state = await space.server_state()
        epoch, pending = state["key_generation"] + 1, state.get("rewrap_epoch")
        if pending is not None:
            await _complete(space, pending)
            if removed is None:
                return int(pending)
            continue
        key = os.urandom(32)
        # Before the epoch begins: without shares the space would be stuck.
        shares = await _seal_shares(space, epoch, key, removed)
        begun = await space.call("epoch.begin", {"epoch": epoch, "set_min_key_generation": removed is not None})
        if begun.get("error"):
            continue
        await space.call("epochKeys.put", {"epoch": epoch, "keys": shares})
        space.keys.add(epoch, key)
        await _complete(space, epoch)
        return int(epoch)
    raise LessSyncError("other members rotate the key: try again")


async def take_over(space: Space) -> None:
    """Take over a rotation whose author began it and will never share its key: with a new key."""
    pending = (await space.server_state()).get("rewrap_epoch")
    if pending is None or await adopt(space, pending):
        return
    key = os.urandom(32)
    await space.call("epochKeys.put", {"epoch": pending, "keys": await _seal_shares(space, pending, key)})
    space.keys.add(pending, key)
    await _complete(space, pending)


async def _seal_shares(space: Space, epoch: int, key: bytes, removed: str | None = None) -> list[dict[str, Any]]:
    own, now = space.client.self, seconds()
    roster, _ = await read_log(space)
    valid = [
        did
        for did, member in roster.members.items()
        if did not in (own.did, removed) and any(rights.expires >= now for rights in member.tokens.values())
    ]
    return [
        {"member_did": did, "wrapped_key": seal_share(own, space.ucan or "", did, space.id, epoch, key)}
        for did in [own.did, *valid]
    ]


async def _complete(space: Space, epoch: int) -> None:
    await adopt(space, epoch - 1)
    if not await adopt(space, epoch):
        raise MissingKeyError(epoch)
    for attempt in range(ATTEMPTS + 1):
        await _rewrap(space, "deks.get", "deks.rewrap", epoch)
        await _rewrap(space, "deks.getFiles", "deks.rewrapFiles", epoch)
        try:
            await space.call("epoch.complete", {"epoch": epoch})
            return
        except ConflictError:
            # Records were written under the old key meanwhile.
            if attempt == ATTEMPTS:
                raise


async def _rewrap(space: Space, listing: str, replacing: str, epoch: int) -> None:
    """Wrap the keys of all records, or of all files, with the key of the epoch. The content stays as it is."""
    params = {"space": space.id, "ucan": space.ucan}
    for attempt in range(ATTEMPTS + 1):
        rows: list[dict[str, Any]] = []
        await space.client.call(listing, params, lambda name, row: rows.append(row))
        deks = [
            {"id": row["id"], "dek": space.keys.wrap(space.keys.unwrap(row["dek"]), epoch), "observed_wrapped_dek": row["dek"]}
            for row in rows
            if epoch_of(row["dek"]) != epoch
        ]
        try:
            for at in range(0, max(1, len(deks)), BATCH):
                await space.call(replacing, {"deks": deks[at : at + BATCH]})
            return
        except ConflictError:
            # A record was replaced between the two requests.
            if attempt == ATTEMPTS:
                raise
