//! The address of a server, as people write it.

use less_sync_client::{Endpoint, InvalidEndpoint};
use url::{Host, Url};

/// The path of the API, for those who name the server only.
const API: &str = "/api/v1";

/// An address that the toolbox can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl(Url);

impl ServerUrl {
    /// Takes `http(s)` and `ws(s)`, with the path of the API or without any.
    ///
    /// # Errors
    /// The text is no such URL.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        Endpoint::exact(text)?;
        let mut url = Url::parse(text).map_err(InvalidEndpoint::NotAUrl)?;
        if matches!(url.path(), "" | "/") {
            url.set_path(API);
        }
        Ok(Self(url))
    }

    /// Where the WebSocket is.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, InvalidEndpoint> {
        Endpoint::from_base(self.0.as_str())
    }

    /// Where the API is, as it was given.
    pub(crate) fn base(&self) -> &str {
        self.0.as_str()
    }

    /// Another route of the same server, over HTTP.
    pub(crate) fn route(&self, path: &str) -> Url {
        let scheme = if matches!(self.0.scheme(), "https" | "wss") { "https" } else { "http" };
        // Rebuilt from its text: `Url::set_scheme` would reject what `Endpoint::exact` has accepted.
        let rest = self.0.as_str().split_once(':').map_or("", |(_, rest)| rest);
        let mut url = Url::parse(&format!("{scheme}:{rest}")).unwrap_or_else(|_| self.0.clone());
        url.set_path(path);
        url.set_query(None);
        url
    }

    /// Whether only this machine can be meant.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost" || is_loopback_address(name),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Host and port, for the bench, which dials by itself.
    pub(crate) fn authority(&self) -> String {
        let default = if self.is_encrypted() { 443 } else { 80 };
        format!("{}:{}", self.0.host_str().unwrap_or_default(), self.0.port().unwrap_or(default))
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self.0.scheme(), "https" | "wss")
    }

    /// The path of the WebSocket.
    pub(crate) fn websocket_path(&self) -> String {
        format!("{}/ws", self.0.path().trim_end_matches('/'))
    }
}

/// Hosts of URLs that are neither http nor https stay texts, addresses included.
fn is_loopback_address(name: &str) -> bool {
    name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::ServerUrl;

    #[test]
    fn path_of_the_api_is_added_where_none_was_given() {
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
