//! Home servers of spaces, and the stub rows of spaces that other servers hold (federation §11, §19).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{CanonicalDomain, ClientId, InvalidDomain, PeerId, SpaceId};

use crate::error::rejections;
use crate::{PURGED_HOME, Space, StorageError};

/// Maximum length of the address of a home server, in bytes, inclusive (storage §1.1).
const MAX_ADDRESS: usize = 255;

/// Text that is not the address of a home server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHomeServer {
    /// Text longer than 255 bytes.
    #[error("address of a home server is longer than 255 bytes")]
    Length,
    /// Text that names no server.
    #[error("invalid address of a home server")]
    Domain(#[from] InvalidDomain),
    /// Name that marks spaces under removal.
    #[error("name is reserved for spaces under removal")]
    Reserved,
}

/// Address of a home server: a domain, with a port perhaps, or a URL (federation §2.4). The text is stored as given; two
/// addresses name the same server when their peers are equal (federation ID-6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeServer {
    text: String,
    domain: CanonicalDomain,
}

impl HomeServer {
    /// Text as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Identity of the server.
    #[must_use]
    pub const fn peer(&self) -> &PeerId {
        self.domain.peer()
    }
}

impl FromStr for HomeServer {
    type Err = InvalidHomeServer;

    fn from_str(text: &str) -> Result<Self, InvalidHomeServer> {
        if text.len() > MAX_ADDRESS {
            return Err(InvalidHomeServer::Length);
        }
        let domain: CanonicalDomain = text.parse()?;
        if domain.peer().as_str() == PURGED_HOME {
            return Err(InvalidHomeServer::Reserved);
        }
        Ok(Self { text: text.to_owned(), domain })
    }
}

impl From<&PeerId> for HomeServer {
    /// Address of a peer by its name alone.
    fn from(peer: &PeerId) -> Self {
        let text = peer.url_host();
        let domain = CanonicalDomain::from(peer.clone());
        Self { text, domain }
    }
}

impl fmt::Display for HomeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Row of a space that another server holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStub {
    /// Id of the space.
    pub id: SpaceId,
    /// OAuth client of the user who found the space.
    pub client_id: ClientId,
    /// Root key of the chain that opened the space at its home: a compressed P-256 point.
    pub root_public_key: [u8; 33],
    /// Server that holds the space.
    pub home: HomeServer,
}

/// Outcome of creating a stub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StubOutcome {
    /// The stub is new.
    Created,
    /// The id was taken; the row as it is.
    Exists(Space),
}

rejections! {
    HomeRouteError:
    /// Rejections of operations on home servers.
    HomeRouteRejection {
        /// The space has records, a membership log or files here.
        #[error("space has rows of its own")]
        NotEmpty,
        /// Space held by this server.
        #[error("space is homed on this server")]
        NotRemote,
    }
}

/// Home servers of spaces. A space under removal ([`PURGED_HOME`]) has no route: it counts as not found.
#[async_trait]
pub trait HomeRoutes: Send + Sync {
    /// Stored address of the home server of a space; `None`: this server.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`].
    async fn home_server(&self, space: SpaceId) -> Result<Option<String>, StorageError>;

    /// Replaces the home server of a space; `None`: this server. A space that has records, entries of the membership log or
    /// files, tombstones included, is rejected unless `force` is set (federation ST-2). One transaction; a repeat changes nothing.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`]; [`HomeRouteRejection::NotEmpty`].
    async fn set_home_server(
        &self,
        space: SpaceId,
        home: Option<&HomeServer>,
        force: bool,
    ) -> Result<(), HomeRouteError>;

    /// Inserts the row of a space that another server holds, unless the id is taken (federation RT-3). Concurrent calls: one
    /// creates, all others get its row.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn create_stub(&self, stub: &NewStub) -> Result<StubOutcome, StorageError>;

    /// Deletes the row of a space that another server holds (federation RT-7).
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`]; [`HomeRouteRejection::NotRemote`]; [`HomeRouteRejection::NotEmpty`].
    async fn delete_stub(&self, space: SpaceId) -> Result<(), HomeRouteError>;

    /// Restarts the idle time of the stubs among `spaces` (at most 1000 per call); other ids are ignored.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn note_interest(&self, spaces: &[SpaceId]) -> Result<(), StorageError>;

    /// Deletes up to `batch` empty stubs without interest for `idle`, and returns how many (federation RT-6). Fewer than `batch`:
    /// there are no more.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn delete_idle_stubs(&self, idle: Duration, batch: usize) -> Result<usize, StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_one_peer_in_every_form() {
        for text in ["peer.example", "Peer.Example:8443", "wss://peer.example/api/v1/federation/ws"] {
            let home: HomeServer = text.parse().unwrap();
            assert_eq!((home.as_str(), home.peer().as_str()), (text, "peer.example"));
        }
        let loopback = PeerId::from_host("[::1]").unwrap();
        let home = HomeServer::from(&loopback);
        assert_eq!((home.as_str(), home.peer()), ("[::1]", &loopback));
        assert_eq!(home.as_str().parse(), Ok(home.clone()));
    }

    #[test]
    fn texts_that_name_no_home_server_are_rejected() {
        assert_eq!("".parse::<HomeServer>(), Err(InvalidHomeServer::Domain(InvalidDomain::Empty)));
        assert_eq!("a b".parse::<HomeServer>(), Err(InvalidHomeServer::Domain(InvalidDomain::Host)));
        assert_eq!("https://PURGED.invalid/x".parse::<HomeServer>(), Err(InvalidHomeServer::Reserved));
        let long = format!("https://a/{}", "x".repeat(246));
        assert_eq!(long.parse::<HomeServer>(), Err(InvalidHomeServer::Length));
        assert!(long[..255].parse::<HomeServer>().is_ok());
    }
}
