//! Test issuer: signs access tokens and publishes its key set over HTTP.

#[cfg(test)]
mod agreement;
mod claims;
mod es256;
mod key_route;
mod signing_key;

use std::net::SocketAddr;
use std::sync::Arc;

use less_sync_core::{SpaceId, Timestamp};
use less_sync_engine::Clock;
use parking_lot::Mutex;
use serde_json::{Value, json};
use uuid::Uuid;

pub use claims::Claims;
pub use key_route::Behaviour;
use key_route::KeyRoute;
use signing_key::SigningKey;

use crate::never_logged;

/// A trusted issuer with a key set on a free loopback port.
///
/// Tokens are valid for an hour of its clock unless their claims say otherwise. Dropping it takes the key set
/// off the network.
pub struct Issuer {
    clock: Arc<dyn Clock>,
    keys: Mutex<Vec<SigningKey>>,
    route: KeyRoute,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Issuer {
    /// Starts an issuer that takes the issue time of tokens from `clock`.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let first = SigningKey::random("key-1");
        let route = KeyRoute::start(&document(std::slice::from_ref(&first))).await;
        Self { clock, keys: Mutex::new(vec![first]), route }
    }

    /// Address of the key set server.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.route.address()
    }

    /// Issuer URL, the `iss` of its tokens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// URL of the key set: the default path under the issuer URL.
    #[must_use]
    pub fn key_set_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.url())
    }

    /// Current time of its clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Personal space of `user` with an ordinary token.
    #[must_use]
    pub fn personal_space(&self, user: &str) -> SpaceId {
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"less.so");
        let name = [&self.url(), user, "client-1"].join("\0");
        SpaceId::from(Uuid::new_v5(&namespace, name.as_bytes()))
    }

    /// Claims of a valid token for `user`, as a builder.
    #[must_use]
    pub fn claims(&self, user: &str) -> Claims {
        Claims::ordinary(&self.url(), user, self.clock.now())
    }

    /// Valid token for `user`.
    #[must_use]
    pub fn token(&self, user: &str) -> String {
        self.mint(&self.claims(user))
    }

    /// Signs a token with these claims and the newest key.
    #[must_use]
    pub fn mint(&self, claims: &Claims) -> String {
        let token = self.with_newest(|key| key.sign(claims));
        never_logged(&token);
        claims.never_log();
        token
    }

    /// Signs a token with an arbitrary header and the newest key.
    #[must_use]
    pub fn mint_with_header(&self, header: &Value, claims: &Claims) -> String {
        self.with_newest(|key| key.sign_with_header(header, claims))
    }

    /// Rotates to a new key; the old keys stay published.
    pub fn rotate(&self) {
        let mut keys = self.keys.lock();
        let kid = format!("key-{}", keys.len() + 1);
        keys.push(SigningKey::random(&kid));
        self.route.publish(document(&keys).to_string());
    }

    /// Rotates to a new key that is not published.
    pub fn rotate_in_secret(&self) {
        let mut keys = self.keys.lock();
        let kid = format!("key-{}", keys.len() + 1);
        keys.push(SigningKey::random(&kid));
    }

    /// Removes all keys but the newest from the key set.
    pub fn retire_old_keys(&self) {
        let mut keys = self.keys.lock();
        let retired = keys.len().saturating_sub(1);
        keys.drain(..retired);
        self.route.publish(document(&keys).to_string());
    }

    /// Publishes what `change` makes of the document of all keys, the newest last.
    pub fn publish_as(&self, change: impl FnOnce(Value) -> String) {
        self.route.publish(change(document(&self.keys.lock())));
    }

    /// Sets the behaviour of the key set route.
    pub fn behave(&self, behaviour: Behaviour) {
        self.route.behave(behaviour);
    }

    /// Number of key set requests so far.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.route.fetches()
    }

    /// Completes after at least `count` key set requests.
    pub async fn until_fetched(&self, count: usize) {
        self.route.until_fetched(count).await;
    }

    #[expect(
        clippy::expect_used,
        reason = "there is always a key: one is made at the start and none removed"
    )]
    fn with_newest<R>(&self, look: impl FnOnce(&SigningKey) -> R) -> R {
        look(self.keys.lock().last().expect("a key"))
    }
}

fn document(keys: &[SigningKey]) -> Value {
    json!({ "keys": keys.iter().map(SigningKey::to_jwk).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use p256::ecdsa::signature::Verifier;
    use p256::ecdsa::{Signature, VerifyingKey};

    use super::*;
    use crate::{HttpResponse, ManualClock, Upgrade};

    async fn issuer() -> Issuer {
        Issuer::start(Arc::new(ManualClock::new())).await
    }

    async fn fetch(issuer: &Issuer) -> HttpResponse {
        Upgrade::plain_get("/.well-known/jwks.json").response(issuer.address()).await
    }

    async fn published_keys(issuer: &Issuer) -> Vec<Value> {
        let document: Value = serde_json::from_slice(&fetch(issuer).await.body).unwrap();
        document["keys"].as_array().unwrap().clone()
    }

    fn verifies(token: &str, jwk: &Value) -> bool {
        let (input, signature) = token.rsplit_once('.').unwrap();
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let coordinate = |name: &str| bytes(jwk[name].as_str().unwrap());
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let key = VerifyingKey::from_sec1_bytes(&point).unwrap();
        key.verify(input.as_bytes(), &Signature::from_slice(&bytes(signature)).unwrap()).is_ok()
    }

    #[tokio::test]
    async fn tokens_verify_under_the_published_key_of_their_kid() {
        let issuer = issuer().await;
        let before = issuer.token("alice");
        issuer.rotate();
        let after = issuer.token("alice");
        let keys = published_keys(&issuer).await;
        assert_eq!(keys.len(), 2);
        assert!(verifies(&before, &keys[0]) && verifies(&after, &keys[1]));
        assert!(!verifies(&before, &keys[1]) && !verifies(&after, &keys[0]));
        issuer.retire_old_keys();
        assert_eq!(published_keys(&issuer).await, keys[1..]);
    }

    #[tokio::test]
    async fn the_key_set_fails_as_configured_and_counts_requests() {
        let issuer = issuer().await;
        for (behaviour, status) in [
            (Behaviour::Status(500), 500),
            (Behaviour::Redirect, 302),
            (Behaviour::Garbage, 200),
            (Behaviour::Oversized, 200),
            (Behaviour::Healthy, 200),
        ] {
            issuer.behave(behaviour);
            assert_eq!(fetch(&issuer).await.status, status, "{behaviour:?}");
        }
        assert_eq!(issuer.fetches(), 5);
        issuer.until_fetched(5).await;
    }

    #[tokio::test]
    async fn claims_are_replaced_and_removed() {
        let issuer = issuer().await;
        let claims = issuer.claims("alice").scope("files").without("exp").with("jti", "t-1").to_json();
        assert_eq!(claims["scope"], "files");
        assert_eq!(claims["jti"], "t-1");
        assert_eq!(claims["iss"], issuer.url());
        assert!(claims.get("exp").is_none());
    }
}
