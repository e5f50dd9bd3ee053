//! Membership log of a shared space (protocol §4.8–§4.10).

use less_sync_core::wire::Empty;
use less_sync_core::wire::membership::{
    MembershipAppendParams, MembershipAppendResult, MembershipListParams, MembershipListResult,
    MembershipRevokeParams,
};
use less_sync_core::wire::method;
use less_sync_core::{ChainSeq, Cid, Did, MetadataVersion, limits};
use sha2::{Digest as _, Sha256};

use crate::access::Access;
use crate::connection::Connection;
use crate::error::{CallError, LogError};
use crate::rows::MembershipEntry;

pub use less_sync_core::wire::membership::AppendKind;

/// Maximum size of a log that is read, in bytes; servers keep no more (protocol §11).
const LOG_BYTES: usize = 64 * limits::MIB;

/// Head of a log, which the next entry must follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogHead {
    /// Version of the log that ends here.
    pub version: MetadataVersion,
    /// SHA-256 of the last entry's payload; `None` in an empty log.
    pub hash: Option<[u8; 32]>,
}

impl LogHead {
    /// Head after `payload` is appended to this one.
    #[must_use]
    pub fn followed_by(&self, payload: &[u8]) -> Self {
        Self { version: self.next_seq().version(), hash: Some(Sha256::digest(payload).into()) }
    }

    /// Position of the entry after this head. A head at the maximum has no valid next entry: servers reject its append.
    pub(crate) fn next_seq(&self) -> ChainSeq {
        self.version.next_seq().unwrap_or(ChainSeq::MAX)
    }

    /// Verifies that `entry` follows this head, and advances to it.
    fn advance(&mut self, entry: &MembershipEntry) -> Result<(), LogError> {
        let next = self.followed_by(&entry.payload);
        let is_next = entry.chain_seq == self.next_seq()
            && entry.prev_hash.as_deref() == self.hash.as_ref().map(<[u8; 32]>::as_slice)
            && Some(&*entry.entry_hash) == next.hash.as_ref().map(<[u8; 32]>::as_slice);
        if !is_next {
            return Err(LogError::Broken { seq: entry.chain_seq });
        }
        *self = next;
        Ok(())
    }
}

/// Complete log with a verified hash chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Entries from the first on.
    pub entries: Vec<MembershipEntry>,
    /// Head of the log.
    pub head: LogHead,
}

impl Log {
    /// Verifies the hash chain of `entries` from the beginning of the log.
    ///
    /// # Errors
    /// [`LogError::Broken`].
    pub fn verify(entries: Vec<MembershipEntry>) -> Result<Self, LogError> {
        let mut head = LogHead::default();
        entries.iter().try_for_each(|entry| head.advance(entry))?;
        Ok(Self { entries, head })
    }
}

impl Connection {
    /// Appends an entry after `head`; returns the new head. The payload is ciphertext, up to 256 KiB.
    ///
    /// Not idempotent: a retry after a lost response is a conflict.
    ///
    /// # Errors
    /// See [`CallError`]; `conflict` when another entry was appended meanwhile.
    pub async fn append_membership(
        &self,
        access: Access<'_>,
        head: &LogHead,
        payload: &[u8],
        kind: Option<AppendKind>,
    ) -> Result<LogHead, CallError> {
        let space = access.space.to_string();
        let next = head.followed_by(payload);
        let params = MembershipAppendParams {
            space: &space,
            ucan: access.ucan,
            home_server: None,
            expected_version: head.version.get(),
            prev_hash: head.hash.as_ref().map(<[u8; 32]>::as_slice),
            entry_hash: next.hash.as_ref().map_or(&[], <[u8; 32]>::as_slice),
            payload,
            kind,
        };
        let response = self.call(method::MEMBERSHIP_APPEND, &params).await?;
        let appended: MembershipAppendResult = response.decode()?;
        if appended.chain_seq == head.next_seq() { Ok(next) } else { Err(CallError::Undecodable) }
    }

