//! Names of servers: canonical domains of configuration and the identity of a peer (federation §2).

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;
use std::sync::Arc;

/// Maximum length of a host name, in bytes.
const MAX_HOST: usize = 253;

/// Canonical spelling of a domain, an address or a URL (federation §2.2): scheme and path removed, ASCII lowercase,
/// without trailing dots and port 443. Idempotent; does not check that the result is a host.
#[must_use]
pub fn canonical_domain(text: &str) -> String {
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = after_scheme.split_once('/').map_or(after_scheme, |(authority, _)| authority);
    let lowercase = authority.to_ascii_lowercase();
    let mut rest = lowercase.as_str();
    loop {
        let dotless = rest.trim_end_matches('.');
        let shorter = dotless.strip_suffix(":443").unwrap_or(dotless);
        if shorter == rest {
            return rest.to_owned();
        }
        rest = shorter;
    }
}

/// Text that does not name a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDomain {
    /// Text without a host.
    #[error("host is empty")]
    Empty,
    /// Host with characters other than ASCII letters, digits, `-`, `.` and `_`, or an invalid IPv6 literal.
    #[error(
        "host must be of ASCII letters, digits, '-', '.' and '_' (international names as xn-- labels), or an IPv6 address in brackets"
    )]
    Host,
    /// Host longer than 253 bytes.
    #[error("host is longer than 253 bytes")]
    Length,
    /// Host with an empty label: a leading dot or two dots in a row.
    #[error("host has an empty label")]
    Label,
    /// Port other than a number from 1 to 65535.
    #[error("port must be a number from 1 to 65535")]
    Port,
}

/// Identity of a server among its peers: a host without port and without brackets, in lowercase (federation ID-1).
///
/// Two servers on one host are one peer, whatever their ports (federation ID-2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(Arc<str>);

impl PeerId {
    /// Text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses the host of a URL: a name, an IPv4 address, or an IPv6 address in brackets.
    ///
    /// # Errors
    /// [`InvalidDomain`] when the text is not a host alone.
    pub fn from_host(host: &str) -> Result<Self, InvalidDomain> {
        if let Some(literal) = host.strip_prefix('[') {
            let literal = literal.strip_suffix(']').ok_or(InvalidDomain::Host)?;
            let address: Ipv6Addr = literal.parse().map_err(|_| InvalidDomain::Host)?;
            return Ok(Self(address.to_string().into()));
        }
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        if name.is_empty() {
            return Err(InvalidDomain::Empty);
        }
        if name.len() > MAX_HOST {
            return Err(InvalidDomain::Length);
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
            return Err(InvalidDomain::Host);
        }
        if name.split('.').any(str::is_empty) {
            return Err(InvalidDomain::Label);
        }
        Ok(Self(name.into()))
    }

    /// Host as it stands in a URL: IPv6 addresses in brackets.
    #[must_use]
    pub fn url_host(&self) -> String {
        if self.0.contains(':') { format!("[{}]", self.0) } else { self.0.as_ref().to_owned() }
    }
}

impl FromStr for PeerId {
    type Err = InvalidDomain;

    /// Parses the text form, in which IPv6 addresses have no brackets.
    fn from_str(text: &str) -> Result<Self, InvalidDomain> {
        match text.parse::<Ipv6Addr>() {
            Ok(address) => Ok(Self(address.to_string().into())),
            Err(_) => Self::from_host(text),
        }
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({})", self.0)
    }
}

/// Domain of configuration in canonical form: a host with an optional port (federation §2.2, auth §8).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CanonicalDomain {
    peer: PeerId,
    port: Option<u16>,
}

impl CanonicalDomain {
    /// Peer of this domain: trust compares it, never the port (federation ID-6).
    #[must_use]
    pub const fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// Port of the server; `None` for 443, the implicit one.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }
}

impl From<PeerId> for CanonicalDomain {
    /// Domain of a peer, without a port.
    fn from(peer: PeerId) -> Self {
        Self { peer, port: None }
    }
}

impl FromStr for CanonicalDomain {
    type Err = InvalidDomain;

    /// Parses any spelling that [`canonical_domain`] reads; the rest must be a host with an optional port.
    fn from_str(text: &str) -> Result<Self, InvalidDomain> {
        let canonical = canonical_domain(text.trim());
        let (host, port) = split_port(&canonical)?;
        Ok(Self { peer: PeerId::from_host(host)?, port })
    }
}

