//! Where a server is.

use std::fmt;

use url::Url;

/// A text that is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// No URL at all.
    #[error("not a URL")]
    NotAUrl(#[source] url::ParseError),
    /// A scheme other than http, https, ws and wss.
    #[error("unsupported scheme \"{0}\": expected http, https, ws or wss")]
    Scheme(String),
    /// No host.
    #[error("the URL names no host")]
    NoHost,
}

/// The URL of a WebSocket endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// From the base URL of the API, as apps configure it: `https://host/api/v1`.
    ///
    /// http becomes ws and https wss, one trailing `/` is dropped, `/ws` appended, the query kept
    /// (protocol §1.1). ws and wss stay.
    ///
    /// # Errors
    /// No URL, or one that cannot be dialled.
    pub fn from_base(base: &str) -> Result<Self, InvalidEndpoint> {
        let mut url = Self::parse(base)?;
        let path = format!("{}/ws", url.path().strip_suffix('/').unwrap_or(url.path()));
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The exact URL of an endpoint: `wss://host/api/v1/federation/ws`.
    ///
    /// # Errors
    /// No URL, or one that cannot be dialled.
    pub fn exact(text: &str) -> Result<Self, InvalidEndpoint> {
        Self::parse(text).map(Self)
    }

    fn parse(text: &str) -> Result<Url, InvalidEndpoint> {
        let mut url = Url::parse(text).map_err(InvalidEndpoint::NotAUrl)?;
        let scheme = match url.scheme() {
            "http" | "ws" => "ws",
            "https" | "wss" => "wss",
            other => return Err(InvalidEndpoint::Scheme(other.to_owned())),
        };
        url.set_scheme(scheme).map_err(|()| InvalidEndpoint::Scheme(scheme.to_owned()))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(InvalidEndpoint::NoHost);
        }
        url.set_fragment(None);
        Ok(url)
    }

    /// Host and port to connect to; an IPv6 address without brackets.
    pub(crate) fn host_and_port(&self) -> (String, u16) {
        let host = self.0.host_str().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let default = if self.is_encrypted() { 443 } else { 80 };
        (host.to_owned(), self.0.port().unwrap_or(default))
    }

    /// Whether the connection is encrypted: wss.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "wss"
    }

    /// The URL: ws or wss.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::{Endpoint, InvalidEndpoint};

    #[test]
    fn base_urls_become_websocket_urls_as_the_protocol_says() {
        for (base, expected) in [
            ("http://127.0.0.1:5379/api/v1", "ws://127.0.0.1:5379/api/v1/ws"),
            ("https://sync.example/api/v1/", "wss://sync.example/api/v1/ws"),
            ("https://sync.example/api/v1//", "wss://sync.example/api/v1//ws"),
            ("ws://sync.example/api/v1", "ws://sync.example/api/v1/ws"),
            ("wss://sync.example", "wss://sync.example/ws"),
            ("https://sync.example/a?x=1", "wss://sync.example/a/ws?x=1"),
            ("http://[::1]:5379/api/v1#f", "ws://[::1]:5379/api/v1/ws"),
        ] {
            assert_eq!(Endpoint::from_base(base).unwrap().to_string(), expected, "{base}");
        }
    }

    #[test]
    fn what_cannot_be_dialled_is_rejected() {
        assert!(matches!(Endpoint::from_base("sync.example"), Err(InvalidEndpoint::NotAUrl(_))));
        assert!(matches!(Endpoint::from_base(""), Err(InvalidEndpoint::NotAUrl(_))));
        assert_eq!(Endpoint::from_base("ftp://x/"), Err(InvalidEndpoint::Scheme("ftp".to_owned())));
        assert_eq!(Endpoint::exact("mailto:a@b"), Err(InvalidEndpoint::Scheme("mailto".to_owned())));
    }

    #[test]
    fn ports_default_by_scheme_and_brackets_are_no_part_of_an_address() {
        for (text, host, port) in [
            ("ws://a/", "a", 80),
            ("wss://a/", "a", 443),
            ("wss://a:5379/", "a", 5379),
            ("ws://[::1]:80/", "::1", 80),
        ] {
            assert_eq!(Endpoint::exact(text).unwrap().host_and_port(), (host.to_owned(), port), "{text}");
        }
    }
}
