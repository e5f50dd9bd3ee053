"""Errors of the client, one class per decision that a caller can take."""


class LessSyncError(Exception):
    """Common class of all errors of this package."""


class ServerError(LessSyncError):
    """Error response of the server. `code` is a word of protocol §3.2, for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class ConflictError(ServerError):
    """Another device has written one of the records: merge with its version, and push again."""


class ForbiddenError(ServerError):
    """The rights in the space do not suffice, have expired or were revoked."""


class OfflineError(LessSyncError):
    """No connection at the moment."""


class ClosedError(LessSyncError):
    """Connection closed before the response: whether a change was stored is unknown until the next pull."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"connection closed: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class TokenRejectedError(ClosedError):
    """The server rejects the access token: the user has to log in again."""


class ProtocolError(LessSyncError):
    """The server sent what the protocol does not allow, or an incomplete pull."""


class DecryptionError(LessSyncError):
    """Content that is not in a known format, was modified, or is under another key."""


class MissingKeyError(DecryptionError):
    """The key of the epoch is not known: no share of it exists for this member, or not yet."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"no key of epoch {epoch}")
        self.epoch = epoch


class ForgedError(LessSyncError):
    """A signature, a chain of rights, an invitation or a log entry that does not prove what it claims."""


class HttpError(LessSyncError):
    """HTTP response of a file request other than success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"HTTP {status}: {message}")
        self.status = status


def server_error(code: str, message: str) -> ServerError:
    """Error of an error code of the server."""
    kinds: dict[str, type[ServerError]] = {"conflict": ConflictError, "forbidden": ForbiddenError}
    return kinds.get(code, ServerError)(code, message)
