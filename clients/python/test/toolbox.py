"""python toolbox.py URL PROGRAM FOLDER: the package and the toolbox in the same spaces, each reading what the other writes.

FOLDER is for the keys and files of the toolbox. Exits with 0 or 1.
"""

import asyncio
import json
import os
import sys
import uuid
from dataclasses import asdict
from pathlib import Path

from device import Device, rejects

import less_sync_client as less
from less_sync_client import Write
from less_sync_client.encoding import unbase64

URL, PROGRAM, FOLDER = sys.argv[1], sys.argv[2], Path(sys.argv[3])
LARGE = bytes(at % 251 for at in range(70_000))


async def run(*args):
    """Standard output of a program that must succeed."""
    child = await asyncio.create_subprocess_exec(
        *map(str, args),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LESS_SYNC_URL": URL, "LESS_SYNC_KEYS": str(FOLDER / str(args[2]))},
    )
    out, error = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"{args}: {error.decode()}")
    return out.decode().strip()


async def toolbox(user, *args):
    """Run the toolbox as a user; return standard output."""
    return await run(PROGRAM, "--user", user, *args)


def file(name, content):
    """Path of a file with this content."""
    (FOLDER / name).write_bytes(content)
    return FOLDER / name


async def push(user, space, content):
    """Push a record with the toolbox."""
    await toolbox(user, "push", "--space", space, file("note", content))


async def invites_toolbox():
    """A space of the package: the toolbox joins, reads, writes, and is removed. Return the owner and the space."""
    alice = Device(URL, f"alice-{uuid.uuid4()}")
    await alice.client.start()
    address = await toolbox("bob", "identity")
    space = await less.create_space(alice.client, "notes", alice.handlers)
    await space.push(Write(str(uuid.uuid4()), b"from the package"))
    _, description = await less.put_file(space, "a.bin", LARGE)
    await less.invite(space, address)
    await toolbox("bob", "space", "accept", "--name", "Bob")
    assert '"from the package"' in await toolbox("bob", "pull", "--space", space.id)
    await toolbox("bob", "file", "get", "--space", space.id, "a.bin", "-o", FOLDER / "copy")
    assert (FOLDER / "copy").read_bytes() == LARGE, "the toolbox reads files"

    await push("bob", space.id, b"from the toolbox")
    await alice.until("the record", lambda: "from the toolbox" in alice.texts)
    await toolbox("bob", "file", "put", "--space", space.id, file("b.bin", LARGE))

    def found():
        every = map(less.file_description, map(str.encode, alice.records.values()))
        return next((one for one in every if one and one.name == "b.bin"), None)

    await alice.until("the file", lambda: found() and alice.files)
    assert await less.get_file(space, found()) == LARGE, "the package reads files"
    names = sorted((member.name, member.joined) for member in await less.members(space))
    assert names == [("", True), ("Bob", True)], names

    await less.rotate(space)
    await push("bob", space.id, b"under the second key")
    await alice.until("the record", lambda: "under the second key" in alice.texts)
    assert await less.get_file(space, description) == LARGE, "a wrapped key of a file is replaced"
    assert len((await toolbox("bob", "space", "members", "--space", space.id)).splitlines()) == 2
    await backup(alice, space)
    await less.remove(space, address.split("@")[0])
    await rejects(push("bob", space.id, b"too late"), RuntimeError)
    assert "permission=revoked" in await toolbox("bob", "space", "list"), "the toolbox is removed"
    assert not alice.errors, alice.errors
    await alice.client.stop()


async def backup(device, space):
    """The example: a folder with everything, then with what has changed since."""
    state, folder = FOLDER / "state.json", FOLDER / "backup"
    settings = {"url": URL, "dev_user": "backup", "secret": device.identity.secret.hex()}
    state.write_text(json.dumps(settings | {"space": asdict(space.state) | {"cursor": 0}}))
    program = (sys.executable, Path(__file__).parent.parent / "examples" / "backup.py", state, folder)
    await run(*program)
    records = sorted(path.read_bytes() for path in (folder / "records").iterdir() if len(path.read_bytes()) < 30)
    assert records == [b"from the package", b"from the toolbox", b"under the second key"], records
    assert [path.read_bytes() for path in (folder / "files").iterdir()] == [LARGE, LARGE]
    # A record of a file, which another device deletes, and no other change.
    [(deleted, _)] = [(id, text) for id, text in device.records.items() if text == "from the toolbox"]
    await space.push(Write(deleted, None, device.versions[deleted]))
    assert (await run(*program)).startswith("1 changes"), "only what has changed is fetched"
    assert not (folder / "records" / deleted).exists(), "a deletion reaches the folder"
    assert (state.stat().st_mode | (folder / "records" / deleted).parent.stat().st_mode) & 0o077 == 0, "private"


async def is_invited():
    """A space of the toolbox: the package joins, reads, writes, follows a rotation, and is removed."""
    bob = Device(URL, f"bob-{uuid.uuid4()}")
    await bob.client.start()
    made = await toolbox("alice", "space", "create", "plans")
    await push("alice", made, b"before he came")
    await toolbox("alice", "space", "invite", bob.address, "--space", made)
    [invitation] = await less.invitations(bob.client)
    space = await less.accept(bob.client, invitation, "Bob", bob.handlers)
    assert bob.texts == ["before he came"], "the package reads records"
    await toolbox("alice", "space", "rotate", "--space", made)
    await push("alice", made, b"under a new key")
    await bob.until("the record", lambda: "under a new key" in bob.texts)
    await space.push(Write(str(uuid.uuid4()), b"from the package"))
    assert '"from the package"' in await toolbox("alice", "pull", "--space", made)
    assert "Bob" in await toolbox("alice", "space", "members", "--space", made), "the toolbox reads the log"
    await toolbox("alice", "space", "revoke", bob.address, "--space", made)
    await bob.until("the end", lambda: bob.has_ended)
    await rejects(space.call("membership.list"), less.ForbiddenError)
    assert not bob.errors, bob.errors
    await bob.client.stop()


async def same_user():
    """Identity and key of the personal space move between both."""
    user = f"dora-{uuid.uuid4()}"
    address = await toolbox(user, "identity")
    await toolbox(user, "push", file("note", b"from the toolbox"))
    secret = unbase64(json.loads((FOLDER / user / "identity.json").read_text())["secret"])
    dora = Device(URL, user, less.Identity(secret))
    assert address.startswith(dora.identity.did + "@"), "the identity is the same"
    await toolbox(user, "key", "export", FOLDER / "key")
    key = (FOLDER / "key").read_text()
    async with dora.client:
        space = await dora.client.open(await dora.client.personal(dora.personal_space, key), dora.handlers)
        assert (dora.texts, less.export_key(space)) == (["from the toolbox"], key.strip())
        await space.push(Write(str(uuid.uuid4()), b"from the package"))
        assert '"from the package"' in await toolbox(user, "pull")


async def main():
    """Play everything."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    await invites_toolbox()
    await is_invited()
    await same_user()
    print("invites the toolbox, is invited, is the same user")


if __name__ == "__main__":
    asyncio.run(main())
