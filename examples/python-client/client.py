"""less-sync client in one file: requests, notifications and chunks in CBOR over a WebSocket."""

import itertools
import json
import os
import sys
import urllib.request
import uuid
from contextlib import ExitStack
from urllib.parse import urlsplit

import cbor2
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

REQUEST, RESPONSE, NOTIFICATION, CHUNK = range(4)
KEEPALIVE = b"\xf6"


def base_url(text=None):
    """Return the base URL of the API; adds the path to a URL without one."""
    url = urlsplit(text or os.environ.get("LESS_SYNC_URL", "http://127.0.0.1:5379"))
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/') or '/api/v1'}"


def grant(base, user="dev"):
    """Return an access token and its personal space: from the environment, else issued by the development server."""
    if token := os.environ.get("LESS_SYNC_TOKEN"):
        return token, os.environ["LESS_SYNC_SPACE"]
    url = urlsplit(base)._replace(path="/dev/token").geturl()
    body = json.dumps({"user": user}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, method="POST")) as response:
        issued = json.load(response)
    return issued["token"], issued["personal_space"]


class Client:
    """One connection. `on_notification` is called with the method and the parameters of each notification."""

    def __init__(self, base, token, on_notification=lambda method, params: None):
        """Connect and send the token. The server does not acknowledge it: requests may follow at once."""
        url = base.replace("http", "ws", 1) + "/ws"
        self.connection = ExitStack()
        socket = connect(url, subprotocols=["less-rpc-v1"], compression=None, max_size=8 << 20)
        self.socket = self.connection.enter_context(socket)
        self.ids = itertools.count(1)
        self.on_notification = on_notification
        self.notify("auth", {"token": token})

    def notify(self, method, params):
        """Send a notification, which has no response."""
        self.socket.send(cbor2.dumps({"type": NOTIFICATION, "method": method, "params": params}))

    def receive(self, timeout=None):
        """Return the next frame that is no keepalive. Notifications go to their handler too."""
        while True:
            message = self.socket.recv(timeout)
            if message == KEEPALIVE:
                continue
            frame = cbor2.loads(message)
            if frame["type"] == NOTIFICATION:
                self.on_notification(frame["method"], frame["params"])
            return frame

    def call(self, method, params, on_chunk=lambda name, data: None):
        """Send a request and return its result, after all its chunks."""
        call = f"py-{next(self.ids)}"
        self.socket.send(cbor2.dumps({"type": REQUEST, "id": call, "method": method, "params": params}))
        while True:
            frame = self.receive()
            if frame.get("id") != call:
                continue
            if frame["type"] == CHUNK:
                on_chunk(frame["name"], frame["data"])
            elif "error" in frame:
                raise RuntimeError(f"{frame['error']['code']}: {frame['error']['message']}")
            else:
                return frame["result"]

    def subscribe(self, space):
        """Subscribe to a space and return its cursor; changes then arrive as notifications."""
        result = self.call("subscribe", {"spaces": [{"id": space, "since": 0}]})
        if not result["spaces"]:
            raise RuntimeError(f"cannot subscribe: {result['errors'][0]['error']}")
        return result["spaces"][0]["cursor"]

    def pull(self, space, since=0):
        """Return the changes after `since` and the cursor for the next pull; raises if the pull is incomplete."""
        chunks = []
        result = self.call("pull", {"spaces": [{"id": space, "since": since}]}, lambda *chunk: chunks.append(chunk))
        rows = [name for name, _ in chunks if name in ("pull.record", "pull.membership", "pull.file")]
        commits = [data for name, data in chunks if name == "pull.commit"]
        if result["_chunks"] != len(chunks) or [commit["count"] for commit in commits] != [len(rows)]:
            raise RuntimeError("incomplete pull")
        return [data for name, data in chunks if name == "pull.record"], commits[0]["cursor"]

    def push(self, space, record, blob, expected=0):
        """Write one record (`blob` None deletes it) whose current cursor is `expected`; return the new cursor."""
        change = {"id": record, "expected_cursor": expected} | ({} if blob is None else {"blob": blob})
        result = self.call("push", {"space": space, "changes": [change]})
        if not result["ok"]:
            raise RuntimeError(f"push rejected: {result['error']}")
        return result["cursor"]

    def close(self):
        """Close the connection."""
        self.connection.close()


def show(record):
    """Print a record."""
    print(record["cursor"], record["id"], "(deleted)" if record.get("deleted") else record["blob"])


def main(text=None):
    """Print all records, push `text` as a new record, then print live changes."""
    base = base_url()
    token, space = grant(base)

    def changed(method, params):
        for record in params.get("records", []) if method == "sync" else []:
            show(record)

    client = Client(base, token, changed)
    client.subscribe(space)
    records, _cursor = client.pull(space)
    for record in records:
        show(record)
    if text is not None:
        print("pushed at", client.push(space, str(uuid.uuid4()), text.encode()))
    while True:
        client.receive()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2])
    except (ConnectionClosed, OSError, RuntimeError) as error:
        sys.exit(f"error: {error}")
