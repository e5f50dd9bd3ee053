//! Presence of a space: entries and their ages, and the ids by which peers know each other (protocol §4.19, auth §4.4).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use less_sync_core::{ConnectionId, SpaceId};
use less_sync_engine::ports::PeerName;
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

    /// Peer id of `presenter` in `space`.
    pub(crate) fn name(&self, presenter: Presenter, space: SpaceId) -> PeerName {
        let connection = match presenter {
            Presenter::Connection(connection) => connection,
            Presenter::Linked(name) | Presenter::Remote(name) | Presenter::AtHome(name) => return name,
        };
        let mut mac = self.keyed.clone();
        connection.with_text(|text| mac.update(text.as_bytes()));
        mac.update(&[0]);
        space.with_text(|text| mac.update(text.as_bytes()));
        truncated(mac)
    }

    /// Name of the client with the pseudonym `peer` at `server` in `space`. No server can choose the name that others see
    /// (federation §15).
    pub(crate) fn name_elsewhere(&self, server: &str, peer: PeerName, space: SpaceId) -> PeerName {
        let mut mac = self.keyed.clone();
        for part in ["fed", server, &peer.to_text()] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        space.with_text(|text| mac.update(text.as_bytes()));
        truncated(mac)
    }

    /// Peer id as text: 32 lowercase hex digits.
    pub(crate) fn peer_id(&self, presenter: impl Into<Presenter>, space: SpaceId) -> String {
        self.name(presenter.into(), space).to_text()
    }
}

fn truncated(mac: Hmac<Sha256>) -> PeerName {
    let mut name = [0; PEER_ID_LEN];
    name.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(byte, tag)| *byte = tag);
    PeerName(name)
}

impl fmt::Debug for PeerIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerIds").finish_non_exhaustive()
    }
}

/// Owner of a presence entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Presenter {
    /// Connection of this node.
    Connection(ConnectionId),
    /// Client of another server, which has sent the presence over a link of this node.
    Linked(PeerName),
    /// Peer on another node of the deployment.
    Remote(PeerName),
    /// Peer at the home server of the space.
    AtHome(PeerName),
}

impl Presenter {
    /// Returns true for peers that share one bound of the entries of a space: no other server can use up the entries of the clients
    /// of this one.
    fn shares_bound(self, other: Self) -> bool {
        let class = |presenter| match presenter {
            Self::Connection(_) | Self::Remote(_) => 0,
            Self::Linked(_) => 1,
            Self::AtHome(_) => 2,
        };
        class(self) == class(other)
    }
}

/// Link of another server, as the owner of presence entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkOwner {
    /// Link over which the entry came last.
    pub(crate) link: ConnectionId,
    /// Identity of the server.
    pub(crate) server: Arc<str>,
}

/// New state of a presence entry.
#[derive(Clone, Debug)]
pub(crate) struct NewPresence<'d> {
    pub(crate) presenter: Presenter,
    /// Owner of an entry of another server.
    pub(crate) owner: Option<LinkOwner>,
    pub(crate) data: &'d [u8],
    pub(crate) now: Instant,
}

impl From<ConnectionId> for Presenter {
    fn from(connection: ConnectionId) -> Self {
        Self::Connection(connection)
    }
}

/// Outcome of [`PresenceSet::set`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PresenceUpdate {
    /// The entry is new.
    Added,
    /// The entry replaced the one of the same presenter that was set at `set_at`.
    Replaced {
        /// Age of the replaced entry.
        set_at: Instant,
        /// True for the same data within [`RELAY`] of the last time of a notification of servers.
        is_heartbeat: bool,
    },
    /// The set has as many entries as allowed; nothing has changed.
    Full,
}

/// Presence entry of one presenter.
#[derive(Debug)]
struct Entry {
    presenter: Presenter,
    owner: Option<LinkOwner>,
    data: Bytes,
    set_at: Instant,
    /// Time of the last notification of other servers about the entry.
    relayed_at: Instant,
}

/// Shortest time between two notifications of other servers about an entry that has not changed (federation §15).
const RELAY: Duration = Duration::from_secs(20);

/// Presence entries of one space: at most one per presenter, ordered by presenter.
#[derive(Debug, Default)]
pub(crate) struct PresenceSet {
    entries: Vec<Entry>,
}

impl PresenceSet {
    /// Sets an entry. `limit`: maximum number of entries of presenters that share one bound, inclusive.
    pub(crate) fn set(&mut self, new: NewPresence<'_>, limit: usize) -> PresenceUpdate {
        let NewPresence { presenter, owner, data, now } = new;
        let index = self.search(presenter);
        if let Ok(index) = index
            && let Some(entry) = self.entries.get_mut(index)
        {
            let is_heartbeat = entry.data == data && now.saturating_duration_since(entry.relayed_at) < RELAY;
            if !is_heartbeat {
                (entry.data, entry.relayed_at) = (Bytes::copy_from_slice(data), now);
            }
            entry.owner = owner;
            return PresenceUpdate::Replaced {
                set_at: std::mem::replace(&mut entry.set_at, now),
                is_heartbeat,
            };
        }
        if self.entries.iter().filter(|entry| entry.presenter.shares_bound(presenter)).count() >= limit {
            return PresenceUpdate::Full;
        }
        let index = index.unwrap_or_else(|index| index);
        let data = Bytes::copy_from_slice(data);
        self.entries.insert(index, Entry { presenter, owner, data, set_at: now, relayed_at: now });
        PresenceUpdate::Added
    }

