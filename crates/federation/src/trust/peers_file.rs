//! Peers file: TOML with one table per peer (federation §5.3).

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use less_sync_auth::federation::{KeyId, PeerKey};
use less_sync_core::{CanonicalDomain, PeerId};
use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::{Direction, KeySetLocation, Peer, PeerQuotas, Profile, SignatureScheme, TrustLevel};

/// Version of the format.
const VERSION: i64 = 1;

/// Defect of a peers file, with the line that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPeersFile {
    /// Line, from 1; `None` when the text does not say.
    pub line: Option<usize>,
    /// Defect.
    pub defect: String,
}

impl InvalidPeersFile {
    fn at(text: &str, span: Option<Range<usize>>, defect: impl Into<String>) -> Self {
        let before = span.and_then(|span| text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        Self { line, defect: defect.into() }
    }
}

impl fmt::Display for InvalidPeersFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{line}: {}", self.defect),
            None => f.write_str(&self.defect),
        }
    }
}

impl std::error::Error for InvalidPeersFile {}

/// Parsed peers file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeersFile {
    /// Peers in the order of the file.
    pub peers: Vec<Peer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: Spanned<i64>,
    mode: Option<Spanned<String>>,
    #[serde(default)]
    peer: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    domain: Spanned<String>,
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
    ws_url: Option<Spanned<String>>,
    jwks_uri: Option<Spanned<String>>,
    trust: Option<Spanned<String>>,
    direction: Option<Spanned<String>>,
    profile: Option<Spanned<String>>,
    signature_scheme: Option<Spanned<String>>,
    #[serde(default)]
    keys: Vec<KeyEntry>,
    #[serde(default)]
    quotas: QuotaEntry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    key_id: Spanned<String>,
    x: Spanned<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "names of the file")]
struct QuotaEntry {
    max_connections: Option<Spanned<u32>>,
    max_spaces: Option<Spanned<u32>>,
    max_records_per_hour: Option<Spanned<u32>>,
    max_bytes_per_hour: Option<Spanned<u64>>,
    max_invitations_per_hour: Option<Spanned<u32>>,
    max_requests_per_second: Option<Spanned<u32>>,
}

impl PeersFile {
    /// Parses the text of a peers file completely, or not at all.
    ///
    /// # Errors
    /// [`InvalidPeersFile`]: the first defect with its line. Names are unique over all peers and their aliases (federation ID-4).
    pub fn parse(text: &str) -> Result<Self, InvalidPeersFile> {
        let document: Document = toml::from_str(text)
            .map_err(|error| InvalidPeersFile::at(text, error.span(), error.message().to_owned()))?;
        let reader = Reader { text };
        if *document.version.get_ref() != VERSION {
            return Err(reader.reject(&document.version, "version must be 1"));
        }
        if let Some(mode) = document.mode.filter(|mode| mode.get_ref() != "allowlist") {
            return Err(reader.reject(&mode, "mode must be \"allowlist\""));
        }
        let mut names: HashMap<PeerId, usize> = HashMap::new();
        let mut peers = Vec::new();
        for entry in &document.peer {
            let peer = reader.peer(entry)?;
            let spans = std::iter::once(&entry.domain).chain(&entry.aliases);
            for (name, span) in std::iter::once(peer.id()).chain(&peer.aliases).zip(spans) {
                if names.insert(name.clone(), span.span().start).is_some() {
                    return Err(reader.reject(span, format!("peer \"{name}\" is listed twice")));
                }
            }
            peers.push(peer);
        }
        Ok(Self { peers })
    }
}

struct Reader<'t> {
    text: &'t str,
}

