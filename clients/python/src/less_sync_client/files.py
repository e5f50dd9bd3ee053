"""Files: encrypted here, stored over HTTP (docs/http.md), described by a record."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import uuid
from dataclasses import dataclass
from email.message import Message
from hashlib import sha256
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from .crypto import epoch_of
from .errors import DecryptionError, HttpError, OfflineError
from .keys import adopt
from .space import Space, Write

TYPE = "less-sync-file"
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: The server ends a transfer that stands still for 30 seconds. In seconds.
TIMEOUT = 60.0


@dataclass
class FileDescription:
    """Content of the record that owns a file. `name` is chosen by its author: validate it before using it as a path."""

    file: str
    name: str
    #: Size of the content, in bytes.
    size: int
    #: SHA-256 of the content, in hex.
    sha256: str

    def to_json(self) -> bytes:
        """Content of a record."""
        return json.dumps({"type": TYPE, **self.__dict__}, separators=(",", ":"), ensure_ascii=False).encode()


def file_description(content: bytes) -> FileDescription | None:
    """Description of a file in the content of a record; `None` for other content."""
    try:
        value = json.loads(content)
        file, name, size, digest = (value[member] for member in ("file", "name", "size", "sha256"))
        is_file = value["type"] == TYPE and UUID.fullmatch(file) and re.fullmatch("[0-9a-f]{64}", digest)
    except (ValueError, KeyError, TypeError):
        return None
    return FileDescription(file, name, size, digest) if is_file and isinstance(name, str) and isinstance(size, int) else None


def _error_of(error: HTTPError) -> HttpError:
    try:
        message = str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError, OSError, HTTPException):
        message = error.reason
    return HttpError(error.code, message)


def _transfer(request: Request) -> tuple[Message, bytes]:
    try:
        with urlopen(request, timeout=TIMEOUT) as response:
            return response.headers, response.read()
    except HTTPError as error:
        raise _error_of(error) from error
    except (URLError, HTTPException, OSError) as error:
        raise OfflineError("the transfer failed") from error


async def _request(
    space: Space, file: str, method: str, headers: dict[str, str] | None = None, content: bytes | None = None
) -> tuple[Message, bytes]:
    url = f"{space.client.base}/spaces/{space.id}/files/{file}"
    request = Request(url, content, {"Authorization": f"Bearer {await space.client.token()}"}, method=method)
    if space.ucan is not None:
        request.add_header("X-UCAN", space.ucan)
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    return await asyncio.to_thread(_transfer, request)


async def put_file(space: Space, name: str, content: bytes) -> tuple[str, FileDescription]:
    """Encrypt and upload a file: first the record that describes it, then the object. Return the id of the record and the description."""
    record, file = str(uuid.uuid4()), str(uuid.uuid4())
    description = FileDescription(file, name, len(content), sha256(content).hexdigest())
    await space.push(Write(record, description.to_json()))
    object_, dek = space.keys.seal_file(file, content)
    headers = {"X-Record-ID": record, "X-Wrapped-DEK": base64.b64encode(dek).decode()}
    await _request(space, file, "PUT", headers | {"Content-Type": "application/octet-stream"}, object_)
    return record, description


async def get_file(space: Space, description: FileDescription) -> bytes:
    """Download, decrypt and verify a file. Raises an `HttpError` with status 404 while its upload has not ended."""
    headers, object_ = await _request(space, description.file, "GET")
    dek = base64.b64decode(headers.get("X-Wrapped-DEK", ""))
    await adopt(space, epoch_of(dek))
    content = space.keys.open_file(description.file, object_, dek)
    if sha256(content).hexdigest() != description.sha256:
        raise DecryptionError("the content is not that of the record")
    return content


async def delete_file(space: Space, file: str) -> None:
    """Delete the object of a file; deleting its record does the same."""
    await _request(space, file, "DELETE")