    /// Removes the entry of `presenter`. Returns the time at which it was set; none if there is no entry.
    pub(crate) fn remove(&mut self, presenter: Presenter) -> Option<Instant> {
        let index = self.search(presenter).ok()?;
        let entry = self.entries.remove(index);
        if self.entries.is_empty() {
            // Frees the allocation: most spaces have no presence most of the time.
            self.entries = Vec::new();
        }
        Some(entry.set_at)
    }

    /// Entries of up to `max` presenters other than `except`. `server`: identity of the server behind `except`; its clients are
    /// left out as well.
    pub(crate) fn peers(
        &self,
        except: ConnectionId,
        server: Option<&str>,
        max: usize,
    ) -> Vec<(Presenter, Bytes)> {
        let is_of_server =
            |entry: &Entry| entry.owner.as_ref().is_some_and(|owner| server == Some(&*owner.server));
        self.entries
            .iter()
            .filter(|entry| entry.presenter != Presenter::Connection(except) && !is_of_server(entry))
            .take(max)
            .map(|entry| (entry.presenter, entry.data.clone()))
            .collect()
    }

    /// Data of the entry of `presenter`.
    pub(crate) fn data(&self, presenter: Presenter) -> Option<Bytes> {
        let index = self.search(presenter).ok()?;
        self.entries.get(index).map(|entry| entry.data.clone())
    }

    /// Entries of the connections of this node, and of the links to it.
    pub(crate) fn local(&self) -> impl Iterator<Item = (Presenter, Bytes)> {
        let is_local =
            |entry: &&Entry| matches!(entry.presenter, Presenter::Connection(_) | Presenter::Linked(_));
        self.entries.iter().filter(is_local).map(|entry| (entry.presenter, entry.data.clone()))
    }

    /// Presenters of the entries that came last over `link`.
    pub(crate) fn owned_by(&self, link: ConnectionId) -> Vec<Presenter> {
        let is_owned = |entry: &&Entry| entry.owner.as_ref().is_some_and(|owner| owner.link == link);
        self.entries.iter().filter(is_owned).map(|entry| entry.presenter).collect()
    }

    /// Presenters at the home server of the space.
    pub(crate) fn at_home(&self) -> Vec<Presenter> {
        let presenters = self.entries.iter().map(|entry| entry.presenter);
        presenters.filter(|presenter| matches!(presenter, Presenter::AtHome(_))).collect()
    }

    fn search(&self, presenter: Presenter) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&presenter, |entry| entry.presenter)
    }
}

/// Presence entries of many spaces, ordered by age.
#[derive(Debug, Default)]
pub(crate) struct PresenceAges(BTreeSet<(Instant, SpaceId, Presenter)>);

impl PresenceAges {
    pub(crate) fn insert(&mut self, set_at: Instant, space: SpaceId, presenter: Presenter) {
        self.0.insert((set_at, space, presenter));
    }

    pub(crate) fn remove(&mut self, set_at: Instant, space: SpaceId, presenter: Presenter) {
        self.0.remove(&(set_at, space, presenter));
    }

    /// Removes the oldest entry if it was set at `until` or earlier.
    pub(crate) fn pop_expired(&mut self, until: Instant) -> Option<(SpaceId, Presenter)> {
        let (set_at, ..) = self.0.first()?;
        let (_, space, presenter) = if *set_at <= until { self.0.pop_first() } else { None }?;
        Some((space, presenter))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
mod tests {
    use super::*;

    fn connection(number: u8) -> ConnectionId {
        ConnectionId::from_bytes([number; 16])
    }

    fn presenter(number: u8) -> Presenter {
        connection(number).into()
    }

    fn new(presenter: Presenter, data: &[u8], now: Instant) -> NewPresence<'_> {
        NewPresence { presenter, owner: None, data, now }
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
            assert_eq!(presence.set(new(presenter(number), b"here", now), 100), PresenceUpdate::Added);
        }
        assert_eq!(presence.set(new(presenter(100), b"here", now), 100), PresenceUpdate::Full);
        assert_eq!(
            presence.set(new(presenter(7), b"still", now), 100),
            PresenceUpdate::Replaced { set_at: now, is_heartbeat: false }
        );
        assert_eq!(presence.remove(presenter(7)), Some(now));
        assert_eq!(presence.set(new(presenter(100), b"here", now), 100), PresenceUpdate::Added);
    }

    /// P-217.
    #[test]
    fn peers_leave_out_the_asking_connection() {
        let now = Instant::now();
        let mut presence = PresenceSet::default();
        presence.set(new(presenter(1), b"one", now), 100);
        presence.set(new(presenter(2), b"two", now), 100);
        assert_eq!(presence.peers(connection(1), None, 100), [(presenter(2), Bytes::from_static(b"two"))]);
        assert_eq!(presence.peers(connection(3), None, 1).len(), 1);
    }

    #[test]
    fn empty_presence_set_holds_no_memory() {
        let mut presence = PresenceSet::default();
        presence.set(new(presenter(1), b"one", Instant::now()), 100);
        presence.remove(presenter(1));
        assert_eq!(presence.remove(presenter(1)), None);
        assert_eq!(presence.entries.capacity(), 0);
    }
}
