//! Presence of a space: entries and their ages, and the ids by which peers know each other (protocol §4.19, auth §4.4).

use std::collections::BTreeSet;
use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use less_sync_core::{ConnectionId, SpaceId};
use sha2::Sha256;

/// Length of a peer id before its hex encoding, in bytes.
const PEER_ID_LEN: usize = 16;

/// Peer ids: HMAC-SHA256 pseudonyms of connections, stable within one space and unlinkable across spaces.
pub(crate) struct PeerIds {
    keyed: Hmac<Sha256>,
}

impl PeerIds {
    /// Peer ids under a secret of this process.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        // A key shorter than the block of the hash is padded with zeros (RFC 2104 §2). Padding it here makes the
        // constructor infallible.
        let mut block = [0; 64];
        block.iter_mut().zip(secret).for_each(|(byte, secret)| *byte = *secret);
        Self { keyed: Hmac::new(&block.into()) }
    }

    /// Peer id of `connection` in `space`: 32 lowercase hex digits.
    pub(crate) fn peer_id(&self, connection: ConnectionId, space: SpaceId) -> String {
        const DIGITS: [char; 16] =
            ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let mut mac = self.keyed.clone();
        connection.with_text(|text| mac.update(text.as_bytes()));
        mac.update(&[0]);
        space.with_text(|text| mac.update(text.as_bytes()));
        let tag = mac.finalize().into_bytes();
        tag.iter()
            .take(PEER_ID_LEN)
            .flat_map(|byte| [byte >> 4, byte & 0x0f])
            .filter_map(|nibble| DIGITS.get(usize::from(nibble)))
            .collect()
    }
}

impl fmt::Debug for PeerIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerIds").finish_non_exhaustive()
    }
}

/// Outcome of [`PresenceSet::set`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PresenceUpdate {
    /// The entry is new.
    Added,
    /// The entry replaced the one of the same connection that was set at `set_at`.
    Replaced {
        /// Age of the replaced entry.
        set_at: Instant,
    },
    /// The set has as many entries as allowed; nothing has changed.
    Full,
}

/// Presence entry of one connection.
#[derive(Debug)]
struct Entry {
    connection: ConnectionId,
    data: Bytes,
    set_at: Instant,
}

/// Presence entries of one space: at most one per connection, ordered by connection.
#[derive(Debug, Default)]
pub(crate) struct PresenceSet {
    entries: Vec<Entry>,
}

impl PresenceSet {
    /// Sets the entry of `connection` at `now`. `limit`: maximum number of entries, inclusive.
    pub(crate) fn set(
        &mut self,
        connection: ConnectionId,
        data: &[u8],
        now: Instant,
        limit: usize,
    ) -> PresenceUpdate {
        let index = self.search(connection);
        if let Ok(index) = index
            && let Some(entry) = self.entries.get_mut(index)
        {
            entry.data = Bytes::copy_from_slice(data);
            return PresenceUpdate::Replaced { set_at: std::mem::replace(&mut entry.set_at, now) };
        }
        if self.entries.len() >= limit {
            return PresenceUpdate::Full;
        }
        let index = index.unwrap_or_else(|index| index);
        let data = Bytes::copy_from_slice(data);
        self.entries.insert(index, Entry { connection, data, set_at: now });
        PresenceUpdate::Added
    }

    /// Removes the entry of `connection`. Returns the time at which it was set; none if there is no entry.
    pub(crate) fn remove(&mut self, connection: ConnectionId) -> Option<Instant> {
        let index = self.search(connection).ok()?;
        let entry = self.entries.remove(index);
        if self.entries.is_empty() {
            // Frees the allocation: most spaces have no presence most of the time.
            self.entries = Vec::new();
        }
        Some(entry.set_at)
    }

    /// Entries of up to `max` connections other than `except`.
    pub(crate) fn peers(&self, except: ConnectionId, max: usize) -> Vec<(ConnectionId, Bytes)> {
        self.entries
            .iter()
            .filter(|entry| entry.connection != except)
            .take(max)
            .map(|entry| (entry.connection, entry.data.clone()))
            .collect()
    }

