//! Discovery documents of other servers (federation §4).

use std::net::IpAddr;

use less_sync_core::{CanonicalDomain, PeerId};
use serde::Deserialize;
use url::Url;

/// Maximum length of a discovery document, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

/// Paths of the document, in the order of requests (federation §0).
pub const PATHS: [&str; 2] = ["/.well-known/less-platform", "/.well-known/betterbase"];

/// Path of the key set below the origin of a server.
const KEY_SET_PATH: &str = "/.well-known/jwks.json";

/// Document that is not a discovery document of a server that accepts links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDiscovery {
    /// Not a JSON object with the required members.
    #[error("discovery document is malformed")]
    Malformed,
    /// Version other than 1.
    #[error("discovery document has another version")]
    Version,
    /// Server that accepts no links.
    #[error("server of the discovery document accepts no links")]
    Disabled,
    /// Member `federation_ws` that is not a ws or wss URL.
    #[error("discovery document has no URL of links")]
    LinkUrl,
}

#[derive(Deserialize)]
struct Members {
    version: f64,
    sync_endpoint: String,
    #[serde(default)]
    federation: bool,
    #[serde(default)]
    federation_ws: String,
    jwks_uri: Option<String>,
    federation_jwks_uri: Option<String>,
}

/// Parts of a discovery document that links need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryDocument {
    /// URL of links.
    pub link_url: Url,
    /// URL of the federation key set (federation DI-5).
    pub key_set_url: Url,
}

impl DiscoveryDocument {
    /// Parses the document of a server (federation DI-2). Unknown members are ignored.
    ///
    /// # Errors
    /// [`InvalidDiscovery`].
    pub fn parse(json: &[u8]) -> Result<Self, InvalidDiscovery> {
        let members: Members = serde_json::from_slice(json).map_err(|_| InvalidDiscovery::Malformed)?;
        if (members.version - 1.0).abs() > f64::EPSILON {
            return Err(InvalidDiscovery::Version);
        }
        if members.sync_endpoint.is_empty() {
            return Err(InvalidDiscovery::Malformed);
        }
        if !members.federation {
            return Err(InvalidDiscovery::Disabled);
        }
        let link_url =
            Url::parse(&members.federation_ws).ok().filter(|url| matches!(url.scheme(), "ws" | "wss"));
        let link_url = link_url.ok_or(InvalidDiscovery::LinkUrl)?;
        let key_set_url = key_set_url(&members, &link_url).ok_or(InvalidDiscovery::LinkUrl)?;
        Ok(Self { link_url, key_set_url })
    }
}

/// First usable one of `federation_jwks_uri`, `jwks_uri` on the origin of the links, and the well-known path there.
fn key_set_url(members: &Members, link_url: &Url) -> Option<Url> {
    let origin = origin_of_links(link_url)?;
    let parse = |text: &Option<String>| text.as_deref().and_then(|text| Url::parse(text).ok());
    let is_http = |url: &Url| matches!(url.scheme(), "http" | "https");
    let own = parse(&members.federation_jwks_uri).filter(is_http);
    let shared = || parse(&members.jwks_uri).filter(|url| is_http(url) && url.origin() == origin.origin());
    own.or_else(shared).or_else(|| origin.join(KEY_SET_PATH).ok())
}

/// Origin of the server behind a link URL, with `http` for `ws`.
fn origin_of_links(link_url: &Url) -> Option<Url> {
    let scheme = if link_url.scheme() == "ws" { "http" } else { "https" };
    let host = link_url.host_str()?;
    let port = link_url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Url::parse(&format!("{scheme}://{host}{port}/")).ok()
}

/// URL of a path on the server of a peer, with the port of its configured links or its domain (federation KY-5): https, unless links
/// are plain by configuration or by the form of a loopback address (federation §2.4).
#[must_use]
pub fn url_on_peer(domain: &CanonicalDomain, ws_url: Option<&Url>, path: &str) -> Option<Url> {
    let is_plain = ws_url.map_or_else(|| is_loopback(domain.peer()), |url| url.scheme() == "ws");
    let port = match ws_url {
        Some(url) => url.port(),
        None => domain.port(),
    };
    let scheme = if is_plain { "http" } else { "https" };
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Url::parse(&format!("{scheme}://{}{port}{path}", domain.peer().url_host())).ok()
}

