//! A peer made by hand: its key, and its upgrades.

use less_sync_auth::federation::http_signature::{OutgoingRequest, sign};
use less_sync_auth::federation::{KeyId, SigningKey};
use less_sync_core::Timestamp;
use less_sync_engine::Clock as _;
use less_sync_test_support::{HttpResponse, RawClient, TestServer, TestServerBuilder, Upgrade};
use serde_json::{Value, json};

pub(crate) const PATH: &str = "/api/v1/federation/ws";

/// Host that upgrades are sent to; the real address does not matter.
const HOST: &str = "home.example";

/// Peer with the key of a seed.
pub(crate) struct Peer {
    pub(crate) key: SigningKey,
    pub(crate) key_id: KeyId,
}

impl Peer {
    pub(crate) fn new(host: &str, seed: u8) -> Self {
        let key_id = format!("https://{host}/.well-known/jwks.json#fed-1").parse().unwrap();
        Self { key: SigningKey::from_seed(&[seed; 32]), key_id }
    }

    /// Entry of `FEDERATION_TRUSTED_KEYS`.
    pub(crate) fn entry(&self) -> String {
        format!("{}={}", self.key_id, self.key.public().to_base64url())
    }

    /// Table of a peers file with the key, and more lines.
    pub(crate) fn table(&self, more: &str) -> String {
        let (peer, id, x) = (self.key_id.peer(), &self.key_id, self.key.public().to_base64url());
        format!("[[peer]]\ndomain = \"{peer}\"\nkeys = [ {{ key_id = \"{id}\", x = \"{x}\" }} ]\n{more}\n")
    }

    /// Upgrade signed at `created` for `url`, covering the key of its handshake.
    pub(crate) fn upgrade_to(&self, url: &str, created: Timestamp) -> Upgrade {
        let nonce = handshake_key();
        self.signed(url, created, &[("sec-websocket-key", &nonce)], &nonce)
    }

    /// Upgrade as original peers send it.
    pub(crate) fn unbound_upgrade(&self, created: Timestamp) -> Upgrade {
        self.signed(&format!("ws://{HOST}{PATH}"), created, &[], &handshake_key())
    }

    fn signed(&self, url: &str, created: Timestamp, covered: &[(&str, &str)], nonce: &str) -> Upgrade {
        let url = url.parse().unwrap();
        let request = OutgoingRequest { method: "GET", url: &url, headers: covered };
        let signed = sign(&request, &self.key_id, &self.key, created).unwrap();
        Upgrade::offering(&["less-rpc-v1", "betterbase-rpc-v1"])
            .target(PATH)
            .without("Host")
            .without("Sec-WebSocket-Key")
            .header("Host", HOST)
            .header("Sec-WebSocket-Key", nonce)
            .header("Signature-Input", &signed.signature_input)
            .header("Signature", &signed.signature)
    }

    pub(crate) fn upgrade(&self, server: &TestServer) -> Upgrade {
        self.upgrade_to(&format!("wss://{HOST}{PATH}"), server.clock().now())
    }

    /// Open link.
    pub(crate) async fn dial(&self, server: &TestServer) -> RawClient {
        let (response, client) = self.upgrade(server).send(server.address()).await;
        assert_eq!(response.status, 101, "{response:?}");
        assert_eq!(response.header("sec-websocket-protocol"), Some("less-rpc-v1"));
        client
    }

    pub(crate) fn hello(&self) -> Value {
        json!({
            "v": 1, "server": self.key_id.peer().as_str(), "features": ["idem", "sub.errors"], "max_frame": 4_194_304,
            "max_inflight": 32, "time": 0,
        })
    }
}

/// Random handshake key, so that every signature is another one.
fn handshake_key() -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(uuid::Uuid::from_u128(rand::random()).as_bytes())
}

/// Server with a manual clock that trusts these peers.
pub(crate) fn trusting(peers: &[&Peer]) -> TestServerBuilder {
    let keys: Vec<String> = peers.iter().map(|peer| peer.entry()).collect();
    TestServer::builder().manual_clock().setting("FEDERATION_TRUSTED_KEYS", &keys.join(" "))
}

/// Status and text of a rejected upgrade.
#[track_caller]
pub(crate) fn rejected(response: &HttpResponse) -> (u16, String) {
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(response.header("content-type"), Some("application/json"));
    (response.status, body["error"].as_str().unwrap().to_owned())
}
