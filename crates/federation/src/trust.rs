//! Trust in other servers: an immutable snapshot, replaced when the configuration is loaded again (federation §5).

mod environment;
mod peers_file;
mod quotas;
mod snapshot;
mod store;

pub use environment::{InvalidTrust, TrustEnvironment, parse_trusted_domains, parse_trusted_keys};
pub use peers_file::{InvalidPeersFile, PeersFile};
pub use quotas::{PeerQuotas, QuotaSettings};
pub use snapshot::{Direction, KeySetLocation, Peer, Profile, SignatureScheme, TrustLevel, TrustSnapshot};
pub use store::{Reload, TrustError, TrustSource, TrustStore};