/// Returns true for hosts whose links are plain unless configured otherwise (federation §2.4).
pub(crate) fn is_loopback(peer: &PeerId) -> bool {
    let is_address = peer.as_str().parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_address || peer.as_str() == "localhost"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(more: &str) -> String {
        format!(
            r#"{{"version":1,"federation":true,"sync_endpoint":"https://s.example/api/v1","unknown":[1],
                "federation_ws":"wss://s.example:8443/api/v1/federation/ws"{more}}}"#
        )
    }

    fn key_set(more: &str) -> String {
        DiscoveryDocument::parse(document(more).as_bytes()).unwrap().key_set_url.to_string()
    }

    /// Federation DI-5.
    #[test]
    fn di_5_key_set_is_that_of_federation() {
        let default = "https://s.example:8443/.well-known/jwks.json";
        assert_eq!(key_set(""), default);
        assert_eq!(key_set(r#","jwks_uri":"https://accounts.example/jwks""#), default);
        assert_eq!(key_set(r#","jwks_uri":"https://s.example:8443/other""#), "https://s.example:8443/other");
        assert_eq!(
            key_set(r#","federation_jwks_uri":"https://k.example/f","jwks_uri":"https://s.example:8443/o""#),
            "https://k.example/f"
        );
        assert_eq!(key_set(r#","federation_jwks_uri":"ftp://k.example/f""#), default);
    }

    /// Federation DI-3, KY-5: plain HTTP is for loopback hosts, and for peers whose links are plain by configuration.
    #[test]
    fn ky_5_documents_are_fetched_from_the_server_of_the_links() {
        let plain: Url = "ws://b.example:7000/api/v1/federation/ws".parse().unwrap();
        for (domain, links, url) in [
            ("b.example", None, "https://b.example/x"),
            ("b.example:8443", None, "https://b.example:8443/x"),
            ("b.example", Some(&plain), "http://b.example:7000/x"),
            ("127.0.0.2:5381", None, "http://127.0.0.2:5381/x"),
            ("localhost:5381", None, "http://localhost:5381/x"),
            ("[::1]:5381", None, "http://[::1]:5381/x"),
        ] {
            let found = url_on_peer(&domain.parse().unwrap(), links, "/x").map(|url| url.to_string());
            assert_eq!(found.as_deref(), Some(url));
        }
    }

    /// Federation DI-2.
    #[test]
    fn di_2_documents_of_other_servers_are_rejected() {
        for (old, new, expected) in [
            ("\"version\":1", "\"version\":2", InvalidDiscovery::Version),
            ("\"version\":1", "\"version\":\"1\"", InvalidDiscovery::Malformed),
            ("https://s.example/api/v1", "", InvalidDiscovery::Malformed),
            ("true", "false", InvalidDiscovery::Disabled),
            ("wss://", "https://", InvalidDiscovery::LinkUrl),
            ("}", "", InvalidDiscovery::Malformed),
        ] {
            assert_eq!(
                DiscoveryDocument::parse(document("").replace(old, new).as_bytes()),
                Err(expected),
                "{new}"
            );
        }
    }

    /// Federation KY-5.
    #[test]
    fn ky_5_default_url_has_the_port_of_the_links() {
        let domain: CanonicalDomain = "[::1]:5379".parse().unwrap();
        let url = |ws: Option<&str>| {
            let ws = ws.map(|ws| Url::parse(ws).unwrap());
            url_on_peer(&domain, ws.as_ref(), "/x").unwrap().to_string()
        };
        assert_eq!(url(None), "http://[::1]:5379/x");
        assert_eq!(url(Some("wss://[::1]/ws")), "https://[::1]/x");
        assert_eq!(url(Some("ws://[::1]:7000/ws")), "http://[::1]:7000/x");
    }
}
