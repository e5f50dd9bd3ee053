"""One WebSocket connection: requests, chunks and notifications in CBOR (protocol §1, §2)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import cbor2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from .errors import ClosedError, ProtocolError, TokenRejectedError, server_error

REQUEST, RESPONSE, NOTIFICATION, CHUNK = range(4)
KEEPALIVE = b"\xf6"

#: Largest message of a server, in bytes (protocol §1.7).
LARGEST = 8 << 20
#: The server sends a keepalive every 30 seconds; a link without any message for longer is dead. In seconds.
SILENCE = 75.0

OnChunk = Callable[[str, Any], None]
OnNotification = Callable[[str, Any], None]


class Connection:
    """Connection whose token was sent. The server does not acknowledge it."""

    def __init__(self, socket: ClientConnection, on_notification: OnNotification) -> None:
        self._socket = socket
        self._on_notification = on_notification
        self._calls: dict[str, tuple[asyncio.Future[Any], OnChunk]] = {}
        self._ids = itertools.count(1)
        self.closed: asyncio.Future[ClosedError] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, base: str, token: str, on_notification: OnNotification) -> Connection:
        """Connect to a base URL such as `https://host/api/v1`, and send the token."""
        url = base.replace("http", "ws", 1) + "/ws"
        try:
            socket = await connect(url, subprotocols=[Subprotocol("less-rpc-v1")], compression=None, max_size=LARGEST)
        except (OSError, TimeoutError, WebSocketException) as error:
            raise ClosedError(1006, "cannot connect") from error
        connection = cls(socket, on_notification)
        await connection.notify("auth", {"token": token})
        return connection

    async def _read(self) -> None:
        try:
            while True:
                message = await asyncio.wait_for(self._socket.recv(), SILENCE)
                if message != KEEPALIVE:
                    self._receive(message)
        except (TimeoutError, asyncio.TimeoutError):
            self._end(ClosedError(1006, "no message from the server"))
        except ProtocolError as error:
            self._end(ClosedError(1006, str(error)))
        except ConnectionClosed as error:
            code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
            self._end(TokenRejectedError(code, reason) if code == 4000 else ClosedError(code, reason))
        finally:
            self._end(ClosedError(1000, "client close"))

    def _end(self, error: ClosedError) -> None:
        if self.closed.done():
            return
        self.closed.set_result(error)
        for response, _ in self._calls.values():
            if not response.done():
                response.set_exception(error)
        self._calls.clear()

    def _receive(self, message: str | bytes) -> None:
        if isinstance(message, str):
            raise ProtocolError("message is not binary")
        try:
            frame = cbor2.loads(message)
        except (cbor2.CBORDecodeError, ValueError) as error:
            raise ProtocolError("message is not CBOR") from error
        if not isinstance(frame, dict):
            raise ProtocolError("message is not a frame")
        if frame.get("type") == NOTIFICATION:
            self._on_notification(frame.get("method", ""), frame.get("params") or {})
            return
        response, on_chunk = self._calls.get(frame.get("id", ""), (None, None))
        if response is None or on_chunk is None:
            return
        if frame.get("type") == CHUNK:
            on_chunk(frame.get("name", ""), frame.get("data"))
        elif frame.get("type") == RESPONSE:
            del self._calls[frame["id"]]
            if response.done():  # The caller was cancelled.
                return
            if failure := frame.get("error"):
                response.set_exception(server_error(failure["code"], failure["message"]))
            else:
                response.set_result(frame.get("result"))

    async def _send(self, frame: dict[str, Any]) -> None:
        try:
            await self._socket.send(cbor2.dumps(frame))
        except ConnectionClosed:
            raise await self.closed from None

    async def call(self, method: str, params: dict[str, Any], on_chunk: OnChunk = lambda name, data: None) -> Any:
        """Send a request; return its result, after all its chunks. Raises a `ServerError` or `ClosedError`."""
        if self.closed.done():
            raise self.closed.result()
        call = str(next(self._ids))
        response: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[call] = (response, on_chunk)
        try:
            present = {name: value for name, value in params.items() if value is not None}
            await self._send({"type": REQUEST, "id": call, "method": method, "params": present})
            return await response
        finally:
            self._calls.pop(call, None)

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification, which has no response."""
        await self._send({"type": NOTIFICATION, "method": method, "params": params})

    async def close(self) -> None:
        """Close the connection."""
        self._end(ClosedError(1000, "client close"))
        await self._socket.close(1000, "client close")
        self._reading.cancel()