    fn search(&self, connection: ConnectionId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&connection, |entry| entry.connection)
    }
}

/// Presence entries of many spaces, ordered by age.
#[derive(Debug, Default)]
pub(crate) struct PresenceAges(BTreeSet<(Instant, SpaceId, ConnectionId)>);

impl PresenceAges {
    pub(crate) fn insert(&mut self, set_at: Instant, space: SpaceId, connection: ConnectionId) {
        self.0.insert((set_at, space, connection));
    }

    pub(crate) fn remove(&mut self, set_at: Instant, space: SpaceId, connection: ConnectionId) {
        self.0.remove(&(set_at, space, connection));
    }

    /// Removes the oldest entry if it was set at `until` or earlier.
    pub(crate) fn pop_expired(&mut self, until: Instant) -> Option<(SpaceId, ConnectionId)> {
        let (set_at, ..) = self.0.first()?;
        let (_, space, connection) = if *set_at <= until { self.0.pop_first() } else { None }?;
        Some((space, connection))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
mod tests {
    use super::*;

    fn connection(number: u8) -> ConnectionId {
        ConnectionId::from_bytes([number; 16])
    }

    fn space(number: u8) -> SpaceId {
        SpaceId::from_bytes([number; 16])
    }

    /// P-218.
    #[test]
    fn peer_id_is_stable_within_a_space_and_different_across_spaces() {
        let peer_ids = PeerIds::new(&[7; 32]);
        let name = peer_ids.peer_id(connection(1), space(1));
        assert_eq!(name.len(), 32);
        assert!(name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
        assert_eq!(name, peer_ids.peer_id(connection(1), space(1)));
        assert_ne!(name, peer_ids.peer_id(connection(1), space(2)));
        assert_ne!(name, peer_ids.peer_id(connection(2), space(1)));
        assert_ne!(name, PeerIds::new(&[8; 32]).peer_id(connection(1), space(1)), "new after a restart");
    }

    /// Auth §4.4, computed elsewhere: HMAC-SHA256 over connection id, a zero byte and the canonical space id.
    #[test]
    fn peer_id_is_the_documented_hmac() {
        let name = PeerIds::new(&[7; 32]).peer_id(connection(1), space(2));
        assert_eq!(name, "ba3e701f8741fe360b4864fbc06f6ca1");
    }

    /// P-221.
    #[test]
    fn entry_beyond_the_limit_is_rejected_and_updates_pass() {
        let now = Instant::now();
        let mut presence = PresenceSet::default();
        for number in 0..100 {
            assert_eq!(presence.set(connection(number), b"here", now, 100), PresenceUpdate::Added);
        }
        assert_eq!(presence.set(connection(100), b"here", now, 100), PresenceUpdate::Full);
        assert_eq!(presence.set(connection(7), b"still", now, 100), PresenceUpdate::Replaced { set_at: now });
        assert_eq!(presence.remove(connection(7)), Some(now));
        assert_eq!(presence.set(connection(100), b"here", now, 100), PresenceUpdate::Added);
    }

    /// P-217.
    #[test]
    fn peers_leave_out_the_asking_connection() {
        let now = Instant::now();
        let mut presence = PresenceSet::default();
        presence.set(connection(1), b"one", now, 100);
        presence.set(connection(2), b"two", now, 100);
        assert_eq!(presence.peers(connection(1), 100), [(connection(2), Bytes::from_static(b"two"))]);
        assert_eq!(presence.peers(connection(3), 1).len(), 1);
    }

    #[test]
    fn empty_presence_set_holds_no_memory() {
        let mut presence = PresenceSet::default();
        presence.set(connection(1), b"one", Instant::now(), 100);
        presence.remove(connection(1));
        assert_eq!(presence.remove(connection(1)), None);
        assert_eq!(presence.entries.capacity(), 0);
    }
}
