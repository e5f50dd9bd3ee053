//! Membership log entries: encryption and signatures.
//!
//! ```text
//! payload = 0x01 ‖ epoch (4, big-endian) ‖ nonce (12) ‖ ciphertext ‖ tag (16)
//! associated data = "less-sync log v1" ‖ 0x00 ‖ space id (16) ‖ chain_seq (4, big-endian) ‖ previous hash (32 or 0)
//! plain = JWS { by, space, seq, prev?, proof, act }, typ "less-sync-log"
//! ```

use less_sync_core::{Did, Epoch, SpaceId, hex};
use serde::{Deserialize, Serialize};

use crate::crypto::{DecryptionError, Identity, KeyRing, SpaceKey, statement};
use crate::membership::LogHead;
use crate::rows::MembershipEntry;

const VERSION: u8 = 1;
const PURPOSE: &str = "less-sync-log";

/// Maximum admissions of one [`Act::Admit`]; with chains of eight tokens they fit the maximum entry.
pub const MAX_ADMISSIONS: usize = 10;

/// Action of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Admissions of members, invited or joined. Repeated for all members after a rotation, under the new key.
    Admit(Vec<Admission>),
    /// Acceptance of an invitation by the author.
    Join {
        /// Display name of the member.
        name: String,
    },
    /// Removal of a member, with everything derived from the revoked tokens.
    Remove {
        /// `did:key` of the member.
        did: String,
        /// CIDs of the revoked tokens, in hex.
        cids: Vec<String>,
    },
}

/// Admission of a member.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// `did:key` of the member.
    pub did: String,
    /// Display name.
    pub name: String,
    /// Chain of UCANs of the member.
    pub ucan: String,
    /// True if the member has accepted the invitation.
    pub joined: bool,
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission")
            .field("did", &self.did)
            .field("joined", &self.joined)
            .finish_non_exhaustive()
    }
}

/// Signed body of an entry.
#[derive(Serialize, Deserialize)]
struct Body {
    space: String,
    seq: i32,
    prev: Option<String>,
    proof: String,
    act: Act,
}

/// Decrypted entry with a verified signature.
pub(super) struct Opened {
    pub(super) by: Did,
    pub(super) proof: String,
    pub(super) epoch: Epoch,
    pub(super) act: Act,
}

/// Encrypts and signs the entry after `head`, by `author` with the rights of `proof`.
#[must_use]
pub fn seal_entry(author: &Identity, proof: &str, key: &SpaceKey, head: &LogHead, act: Act) -> Vec<u8> {
    let body = Body {
        space: key.space().to_string(),
        seq: head.next_seq().get(),
        prev: head.hash.map(|hash| hex::encode(&hash)),
        proof: proof.to_owned(),
        act,
    };
    let context = context(key.space(), body.seq, head.hash.as_ref().map_or(&[], <[u8; 32]>::as_slice));
    let sealed = key.seal(&context, statement::sign(author, PURPOSE, body).as_bytes());
    [&[VERSION][..], &key.epoch().get().to_be_bytes(), &sealed].concat()
}

/// Decrypts and verifies an entry, whose position in the log has been verified.
pub(super) fn open_entry(keys: &KeyRing, entry: &MembershipEntry) -> Result<Opened, DecryptionError> {
    let sealed = entry.payload.strip_prefix(&[VERSION]).ok_or(DecryptionError::NotEncrypted)?;
    let (epoch, sealed) = sealed.split_first_chunk().ok_or(DecryptionError::NotEncrypted)?;
    let epoch = Epoch::new(i32::from_be_bytes(*epoch)).map_err(|_| DecryptionError::NotEncrypted)?;
    let prev = entry.prev_hash.as_deref().unwrap_or_default();
    let context = context(keys.space(), entry.chain_seq.get(), prev);
    let plain = keys.key(epoch)?.open(&context, sealed).ok_or(DecryptionError::Damaged)?;
    let text = str::from_utf8(&plain).map_err(|_| DecryptionError::Damaged)?;
    let signed = statement::verify::<Body>(PURPOSE, text).ok_or(DecryptionError::Damaged)?;
    let Body { space, seq, prev: signed_prev, proof, act } = signed.body;
    // The signature covers the position: a member with the key could otherwise move entries of others.
    let is_here = space == keys.space().to_string()
        && seq == entry.chain_seq.get()
        && signed_prev.unwrap_or_default() == hex::encode(prev);
    let by = Did::try_from(signed.by).ok().filter(|_| is_here).ok_or(DecryptionError::Damaged)?;
    Ok(Opened { by, proof, epoch, act })
}

