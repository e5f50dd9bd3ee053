"""One space on one device: changes in order, pushes, presence and events, all encrypted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .crypto import KeyRing, epoch_of
from .encoding import base64url, unbase64
from .errors import (
    DecryptionError,
    ForbiddenError,
    ForgedError,
    LessSyncError,
    MissingKeyError,
    ProtocolError,
    server_error,
)
from .keys import adopt

if TYPE_CHECKING:
    from .client import Client

#: Rows that a handler gets at a time.
BATCH = 500
#: Notifications that wait for handlers; beyond that they are dropped, and one pull replaces them.
BACKLOG = 1000
#: Polls for the key of a rotation whose author is about to share it, and seconds between two of them.
POLLS, POLL_INTERVAL = 10, 0.3


@dataclass
class Change:
    """Record that was written, or file that was uploaded, by another connection."""

    #: `record` or `file`.
    kind: str
    id: str
    #: Version: the `expected` of the push that replaces a record.
    cursor: int
    deleted: bool
    #: Decrypted content of a record; `None` if it is deleted, a file, or `error` says why it cannot be read.
    content: bytes | None = None
    error: DecryptionError | None = None
    #: Record that owns the file, and size of its ciphertext in bytes.
    record: str | None = None
    size: int = 0


@dataclass
class Write:
    """Write of one record. `content` None deletes it; `expected` is the version that it replaces, 0 for a new record."""

    id: str
    content: bytes | None
    expected: int = 0


@dataclass
class Handlers:
    """What a program does with a space. Handlers run one after the other, in the order of the server."""

    #: Changes in cursor order. The cursor of the space advances afterwards: a change may come twice, and none is left out.
    changes: Callable[[list[Change], Space], Awaitable[None]] | None = None
    #: Peer that is present with this content, or has left with `None`; content under an unknown key is empty.
    presence: Callable[[str, bytes | None], None] | None = None
    #: Event of a peer.
    event: Callable[[str, bytes], None] | None = None
    #: The rights have ended: the space is not subscribed any more.
    ended: Callable[[Space], None] | None = None


@dataclass
class State:
    """What a program stores of a space. Contains keys: keep it where others cannot read it."""

    id: str
    name: str = ""
    #: Keys by epoch, base64url.
    keys: dict[str, str] = field(default_factory=dict)
    #: Position up to which `changes` has delivered; 0 before the first pull.
    cursor: int = 0
    #: Chain of rights, and `did:key` of the owner: of shared spaces only.
    ucan: str | None = None
    owner: str | None = None


class Space:
    """Space of a client, made by `Client.open`, `create_space` and `accept`."""

    def __init__(self, client: Client, state: State, handlers: Handlers | None = None) -> None:
        """Restore a space from its state."""
        self.client, self.handlers = client, handlers or Handlers()
        self.id, self.name, self.ucan, self.owner, self.cursor = state.id, state.name, state.ucan, state.owner, state.cursor
        self.keys = KeyRing(state.id)
        for epoch, key in state.keys.items():
            self.keys.add(int(epoch), unbase64(key))
        self.has_ended = False
        self._turn = asyncio.Lock()
        self._backlog = 0
        self._is_behind = False
        self._presence: bytes | None = None

    @property
    def state(self) -> State:
        """State to be stored, after changes and whenever keys may have changed."""
        keys = {str(epoch): base64url(key) for epoch, key in self.keys.entries.items()}
        return State(self.id, self.name, keys, self.cursor, self.ucan, self.owner)

    @property
    def is_personal(self) -> bool:
        """True for the personal space of the user, whose rights come with the access token."""
        return self.ucan is None

    async def call(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """Call a method in this space, with its rights."""
        return await self.client.call(method, {"space": self.id, "ucan": self.ucan, **(params or {})})

    async def subscribe(self) -> None:
        """Subscribe, fetch a new key, and pull what is missing: after every connect."""
        state = await self.server_state()
        await self.pull()
        for peer in state.get("peers", []):
            self._present(peer["peer"], peer["data"])
        await self.announce()

    async def server_state(self) -> dict[str, Any]:
        """State of the space on the server, and its key. Raises a `ForbiddenError` after the end of the rights."""
        entry = {"id": self.id, "since": self.cursor, "presence": True} | ({"ucan": self.ucan} if self.ucan else {})
        result = await self.client.call("subscribe", {"spaces": [entry]})
        if not result["spaces"]:
            error = server_error(result["errors"][0]["error"], "cannot subscribe")
            if isinstance(error, ForbiddenError):
                self._end()
            raise error
        state: dict[str, Any] = result["spaces"][0]
        await adopt(self, state["key_generation"])
        return state

    async def pull(self) -> None:
        """Pull once more, for example to check that nothing is missing."""
        async with self._turn:
            await self._pull()

    async def _pull(self) -> None:
        """Pull everything after the cursor. Raises a `ProtocolError` if something is missing (protocol §5.4)."""
        entry = {"id": self.id, "since": self.cursor} | ({"ucan": self.ucan} if self.ucan else {})
        chunks: list[tuple[str, Any]] = []
        result = await self.client.call("pull", {"spaces": [entry]}, lambda name, data: chunks.append((name, data)))
        if not chunks and result["_chunks"] == 0:
            # A space without the right to read is skipped, silently.
            raise ForbiddenError("forbidden", "the space cannot be read")
        counted = [name for name, _ in chunks if name in ("pull.record", "pull.membership", "pull.file")]
        commits = [data for name, data in chunks if name == "pull.commit"]
        if result["_chunks"] != len(chunks) or [commit["count"] for commit in commits] != [len(counted)]:
            raise ProtocolError("incomplete pull")
        rows = [data for name, data in chunks if name in ("pull.record", "pull.file")]
        for at in range(0, len(rows), BATCH):
            await self._deliver(rows[at : at + BATCH])
        self.cursor = max(self.cursor, commits[0]["cursor"])

    async def _deliver(self, rows: list[dict[str, Any]]) -> None:
        missing: set[int] = set()
        changes = [_file(row) if "record_id" in row else await self._record(row, missing) for row in rows]
        if changes and self.handlers.changes:
            await self.handlers.changes(changes, self)

    async def _record(self, row: dict[str, Any], missing: set[int]) -> Change:
        change = Change("record", row["id"], row["cursor"], row.get("deleted") is True)
        blob, dek = row.get("blob"), row.get("dek")
        if change.deleted or blob is None:
            return change
        try:
            if dek and epoch_of(dek) not in missing and not await adopt(self, epoch_of(dek)):
                missing.add(epoch_of(dek))
            change.content = self.keys.open_record(change.id, blob, dek)
        except DecryptionError as error:
            change.error = error
        except ForgedError as error:
            # One forged key share does not keep other records from being read.
            change.error = DecryptionError("no proven key")
            change.error.__cause__ = error
        return change

    async def notified(self, method: str, params: dict[str, Any]) -> None:
        """Take a notification. For the client."""
        if self._backlog >= BACKLOG:
            self._is_behind = True
            return
        self._backlog += 1
        try:
            async with self._turn:
                await self._take(method, params)
                if self._backlog == 1 and self._is_behind:
                    self._is_behind = False
                    await self._pull()
        finally:
            self._backlog -= 1

    async def _take(self, method: str, params: dict[str, Any]) -> None:
        cursor = params.get("cursor", 0)
        if method == "sync":
            await self._follow(params["prev"], cursor, params["records"])
        elif method == "file":
            await self._follow(cursor - 1, cursor, [{**file, "cursor": cursor} for file in params["files"]])
        elif method == "membership":
            await self._follow(cursor - 1, cursor, [])
        elif method == "presence":
            self._present(params["peer"], params["data"])
        elif method == "presence.leave" and self.handlers.presence:
            self.handlers.presence(params["peer"], None)
        elif method == "event" and self.handlers.event:
            self.handlers.event(params["peer"], self.keys.open_live("event", params["data"]))
        elif method == "revoked":
            # All watchers hear of every revocation in the space.
            try:
                await self.server_state()
            except ForbiddenError:
                pass

    async def _follow(self, prev: int, cursor: int, rows: list[dict[str, Any]]) -> None:
        """Advance over an event that follows the cursor; pull over a gap, and drop what is known."""
        if cursor <= self.cursor and prev != cursor:
            return
        if prev != self.cursor or prev == cursor:
            return await self._pull()
        await self._deliver(rows)
        self.cursor = cursor

    async def push(self, *writes: Write) -> int:
        """Encrypt and store all writes under one new version, or none; return it.

        Raises a `ConflictError` if another device was first, an `OfflineError` without a connection, and a `ClosedError` if the
        connection ended before the response. Own writes do not come back to `changes`.
        """
        for poll in range(POLLS + 1):
            epoch = None if self.is_personal else self.keys.newest
            result = await self.call("push", {"changes": [self._sealed(write) for write in writes], "epoch": epoch})
            if result["ok"]:
                self.client.start_task(self._pushed(result.get("cursor", 0)))
                return int(result.get("cursor", 0))
            if result.get("error") == "forbidden":
                await self.server_state()
            if result.get("error") != "epoch_stale":
                raise server_error(result.get("error", "internal"), "push rejected")
            stale = (await self.server_state())["key_generation"]
            if stale not in self.keys:
                if poll == POLLS:
                    break
                await self.client.delay(POLL_INTERVAL)
        raise MissingKeyError(stale)

    def _sealed(self, write: Write) -> dict[str, Any]:
        change: dict[str, Any] = {"id": write.id, "expected_cursor": write.expected}
        if write.content is not None:
            change["blob"], change["dek"] = self.keys.seal_record(write.id, write.content)
        return change

    async def _pushed(self, cursor: int) -> None:
        # In the queue: changes of others before this one may still wait for their handler.
        async with self._turn:
            if cursor == self.cursor + 1:
                self.cursor = cursor

    async def present(self, content: bytes | None) -> None:
        """Show this connection to others as present with this content, at most 900 bytes, until `None`."""
        self._presence = content
        if content is None:
            await self.client.notify("presence.clear", {"space": self.id})
        else:
            await self.announce()

    async def announce(self) -> None:
        """Repeat the presence, which the server forgets after 45 seconds. For the client."""
        if self._presence is not None and not self.has_ended:
            data = self.keys.seal_live("presence", self._presence)
            await self.client.notify("presence.set", {"space": self.id, "data": data})

    async def send(self, content: bytes) -> None:
        """Send an event to those who are connected now, at most 4000 bytes."""
        await self.client.notify("event.send", {"space": self.id, "data": self.keys.seal_live("event", content)})

    def _present(self, peer: str, data: bytes) -> None:
        try:
            content = self.keys.open_live("presence", data)
        except LessSyncError:
            content = b""
        if self.handlers.presence:
            self.handlers.presence(peer, content)

    def _end(self) -> None:
        if not self.has_ended:
            self.has_ended = True
            self.client.forget(self)
            if self.handlers.ended:
                self.handlers.ended(self)


def _file(row: dict[str, Any]) -> Change:
    deleted = row.get("deleted") is True
    return Change("file", row["id"], row["cursor"], deleted, record=row["record_id"], size=row.get("size", 0))
