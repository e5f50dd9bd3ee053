"""Client of less-sync: encrypted records, files and shared spaces. README.md has the first five minutes."""

from .client import Client, export_key
from .connection import Connection
from .crypto import KeyRing
from .errors import (
    ClosedError,
    ConflictError,
    DecryptionError,
    ForbiddenError,
    ForgedError,
    HttpError,
    LessSyncError,
    MissingKeyError,
    OfflineError,
    ProtocolError,
    ServerError,
    TokenRejectedError,
)
from .files import FileDescription, delete_file, file_description, get_file, put_file
from .identity import Identity, Right
from .roster import Member
from .rotation import take_over
from .sealed import Invitation
from .sharing import accept, create_space, invitations, invite, members, remove, rotate
from .space import Change, Handlers, Space, State, Write

__all__ = [
    "Change",
    "Client",
    "ClosedError",
    "ConflictError",
    "Connection",
    "DecryptionError",
    "FileDescription",
    "ForbiddenError",
    "ForgedError",
    "Handlers",
    "HttpError",
    "Identity",
    "Invitation",
    "KeyRing",
    "LessSyncError",
    "Member",
    "MissingKeyError",
    "OfflineError",
    "ProtocolError",
    "Right",
    "ServerError",
    "Space",
    "State",
    "TokenRejectedError",
    "Write",
    "accept",
    "create_space",
    "delete_file",
    "export_key",
    "file_description",
    "get_file",
    "invitations",
    "invite",
    "members",
    "put_file",
    "remove",
    "rotate",
    "take_over",
]
