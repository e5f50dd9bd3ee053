"""python check.py URL: everything that the package offers, against a development server. Exits with 0 or 1."""

import asyncio
import json
import sys
import uuid
from dataclasses import asdict

from device import Device, rejects

import less_sync_client as less
from less_sync_client import State, Write


def new():
    """Id of a record, or name of a user."""
    return str(uuid.uuid4())


async def personal(url):
    """Two devices of one user: records, conflicts, resumed subscriptions, files."""
    user = f"alice-{new()}"
    one = Device(url, user)
    two = Device(url, user, one.identity)
    await one.client.start()
    await two.client.start()
    first = await one.client.open(await one.client.personal(one.personal_space), one.handlers)
    record, other = new(), new()
    assert await first.push(Write(record, b"hello")) == 1
    await rejects(two.client.personal(two.personal_space), less.MissingKeyError)
    state = await two.client.personal(two.personal_space, less.export_key(first))
    second = await two.client.open(state, two.handlers)
    assert (two.records, second.cursor) == ({record: "hello"}, 1)

    await second.push(Write(record, b"hello again", 1), Write(other, b"bye"))
    await one.until("both changes", lambda: one.records == {record: "hello again", other: "bye"})
    batches = one.batches
    await rejects(first.push(Write(record, b"too late", 1)), less.ConflictError)
    await first.push(Write(other, None, 2))
    await two.until("the deletion", lambda: two.versions.get(other) == 3)
    await second.pull()
    await first.pull()
    assert one.batches == batches, "changes come once, and own ones not at all"

    # A cut connection: changes meanwhile arrive once, from the cursor.
    before = two.batches
    await two.client._connection._socket.close()
    await asyncio.wait({two.client._connection.closed}) if two.client._connection else None
    await first.push(Write(record, b"meanwhile", 2))
    await two.until("the change", lambda: two.records.get(record) == "meanwhile")
    await two.client.online()
    await second.pull()
    assert (two.batches, second.cursor) == (before + 1, 4), "one batch after the reconnect"

    # A device that starts from its stored state.
    stored = json.loads(json.dumps(asdict(second.state)))
    await two.client.stop()
    await rejects(second.push(Write(new(), b"")), less.OfflineError)
    await first.push(Write(record, None, 4))
    three = Device(url, user, one.identity)
    async with three.client:
        await three.client.open(State(**stored), three.handlers)
        assert (three.batches, three.versions) == (1, {record: 5}), "only what is new is pulled, deletions too"
        await files(one, first, three)
    await one.client.stop()


async def files(one, space, other):
    """Files of several segments, between two devices."""
    content = bytes(at % 251 for at in range(150_000))
    record, description = await less.put_file(space, "map.png", content)
    await other.until("the file", lambda: len(other.files) == 1 and record in other.records)
    found = less.file_description(other.records[record].encode())
    assert found == description
    assert await less.get_file(other.client.spaces[space.id], found) == content
    wrong = less.FileDescription(found.file, found.name, found.size, "0" * 64)
    await rejects(less.get_file(space, wrong), less.DecryptionError)
    await less.delete_file(space, found.file)
    await other.until("the deletion", lambda: not other.files)
    error = await rejects(less.get_file(space, found), less.HttpError)
    assert error.status == 404 and not one.errors, one.errors


def key_shares(client):
    """DIDs for which a client seals the key of an epoch from now on."""
    dids, call = [], client.call

    async def spy(method, params, *on_chunk):
        if method == "epochKeys.put":
            dids.extend(share["member_did"] for share in params["keys"])
        return await call(method, params, *on_chunk)

    client.call = spy
    return dids


async def shared(url):
    """A shared space: invitation, presence, events, rotation, removal."""
    alice, bob, carol = (Device(url, f"{name}-{new()}") for name in ("alice", "bob", "carol"))
    for device in (alice, bob, carol):
        await device.client.start()
    space = await less.create_space(alice.client, "notes", alice.handlers)
    await space.push(Write(new(), b"before he came"))
    await space.present(b"writing")
    await less.invite(space, bob.address)
    await bob.until("the notice", lambda: bob.invited > 0)
    [invitation] = await less.invitations(bob.client)
    assert (invitation.name, invitation.rights.right) == ("notes", "write")
    his = await less.accept(bob.client, invitation, "Bob", bob.handlers)
    assert bob.texts == ["before he came"] and not await less.invitations(bob.client)
    await bob.until("her presence", lambda: list(bob.peers.values()) == ["writing"])
    await his.send(b"psst")
    await alice.until("his event", lambda: alice.events == ["psst"])

    # A rotation is transparent; a writer cannot rotate.
    await his.push(Write(new(), b"thanks"))
    await less.rotate(space)
    await space.push(Write(new(), b"under a new key"))
    await bob.until("the record under the new key", lambda: "under a new key" in bob.texts)
    assert (space.keys.newest, his.keys.newest) == (2, 2)
    await rejects(less.rotate(his), less.ForbiddenError)

    # Carol comes after the rotation, and reads everything; she learns of both others from the log.
    await less.invite(space, carol.address, "read")
    [invitation] = await less.invitations(carol.client)
    hers = await less.accept(carol.client, invitation, "Carol", carol.handlers)
    assert carol.texts == ["before he came", "thanks", "under a new key"]
    names = sorted((member.name, member.joined) for member in await less.members(hers))
    assert names == [("", True), ("Bob", True), ("Carol", True)], names
    await rejects(hers.push(Write(new(), b"a reader")), less.ForbiddenError)
    assert not carol.has_ended, "a reader who may not write is no outsider"

    # Bob is removed: he is told, and what follows is not for him. Carol stays.
    shares = key_shares(alice.client)
    await less.remove(space, bob.identity.did)
    assert len(shares) == 2 and bob.identity.did not in shares, "the new key is sealed for those who stay"
    await bob.until("the end", lambda: bob.has_ended)
    await rejects(his.push(Write(new(), b"too late")), less.ForbiddenError)
    await space.push(Write(new(), b"without bob"))
    await carol.until("the record", lambda: "without bob" in carol.texts)
    assert len(await less.members(hers)) == 2 and 3 not in his.keys and 3 in hers.keys
    assert not alice.errors and not carol.errors, (alice.errors, carol.errors)
    for device in (alice, bob, carol):
        await device.client.stop()


async def rejected(url):
    """A rejected token is not sent again."""
    asked = []

    def token():
        asked.append(True)
        return "nonsense"

    client = less.Client(url, token, delay=lambda seconds: asyncio.sleep(0))
    error = await rejects(client.start(), less.TokenRejectedError)
    assert (error.code, len(asked)) == (4000, 2), (error, asked)
    await client.stop()


async def main(url):
    """Play everything."""
    await personal(url)
    await shared(url)
    await rejected(url)
    print("personal, shared, rejected")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
