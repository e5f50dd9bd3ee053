//! Ids of federation keys: the URL of a key set with a fragment (federation §2.3, auth §9.5).

use std::fmt;
use std::str::FromStr;

use less_sync_core::domain::split_port;
use less_sync_core::{CanonicalDomain, PeerId};

/// Path of the key set that the ids of own keys name.
const KEY_SET_PATH: &str = "/.well-known/jwks.json";

/// Text that is not the id of a federation key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key id is not an http or https URL with a host and a fragment")]
pub struct InvalidKeyId;

/// Id of a federation key: `https://{host}[:port]/.well-known/jwks.json#{fragment}`.
///
/// Compared as text. Names the peer of the key; the URL is never fetched (federation ID-3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId {
    text: String,
    peer: PeerId,
    /// Length of the URL before `#`, in bytes.
    url_bytes: usize,
}

impl KeyId {
    /// Id of an own key of the server at `domain`.
    ///
    /// # Errors
    /// [`InvalidKeyId`] when `fragment` is empty or has `#`, blanks or characters outside ASCII.
    pub fn own(domain: &CanonicalDomain, fragment: &str) -> Result<Self, InvalidKeyId> {
        format!("{}#{fragment}", Self::key_set_url(domain)).parse()
    }

    /// URL of the key set that ids of the server at `domain` name.
    #[must_use]
    pub fn key_set_url(domain: &CanonicalDomain) -> String {
        format!("https://{domain}{KEY_SET_PATH}")
    }

    /// Whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Peer of the key: the host of the URL.
    #[must_use]
    pub const fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// Text after the last `#`, never empty.
    #[must_use]
    pub fn fragment(&self) -> &str {
        self.text.get(self.url_bytes + 1..).unwrap_or_default()
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        // Spellings that URL parsers repair (tabs, backslashes, a third slash) are errors.
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(InvalidKeyId);
        }
        let (url, fragment) = text.rsplit_once('#').ok_or(InvalidKeyId)?;
        let (scheme, rest) = url.split_once("://").ok_or(InvalidKeyId)?;
        let is_http = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if fragment.is_empty() || !is_http || authority.contains('@') {
            return Err(InvalidKeyId);
        }
        let (host, _) = split_port(authority).map_err(|_| InvalidKeyId)?;
        let peer = PeerId::from_host(host).map_err(|_| InvalidKeyId)?;
        Ok(Self { text: text.to_owned(), peer, url_bytes: url.len() })
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_ids_name_the_key_set_of_the_domain() {
        let domain: CanonicalDomain = "Sync.Example.com:8443".parse().unwrap();
        let id = KeyId::own(&domain, "fed-1").unwrap();
        assert_eq!(id.as_str(), "https://sync.example.com:8443/.well-known/jwks.json#fed-1");
        assert_eq!((id.peer().as_str(), id.fragment()), ("sync.example.com", "fed-1"));
        assert_eq!(KeyId::own(&domain, ""), Err(InvalidKeyId));
        assert_eq!(KeyId::own(&domain, "a b"), Err(InvalidKeyId));
    }

    /// Federation TH-4, T-404.
    #[test]
    fn th_4_spellings_that_url_parsers_repair_are_rejected() {
        for text in [
            "https:///evil.example/.well-known/jwks.json#k",
            "https:\\\\evil.example/jwks.json#k",
            "https://evil.exa\tmple/jwks.json#k",
            "https://trusted.example@evil.example/jwks.json#k",
            "https://trusted.example:99999/jwks.json#k",
            "https://trus%74ed.example/jwks.json#k",
            "https://trusted.example",
        ] {
            assert_eq!(text.parse::<KeyId>(), Err(InvalidKeyId), "{text}");
        }
        let last: KeyId = "https://trusted.example/a#b#c".parse().unwrap();
        assert_eq!((last.peer().as_str(), last.fragment()), ("trusted.example", "c"));
    }
}
