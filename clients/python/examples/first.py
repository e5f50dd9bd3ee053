import asyncio
import json
import sys
import urllib.request
import uuid

from less_sync_client import Change, Client, Handlers, Identity, Space, Write, accept, create_space, invitations, invite

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5379"


def connect(user: str) -> tuple[Client, str]:
    """Client of a user, and their address; a development server gives an access token to everybody."""
    identity = Identity()
    mailbox = identity.mailbox("less-sync-dev", user)

    def token() -> str:
        body = json.dumps({"user": user, "did": identity.did, "mailbox": mailbox}).encode()
        request = urllib.request.Request(f"{URL}/dev/token", body, method="POST")
        with urllib.request.urlopen(request) as response:
            return str(json.load(response)["token"])

    return Client(URL, token, identity), f"{identity.did}@{mailbox}"


async def main() -> None:
    (alice, _), (bob, address) = connect("alice"), connect("bob")
    async with alice, bob:
        notes = await create_space(alice, "notes")
        record = str(uuid.uuid4())
        version = await notes.push(Write(record, b"buy milk"))

        await invite(notes, address)
        [invitation] = await invitations(bob)

        finished = asyncio.Event()

        async def changes(batch: list[Change], space: Space) -> None:
            for change in batch:
                print(f"bob reads #{change.cursor}: {(change.content or b'').decode()}")
            if batch[-1].cursor > version:
                finished.set()

        await accept(bob, invitation, "Bob", Handlers(changes=changes))
        await notes.push(Write(record, b"buy oat milk", version))
        await finished.wait()


asyncio.run(main())