    /// Reads the complete log, in several calls if needed, and verifies its hash chain.
    ///
    /// # Errors
    /// See [`LogError`].
    pub async fn membership_log(&self, access: Access<'_>) -> Result<Log, LogError> {
        let mut entries = self.entries_up_to(access, None).await?;
        let mut bytes = size(&entries);
        // The server truncates a list that exceeds one frame at its beginning, so older entries are fetched backwards.
        while let Some(first) =
            entries.first().map(|entry| entry.chain_seq).filter(|first| *first > ChainSeq::FIRST)
        {
            let mut older = self.entries_up_to(access, Some(first.version_before())).await?;
            bytes += size(&older);
            if older.is_empty() || bytes > LOG_BYTES {
                return Err(LogError::Broken { seq: first });
            }
            older.append(&mut entries);
            entries = older;
        }
        Log::verify(entries)
    }

    async fn entries_up_to(
        &self,
        access: Access<'_>,
        until: Option<MetadataVersion>,
    ) -> Result<Vec<MembershipEntry>, CallError> {
        let space = access.space.to_string();
        let params = MembershipListParams {
            space: &space,
            ucan: access.ucan,
            home_server: None,
            since_seq: 0,
            until_seq: until.map(MetadataVersion::get),
        };
        let response = self.call(method::MEMBERSHIP_LIST, &params).await?;
        let list: MembershipListResult<'_> = response.decode()?;
        let slicer = |part: &[u8]| response.slice(part);
        Ok(list.entries.iter().map(|entry| MembershipEntry::of(entry, &slicer)).collect())
    }

    /// Revokes the UCAN `cid` and all UCANs derived from it, immediately and permanently. With `member`, subscriptions
    /// of that member to the space end as well. Idempotent.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn revoke(&self, access: Access<'_>, cid: Cid, member: Option<&Did>) -> Result<(), CallError> {
        let (space, ucan_cid) = (access.space.to_string(), cid.to_hex());
        let params = MembershipRevokeParams {
            space: &space,
            ucan: access.ucan,
            home_server: None,
            ucan_cid: &ucan_cid,
            member_did: member.map(Did::as_str),
        };
        self.call(method::MEMBERSHIP_REVOKE, &params).await?.decode::<Empty>().map(drop)
    }
}

fn size(entries: &[MembershipEntry]) -> usize {
    entries.iter().map(|entry| entry.payload.len()).sum()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn entry_after(head: &LogHead, payload: &'static str) -> MembershipEntry {
        let payload = Bytes::from(payload);
        let next = head.followed_by(&payload);
        let bytes = |hash: Option<[u8; 32]>| hash.map(|hash| Bytes::copy_from_slice(&hash));
        MembershipEntry {
            chain_seq: head.next_seq(),
            prev_hash: bytes(head.hash),
            entry_hash: bytes(next.hash).unwrap(),
            payload,
        }
    }

    fn log(payloads: &[&'static str]) -> Vec<MembershipEntry> {
        let mut head = LogHead::default();
        let follow = |payload: &&'static str| {
            let entry = entry_after(&head, payload);
            head = head.followed_by(payload.as_bytes());
            entry
        };
        payloads.iter().map(follow).collect()
    }

    #[test]
    fn complete_log_is_verified() {
        let entries = log(&["one", "two", "three"]);
        let verified = Log::verify(entries.clone()).unwrap();
        assert_eq!((verified.head.version.get(), verified.entries), (3, entries));
        assert_eq!(Log::verify(Vec::new()).unwrap().head, LogHead::default());
    }

    #[test]
    fn missing_modified_and_swapped_entries_are_detected() {
        let whole = log(&["one", "two", "three"]);
        let changed = |change: &dyn Fn(&mut Vec<MembershipEntry>)| {
            let mut entries = whole.clone();
            change(&mut entries);
            Log::verify(entries).unwrap_err().to_string()
        };
        let broken = |seq| format!("the membership log is broken at entry {seq}");
        assert_eq!(changed(&|entries| drop(entries.remove(0))), broken(2));
        assert_eq!(changed(&|entries| drop(entries.remove(1))), broken(3));
        assert_eq!(changed(&|entries| entries.swap(1, 2)), broken(3));
        assert_eq!(changed(&|entries| entries[1].payload = "TWO".into()), broken(2));
        assert_eq!(changed(&|entries| entries[2].prev_hash = None), broken(3));
    }
}