fn context(space: SpaceId, seq: i32, prev: &[u8]) -> Vec<u8> {
    [&b"less-sync log v1\0"[..], space.as_bytes(), &seq.to_be_bytes(), prev].concat()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use less_sync_core::MetadataVersion;

    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);

    fn ring() -> KeyRing {
        let mut ring = KeyRing::new(SPACE);
        ring.insert(SpaceKey::random(SPACE, Epoch::FIRST));
        ring
    }

    fn entry(head: &LogHead, payload: Vec<u8>) -> MembershipEntry {
        let next = head.followed_by(&payload);
        let bytes = |hash: [u8; 32]| Bytes::copy_from_slice(&hash);
        MembershipEntry {
            chain_seq: head.next_seq(),
            prev_hash: head.hash.map(bytes),
            entry_hash: next.hash.map(bytes).unwrap(),
            payload: payload.into(),
        }
    }

    fn version(number: i32) -> MetadataVersion {
        MetadataVersion::new(number).unwrap()
    }

    fn joined() -> Act {
        Act::Join { name: "Bob".to_owned() }
    }

    #[test]
    fn entry_is_decrypted_with_its_key_at_its_position_only() {
        let (author, ring) = (Identity::random(), ring());
        let head = LogHead { version: version(4), hash: Some([9; 32]) };
        let payload = seal_entry(&author, "proof", ring.newest().unwrap(), &head, joined());
        let opened = open_entry(&ring, &entry(&head, payload.clone())).ok().unwrap();
        assert_eq!((&opened.by, opened.act, opened.epoch), (author.did(), joined(), Epoch::FIRST));
        for elsewhere in [
            LogHead { version: version(5), ..head },
            LogHead { hash: Some([8; 32]), ..head },
            LogHead::default(),
        ] {
            let moved = open_entry(&ring, &entry(&elsewhere, payload.clone()));
            assert_eq!(moved.err(), Some(DecryptionError::Damaged));
        }
        let stranger = KeyRing::new(SPACE);
        let unread = open_entry(&stranger, &entry(&head, payload)).err();
        assert_eq!(unread, Some(DecryptionError::NoKey(Epoch::FIRST)));
    }

    /// A member with the key can encrypt, but not move a statement of another member.
    #[test]
    fn statement_is_bound_to_its_position() {
        let (author, ring) = (Identity::random(), ring());
        let key = ring.newest().unwrap();
        let body = Body { space: SPACE.to_string(), seq: 1, prev: None, proof: String::new(), act: joined() };
        let statement = statement::sign(&author, PURPOSE, body);
        let sealed = |seq: i32| {
            let sealed = key.seal(&context(SPACE, seq, &[]), statement.as_bytes());
            let payload = [&[VERSION][..], &1_i32.to_be_bytes(), &sealed].concat();
            entry(&LogHead { version: version(seq - 1), hash: None }, payload)
        };
        assert!(open_entry(&ring, &sealed(1)).is_ok());
        assert_eq!(open_entry(&ring, &sealed(2)).err(), Some(DecryptionError::Damaged));
    }

    #[test]
    fn the_largest_entry_fits_the_wire() {
        let ring = ring();
        let ucan = "u".repeat(14_000);
        let admission =
            Admission { did: "d".repeat(57), name: "n".repeat(256), ucan: ucan.clone(), joined: true };
        let act = Act::Admit(vec![admission; MAX_ADMISSIONS]);
        let payload =
            seal_entry(&Identity::random(), &ucan, ring.newest().unwrap(), &LogHead::default(), act);
        assert!(payload.len() <= less_sync_core::limits::MEMBERSHIP_PAYLOAD, "{}", payload.len());
    }
}