impl Reader<'_> {
    fn reject<T>(&self, value: &Spanned<T>, defect: impl Into<String>) -> InvalidPeersFile {
        InvalidPeersFile::at(self.text, Some(value.span()), defect)
    }

    fn peer(&self, entry: &Entry) -> Result<Peer, InvalidPeersFile> {
        let domain = self.domain(&entry.domain)?;
        let aliases = entry.aliases.iter().map(|alias| Ok(self.domain(alias)?.peer().clone()));
        let mut peer = Peer { aliases: aliases.collect::<Result<_, _>>()?, ..Peer::new(domain) };
        peer.ws_url = entry.ws_url.as_ref().map(|url| self.url(url, &["wss", "ws"])).transpose()?;
        peer.key_set = match &entry.jwks_uri {
            None => KeySetLocation::Discovered,
            Some(url) if url.get_ref().is_empty() => KeySetLocation::Off,
            Some(url) => KeySetLocation::Pinned(self.url(url, &["https", "http"])?),
        };
        peer.trust = self.choice(
            entry.trust.as_ref(),
            &[
                ("trusted", TrustLevel::Trusted),
                ("quarantined", TrustLevel::Quarantined),
                ("blocked", TrustLevel::Blocked),
            ],
        )?;
        peer.direction = self.choice(
            entry.direction.as_ref(),
            &[("both", Direction::Both), ("inbound", Direction::Inbound), ("outbound", Direction::Outbound)],
        )?;
        peer.profile = self.choice(
            entry.profile.as_ref(),
            &[("auto", Profile::Auto), ("original", Profile::Original), ("native", Profile::Native)],
        )?;
        peer.signature_scheme = self.choice(
            entry.signature_scheme.as_ref(),
            &[
                ("auto", SignatureScheme::Auto),
                ("dialled", SignatureScheme::Dialled),
                ("ws", SignatureScheme::Ws),
            ],
        )?;
        peer.keys = entry.keys.iter().map(|key| self.key(key, &peer)).collect::<Result<_, _>>()?;
        let quotas = &entry.quotas;
        peer.max_connections = self.limit("max_connections", quotas.max_connections.as_ref())?;
        peer.quotas = PeerQuotas {
            max_spaces: self.limit("max_spaces", quotas.max_spaces.as_ref())?,
            max_records_per_hour: self.limit("max_records_per_hour", quotas.max_records_per_hour.as_ref())?,
            max_bytes_per_hour: self.limit("max_bytes_per_hour", quotas.max_bytes_per_hour.as_ref())?,
            max_invitations_per_hour: self
                .limit("max_invitations_per_hour", quotas.max_invitations_per_hour.as_ref())?,
            max_requests_per_second: self
                .limit("max_requests_per_second", quotas.max_requests_per_second.as_ref())?,
        };
        Ok(peer)
    }

    fn limit<T: Copy + Default + PartialEq>(
        &self,
        name: &str,
        given: Option<&Spanned<T>>,
    ) -> Result<Option<T>, InvalidPeersFile> {
        match given {
            Some(zero) if *zero.get_ref() == T::default() => {
                Err(self.reject(zero, format!("{name} must be greater than zero")))
            }
            given => Ok(given.map(|given| *given.get_ref())),
        }
    }

    fn domain(&self, text: &Spanned<String>) -> Result<CanonicalDomain, InvalidPeersFile> {
        let invalid = |reason| self.reject(text, format!("invalid domain \"{}\": {reason}", text.get_ref()));
        text.get_ref().parse().map_err(invalid)
    }

    fn url(&self, text: &Spanned<String>, schemes: &[&str]) -> Result<Url, InvalidPeersFile> {
        let expected = schemes.join(" or ");
        let invalid =
            || self.reject(text, format!("invalid URL \"{}\": expected {expected}", text.get_ref()));
        let url = Url::parse(text.get_ref()).map_err(|_| invalid())?;
        let is_plain = url.has_host() && url.username().is_empty() && url.password().is_none();
        if schemes.contains(&url.scheme()) && is_plain { Ok(url) } else { Err(invalid()) }
    }

    fn choice<T: Copy + Default>(
        &self,
        text: Option<&Spanned<String>>,
        choices: &[(&str, T)],
    ) -> Result<T, InvalidPeersFile> {
        let Some(text) = text else { return Ok(T::default()) };
        let found = choices.iter().find(|(name, _)| name == text.get_ref());
        let names = || choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let invalid = || {
            self.reject(text, format!("unknown value \"{}\": expected one of {}", text.get_ref(), names()))
        };
        found.map(|(_, value)| *value).ok_or_else(invalid)
    }

    fn key(&self, entry: &KeyEntry, peer: &Peer) -> Result<(KeyId, PeerKey), InvalidPeersFile> {
        let id = entry.key_id.get_ref();
        let key_id: KeyId = id
            .parse()
            .map_err(|_| self.reject(&entry.key_id, format!("invalid federation key id \"{id}\"")))?;
        if key_id.peer() != peer.id() {
            let defect = format!("federation key \"{id}\" does not belong to peer \"{}\"", peer.id());
            return Err(self.reject(&entry.key_id, defect));
        }
        let key = PeerKey::from_base64url(entry.x.get_ref())
            .map_err(|defect| self.reject(&entry.x, format!("invalid federation key \"{id}\": {defect}")))?;
        Ok((key_id, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Example of federation §5.3.
    const EXAMPLE: &str = r#"version = 1
mode = "allowlist"

[[peer]]
domain     = "sync-b.example.com"
aliases    = ["b.example.com"]
ws_url     = "wss://sync-b.example.com/api/v1/federation/ws"
jwks_uri   = "https://sync-b.example.com/.well-known/jwks.json"
trust      = "quarantined"
direction  = "inbound"
profile    = "native"
signature_scheme = "ws"
keys = [ { key_id = "https://sync-b.example.com/.well-known/jwks.json#fed-1", x = "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw" } ]
[peer.quotas]
max_connections = 2

[[peer]]
domain = "[::1]:5379"
jwks_uri = ""
"#;

    #[test]
    fn example_of_the_specification_is_read() {
        let peers = PeersFile::parse(EXAMPLE).unwrap().peers;
        let [first, second] = peers.as_slice() else { panic!("{peers:?}") };
        assert_eq!((first.id().as_str(), first.aliases[0].as_str()), ("sync-b.example.com", "b.example.com"));
        assert_eq!((first.trust, first.direction), (TrustLevel::Quarantined, Direction::Inbound));
        assert_eq!((first.profile, first.max_connections, first.keys.len()), (Profile::Native, Some(2), 1));
        assert_eq!(first.signature_scheme, SignatureScheme::Ws);
        assert!(
            matches!(&first.key_set, KeySetLocation::Pinned(url) if url.path() == "/.well-known/jwks.json")
        );
        assert_eq!((second.id().as_str(), second.domain.port()), ("::1", Some(5379)));
        assert_eq!((&second.key_set, second.trust), (&KeySetLocation::Off, TrustLevel::Trusted));
    }

    /// Federation T-053…056.
    #[test]
    fn defects_are_named_with_their_line() {
        for (old, new, expected) in [
            ("version = 1", "version = 2", "1: version must be 1"),
            ("\"allowlist\"", "\"open\"", "2: mode must be \"allowlist\""),
            (
                "\"quarantined\"",
                "\"friend\"",
                "9: unknown value \"friend\": expected one of trusted, quarantined, blocked",
            ),
            ("\"inbound\"", "\"up\"", "10: unknown value \"up\": expected one of both, inbound, outbound"),
            ("\"b.example.com\"", "\"a b\"", "6: invalid domain \"a b\": "),
            (
                "\"b.example.com\"",
                "\"SYNC-B.example.com:1\"",
                "6: peer \"sync-b.example.com\" is listed twice",
            ),
            ("[::1]:5379", "b.example.com", "18: peer \"b.example.com\" is listed twice"),
            (
                "wss://sync-b",
                "https://sync-b",
                "7: invalid URL \"https://sync-b.example.com/api/v1/federation/ws\": expected wss or ws",
            ),
            ("jwks.json#fed-1", "jwks.json", "13: invalid federation key id "),
            (
                "https://sync-b.example.com/.well-known/jwks.json#",
                "https://c/#",
                "13: federation key \"https://c/#fed-1\" does not belong to peer",
            ),
            ("6kpsY", "6kps", "13: invalid federation key "),
            ("max_connections = 2", "max_connections = 0", "15: max_connections must be greater than zero"),
            ("max_connections = 2", "max_spaces = 0", "15: max_spaces must be greater than zero"),
            ("max_connections", "max_egress", "15: unknown field `max_egress`"),
            ("trust ", "trusts", "9: unknown field `trusts"),
            ("direction  =", "direction", "10: "),
        ] {
            let text = EXAMPLE.replacen(old, new, 1);
            assert_ne!(text, EXAMPLE, "{old}");
            let error = PeersFile::parse(&text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}\nexpected: {expected}");
        }
        assert_eq!(PeersFile::parse("").unwrap_err().to_string(), "1: missing field `version`");
    }
}
