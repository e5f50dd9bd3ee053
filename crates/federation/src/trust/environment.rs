//! Trust lists of the environment (federation §5.2, operations §2.6).

use less_sync_auth::federation::{InvalidPeerKey, KeyId, PeerKey};
use less_sync_core::{CanonicalDomain, InvalidDomain};

use super::Peer;

/// Invalid trust list. The texts are those of operations §2.6.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrust {
    /// Domain that is not a host.
    #[error("invalid FEDERATION_TRUSTED_DOMAINS entry \"{entry}\": {reason}")]
    Domain {
        /// Entry as configured.
        entry: String,
        /// Defect.
        reason: InvalidDomain,
    },
    /// Entry without `=`.
    #[error("invalid FEDERATION_TRUSTED_KEYS entry \"{0}\"")]
    Entry(String),
    /// Id that is not the id of a federation key.
    #[error("invalid federation key id \"{0}\"")]
    KeyId(String),
    /// Key that is not base64url, or not a usable point.
    #[error("invalid federation key payload for \"{0}\"")]
    Payload(String),
    /// Key of another length.
    #[error("federation key for \"{0}\" must be 32 bytes")]
    Length(String),
    /// Key of a domain that is not listed.
    #[error("FEDERATION_TRUSTED_KEYS domain \"{0}\" is not listed in FEDERATION_TRUSTED_DOMAINS")]
    UnlistedDomain(String),
}

/// Peers of `FEDERATION_TRUSTED_DOMAINS` and `FEDERATION_TRUSTED_KEYS`: trusted, with defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustEnvironment {
    peers: Vec<Peer>,
}

impl TrustEnvironment {
    /// Joins both lists. Without domains, those of the keys are trusted.
    ///
    /// # Errors
    /// [`InvalidTrust::UnlistedDomain`] for a key of a domain that a non-empty list lacks.
    pub fn new(domains: Vec<CanonicalDomain>, keys: Vec<(KeyId, PeerKey)>) -> Result<Self, InvalidTrust> {
        let is_derived = domains.is_empty();
        let mut peers: Vec<Peer> = domains.into_iter().map(Peer::new).collect();
        for (id, key) in keys {
            if let Some(peer) = peers.iter_mut().find(|peer| peer.id() == id.peer()) {
                peer.keys.push((id, key));
                continue;
            }
            let domain = id.peer().url_host();
            match domain.parse::<CanonicalDomain>() {
                Ok(domain) if is_derived => {
                    peers.push(Peer { keys: vec![(id, key)], ..Peer::new(domain) });
                }
                _ => return Err(InvalidTrust::UnlistedDomain(id.peer().to_string())),
            }
        }
        Ok(Self { peers })
    }

    /// Peers.
    #[must_use]
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }
}

/// Parses a comma-separated list of domains: canonical, sorted and without repetitions; one entry per peer.
///
/// # Errors
/// [`InvalidTrust::Domain`].
pub fn parse_trusted_domains(text: &str) -> Result<Vec<CanonicalDomain>, InvalidTrust> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let parse = |entry: &str| {
        entry
            .parse::<CanonicalDomain>()
            .map_err(|reason| InvalidTrust::Domain { entry: entry.to_owned(), reason })
    };
    let mut domains = entries.map(parse).collect::<Result<Vec<_>, _>>()?;
    domains.sort();
    domains.dedup_by(|one, other| one.peer() == other.peer());
    Ok(domains)
}

/// Parses a list of `key_id=key` separated by white space, split at the first `=`.
///
/// # Errors
/// [`InvalidTrust`], naming the entry.
pub fn parse_trusted_keys(text: &str) -> Result<Vec<(KeyId, PeerKey)>, InvalidTrust> {
    text.split_ascii_whitespace().map(parse_trusted_key).collect()
}

fn parse_trusted_key(entry: &str) -> Result<(KeyId, PeerKey), InvalidTrust> {
    let (id, key) = entry.split_once('=').ok_or_else(|| InvalidTrust::Entry(entry.to_owned()))?;
    let key_id: KeyId = id.parse().map_err(|_| InvalidTrust::KeyId(id.to_owned()))?;
    let key = PeerKey::from_base64url(key).map_err(|defect| match defect {
        InvalidPeerKey::Length(_) => InvalidTrust::Length(id.to_owned()),
        InvalidPeerKey::Base64 | InvalidPeerKey::Point | InvalidPeerKey::SmallOrder => {
            InvalidTrust::Payload(id.to_owned())
        }
    })?;
    Ok((key_id, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw";

    fn id(host: &str) -> String {
        format!("https://{host}/.well-known/jwks.json#k")
    }

    fn names(environment: &TrustEnvironment) -> Vec<(&str, usize)> {
        environment.peers().iter().map(|peer| (peer.id().as_str(), peer.keys.len())).collect()
    }

    #[test]
    fn keys_belong_to_listed_domains_and_make_a_list_themselves() {
        let keys = || parse_trusted_keys(&format!("{}={KEY} {}={KEY}", id("b"), id("a:1"))).unwrap();
        let derived = TrustEnvironment::new(vec![], keys()).unwrap();
        assert_eq!(names(&derived), [("b", 1), ("a", 1)]);
        let domains = parse_trusted_domains(" B., https://a:5379/x,,c ,b").unwrap();
        assert_eq!(names(&TrustEnvironment::new(domains, keys()).unwrap()), [("a", 1), ("b", 1), ("c", 0)]);
        let foreign = TrustEnvironment::new(parse_trusted_domains("b").unwrap(), keys()).unwrap_err();
        let expected = "FEDERATION_TRUSTED_KEYS domain \"a\" is not listed in FEDERATION_TRUSTED_DOMAINS";
        assert_eq!(foreign.to_string(), expected);
    }

    #[test]
    fn invalid_entries_are_named() {
        for (text, expected) in [
            ("x".to_owned(), "invalid FEDERATION_TRUSTED_KEYS entry \"x\"".to_owned()),
            (format!("k={KEY}"), "invalid federation key id \"k\"".to_owned()),
            (format!("{}=!", id("a")), format!("invalid federation key payload for \"{}\"", id("a"))),
            (format!("{}=AA", id("a")), format!("federation key for \"{}\" must be 32 bytes", id("a"))),
            (
                format!("{}=AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", id("a")),
                format!("invalid federation key payload for \"{}\"", id("a")),
            ),
        ] {
            assert_eq!(parse_trusted_keys(&text).unwrap_err().to_string(), expected);
        }
        let domain = parse_trusted_domains("a, b c").unwrap_err().to_string();
        assert!(
            domain.starts_with("invalid FEDERATION_TRUSTED_DOMAINS entry \"b c\": host must be"),
            "{domain}"
        );
    }
}
