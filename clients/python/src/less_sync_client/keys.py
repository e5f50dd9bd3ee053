"""Keys of epochs that other members have begun, and the membership log that says who may hand out keys."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from .errors import ConflictError, ForgedError, ProtocolError, ServerError
from .roster import Act, Head, Roster, seal_entry, verify_log
from .sealed import open_share

if TYPE_CHECKING:
    from .space import Space

#: Attempts to append to the log while others append.
ATTEMPTS = 10


async def adopt(space: Space, epoch: int) -> bool:
    """Make the key of an epoch known, from the share of this member; False if there is none. Known keys are never replaced."""
    if epoch not in space.keys and not space.is_personal:
        key = await _shared_key(space, epoch)
        if key is not None:
            space.keys.add(epoch, key)
    return epoch in space.keys


async def _shared_key(space: Space, epoch: int) -> bytes | None:
    identity = space.client.identity
    if identity is None or space.owner is None:
        return None
    try:
        share = await space.call("epochKeys.get", {"epoch": epoch})
    except ServerError as error:
        if error.code == "not_found":
            return None
        raise
    key, author = open_share(identity, space.owner, space.id, epoch, share["wrapped_key"])
    # The chain in a share was valid when the share was made, and may have been revoked since.
    if not (await read_log(space))[0].is_live(author):
        raise ForgedError("the key share is from a removed member")
    return key


async def read_log(space: Space) -> tuple[Roster, Head]:
    """Read and verify the membership log."""
    if space.owner is None:
        raise ProtocolError("a personal space has no membership log")
    entries: list[dict[str, Any]] = (await space.call("membership.list"))["entries"]
    # A list that exceeds one frame begins with a later entry.
    while entries and entries[0]["chain_seq"] > 1:
        older = (await space.call("membership.list", {"until_seq": entries[0]["chain_seq"] - 1}))["entries"]
        if not older:
            break
        entries = older + entries
    head = verify_log(entries)
    return Roster(entries, space.keys, space.owner), head


async def append_log(
    space: Space, act: Callable[[Roster], Act | None], epoch: int | None = None, kind: str | None = None
) -> None:
    """Append what `act` derives from the current log, under the key of `epoch`; nothing for `None`."""
    for attempt in range(ATTEMPTS + 1):
        roster, head = await read_log(space)
        entry = act(roster)
        if entry is None:
            return
        under = space.keys.newest if epoch is None else epoch
        payload = seal_entry(space.client.self, space.ucan or "", space.keys, under, head, entry)
        params = {
            "expected_version": head.version,
            "prev_hash": head.hash or None,
            "entry_hash": sha256(payload).digest(),
            "payload": payload,
            "kind": kind,
        }
        try:
            await space.call("membership.append", params)
            return
        except ConflictError:
            if attempt == ATTEMPTS:
                raise
