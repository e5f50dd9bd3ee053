//! Peers known at one time.

use std::collections::BTreeMap;

use less_sync_auth::federation::{KeyId, PeerKey};
use less_sync_core::{CanonicalDomain, PeerId};
use url::Url;

use super::PeerQuotas;

/// Trust in a listed peer (federation §5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrustLevel {
    /// Links are made and accepted.
    #[default]
    Trusted,
    /// Links are accepted, their requests are rejected (federation AD-12).
    Quarantined,
    /// Upgrades are rejected with 403.
    Blocked,
}

/// Directions of links to a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both.
    #[default]
    Both,
    /// Links dialled by the peer.
    Inbound,
    /// Links dialled by this server.
    Outbound,
}

impl Direction {
    /// Returns true when the peer may dial.
    #[must_use]
    pub const fn allows_inbound(self) -> bool {
        matches!(self, Self::Both | Self::Inbound)
    }

    /// Returns true when this server may dial.
    #[must_use]
    pub const fn allows_outbound(self) -> bool {
        matches!(self, Self::Both | Self::Outbound)
    }
}

/// Scheme in the URL that this server signs when it dials (federation AU-5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureScheme {
    /// Scheme of the dialled URL; after a 401 to a wss URL once more with ws.
    #[default]
    Auto,
    /// Scheme of the dialled URL.
    Dialled,
    /// `ws`, as original listeners rebuild it.
    Ws,
}

/// Protocol generation of a peer (federation §8.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Found out by `fed.hello`.
    #[default]
    Auto,
    /// Original server: no optional feature is used.
    Original,
    /// Peer that sends `fed.hello`.
    Native,
}

/// Location of the key set of a peer (federation KY-5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeySetLocation {
    /// Found out by discovery when `FEDERATION_KEY_DISCOVERY` is `jwks`.
    #[default]
    Discovered,
    /// URL of the peers file, whatever `FEDERATION_KEY_DISCOVERY` is.
    Pinned(Url),
    /// No key set: only static keys are used.
    Off,
}

/// Listed peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Host, with the port of its server.
    pub domain: CanonicalDomain,
    /// Other names of the peer.
    pub aliases: Vec<PeerId>,
    /// URL of its links; `None`: by discovery.
    pub ws_url: Option<Url>,
    /// Location of its key set.
    pub key_set: KeySetLocation,
    /// Trust level.
    pub trust: TrustLevel,
    /// Directions of links.
    pub direction: Direction,
    /// Protocol generation.
    pub profile: Profile,
    /// Scheme in the signed URL of dials.
    pub signature_scheme: SignatureScheme,
    /// Static keys; they never expire.
    pub keys: Vec<(KeyId, PeerKey)>,
    /// Maximum inbound links; `None`: that of the setting.
    pub max_connections: Option<u32>,
    /// Other quotas.
    pub quotas: PeerQuotas,
}

impl Peer {
    /// Trusted peer with defaults.
    #[must_use]
    pub fn new(domain: CanonicalDomain) -> Self {
        Self {
            domain,
            aliases: Vec::new(),
            ws_url: None,
            key_set: KeySetLocation::default(),
            trust: TrustLevel::default(),
            direction: Direction::default(),
            profile: Profile::default(),
            signature_scheme: SignatureScheme::default(),
            keys: Vec::new(),
            max_connections: None,
            quotas: PeerQuotas::default(),
        }
    }

    /// Identity of the peer.
    #[must_use]
    pub const fn id(&self) -> &PeerId {
        self.domain.peer()
    }

    /// Static keys with exactly this id (federation KY-4).
    pub fn static_keys<'p>(&'p self, key_id: &'p str) -> impl Iterator<Item = PeerKey> + 'p {
        self.keys.iter().filter(move |(id, _)| id.as_str() == key_id).map(|(_, key)| *key)
    }

    /// Returns true when the key set of the peer may be fetched.
    #[must_use]
    pub const fn has_key_set(&self, has_discovery: bool) -> bool {
        match self.key_set {
            KeySetLocation::Pinned(_) => true,
            KeySetLocation::Discovered => has_discovery,
            KeySetLocation::Off => false,
        }
    }

    /// Returns true when this server may dial the peer: trusted, and outbound (federation §5.1).
    #[must_use]
    pub fn may_be_dialled(&self) -> bool {
        self.trust == TrustLevel::Trusted && self.direction.allows_outbound()
    }

    /// Returns true when the peer may dial this server: trusted or quarantined, and inbound.
    #[must_use]
    pub fn may_dial(&self) -> bool {
        self.trust != TrustLevel::Blocked && self.direction.allows_inbound()
    }
}

/// Listed peers, immutable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustSnapshot {
    peers: BTreeMap<PeerId, Peer>,
}

impl TrustSnapshot {
    /// Merges the peers of the file and those of the environment; of two entries for one peer that of the file counts
    /// (federation TR-4).
    #[must_use]
    pub fn merge(file: Vec<Peer>, environment: Vec<Peer>) -> Self {
        let mut peers: BTreeMap<PeerId, Peer> =
            environment.into_iter().map(|peer| (peer.id().clone(), peer)).collect();
        peers.extend(file.into_iter().map(|peer| (peer.id().clone(), peer)));
        Self { peers }
    }

    /// Peer with this identity.
    #[must_use]
    pub fn peer(&self, id: &PeerId) -> Option<&Peer> {
        self.peers.get(id)
    }

    /// All listed peers, ascending by identity.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.peers.values()
    }

    /// Static keys with exactly this id, of whichever peer.
    #[must_use]
    pub fn static_keys(&self, key_id: &str) -> Vec<PeerKey> {
        self.peers().flat_map(|peer| peer.static_keys(key_id)).collect()
    }

    /// Returns true when peers can be authenticated: a static key, or a trusted peer whose key set can be fetched (federation
    /// TR-1).
    #[must_use]
    pub fn accepts_links(&self, has_discovery: bool) -> bool {
        self.peers().any(|peer| {
            !peer.keys.is_empty() || (peer.has_key_set(has_discovery) && peer.trust == TrustLevel::Trusted)
        })
    }
}
