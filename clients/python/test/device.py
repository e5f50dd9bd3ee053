"""Device of a user in a test: a client whose changes can be awaited."""

import asyncio
import json
import urllib.request

from less_sync_client import Client, Handlers, Identity, LessSyncError


def issue(url, user, identity, mailbox):
    """Token and personal space, of a development server."""
    body = json.dumps({"user": user, "did": identity.did, "mailbox": mailbox}).encode()
    with urllib.request.urlopen(urllib.request.Request(url + "/dev/token", body, method="POST")) as response:
        return json.load(response)


async def rejects(awaitable, kind):
    """Return the error of this class that `awaitable` raises."""
    try:
        await awaitable
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


class Device:
    """Device with the content of live records by id."""

    def __init__(self, url, user, identity=None):
        """Prepare a device; `identity` is that of another device of the same user."""
        self.identity = identity or Identity()
        self.mailbox = self.identity.mailbox("test", user)
        self.address = f"{self.identity.did}@{self.mailbox}"
        self.records, self.versions, self.files, self.peers = {}, {}, {}, {}
        self.events, self.errors, self.batches, self.invited, self.has_ended = [], [], 0, 0, False
        self.changed = asyncio.Condition()
        self.personal_space = issue(url, user, self.identity, self.mailbox)["personal_space"]
        self.client = Client(
            url,
            lambda: issue(url, user, self.identity, self.mailbox)["token"],
            self.identity,
            on_invitation=self.notice,
            on_error=self.fail,
            delay=lambda seconds: asyncio.sleep(0.01),
        )
        self.handlers = Handlers(self.changes, self.presence, self.event, self.ended)

    def tell(self):
        """Let those check again who wait."""

        async def wake():
            async with self.changed:
                self.changed.notify_all()

        self.waking = asyncio.ensure_future(wake())

    def notice(self):
        """Take the notice of an invitation."""
        self.invited += 1
        self.tell()

    def fail(self, error):
        """Take a failure."""
        self.errors.append(error)
        self.tell()

    async def changes(self, changes, space):
        """Take changes."""
        self.batches += 1
        for change in changes:
            if change.error:
                self.errors.append(change.error)
            if change.kind == "file":
                self.files.pop(change.id, None) if change.deleted else self.files.update({change.id: change})
                continue
            self.versions[change.id] = change.cursor
            if change.content is None:
                self.records.pop(change.id, None)
            else:
                self.records[change.id] = change.content.decode()
        self.tell()

    def presence(self, peer, content):
        """Take the presence of a peer."""
        self.peers.pop(peer, None) if content is None else self.peers.update({peer: content.decode()})
        self.tell()

    def event(self, peer, content):
        """Take an event."""
        self.events.append(content.decode())
        self.tell()

    def ended(self, space):
        """Take the end of the rights."""
        self.has_ended = True
        self.tell()

    async def until(self, what, condition):
        """Return when `condition` holds, checked after every event."""

        async def wait():
            async with self.changed:
                await self.changed.wait_for(condition)

        try:
            await asyncio.wait_for(wait(), 60)
        except (TimeoutError, asyncio.TimeoutError):
            raise LessSyncError(f"timeout: {what}; errors: {self.errors}") from None

    @property
    def texts(self):
        """Texts of all records, sorted."""
        return sorted(self.records.values())
