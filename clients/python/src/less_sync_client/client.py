"""Client: keeps one connection, and the subscriptions of its spaces, over every interruption."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import random
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from .connection import Connection, OnChunk
from .encoding import base64url, unbase64
from .errors import ClosedError, LessSyncError, MissingKeyError, OfflineError, TokenRejectedError
from .identity import Identity
from .space import Handlers, Space, State

#: Longest delay between two attempts, in seconds.
LONGEST = 30.0
#: The server forgets presence 45 seconds after it was set. In seconds.
HEARTBEAT = 30.0


class Client:
    """Client of one user. `async with` starts and stops it."""

    def __init__(
        self,
        url: str,
        token: Callable[[], str | Awaitable[str]],
        identity: Identity | None = None,
        *,
        on_invitation: Callable[[], None] = lambda: None,
        on_error: Callable[[Exception], None] = lambda error: None,
        delay: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare a client; it connects with `start`.

        `url` is that of the server; the path of the API is added to a URL without one. `token` returns a valid access token before
        every connection and file request. `identity` is required for shared spaces, and named by the token as `did`. `on_error` gets
        failures that no call reports. `delay` waits, in seconds.
        """
        parts = urlsplit(url)
        #: Base URL of the API.
        self.base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or '/api/v1'}"
        self.identity, self.delay = identity, delay
        self.spaces: dict[str, Space] = {}
        self._token, self._on_invitation, self._on_error = token, on_invitation, on_error
        self._connection: Connection | None = None
        self._is_online = asyncio.Event()
        self._stopped: LessSyncError | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def self(self) -> Identity:
        """The identity. Raises without one."""
        if self.identity is None:
            raise LessSyncError("shared spaces need an identity")
        return self.identity

    @property
    def is_online(self) -> bool:
        """True while all spaces are subscribed."""
        return self._is_online.is_set()

    async def token(self) -> str:
        """Access token for a request."""
        token = self._token()
        return await token if inspect.isawaitable(token) else token

    async def __aenter__(self) -> Client:
        """Start; stops again if the token is rejected."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> None:
        """Connect, and reconnect until `stop`. Returns when online; raises a `TokenRejectedError` if the token is rejected."""
        if self._keeping is None or self._keeping.done():
            self._stopped = None
            self._keeping = asyncio.create_task(self._keep())
        await self.online()

    async def online(self) -> None:
        """Return when online, at once or after the next connect. Raises when the client is stopped."""
        online = asyncio.create_task(self._is_online.wait())
        keeping: set[asyncio.Task[Any]] = {self._keeping} if self._keeping else set()
        await asyncio.wait({online, *keeping}, return_when=asyncio.FIRST_COMPLETED)
        online.cancel()
        if not self.is_online:
            raise self._stopped or OfflineError("the client is stopped")

    async def stop(self) -> None:
        """Close the connection, and open no other one."""
        if self._keeping:
            self._keeping.cancel()
        if self._connection:
            await self._connection.close()
        self._lost()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _lost(self) -> None:
        self._connection = None
        self._is_online.clear()

    async def _keep(self) -> None:
        failures, rejected = 0, None
        while True:
            token = ""
            try:
                token = await self.token()
                if token == rejected:
                    raise TokenRejectedError(4000, "the token was rejected before")
                ended = await self._connect(token)
                if isinstance(ended, TokenRejectedError):
                    raise ended
                failures = 0
            except (LessSyncError, OSError) as error:
                self._on_error(error)
                # The same token again would be rejected again; a new one may not be.
                if isinstance(error, TokenRejectedError):
                    if token == rejected:
                        self._stopped = error
                        return self._lost()
                    rejected = token
            self._lost()
            await self.delay(min(LONGEST, 2.0**failures) * (1 + 0.3 * random.random()))
            failures += 1

    async def _connect(self, token: str) -> ClosedError:
        """Connect and subscribe; return when the connection has ended."""
        self._connection = connection = await Connection.open(self.base, token, self._notified)
        try:
            # Nothing acknowledges the token but the first response.
            await connection.call("subscribe", {"spaces": []})
            for space in list(self.spaces.values()):
                await self._subscribe(space)
            self._is_online.set()
            while True:
                done, _ = await asyncio.wait({connection.closed}, timeout=HEARTBEAT)
                if done:
                    return connection.closed.result()
                for space in list(self.spaces.values()):
                    await space.announce()
        except ClosedError as error:
            return error
        finally:
            await connection.close()

    async def _subscribe(self, space: Space) -> None:
        """Subscribe a space; a failure of one does not keep the others from being online."""
        try:
            await space.subscribe()
        except ClosedError:
            raise
        except LessSyncError as error:
            self._on_error(error)

    def _notified(self, method: str, params: dict[str, Any]) -> None:
        if method == "invitation":
            return self._on_invitation()
        if space := self.spaces.get(params.get("space", "")):
            self.start_task(space.notified(method, params))

    def start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work of a space until it ends or the client is stopped; failures go to `on_error`. For spaces."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception) and not isinstance(error, (ClosedError, OfflineError)):
            self._on_error(error)

    async def call(self, method: str, params: dict[str, Any], on_chunk: OnChunk = lambda name, data: None) -> Any:
        """Send a request. Raises an `OfflineError`, a `ClosedError` or a `ServerError`."""
        if self._connection is None:
            raise OfflineError("not connected")
        return await self._connection.call(method, params, on_chunk)

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification, or do nothing without a connection."""
        if self._connection is not None and not self._connection.closed.done():
            await self._connection.notify(method, params)

    async def open(self, state: State, handlers: Handlers | None = None) -> Space:
        """Open a space from its stored state: now if the client is connected, else with the next connection."""
        space = Space(self, state, handlers)
        await self.add(space)
        return space

    async def add(self, space: Space) -> None:
        """Register a space, and subscribe it if the client is connected."""
        self.spaces[space.id] = space
        space.has_ended = False
        if self._connection is not None:
            await space.subscribe()

    async def close(self, space: Space) -> None:
        """Stop watching a space; its content stays on the server."""
        self.forget(space)
        await self.notify("unsubscribe", {"spaces": [space.id]})

    def forget(self, space: Space) -> None:
        """Remove a space without telling the server. For spaces."""
        if self.spaces.get(space.id) is space:
            del self.spaces[space.id]

    async def personal(self, space: str, key: str | None = None) -> State:
        """State of a personal space for `open`. `key` is the export of another device or of the toolbox.

        Without `key` a new one is made, unless the space has content already: then a `MissingKeyError` asks for the key.
        """
        if key is not None:
            return State(space, keys={"1": _import_key(space, key)})
        rows: list[Any] = []
        await self.call("pull", {"spaces": [{"id": space, "since": 0}]}, lambda name, data: rows.append(data))
        if any("dek" in row for row in rows):
            raise MissingKeyError(1)
        return State(space, keys={"1": base64url(os.urandom(32))})


def _import_key(space: str, text: str) -> str:
    try:
        exported = json.loads(text)
        key, place = str(exported["key"]), (exported["version"], exported["space"])
    except (ValueError, KeyError, TypeError) as error:
        raise LessSyncError("not an exported key") from error
    if place != (1, space) or len(unbase64(key)) != 32:
        raise LessSyncError("not the key of this space")
    return key


def export_key(space: Space) -> str:
    """Export of the key of a personal space, for `personal` on another device and for `less-sync key import`."""
    exported = {"version": 1, "space": space.id, "key": base64url(space.keys.key(1))}
    return json.dumps(exported, separators=(",", ":"))
