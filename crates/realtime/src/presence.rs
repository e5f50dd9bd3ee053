//! Who is present in a space, and under which name others know them (protocol §4.19, auth §4.4).

use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use less_sync_core::{ConnectionId, SpaceId};
use sha2::Sha256;

/// Bytes of a pseudonym before it is written in hex.
const PSEUDONYM: usize = 16;

/// Makes the names that peers see: stable for one connection in one space, unlinkable across spaces.
pub(crate) struct Pseudonyms {
    keyed: Hmac<Sha256>,
}

impl Pseudonyms {
    /// Names under a secret of this process.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        // A key shorter than the block of the hash counts as padded with zeros (RFC 2104 §2).
        let mut block = [0; 64];
        block.iter_mut().zip(secret).for_each(|(byte, secret)| *byte = *secret);
        Self { keyed: Hmac::new(&block.into()) }
    }

    /// The name of `connection` in `space`: 32 lowercase hex digits.
    pub(crate) fn name(&self, connection: ConnectionId, space: SpaceId) -> String {
        const DIGITS: [char; 16] =
            ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let mut mac = self.keyed.clone();
        connection.with_text(|text| mac.update(text.as_bytes()));
        mac.update(&[0]);
        space.with_text(|text| mac.update(text.as_bytes()));
        let tag = mac.finalize().into_bytes();
        tag.iter()
            .take(PSEUDONYM)
            .flat_map(|byte| [byte >> 4, byte & 0x0f])
            .filter_map(|nibble| DIGITS.get(usize::from(nibble)))
            .collect()
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pseudonyms").finish_non_exhaustive()
    }
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// It is new.
    Arrived,
    /// It replaced what the connection said at this time.
    Repeated(Instant),
    /// There are too many entries already.
    Full,
}

/// What one connection says about itself.
#[derive(Debug)]
struct Entry {
    connection: ConnectionId,
    data: Bytes,
    set_at: Instant,
}

/// The presence entries of one space: one per connection, ordered by connection.
#[derive(Debug, Default)]
pub(crate) struct Attendance {
    entries: Vec<Entry>,
}

impl Attendance {
    /// Notes what `connection` says at `now`. At most `limit` connections are noted.
    pub(crate) fn note(
        &mut self,
        connection: ConnectionId,
        data: &[u8],
        now: Instant,
        limit: usize,
    ) -> Noted {
        let place = self.place(connection);
        let data = Bytes::copy_from_slice(data);
        if let Ok(place) = place
            && let Some(entry) = self.entries.get_mut(place)
        {
            entry.data = data;
            return Noted::Repeated(std::mem::replace(&mut entry.set_at, now));
        }
        if self.entries.len() >= limit {
            return Noted::Full;
        }
        let place = place.unwrap_or_else(|place| place);
        self.entries.insert(place, Entry { connection, data, set_at: now });
        Noted::Arrived
    }

    /// Forgets `connection`; answers since when its entry stood.
    pub(crate) fn forget(&mut self, connection: ConnectionId) -> Option<Instant> {
        let place = self.place(connection).ok()?;
        let entry = self.entries.remove(place);
        if self.entries.is_empty() {
            self.entries = Vec::new();
        }
        Some(entry.set_at)
    }

    /// What up to `max` connections other than `except` say.
    pub(crate) fn others(&self, except: ConnectionId, max: usize) -> Vec<(ConnectionId, Bytes)> {
        self.entries
            .iter()
            .filter(|entry| entry.connection != except)
            .take(max)
            .map(|entry| (entry.connection, entry.data.clone()))
            .collect()
    }

    fn place(&self, connection: ConnectionId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&connection, |entry| entry.connection)
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
    fn a_pseudonym_is_stable_within_a_space_and_different_across_spaces() {
        let pseudonyms = Pseudonyms::new(&[7; 32]);
        let name = pseudonyms.name(connection(1), space(1));
        assert_eq!(name.len(), 32);
        assert!(name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
        assert_eq!(name, pseudonyms.name(connection(1), space(1)));
        assert_ne!(name, pseudonyms.name(connection(1), space(2)));
        assert_ne!(name, pseudonyms.name(connection(2), space(1)));
        assert_ne!(name, Pseudonyms::new(&[8; 32]).name(connection(1), space(1)), "new after a restart");
    }

    /// Auth §4.4, computed elsewhere: HMAC-SHA256 over connection id, a zero byte and the canonical space id.
    #[test]
    fn a_pseudonym_is_the_documented_hmac() {
        let name = Pseudonyms::new(&[7; 32]).name(connection(1), space(2));
        assert_eq!(name, "ba3e701f8741fe360b4864fbc06f6ca1");
    }

    /// P-221.
    #[test]
    fn an_entry_beyond_the_limit_is_rejected_and_updates_pass() {
        let now = Instant::now();
        let mut attendance = Attendance::default();
        for number in 0..100 {
            assert_eq!(attendance.note(connection(number), b"here", now, 100), Noted::Arrived);
        }
        assert_eq!(attendance.note(connection(100), b"here", now, 100), Noted::Full);
        assert_eq!(attendance.note(connection(7), b"still", now, 100), Noted::Repeated(now));
        assert_eq!(attendance.forget(connection(7)), Some(now));
        assert_eq!(attendance.note(connection(100), b"here", now, 100), Noted::Arrived);
    }

    /// P-217.
    #[test]
    fn others_leaves_out_who_asks() {
        let now = Instant::now();
        let mut attendance = Attendance::default();
        attendance.note(connection(1), b"one", now, 100);
        attendance.note(connection(2), b"two", now, 100);
        assert_eq!(attendance.others(connection(1), 100), [(connection(2), Bytes::from_static(b"two"))]);
        assert_eq!(attendance.others(connection(3), 1).len(), 1);
    }

    #[test]
    fn an_empty_attendance_holds_no_memory() {
        let mut attendance = Attendance::default();
        attendance.note(connection(1), b"one", Instant::now(), 100);
        attendance.forget(connection(1));
        assert_eq!(attendance.forget(connection(1)), None);
        assert_eq!(attendance.entries.capacity(), 0);
    }
}
