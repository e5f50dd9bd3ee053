//! Keys of the server itself: made at the start, encrypted at rest, published (federation §6).

use less_sync_app::{Config, Overrides, Server, Sources, Values};
use less_sync_test_support::TestServer;
use rusqlite::Connection;
use serde_json::Value;

/// Published keys: `kid` and `x`.
async fn published(server: &TestServer) -> Vec<(String, String)> {
    let response = server.get("/.well-known/jwks.json").await;
    let document: Value = serde_json::from_slice(&response.body).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    document["keys"].as_array().unwrap().iter().map(|key| (text(&key["kid"]), text(&key["x"]))).collect()
}

/// Federation KY-8: the domain has a single key, the same after every restart.
#[tokio::test]
async fn ky_8_first_key_is_made_at_the_start_and_kept() {
    let server = TestServer::builder().embedded().setting("FEDERATION_DOMAIN", "https://Home.example:443/");
    let server = server.start().await;
    let keys = published(&server).await;
    let [(kid, _)] = keys.as_slice() else { panic!("{keys:?}") };
    assert!(kid.starts_with("https://home.example/.well-known/jwks.json#fed-"), "{kid}");
    let server = server.restart().await;
    assert_eq!(published(&server).await, keys);
}

/// Federation KY-2.
#[tokio::test]
async fn ky_2_fragments_are_published_by_setting() {
    let server = TestServer::builder().setting("FEDERATION_DOMAIN", "home.example");
    let server = server.setting("FEDERATION_JWKS_KID", "both").start().await;
    let keys = published(&server).await;
    let [(full, x), (fragment, again)] = keys.as_slice() else { panic!("{keys:?}") };
    assert!(full.ends_with(&format!("#{fragment}")) && x == again, "{keys:?}");
}

/// Storage §3.16: a sealed seed needs its key, and the server says so before it serves.
#[tokio::test]
async fn start_fails_on_keys_that_cannot_be_used() {
    let sealing = "5a".repeat(32);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("less-sync.db");
    let start = async |more: &[(&str, &str)]| {
        let url = format!("sqlite:{}", path.display());
        let required = [
            ("LISTEN_ADDR", "127.0.0.1:0"),
            ("DATABASE_URL", &url),
            ("TRUSTED_ISSUERS", "http://127.0.0.1:1"),
        ];
        let settings: Values = required
            .iter()
            .chain(more)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let config = Config::read(&Sources::from_environment(settings)).unwrap();
        let mut server = Server::start(config, Overrides::default()).await?;
        server.drain();
        server.stopped().await
    };
    let sealed = [("FEDERATION_DOMAIN", "home.example"), ("FEDERATION_KEY_ENCRYPTION_KEY", sealing.as_str())];
    start(&sealed).await.unwrap();
    start(&sealed).await.unwrap();
    let failure = |error: anyhow::Error| error.chain().map(ToString::to_string).collect::<Vec<_>>();
    let missing = failure(start(&[]).await.unwrap_err());
    assert!(missing[0].starts_with("stored federation key \"https://home.example/"), "{missing:?}");
    assert_eq!(missing[1], "stored seed is sealed, and FEDERATION_KEY_ENCRYPTION_KEY is not set");
    let damage = "UPDATE federation_signing_keys SET public_key = zeroblob(32)";
    Connection::open(&path).unwrap().execute(damage, []).unwrap();
    let mismatch = failure(start(&sealed).await.unwrap_err());
    assert!(
        mismatch[0].starts_with("stored federation key pair mismatch for \"https://home.example/"),
        "{mismatch:?}"
    );
}