impl fmt::Display for CanonicalDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.peer.url_host())?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Splits `host[:port]`; the colons of an IPv6 literal are inside its brackets.
///
/// # Errors
/// [`InvalidDomain::Empty`] without a host, [`InvalidDomain::Host`] for a bracket that does not end, [`InvalidDomain::Port`] for a
/// port that is not a number from 1 to 65535.
pub fn split_port(authority: &str) -> Result<(&str, Option<u16>), InvalidDomain> {
    let name_end =
        if authority.starts_with('[') { authority.find(']').ok_or(InvalidDomain::Host)? + 1 } else { 0 };
    let colon = authority.get(name_end..).and_then(|rest| rest.find(':'));
    let (host, port) = authority.split_at(colon.map_or(authority.len(), |colon| name_end + colon));
    if host.is_empty() {
        return Err(InvalidDomain::Empty);
    }
    let port = colon.map(|_| parse_port(port.trim_start_matches(':'), port)).transpose()?;
    Ok((host, port))
}

fn parse_port(digits: &str, with_colon: &str) -> Result<u16, InvalidDomain> {
    let is_decimal = with_colon.len() == digits.len() + 1 && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(port) if is_decimal && port != 0 => Ok(port),
        _ => Err(InvalidDomain::Port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(text: &str) -> Result<String, InvalidDomain> {
        text.parse::<CanonicalDomain>().map(|domain| domain.to_string())
    }

    /// Table of federation §2.2.
    #[test]
    fn domains_have_one_canonical_spelling() {
        for (text, canonical) in [
            ("EXAMPLE.COM", "example.com"),
            ("example.com.", "example.com"),
            ("https://EXAMPLE.COM:443/path", "example.com"),
            ("http://example.com:8080/foo", "example.com:8080"),
            ("http://example.com:80/", "example.com:80"),
            ("EXAMPLE.com:8443.", "example.com:8443"),
            ("[::1]:443", "[::1]"),
            ("example.com.:443", "example.com"),
            ("example.com:443:443.", "example.com"),
        ] {
            assert_eq!(canonical_domain(text), canonical, "{text}");
            assert_eq!(canonical_domain(canonical), canonical, "{text}");
            assert_eq!(domain(text), Ok(canonical.to_owned()), "{text}");
        }
    }

    #[test]
    fn peers_have_neither_port_nor_brackets() {
        let peer = |text: &str| text.parse::<CanonicalDomain>().unwrap().peer().to_string();
        assert_eq!(peer("https://sync-b:5379/x"), "sync-b");
        assert_eq!(peer("[0:0::1]:5379"), "::1");
        assert_eq!(peer("Sync.Example.COM."), "sync.example.com");
        assert_eq!(domain("[0:0::1]:5379"), Ok("[::1]:5379".to_owned()));
        for text in ["::1", "sync.example.com"] {
            assert_eq!(text.parse::<PeerId>().unwrap().as_str(), text);
        }
        assert_eq!(CanonicalDomain::from(peer("[::1]:5379").parse::<PeerId>().unwrap()).to_string(), "[::1]");
    }

    #[test]
    fn texts_that_name_no_server_are_rejected() {
        for (text, error) in [
            ("", InvalidDomain::Empty),
            (":5379", InvalidDomain::Empty),
            ("https:///path", InvalidDomain::Empty),
            ("bücher.example", InvalidDomain::Host),
            ("user@example.com", InvalidDomain::Host),
            ("[::1", InvalidDomain::Host),
            ("[fe80::1%eth0]", InvalidDomain::Host),
            (".example.com", InvalidDomain::Label),
            ("a..b", InvalidDomain::Label),
            ("a:b", InvalidDomain::Port),
            ("a:0", InvalidDomain::Port),
            ("a:65536", InvalidDomain::Port),
            ("a:+80", InvalidDomain::Port),
            ("a::80", InvalidDomain::Port),
            ("::1", InvalidDomain::Empty),
            (&"a".repeat(254), InvalidDomain::Length),
        ] {
            assert_eq!(domain(text), Err(error), "{text}");
        }
    }
}
