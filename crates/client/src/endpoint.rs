//! WebSocket endpoint URLs.

use std::fmt;

use url::Url;

/// Invalid endpoint URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// Not a URL.
    #[error("not a URL")]
    NotAUrl(#[source] url::ParseError),
    /// Scheme other than http, https, ws and wss.
    #[error("unsupported scheme \"{0}\": expected http, https, ws or wss")]
    Scheme(String),
    /// URL without a host.
    #[error("the URL names no host")]
    NoHost,
}

/// URL of a WebSocket endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// Endpoint for the base URL of an API, such as `https://host/api/v1`.
    ///
    /// Maps http to ws and https to wss, drops one trailing `/`, appends `/ws` and keeps the query (protocol §1.1).
    ///
    /// # Errors
    /// See [`InvalidEndpoint`].
    pub fn from_base(base: &str) -> Result<Self, InvalidEndpoint> {
        let mut url = Self::parse(base)?;
        let path = format!("{}/ws", url.path().strip_suffix('/').unwrap_or(url.path()));
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Endpoint at exactly this URL, such as `wss://host/api/v1/federation/ws`.
    ///
    /// # Errors
    /// See [`InvalidEndpoint`].
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

    /// Host and port to connect to; IPv6 addresses without brackets.
    pub(crate) fn host_and_port(&self) -> (String, u16) {
        let host = self.0.host_str().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let default = if self.is_encrypted() { 443 } else { 80 };
        (host.to_owned(), self.0.port().unwrap_or(default))
    }

    /// Returns whether connections are encrypted (wss).
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "wss"
    }

    /// URL with the scheme ws or wss.
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
    fn base_urls_are_mapped_to_websocket_urls() {
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
    fn urls_that_cannot_be_dialled_are_rejected() {
        assert!(matches!(Endpoint::from_base("sync.example"), Err(InvalidEndpoint::NotAUrl(_))));
        assert!(matches!(Endpoint::from_base(""), Err(InvalidEndpoint::NotAUrl(_))));
        assert_eq!(Endpoint::from_base("ftp://x/"), Err(InvalidEndpoint::Scheme("ftp".to_owned())));
        assert_eq!(Endpoint::exact("mailto:a@b"), Err(InvalidEndpoint::Scheme("mailto".to_owned())));
    }

    #[test]
    fn ports_default_by_scheme_and_brackets_are_removed() {
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
