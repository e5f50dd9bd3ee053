"""Members of a shared space, derived from its membership log, whose entries are encrypted for and signed by members."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from .crypto import KeyRing
from .errors import ForgedError, LessSyncError, MissingKeyError, ProtocolError
from .identity import Identity, verify_statement
from .rights import Rights, covers, verify_rights

PURPOSE = "less-sync-log"
#: Admissions of one entry; with the longest chains they fit the largest one.
MAX_ADMISSIONS = 10

Act = dict[str, Any]


@dataclass
class Head:
    """Position that the next entry follows."""

    version: int = 0
    hash: bytes = b""


@dataclass
class Member:
    """Member, invited or joined."""

    did: str
    #: Chosen by the member, or by the inviter before that.
    name: str = ""
    joined: bool = False
    #: Rights that are not revoked, by their chains, at least one; they may have expired.
    tokens: dict[str, Rights] = field(default_factory=dict)
    #: Newest epoch under whose key the member was admitted.
    listed: int = 0


def verify_log(rows: list[dict[str, Any]]) -> Head:
    """Verify the hash chain of a log from its beginning; return the head. Raises a `ProtocolError`."""
    head = Head()
    for row in rows:
        digest = sha256(row["payload"]).digest()
        place = (row["chain_seq"], row.get("prev_hash") or b"", row["entry_hash"])
        if place != (head.version + 1, head.hash, digest):
            raise ProtocolError(f"the membership log is broken at entry {row['chain_seq']}")
        head = Head(row["chain_seq"], digest)
    return head


def seal_entry(author: Identity, proof: str, keys: KeyRing, epoch: int, head: Head, act: Act) -> bytes:
    """Encrypt and sign the entry after `head` under the key of `epoch`; `proof` gives the rights of its author."""
    seq, prev = head.version + 1, head.hash.hex() or None
    body = {"space": keys.space, "seq": seq, "prev": prev, "proof": proof, "act": act}
    return keys.seal_entry(epoch, seq, head.hash, author.state(PURPOSE, body).encode())


class Roster:
    """Members by a log whose hash chain is verified. Entries under unknown keys are older than the admission of the reader."""

    def __init__(self, rows: list[dict[str, Any]], keys: KeyRing, owner: str) -> None:
        """Read a log."""
        self._keys, self._owner = keys, owner
        self.members: dict[str, Member] = {}
        #: Members who were removed and not admitted again.
        self.removed: set[str] = set()
        #: Number of entries that prove nothing, and were ignored.
        self.skipped = 0
        self._revoked: set[str] = set()
        for row in rows:
            try:
                self._apply(row)
            except MissingKeyError:
                pass
            except (LessSyncError, KeyError, TypeError, UnicodeDecodeError):
                self.skipped += 1

    def is_live(self, rights: Rights) -> bool:
        """Return whether the log revokes no token of the chain."""
        return self._revoked.isdisjoint(rights.cids)

    def to_be_listed(self, epoch: int) -> list[dict[str, Any]]:
        """Admissions of members whose last admission is under an older key than that of `epoch`."""
        old = (member for member in self.members.values() if member.listed < epoch)
        return [
            {"did": member.did, "name": member.name, "ucan": ucan, "joined": member.joined}
            for member in old
            for ucan in member.tokens
        ]

    def _apply(self, row: dict[str, Any]) -> None:
        before = row.get("prev_hash") or b""
        epoch, statement = self._keys.open_entry(row["chain_seq"], before, row["payload"])
        body = verify_statement(PURPOSE, statement.decode())
        # A member with the key could otherwise move entries of others.
        place = (body.get("space"), body.get("seq"), body.get("prev") or "")
        if place != (self._keys.space, row["chain_seq"], before.hex()):
            raise ProtocolError("the entry is from another place")
        author, act = self._rights(body["proof"], body["by"]), body["act"]
        if "admit" in act:
            for admission in act["admit"]:
                self._admit(admission, epoch)
        elif "join" in act:
            if member := self.members.get(body["by"]):
                member.name, member.joined = str(act["join"]["name"]), True
        elif "remove" in act and covers(author.right, "admin"):
            self._remove(act["remove"])
        else:
            raise ProtocolError("unknown action, or without the right")

    def _rights(self, ucan: str, did: str) -> Rights:
        """Live rights of `did` by a chain, at any time: an entry stays valid when the rights of its author expire."""
        rights = verify_rights(ucan, self._keys.space, self._owner, 0)
        if rights.audience != did or not self.is_live(rights):
            raise ForgedError("rights of another person, or revoked")
        return rights

    def _admit(self, admission: dict[str, Any], epoch: int) -> None:
        did, ucan = admission["did"], admission["ucan"]
        try:
            rights = self._rights(ucan, did)
        except ForgedError:
            return
        self.removed.discard(did)
        member = self.members.setdefault(did, Member(did))
        member.joined = member.joined or admission.get("joined") is True
        member.listed = epoch
        if not member.name or not member.joined:
            member.name = str(admission["name"])
        member.tokens[ucan] = rights

    def _remove(self, removal: dict[str, Any]) -> None:
        did = removal["did"]
        self._revoked.update(removal["cids"])
        if member := self.members.get(did):
            for rights in member.tokens.values():
                self._revoked.update(rights.cids[:2])
        for member in list(self.members.values()):
            member.tokens = {ucan: rights for ucan, rights in member.tokens.items() if self.is_live(rights)}
            if not member.tokens:
                del self.members[member.did]
        self.removed.add(did)
