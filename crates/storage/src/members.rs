//! Membership log of a space: append-only, chained by hashes, opaque to the server (storage §3.9).

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{ChainSeq, Cursor, Epoch, MetadataVersion, Requested};
use sha2::{Digest, Sha256};

use crate::error::rejections;
use crate::{ReadGrant, StorageError};

/// Overhead of an entry in the size of a log and of a list, in bytes, beside its payload.
pub const MEMBER_OVERHEAD: usize = 128;

/// Stored entry of the membership log; never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberEntry {
    /// Position in the log.
    pub chain_seq: ChainSeq,
    /// Cursor of the append.
    pub cursor: Cursor,
    /// Hash of the entry before; none in the first one.
    pub prev_hash: Option<[u8; 32]>,
    /// SHA-256 of the payload.
    pub entry_hash: [u8; 32],
    /// Ciphertext.
    pub payload: Bytes,
}

/// A membership entry that cannot be appended to any log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMember {
    /// Empty payload.
    #[error("membership payload is empty")]
    Empty,
    /// Hash that does not match the payload.
    #[error("entry hash is not the hash of the payload")]
    Hash,
}

/// Entry to append: a payload with its verified hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMember {
    prev_hash: Option<[u8; 32]>,
    entry_hash: [u8; 32],
    payload: Bytes,
}

impl NewMember {
    /// Entry with this payload, to follow the entry with the hash `prev_hash`; `None` for the first entry.
    ///
    /// # Errors
    /// [`InvalidMember`] (storage §3.9, step 1).
    pub fn new(
        prev_hash: Option<[u8; 32]>,
        entry_hash: [u8; 32],
        payload: Bytes,
    ) -> Result<Self, InvalidMember> {
        if payload.is_empty() {
            return Err(InvalidMember::Empty);
        }
        let hash: [u8; 32] = Sha256::digest(&payload).into();
        if hash == entry_hash {
            Ok(Self { prev_hash, entry_hash, payload })
        } else {
            Err(InvalidMember::Hash)
        }
    }

    /// Hash of the entry that this one follows.
    #[must_use]
    pub fn prev_hash(&self) -> Option<&[u8; 32]> {
        self.prev_hash.as_ref()
    }

    /// SHA-256 of the payload.
    #[must_use]
    pub fn entry_hash(&self) -> &[u8; 32] {
        &self.entry_hash
    }

    /// Ciphertext, never empty.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Contribution of the entry to the size of its log, in bytes.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        (self.payload.len() + MEMBER_OVERHEAD) as u64
    }
}

/// Bounds of a membership log.
#[derive(Clone, Copy, Debug)]
pub struct MemberLimits {
    /// Maximum payload of an entry, in bytes (`MAX_MEMBER_PAYLOAD`).
    pub payload: usize,
    /// All payloads and [`MEMBER_OVERHEAD`] for each of them, in bytes (`MEMBERSHIP_LOG_CAP`).
    pub log: u64,
}

/// Result of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Position of the entry.
    pub chain_seq: ChainSeq,
    /// Cursor of the space before.
    pub prev: Cursor,
    /// Cursor of the entry, and of the space now.
    pub cursor: Cursor,
    /// Version of the log after the append.
    pub metadata_version: MetadataVersion,
    /// Key generation of the space.
    pub key_generation: Epoch,
    /// Pending rewrap, if any.
    pub rewrap_epoch: Option<Epoch>,
}

/// Range of entries to list.
#[derive(Clone, Copy, Debug)]
pub struct MemberRange {
    /// Version that the caller has: only entries after it are listed.
    pub since: MetadataVersion,
    /// Version to list up to, inclusive; `None`: the current one.
    pub until: Option<MetadataVersion>,
    /// Maximum size of the list: payloads and [`MEMBER_OVERHEAD`] for each, in bytes; the oldest entries are omitted.
    pub max_bytes: usize,
}

/// Entries of a log, and its version in the same snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberList {
    /// Ascending, without gaps.
    pub entries: Vec<MemberEntry>,
    /// Version of the whole log.
    pub metadata_version: MetadataVersion,
}

/// End of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MembersHead {
    /// Version of the log.
    pub metadata_version: MetadataVersion,
    /// Position and hash of the last entry; `None` for an empty log.
    pub last: Option<(ChainSeq, [u8; 32])>,
}

rejections! {
    MembershipError:
    /// Rejections of operations on a membership log.
    MembershipRejection {
        /// The log no longer has the expected version.
        #[error("metadata version does not match")]
        VersionConflict,
        /// The entry does not continue the log.
        #[error("hash chain broken")]
        HashChainBroken,
        /// The log has reached its cap.
        #[error("membership log full")]
        LogFull,
        /// The payload of the entry exceeds its limit.
        #[error("membership payload too large")]
        PayloadTooLarge,
        /// The space has used its last cursor.
        #[error("cursor of the space is exhausted")]
        CursorExhausted,
        /// The disk has no more than its reserve left.
        #[error("disk has no more than its reserve left")]
        StoreFull,
    }
}

/// The membership log.
#[async_trait]
pub trait Members: Send + Sync {
    /// Appends `entry` under a new cursor, if the log still has the version `expected_version` and ends with the hash that
    /// the entry names. A blind repeat is a version conflict. Read permission suffices (auth §10): invitees respond to
    /// their invitation with an entry.
    ///
    /// # Errors
    /// [`MembershipRejection::PayloadTooLarge`]; [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`],
    /// [`StorageError::SpaceIsRemote`], [`StorageError::Revoked`]; [`MembershipRejection::VersionConflict`];
    /// [`MembershipRejection::HashChainBroken`]; [`MembershipRejection::LogFull`]; [`MembershipRejection::CursorExhausted`]. The
    /// first that applies, in this order; nothing is written then.
    async fn append_member(
        &self,
        grant: &ReadGrant,
        expected_version: Requested<MetadataVersion>,
        entry: NewMember,
        limits: MemberLimits,
    ) -> Result<Appended, MembershipError>;

    /// Entries of a range, as far as they fit, and the version of the log, in one snapshot.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::Revoked`].
    async fn list_members(&self, grant: &ReadGrant, range: MemberRange) -> Result<MemberList, StorageError>;

    /// Reads the end of the log; cheap, for caches that are valid as long as the end does not move.
    ///
    /// # Errors
    /// As [`Members::list_members`].
    async fn members_head(&self, grant: &ReadGrant) -> Result<MembersHead, StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_needs_a_payload_and_its_hash() {
        let payload = Bytes::from_static(b"abc");
        let hash: [u8; 32] = Sha256::digest(b"abc").into();
        let entry = NewMember::new(None, hash, payload.clone()).unwrap();
        assert_eq!((entry.payload(), entry.entry_hash(), entry.log_bytes()), (&payload, &hash, 131));
        assert_eq!(NewMember::new(None, [0; 32], payload), Err(InvalidMember::Hash));
        let nothing: [u8; 32] = Sha256::digest(b"").into();
        assert_eq!(NewMember::new(None, nothing, Bytes::new()), Err(InvalidMember::Empty));
    }
}
