//! Base URL of a server's API, as configured by users.

use url::{Host, Url};

use crate::endpoint::{Endpoint, InvalidEndpoint};

/// Default path of the API, for URLs without a path.
const API: &str = "/api/v1";

/// Base URL of the API of one server: `http(s)` or `ws(s)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl(Url);

impl ServerUrl {
    /// Parses an `http(s)` or `ws(s)` URL; one without a path gets `/api/v1`.
    ///
    /// # Errors
    /// Not a URL, another scheme, or no host.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        Endpoint::exact(text)?;
        let mut url = Url::parse(text).map_err(InvalidEndpoint::NotAUrl)?;
        if matches!(url.path(), "" | "/") {
            url.set_path(API);
        }
        Ok(Self(url))
    }

    /// URL of the WebSocket endpoint.
    ///
    /// # Errors
    /// No error for a parsed URL; see [`Endpoint::from_base`].
    pub fn endpoint(&self) -> Result<Endpoint, InvalidEndpoint> {
        Endpoint::from_base(self.0.as_str())
    }

    /// URL of the API, with the scheme that was parsed.
    #[must_use]
    pub fn base(&self) -> &str {
        self.0.as_str()
    }

    /// HTTP URL of another route of the same server, without a query.
    #[must_use]
    pub fn route(&self, path: &str) -> Url {
        let scheme = if matches!(self.0.scheme(), "https" | "wss") { "https" } else { "http" };
        // `Url::set_scheme` rejects a change from ws to http, so the URL is rebuilt from its text.
        let rest = self.0.as_str().split_once(':').map_or("", |(_, rest)| rest);
        let mut url = Url::parse(&format!("{scheme}:{rest}")).unwrap_or_else(|_| self.0.clone());
        url.set_path(path);
        url.set_query(None);
        url
    }

    /// Returns whether the host is a loopback address or `localhost`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost" || is_loopback_address(name),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Host and port; the port defaults by scheme.
    #[must_use]
    pub fn authority(&self) -> String {
        let default = if self.is_encrypted() { 443 } else { 80 };
        format!("{}:{}", self.0.host_str().unwrap_or_default(), self.0.port().unwrap_or(default))
    }

    /// Returns whether connections are encrypted: https or wss.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        matches!(self.0.scheme(), "https" | "wss")
    }

    /// Path of the WebSocket endpoint.
    #[must_use]
    pub fn websocket_path(&self) -> String {
        format!("{}/ws", self.0.path().trim_end_matches('/'))
    }
}

/// The `url` crate parses hosts of ws URLs as domains, addresses included.
fn is_loopback_address(name: &str) -> bool {
    name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::ServerUrl;

    #[test]
    fn default_path_is_added_to_urls_without_a_path() {
        for (text, endpoint) in [
            ("http://127.0.0.1:5379", "ws://127.0.0.1:5379/api/v1/ws"),
            ("http://127.0.0.1:5379/", "ws://127.0.0.1:5379/api/v1/ws"),
            ("http://127.0.0.1:5379/api/v1", "ws://127.0.0.1:5379/api/v1/ws"),
            ("https://sync.example/other", "wss://sync.example/other/ws"),
            ("ws://[::1]:1", "ws://[::1]:1/api/v1/ws"),
        ] {
            assert_eq!(ServerUrl::parse(text).unwrap().endpoint().unwrap().to_string(), endpoint);
        }
    }

    #[test]
    fn routes_of_the_same_server_are_reached_over_http() {
        for (text, route) in [
            ("http://127.0.0.1:5379/api/v1?x=1", "http://127.0.0.1:5379/dev/token"),
            ("ws://localhost:5379", "http://localhost:5379/dev/token"),
            ("wss://sync.example/api/v1", "https://sync.example/dev/token"),
        ] {
            assert_eq!(ServerUrl::parse(text).unwrap().route("/dev/token").as_str(), route);
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, expected) in [
            ("http://127.0.0.1:1", true),
            ("ws://127.1.2.3:1", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://localhost.example", false),
            ("http://192.168.0.1", false),
            ("https://sync.example", false),
        ] {
            assert_eq!(ServerUrl::parse(text).unwrap().is_loopback(), expected, "{text}");
        }
    }
}
