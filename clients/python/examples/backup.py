"""python backup.py STATE FOLDER: brings a folder up to date with a space, records and files decrypted, and ends.

STATE is a JSON file with `url`, `token` (or `dev_user`, of a development server), `secret` of the identity, and `space`, the state
of the space. The position is stored there, so the next run fetches what has changed since. Keep both to yourself: STATE has keys, and
FOLDER has everything in clear.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any

from less_sync_client import Change, Client, Handlers, HttpError, Identity, Space, State, file_description, get_file


def replace(path: Path, content: bytes) -> None:
    """Write a private file whole, or leave what was there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(path.name + ".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def token_of(settings: dict[str, Any]) -> str:
    """Token of the settings, or one of a development server."""
    if "dev_user" not in settings:
        return str(settings["token"])
    identity = Identity(bytes.fromhex(settings["secret"]))
    body = json.dumps({"user": settings["dev_user"], "did": identity.did}).encode()
    with urllib.request.urlopen(urllib.request.Request(settings["url"] + "/dev/token", body, method="POST")) as response:
        return str(json.load(response)["token"])


async def save(folder: Path, change: Change, space: Space) -> None:
    """Write one change. Names of files are chosen by members: the id is the name here, and theirs is in the record."""
    if change.kind == "file":
        return
    path = folder / "records" / change.id
    if change.error:
        print(f"cannot read {change.id}: {change.error}", file=sys.stderr)
    elif change.content is None:
        path.unlink(missing_ok=True)
    else:
        replace(path, change.content)
        if description := file_description(change.content):
            try:
                replace(folder / "files" / description.file, await get_file(space, description))
            except HttpError as error:
                if error.status != 404:  # Deleted, or not uploaded yet: a later change says so.
                    raise


async def main(state: Path, folder: Path) -> None:
    """Back the space up."""
    settings = json.loads(state.read_text())
    client = Client(settings["url"], lambda: token_of(settings), Identity(bytes.fromhex(settings["secret"])))
    count = 0

    async def changes(batch: list[Change], space: Space) -> None:
        nonlocal count
        for change in batch:
            await save(folder, change, space)
        count += len(batch)

    async with client:
        space = await client.open(State(**settings["space"]), Handlers(changes=changes))
        # The position last: after a crash changes are fetched twice.
        replace(state, json.dumps({**settings, "space": asdict(space.state)}, indent=2).encode())
    print(f"{count} changes, up to {space.cursor}")


if __name__ == "__main__":
    asyncio.run(main(*map(Path, sys.argv[1:3])))
