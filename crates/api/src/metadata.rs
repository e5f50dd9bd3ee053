//! Public metadata of a deployment (http §5.2).

use serde::Serialize;

/// Path of the key set document.
pub(crate) const KEY_SET: &str = "/.well-known/jwks.json";

/// Metadata that a client needs about a deployment, in the member order of http §5.2. All URLs are absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerMetadata {
    version: u8,
    federation: bool,
    accounts_endpoint: String,
    sync_endpoint: String,
    federation_ws: String,
    jwks_uri: String,
    webfinger: String,
    protocols: [&'static str; 2],
    pow_required: bool,
}

impl ServerMetadata {
    /// Metadata of a deployment with the accounts server at `accounts` and the sync server at `sync`, both URLs without a
    /// trailing slash. `webfinger` defaults to the well-known path of the accounts server.
    #[must_use]
    pub fn new(accounts: &str, sync: &str, webfinger: Option<&str>) -> Self {
        let default_webfinger = || format!("{accounts}/.well-known/webfinger");
        Self {
            version: 1,
            federation: false,
            accounts_endpoint: accounts.to_owned(),
            sync_endpoint: format!("{sync}/api/v1"),
            federation_ws: String::new(),
            jwks_uri: format!("{sync}{KEY_SET}"),
            webfinger: webfinger.map_or_else(default_webfinger, str::to_owned),
            protocols: ["less-rpc-v1", "betterbase-rpc-v1"],
            pow_required: false,
        }
    }

    /// Metadata of a server that accepts links of other servers, or of one that does not (federation DI-1).
    #[must_use]
    pub fn with_links(self, accepts_links: bool) -> Self {
        // `http` becomes `ws`, `https` becomes `wss`.
        let url = || self.sync_endpoint.replacen("http", "ws", 1) + "/federation/ws";
        let federation_ws = if accepts_links { url() } else { String::new() };
        Self { federation: accepts_links, federation_ws, ..self }
    }
}
